//! Actions of steps.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use serde_json_path::JsonPath;

use super::document::{Action, Output, Step};
use super::variable::type_name;
use super::{action_api, action_approve, action_branch, action_lambda, action_script};
use crate::bridge::{BridgeError, Credentials};
use crate::cloud::Cloud;

/// The context in which a step runs.
#[derive(Debug, Clone)]
pub(crate) struct StepContext {
    pub(crate) cloud: Arc<Cloud>,
    /// Id of the execution.
    pub(crate) execution: String,
    /// Credentials of the session of the assumed role.
    pub(crate) credentials: Credentials,
}

/// The outcome of a successful step.
#[derive(Debug, Default)]
pub(crate) struct StepOutcome {
    pub(crate) outputs: BTreeMap<String, Value>,
    /// The step that a branch selected.
    pub(crate) next: Option<String>,
}

/// The failure of a step.
#[derive(Debug)]
pub(crate) struct StepFailure {
    /// Stage of the failure, as AWS names it.
    pub(crate) stage: &'static str,
    pub(crate) message: String,
    /// Outputs up to the failure.
    pub(crate) outputs: BTreeMap<String, Value>,
}

impl StepFailure {
    /// Creates a failure during the execution of the action.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { stage: "Execute/Cancelling action", message: message.into(), outputs: BTreeMap::new() }
    }

    /// Creates a failure during the verification of the inputs.
    pub(crate) fn of_inputs(message: impl Into<String>) -> Self {
        Self { stage: "validating and resolving the step inputs", ..Self::new(message) }
    }
}

impl From<BridgeError> for StepFailure {
    fn from(error: BridgeError) -> Self {
        match error {
            BridgeError::Aws(error) => Self::new(format!("{}: {}", error.code, error.message)),
            BridgeError::Unreachable { .. } => Self::new(error.to_string()),
        }
    }
}

/// Performs the action of a step.
pub(crate) async fn perform(
    context: &StepContext,
    step: &Step,
    inputs: Map<String, Value>,
) -> Result<StepOutcome, StepFailure> {
    match step.action {
        Action::InvokeLambdaFunction => action_lambda::invoke(context, step, &inputs).await,
        Action::ExecuteScript => action_script::execute(context, step, &inputs).await,
        Action::ExecuteAwsApi => action_api::execute(context, step, inputs).await,
        Action::AssertAwsResourceProperty => action_api::assert_property(context, inputs).await,
        Action::Branch => action_branch::choose(&inputs),
        Action::Approve => action_approve::wait(context, step, &inputs).await,
    }
}

/// Checks that `InputPayload` of a function or a script is a map of strings, as AWS documents it.
///
/// Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-lamb.html>
pub(crate) fn check_payload(action: Action, inputs: &Map<String, Value>) -> Result<(), StepFailure> {
    if !matches!(action, Action::InvokeLambdaFunction | Action::ExecuteScript) {
        return Ok(());
    }
    let wrong = |problem: String| StepFailure::of_inputs(format!("Failed to resolve input: {problem}."));
    match inputs.get("InputPayload") {
        None => Ok(()),
        Some(Value::Object(payload)) => match payload.iter().find(|(_, value)| !value.is_string()) {
            None => Ok(()),
            Some((name, value)) => Err(wrong(format!(
                "InputPayload to type StringMap. The value of {name} is of type {}, and not a String",
                type_name(value)
            ))),
        },
        Some(other) => Err(wrong(format!("InputPayload to type StringMap. It is of type {}", type_name(other)))),
    }
}

/// Checks the syntax of a selector.
///
/// # Errors
///
/// If the selector is malformed.
pub(crate) fn check_selector(selector: &str) -> Result<(), String> {
    JsonPath::parse(selector).map(|_| ()).map_err(|error| format!("the selector {selector} cannot be read: {error}"))
}

/// Returns the value that a selector finds; a list if it can find several.
pub(crate) fn select(selector: &str, value: &Value) -> Result<Value, StepFailure> {
    let path = JsonPath::parse(selector).map_err(|error| StepFailure::new(error.to_string()))?;
    let found = path.query(value).all();
    let several =
        selector.contains("..") || selector.contains('*') || selector.contains("[?") || selector.contains("[:]");
    match found.as_slice() {
        [one] if !several => Ok((*one).clone()),
        [] if !several => Err(StepFailure::new(format!("The selector {selector} finds nothing in the response."))),
        many => Ok(Value::Array(many.iter().map(|value| (*value).clone()).collect())),
    }
}

/// Returns the declared outputs of a step, checked against their types.
pub(crate) fn declared(outputs: &[Output], value: &Value) -> Result<BTreeMap<String, Value>, StepFailure> {
    outputs
        .iter()
        .map(|output| {
            let selected = select(&output.selector, value)?;
            let fits = match output.kind.as_str() {
                "String" => selected.is_string(),
                "Integer" => selected.is_i64(),
                "Boolean" => selected.is_boolean(),
                "StringList" | "MapList" => selected.is_array(),
                "StringMap" => selected.is_object(),
                other => {
                    return Err(StepFailure::new(format!("The output {} has the unknown type {other}.", output.name)));
                }
            };
            if fits {
                Ok((output.name.clone(), selected))
            } else {
                let Output { name, kind, .. } = output;
                Err(StepFailure::new(format!("The output {name} is declared as {kind}, and its value is {selected}.")))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_find_one_value_or_several() {
        let value = json!({"Groups": [{"Id": "a"}, {"Id": "b"}], "N": 1});
        assert_eq!(select("$.N", &value).unwrap(), json!(1));
        assert_eq!(select("$.Groups[0].Id", &value).unwrap(), json!("a"));
        assert_eq!(select("$.Groups[*].Id", &value).unwrap(), json!(["a", "b"]));
        assert_eq!(select("$.Groups..Id", &value).unwrap(), json!(["a", "b"]));
        assert!(select("$.Missing", &value).is_err());
    }

    #[test]
    fn a_payload_is_a_map_of_strings() {
        let check = |action, payload: Value| {
            let inputs = json!({"InputPayload": payload});
            check_payload(action, inputs.as_object().unwrap()).map_err(|failure| failure.message)
        };
        let (function, script) = (Action::InvokeLambdaFunction, Action::ExecuteScript);
        assert!(check(function, json!({})).is_ok() && check(function, json!({"a": "true", "b": ""})).is_ok());
        for (value, kind) in [
            (json!(true), "Boolean"),
            (json!(24), "Integer"),
            (json!(["a"]), "StringList"),
            (json!([{}]), "MapList"),
            (json!({"b": "c"}), "StringMap"),
        ] {
            for action in [function, script] {
                let error = check(action, json!({"a": value})).unwrap_err();
                assert!(error.contains(kind) && error.contains("StringMap"), "{error}");
            }
            assert!(check(Action::ExecuteAwsApi, json!({"a": value})).is_ok());
        }
        assert!(check(function, json!("text")).is_err());
    }

    #[test]
    fn a_declared_output_has_its_type() {
        let output = |kind: &str| -> Vec<Output> {
            serde_json::from_value(json!([{"Name": "N", "Selector": "$.N", "Type": kind}])).unwrap()
        };
        assert_eq!(declared(&output("Integer"), &json!({"N": 1})).unwrap()["N"], json!(1));
        assert!(declared(&output("String"), &json!({"N": 1})).is_err());
    }
}
