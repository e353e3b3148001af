//! Runs executions, step by step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::action::{self, StepContext, StepFailure};
use super::document::Step;
use super::execution::{Execution, ExecutionStatus, Stop};
use super::variable::{References, TextRules, plain};
use crate::bridge::Credentials;
use crate::clock;
use crate::cloud::Cloud;
use crate::settings::Settings;

/// Returns the role that an execution assumes; `None` if neither the document nor the parameter names one.
pub(crate) fn role(execution: &Execution) -> Option<String> {
    let role = Value::from(execution.document.assume_role.as_deref()?);
    let rules = TextRules::from(&Settings::default());
    let resolved = References::new()?.resolve(&role, &|name| execution.parameters.get(name).cloned(), rules).ok()?;
    Some(plain(&resolved)).filter(|role| !role.is_empty())
}

/// The final status of a step or an execution, with the reason of a failure.
type End = (ExecutionStatus, Option<String>);

/// Runs an execution to its end.
pub(crate) async fn run(cloud: Arc<Cloud>, id: String) {
    let _busy = cloud.begin();
    let Some(stop) = cloud.ssm().executions.get(&id).map(|execution| execution.stop.subscribe()) else { return };
    wait_for_place(&cloud, &id).await;
    announce(&cloud, &id).await;
    let (status, failure) = match credentials(&cloud, &id).await {
        Ok(credentials) => steps(&cloud, &id, credentials, stop).await,
        Err(message) => (ExecutionStatus::Failed, Some(message)),
    };
    {
        let mut state = cloud.ssm();
        let Some(execution) = state.executions.get_mut(&id) else { return };
        execution.status = status;
        execution.failure = failure;
        execution.ended = Some(clock::now());
        let outputs: BTreeMap<String, Value> = execution
            .document
            .outputs
            .iter()
            .filter_map(|name| Some((name.clone(), execution.lookup(name)?)))
            .collect();
        execution.outputs = outputs;
    }
    announce(&cloud, &id).await;
    if let Some(execution) = cloud.ssm().executions.get(&id) {
        execution.done.send_replace(true);
    }
    cloud.progress.notify_waiters();
}

/// Waits until the concurrency permits another execution, then marks this one as running.
async fn wait_for_place(cloud: &Cloud, id: &str) {
    loop {
        {
            let limit = cloud.settings().automation_concurrency.max(1);
            let mut state = cloud.ssm();
            let running = state.executions.values().filter(|one| one.status == ExecutionStatus::InProgress).count();
            if running < limit {
                if let Some(execution) = state.executions.get_mut(id) {
                    execution.status = ExecutionStatus::InProgress;
                }
                return;
            }
        }
        // A missed notification delays the execution by at most this interval.
        let _ = tokio::time::timeout(Duration::from_millis(250), cloud.progress.notified()).await;
    }
}

/// Returns the credentials for the steps.
async fn credentials(cloud: &Cloud, id: &str) -> Result<Credentials, String> {
    let (role, access_key) = {
        let state = cloud.ssm();
        let execution = state.executions.get(id).ok_or("the execution is gone")?;
        (role(execution), execution.access_key.clone())
    };
    let found = match &role {
        Some(role) => {
            let source = cloud.location.arn("ssm", &format!("automation-execution/{id}"));
            cloud.bridge.assume(role, &format!("Automation-{id}"), &source).await
        }
        None if access_key.is_empty() => {
            return Err(
                "The execution has no role to assume: the parameter that the document's assumeRole names is empty."
                    .to_owned(),
            );
        }
        None => cloud.bridge.caller_credentials(&access_key).await,
    };
    found
        .map_err(|error| error.to_string())?
        .ok_or_else(|| "The defined assume role is unable to be assumed.".to_owned())
}

async fn steps(cloud: &Arc<Cloud>, id: &str, credentials: Credentials, mut stopped: watch::Receiver<Stop>) -> End {
    let document = match cloud.ssm().executions.get(id) {
        Some(execution) => execution.document.clone(),
        None => return (ExecutionStatus::Cancelled, None),
    };
    let context = StepContext { cloud: Arc::clone(cloud), execution: id.to_owned(), credentials };
    let mut end: End = (ExecutionStatus::Success, None);
    let mut position = Some(0);
    while let Some((at, step)) = position.and_then(|at| Some((at, document.main_steps.get(at)?))) {
        match *stopped.borrow() {
            Stop::Cancel => return (ExecutionStatus::Cancelled, None),
            Stop::Complete => return end,
            Stop::No => {}
        }
        let outcome = attempt(&context, at, step, &mut stopped).await;
        let find = |name: &str| document.main_steps.iter().position(|step| step.name == name);
        let following =
            || if step.is_end { None } else { step.next.as_deref().map_or(Some(at.saturating_add(1)), find) };
        position = match outcome {
            Ok(next) => next.as_deref().map_or_else(following, find),
            Err((ExecutionStatus::Cancelled, _)) => return (ExecutionStatus::Cancelled, None),
            Err((status, message)) => {
                if step.critical() {
                    end = (status, Some(message.unwrap_or_default()));
                }
                match step.on_failure.strip_prefix("step:") {
                    Some(target) => find(target),
                    None if step.on_failure == "Continue" => following(),
                    None => return end,
                }
            }
        };
    }
    end
}

/// Runs a step with its attempts. Returns the step that a branch selected, or the failure.
async fn attempt(
    context: &StepContext,
    at: usize,
    step: &Step,
    stopped: &mut watch::Receiver<Stop>,
) -> Result<Option<String>, End> {
    let mut last: End = (ExecutionStatus::Failed, None);
    for number in 1..=step.max_attempts.max(1) {
        let inputs = resolved_inputs(context, step);
        record(context, at, |record| {
            record.status = ExecutionStatus::InProgress;
            record.started.get_or_insert_with(clock::now);
            record.failure = None;
            if let Ok(inputs) = &inputs {
                record.inputs.clone_from(inputs);
            }
        });
        if number == 1 {
            announce_step(context, at, step).await;
        }
        let limit =
            step.timeout_seconds.map_or(step.action.usual(), |seconds| f64::from(seconds).min(step.action.longest()));
        let performed = async {
            match inputs {
                Ok(inputs) => action::perform(context, step, inputs).await,
                Err(failure) => Err(failure),
            }
        };
        let cancelled = async {
            // An error means that a reset dropped the execution, which cancels it, too.
            drop(stopped.wait_for(|asked| *asked == Stop::Cancel).await);
        };
        let outcome = tokio::select! {
            outcome = performed => Some(outcome),
            () = clock::passed(limit) => None,
            () = cancelled => {
                close(context, at, step, ExecutionStatus::Cancelled, None, BTreeMap::new()).await;
                return Err((ExecutionStatus::Cancelled, None));
            }
        };
        match outcome {
            Some(Ok(done)) => {
                close(context, at, step, ExecutionStatus::Success, None, done.outputs).await;
                return Ok(done.next);
            }
            Some(Err(failure)) => {
                let message = format!("Step fails when it is {}. {}", failure.stage, failure.message);
                record(context, at, |record| record.outputs.clone_from(&failure.outputs));
                last = (ExecutionStatus::Failed, Some(message));
            }
            None => {
                last = (ExecutionStatus::TimedOut, Some(format!("Step timed out after {limit} seconds.")));
            }
        }
    }
    let outputs = outputs_of(context, at);
    close(context, at, step, last.0, last.1.clone(), outputs).await;
    Err(last)
}

fn outputs_of(context: &StepContext, at: usize) -> BTreeMap<String, Value> {
    let state = context.cloud.ssm();
    let step = state.executions.get(&context.execution).and_then(|execution| execution.steps.get(at));
    step.map(|step| step.outputs.clone()).unwrap_or_default()
}

/// Returns the inputs of a step, with their references replaced and their types verified.
fn resolved_inputs(context: &StepContext, step: &Step) -> Result<Map<String, Value>, StepFailure> {
    let gone = || StepFailure::new("the execution is gone");
    let references = References::new().ok_or_else(gone)?;
    let settings = context.cloud.settings();
    let state = context.cloud.ssm();
    let execution = state.executions.get(&context.execution).ok_or_else(gone)?;
    let now = clock::now();
    let place = &context.cloud.location;
    let lookup = |name: &str| match name {
        "global:ACCOUNT_ID" => Some(json!(place.account)),
        "global:REGION" => Some(json!(place.region)),
        "global:AWS_PARTITION" => Some(json!("aws")),
        "global:DATE" => Some(json!(now.strftime("%Y-%m-%d").to_string())),
        "global:DATE_TIME" => Some(json!(now.strftime("%Y-%m-%d_%H.%M.%S").to_string())),
        "automation:EXECUTION_ID" => Some(json!(context.execution)),
        other => execution.lookup(other),
    };
    let inputs = references
        .resolve(&Value::Object(step.inputs.clone()), &lookup, TextRules::from(&settings))
        .map_err(|unresolved| StepFailure::of_inputs(unresolved.to_string()))?;
    let Value::Object(inputs) = inputs else { return Ok(Map::new()) };
    if settings.strict_payload_types {
        action::check_payload(step.action, &inputs)?;
    }
    Ok(inputs)
}

fn record(context: &StepContext, at: usize, change: impl FnOnce(&mut super::execution::StepRecord)) {
    let mut state = context.cloud.ssm();
    if let Some(record) = state.executions.get_mut(&context.execution).and_then(|execution| execution.steps.get_mut(at))
    {
        change(record);
    }
}

async fn close(
    context: &StepContext,
    at: usize,
    step: &Step,
    status: ExecutionStatus,
    failure: Option<String>,
    outputs: BTreeMap<String, Value>,
) {
    record(context, at, |record| {
        record.status = status;
        record.ended = Some(clock::now());
        record.failure = failure;
        record.outputs = outputs;
    });
    announce_step(context, at, step).await;
}

/// Sends the event "EC2 Automation Execution Status-change Notification".
pub(crate) async fn announce(cloud: &Cloud, id: &str) {
    let detail = {
        let state = cloud.ssm();
        let Some(execution) = state.executions.get(id) else { return };
        let now = clock::now();
        json!({"ExecutionId": id, "Definition": execution.document_name,
               "DefinitionVersion": execution.document_version.to_string(), "Status": execution.status.name(),
               "StartTime": clock::iso(execution.started), "EndTime": execution.ended.map(clock::iso),
               "Time": clock::iso(now), "ExecutedBy": execution.executed_by})
    };
    send(cloud, id, "EC2 Automation Execution Status-change Notification", detail).await;
}

/// Sends the event "EC2 Automation Step Status-change Notification".
async fn announce_step(context: &StepContext, at: usize, step: &Step) {
    let id = &context.execution;
    let detail = {
        let state = context.cloud.ssm();
        let Some(execution) = state.executions.get(id) else { return };
        let Some(record) = execution.steps.get(at) else { return };
        json!({"ExecutionId": id, "Definition": execution.document_name,
               "DefinitionVersion": execution.document_version.to_string(), "Status": record.status.name(),
               "StepName": step.name, "Action": step.action.name(), "StartTime": record.started.map(clock::iso),
               "EndTime": record.ended.map(clock::iso), "Time": clock::iso(clock::now())})
    };
    send(&context.cloud, id, "EC2 Automation Step Status-change Notification", detail).await;
}

async fn send(cloud: &Cloud, id: &str, detail_type: &str, detail: Value) {
    let resource = cloud.location.arn("ssm", &format!("automation-execution/{id}"));
    if let Err(error) = cloud.bridge.event("aws.ssm", detail_type, detail, vec![resource]).await {
        tracing::warn!("the status of automation {id} was not sent to EventBridge: {error}");
    }
}
