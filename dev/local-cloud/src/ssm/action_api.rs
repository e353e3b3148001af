//! `aws:executeAwsApi` and `aws:assertAwsResourceProperty`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::action::{StepContext, StepFailure, StepOutcome, declared, select};
use super::document::Step;
use super::variable::plain;

/// Calls an operation. Inputs other than Service and Api are its parameters.
async fn call(context: &StepContext, mut inputs: Map<String, Value>) -> Result<Value, StepFailure> {
    let mut take = |name: &str| inputs.remove(name).map(|value| plain(&value)).unwrap_or_default();
    let (service, api) = (take("Service"), take("Api"));
    for name in ["PropertySelector", "DesiredValues"] {
        inputs.remove(name);
    }
    let parameters = Value::Object(inputs);
    Ok(context.cloud.bridge.call(&service, &api, parameters, Some(&context.credentials)).await?)
}

/// `aws:executeAwsApi`.
pub(crate) async fn execute(
    context: &StepContext,
    step: &Step,
    inputs: Map<String, Value>,
) -> Result<StepOutcome, StepFailure> {
    let answer = call(context, inputs).await?;
    Ok(StepOutcome { outputs: declared(&step.outputs, &answer)?, next: None })
}

/// `aws:assertAwsResourceProperty`.
pub(crate) async fn assert_property(
    context: &StepContext,
    inputs: Map<String, Value>,
) -> Result<StepOutcome, StepFailure> {
    let selector = inputs.get("PropertySelector").map(plain).unwrap_or_default();
    let desired: Vec<String> = match inputs.get("DesiredValues") {
        Some(Value::Array(values)) => values.iter().map(property).collect(),
        Some(value) => vec![property(value)],
        None => Vec::new(),
    };
    let answer = call(context, inputs).await?;
    let found = select(&selector, &answer)?;
    let values: Vec<String> = match &found {
        Value::Array(values) => values.iter().map(property).collect(),
        value => vec![property(value)],
    };
    if !values.is_empty() && values.iter().all(|value| desired.contains(value)) {
        return Ok(StepOutcome { outputs: BTreeMap::new(), next: None });
    }
    Err(StepFailure::new(format!("{selector} is {found}, and is to be one of {}.", desired.join(", "))))
}

/// Converts a value for comparison. Booleans become "True" and "False".
fn property(value: &Value) -> String {
    match value {
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        other => plain(other),
    }
}
