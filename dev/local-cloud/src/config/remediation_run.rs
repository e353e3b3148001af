//! The remediation task: automation executions for the resources to remediate.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::remediation::{Key, Run};
use super::text;
use crate::clock;
use crate::cloud::Cloud;
use crate::ssm::{self, StartedBy};

/// Takes compliance snapshots and starts automatic remediation, until the process ends.
pub(crate) async fn run(cloud: Arc<Cloud>) {
    loop {
        let settings = cloud.settings();
        tokio::time::sleep(Duration::from_secs_f64(settings.remediation_snapshot_seconds.max(0.02))).await;
        let started = cloud.config().start_automatic(clock::now(), &settings);
        launch(&cloud, started);
    }
}

/// Starts executions for runs that are marked as in progress.
pub(crate) fn launch(cloud: &Arc<Cloud>, keys: Vec<Key>) {
    for key in keys {
        let cloud = Arc::clone(cloud);
        tokio::spawn(async move {
            let busy = cloud.begin();
            let error = execute(&cloud, &key).await.err();
            let settings = cloud.settings();
            let mut state = cloud.config();
            let now = clock::now();
            state.remediation.finish(&key, error, now, settings.attempts_counted);
            let next = state.start_queued(now, &settings);
            drop(state);
            launch(&cloud, next);
            drop(busy);
        });
    }
}

/// Runs one execution to its end.
async fn execute(cloud: &Arc<Cloud>, (rule, resource): &Key) -> Result<(), String> {
    let configuration = cloud.config().remediation.configuration(rule).cloned();
    let configuration = configuration.ok_or("the remediation configuration was deleted")?;
    let parameters: BTreeMap<String, Vec<String>> = configuration
        .parameters
        .iter()
        .map(|(name, parameter)| {
            let values = match &parameter.static_value {
                Some(value) => value.values.clone(),
                None => vec![resource.clone()],
            };
            (name.clone(), values)
        })
        .collect();
    let request = ssm::StartRequest {
        document_name: configuration.target_id,
        document_version: configuration.target_version,
        parameters,
        client_token: None,
        mode: None,
    };
    let execution = ssm::start(cloud, request, StartedBy::Config).await.map_err(|error| error.to_string())?;
    if let Some(run) = cloud.config().remediation.runs.get_mut(&(rule.clone(), resource.clone())) {
        run.execution = Some(execution.clone());
    }
    let (status, message) = ssm::finished(cloud, &execution).await;
    if status == "Success" { Ok(()) } else { Err(message.unwrap_or(status)) }
}

/// Returns `StepDetails` of a run, from its execution.
pub(crate) fn step_details(cloud: &Cloud, run: &Run) -> Vec<Value> {
    let Some(execution) = &run.execution else {
        let detail = run.error.as_ref().map(|error| {
            json!({"Name": "StartAutomationExecution", "State": "FAILED", "ErrorMessage": error,
                   "StartTime": clock::epoch(run.invoked), "StopTime": clock::epoch(run.updated)})
        });
        return detail.into_iter().collect();
    };
    ssm::steps(cloud, execution)
        .iter()
        .map(|step| {
            let state = match text(step, "StepStatus").unwrap_or_default() {
                "Success" => "SUCCEEDED",
                "Pending" => "PENDING",
                "InProgress" | "Waiting" => "IN_PROGRESS",
                "Failed" | "TimedOut" => "FAILED",
                "Cancelled" | "Cancelling" | "Exited" => "EXITED",
                _ => "UNKNOWN",
            };
            let mut detail = json!({"Name": text(step, "StepName"), "State": state});
            if let Some(detail) = detail.as_object_mut() {
                for (from, to) in [
                    ("ExecutionStartTime", "StartTime"),
                    ("ExecutionEndTime", "StopTime"),
                    ("FailureMessage", "ErrorMessage"),
                ] {
                    if let Some(value) = step.get(from).filter(|value| !value.is_null()) {
                        detail.insert(to.to_owned(), value.clone());
                    }
                }
            }
            detail
        })
        .collect()
}
