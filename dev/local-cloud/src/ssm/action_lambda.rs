//! `aws:invokeLambdaFunction`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::action::{StepContext, StepFailure, StepOutcome, declared};
use super::document::Step;
use super::variable::plain;

/// Longest `Payload` among the outputs, in bytes. AWS returns "up to 200 KB".
///
/// Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-action-lamb.html>
const LARGEST_OUTPUT: usize = 200 * 1024;

/// Invokes a function with the given invocation type, by default synchronously.
pub(crate) async fn invoke(
    context: &StepContext,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<StepOutcome, StepFailure> {
    let mut parameters = Map::new();
    for name in ["FunctionName", "Qualifier", "LogType", "ClientContext"] {
        if let Some(value) = inputs.get(name) {
            parameters.insert(name.to_owned(), json!(plain(value)));
        }
    }
    let invocation = inputs.get("InvocationType").map_or_else(|| "RequestResponse".to_owned(), plain);
    parameters.insert("InvocationType".to_owned(), json!(invocation));
    // InputPayload takes precedence over the older Payload, which is JSON text.
    let payload = inputs.get("InputPayload").map(Value::to_string).or_else(|| inputs.get("Payload").map(plain));
    if let Some(payload) = payload {
        parameters.insert("Payload".to_owned(), json!(payload));
    }
    let mut answer =
        context.cloud.bridge.call("lambda", "Invoke", Value::Object(parameters), Some(&context.credentials)).await?;
    if let Some(Value::String(payload)) = answer.get_mut("Payload") {
        payload.truncate(payload.floor_char_boundary(LARGEST_OUTPUT));
    }
    let mut outputs: BTreeMap<String, Value> = ["StatusCode", "FunctionError", "LogResult", "Payload"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), answer.get(name)?.clone())))
        .collect();
    let fails = context.cloud.settings().function_error_fails_step;
    if fails && let Some(error) = outputs.get("FunctionError") {
        let payload = outputs.get("Payload").map(plain).unwrap_or_default();
        let message = format!("The function answered with FunctionError {}: {payload}", plain(error));
        return Err(StepFailure { outputs, ..StepFailure::new(message) });
    }
    outputs.extend(declared(&step.outputs, &answer)?);
    Ok(StepOutcome { outputs, next: None })
}
