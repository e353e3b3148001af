//! What steps do.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use serde_json_path::JsonPath;

use super::document::{Action, Output, Step};
use super::{action_api, action_approve, action_branch, action_lambda, action_script};
use crate::bridge::{Credentials, Error};
use crate::cloud::Cloud;

/// In what a step runs.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) cloud: Arc<Cloud>,
    /// The execution's id.
    pub(crate) execution: String,
    /// The assumed role's session.
    pub(crate) credentials: Credentials,
}

/// What came of a step.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) outputs: BTreeMap<String, Value>,
    /// The step that a branch chose.
    pub(crate) next: Option<String>,
}

/// Why a step failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// AWS's words for when.
    pub(crate) stage: &'static str,
    pub(crate) message: String,
    /// What there is to see nevertheless.
    pub(crate) outputs: BTreeMap<String, Value>,
}

impl Failure {
    /// A failure while the action was executed.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { stage: "Execute/Cancelling action", message: message.into(), outputs: BTreeMap::new() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Aws(error) => Self::new(format!("{}: {}", error.code, error.message)),
            Error::Unreachable { .. } => Self::new(error.to_string()),
        }
    }
}

/// Does what a step says.
pub(crate) async fn perform(context: &Context, step: &Step, inputs: Map<String, Value>) -> Result<Done, Failure> {
    match step.action {
        Action::InvokeLambdaFunction => action_lambda::invoke(context, step, &inputs).await,
        Action::ExecuteScript => action_script::execute(context, step, &inputs).await,
        Action::ExecuteAwsApi => action_api::execute(context, step, inputs).await,
        Action::AssertAwsResourceProperty => action_api::assert_property(context, inputs).await,
        Action::Branch => action_branch::choose(&inputs),
        Action::Approve => action_approve::wait(context, step, &inputs).await,
    }
}

/// Whether a selector can be read.
///
/// # Errors
///
/// Why not.
pub(crate) fn check_selector(selector: &str) -> Result<(), String> {
    JsonPath::parse(selector).map(|_| ()).map_err(|error| format!("the selector {selector} cannot be read: {error}"))
}

/// What a selector finds: one value, or a list when it may find several.
pub(crate) fn select(selector: &str, value: &Value) -> Result<Value, Failure> {
    let path = JsonPath::parse(selector).map_err(|error| Failure::new(error.to_string()))?;
    let found = path.query(value).all();
    let several =
        selector.contains("..") || selector.contains('*') || selector.contains("[?") || selector.contains("[:]");
    match found.as_slice() {
        [one] if !several => Ok((*one).clone()),
        [] if !several => Err(Failure::new(format!("The selector {selector} finds nothing in the response."))),
        many => Ok(Value::Array(many.iter().map(|value| (*value).clone()).collect())),
    }
}

/// The outputs that a step declares, of the types it declares.
pub(crate) fn declared(outputs: &[Output], value: &Value) -> Result<BTreeMap<String, Value>, Failure> {
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
                other => return Err(Failure::new(format!("The output {} has the unknown type {other}.", output.name))),
            };
            if fits {
                Ok((output.name.clone(), selected))
            } else {
                let Output { name, kind, .. } = output;
                Err(Failure::new(format!("The output {name} is declared as {kind}, and its value is {selected}.")))
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
    fn a_declared_output_has_its_type() {
        let output = |kind: &str| -> Vec<Output> {
            serde_json::from_value(json!([{"Name": "N", "Selector": "$.N", "Type": kind}])).unwrap()
        };
        assert_eq!(declared(&output("Integer"), &json!({"N": 1})).unwrap()["N"], json!(1));
        assert!(declared(&output("String"), &json!({"N": 1})).is_err());
    }
}
