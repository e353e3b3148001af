//! Operations on executions.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::execution::{Execution, ExecutionStatus, StepRecord, Stop};
use super::parameter;
use super::runner;
use crate::clock;
use crate::cloud::Cloud;
use crate::paging::page;
use crate::wire::{AwsError, Caller, Reply, input, limit, text, texts};

/// The input of `StartAutomationExecution`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StartRequest {
    pub(crate) document_name: String,
    pub(crate) document_version: Option<String>,
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, Vec<String>>,
    pub(crate) client_token: Option<String>,
    pub(crate) mode: Option<String>,
}

/// The principal that starts an execution.
#[derive(Debug, Clone)]
pub(crate) enum StartedBy {
    /// AWS Config, for a remediation.
    Config,
    /// A caller of the API.
    Caller(Caller),
}

fn refused(message: String) -> AwsError {
    AwsError::new("InvalidAutomationExecutionParametersException", message)
}

fn no_execution(id: &str) -> AwsError {
    AwsError::new("AutomationExecutionNotFoundException", format!("Automation execution not found: {id}"))
}

/// `StartAutomationExecution`.
pub(crate) async fn start_operation(cloud: &Arc<Cloud>, data: Value, caller: &Caller) -> Reply {
    for member in ["Targets", "TargetMaps", "TargetLocations", "TargetParameterName", "AlarmConfiguration"] {
        if data.get(member).is_some_and(|value| !value.is_null()) {
            return Err(refused(format!("The local cloud does not support {member} of StartAutomationExecution.")));
        }
    }
    let request: StartRequest = input(data)?;
    let id = start(cloud, request, StartedBy::Caller(caller.clone())).await?;
    Ok(json!({"AutomationExecutionId": id}))
}

/// Starts an execution, and returns its id.
///
/// # Errors
///
/// The errors of `StartAutomationExecution`: an unknown document or version, invalid parameters, or a role that the
/// caller may not pass.
pub(crate) async fn start(cloud: &Arc<Cloud>, request: StartRequest, by: StartedBy) -> Result<String, AwsError> {
    if request.mode.as_deref().is_some_and(|mode| mode != "Auto") {
        return Err(refused("The local cloud runs automations in Auto mode only.".to_owned()));
    }
    let token = request.client_token.as_deref().map(str::to_lowercase);
    let name = request.document_name.rsplit_once(":document/").map_or(&*request.document_name, |(_, name)| name);
    let (number, document) = {
        let state = cloud.ssm();
        if token.as_ref().is_some_and(|token| state.tokens.contains(token)) {
            return Err(used());
        }
        let record = state.documents.get(name).ok_or_else(|| {
            AwsError::new("AutomationDefinitionNotFoundException", format!("Automation document not found: {name}"))
        })?;
        let (number, version) = record.version(request.document_version.as_deref()).ok_or_else(|| {
            AwsError::new(
                "AutomationDefinitionVersionNotFoundException",
                format!("The document {name} does not have the version asked for."),
            )
        })?;
        (number, version.document.clone())
    };
    let parameters = parameter::values(&document.parameters, &request.parameters).map_err(refused)?;
    let remediates = matches!(by, StartedBy::Config);
    let (executed_by, access_key) = match by {
        StartedBy::Config => {
            let role = "AWSServiceRoleForConfigRemediation/AwsConfigRemediation";
            (format!("arn:aws:sts::{}:assumed-role/{role}", cloud.location.account), String::new())
        }
        StartedBy::Caller(caller) => (caller.principal, caller.access_key),
    };
    let execution = Execution {
        document_name: name.to_owned(),
        document_version: number,
        passed: request.parameters,
        parameters,
        status: ExecutionStatus::Pending,
        started: clock::now(),
        ended: None,
        steps: document.main_steps.iter().map(|_| StepRecord::pending()).collect(),
        document,
        outputs: BTreeMap::new(),
        failure: None,
        executed_by,
        access_key,
        remediates,
        approval: None,
        stop: watch::Sender::new(Stop::No),
        done: watch::Sender::new(false),
    };
    if !execution.access_key.is_empty()
        && let Some(role) = runner::role(&execution)
    {
        let refused = cloud.bridge.may_pass_role(&execution.access_key, &role).await;
        if let Some(reason) = refused.map_err(|error| AwsError::internal(error.to_string()))? {
            return Err(AwsError::new("AccessDeniedException", reason));
        }
    }
    let id = uuid::Uuid::new_v4().to_string();
    {
        let mut state = cloud.ssm();
        // Two calls with one token may have come at once.
        if token.is_some_and(|token| !state.tokens.insert(token)) {
            return Err(used());
        }
        state.executions.insert(id.clone(), execution);
        state.order.push(id.clone());
    }
    tokio::spawn(runner::run(Arc::clone(cloud), id.clone()));
    Ok(id)
}

/// A client token cannot be used twice.
///
/// Source: AWS Systems Manager API reference, [StartAutomationExecution](https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartAutomationExecution.html).
fn used() -> AwsError {
    AwsError::new("IdempotentParameterMismatch", "The client token was used for another execution.")
}

/// Waits for the end of an execution. Returns its status and, if it failed, the reason.
pub(crate) async fn finished(cloud: &Cloud, id: &str) -> (String, Option<String>) {
    let done = cloud.ssm().executions.get(id).map(|execution| execution.done.subscribe());
    if let Some(mut done) = done {
        // An error means that a reset dropped the execution, which ends it, too.
        let _ = done.wait_for(|done| *done).await;
    }
    let state = cloud.ssm();
    state.executions.get(id).map_or_else(
        || ("Cancelled".to_owned(), None),
        |execution| (execution.status.name().to_owned(), execution.failure.clone()),
    )
}

/// Returns the steps of an execution in the form of the API.
pub(crate) fn steps(cloud: &Cloud, id: &str) -> Vec<Value> {
    cloud.ssm().executions.get(id).map(Execution::described_steps).unwrap_or_default()
}

/// `GetAutomationExecution`.
pub(crate) fn get(cloud: &Cloud, data: &Value) -> Reply {
    let id = text(data, "AutomationExecutionId").unwrap_or_default();
    let state = cloud.ssm();
    let execution = state.executions.get(id).ok_or_else(|| no_execution(id))?;
    Ok(json!({"AutomationExecution": execution.described(id)}))
}

/// `DescribeAutomationExecutions`, newest first.
pub(crate) fn describe(cloud: &Cloud, data: &Value) -> Reply {
    let filters = data.get("Filters").and_then(Value::as_array).cloned().unwrap_or_default();
    let state = cloud.ssm();
    let mut found = Vec::new();
    for id in state.order.iter().rev() {
        let Some(execution) = state.executions.get(id) else { continue };
        let mut matches = true;
        for filter in &filters {
            matches = matches && passes(filter, id, execution)?;
        }
        if matches {
            found.push(Value::Object(execution.head(id)));
        }
    }
    let (found, token) = page(found, text(data, "NextToken"), limit(data, "MaxResults", 50))?;
    Ok(json!({"AutomationExecutionMetadataList": found, "NextToken": token}))
}

fn passes(filter: &Value, id: &str, execution: &Execution) -> Result<bool, AwsError> {
    let values = texts(filter, "Values");
    let time = || values.first().and_then(|value| clock::parse(&Value::from(value.as_str())));
    match text(filter, "Key") {
        Some("DocumentNamePrefix") => {
            Ok(values.iter().any(|value| execution.document_name.starts_with(value.as_str())))
        }
        Some("ExecutionStatus") => Ok(values.iter().any(|value| value == execution.status.name())),
        Some("ExecutionId") => Ok(values.iter().any(|value| value == id)),
        Some("StartTimeBefore") => Ok(time().is_some_and(|time| execution.started < time)),
        Some("StartTimeAfter") => Ok(time().is_some_and(|time| execution.started > time)),
        other => Err(AwsError::new(
            "InvalidFilterKey",
            format!("The local cloud does not filter executions by {}.", other.unwrap_or_default()),
        )),
    }
}

/// `DescribeAutomationStepExecutions`.
pub(crate) fn describe_steps(cloud: &Cloud, data: &Value) -> Reply {
    let id = text(data, "AutomationExecutionId").unwrap_or_default();
    let state = cloud.ssm();
    let mut steps = state.executions.get(id).ok_or_else(|| no_execution(id))?.described_steps();
    for filter in data.get("Filters").and_then(Value::as_array).into_iter().flatten() {
        let member = match text(filter, "Key") {
            Some("StepExecutionStatus") => "StepStatus",
            Some("StepExecutionId") => "StepExecutionId",
            Some("StepName") => "StepName",
            Some("Action") => "Action",
            other => {
                let other = other.unwrap_or_default();
                return Err(AwsError::new(
                    "InvalidFilterKey",
                    format!("The local cloud does not filter steps by {other}."),
                ));
            }
        };
        let values = texts(filter, "Values");
        steps.retain(|step| text(step, member).is_some_and(|value| values.iter().any(|wanted| wanted == value)));
    }
    if data.get("ReverseOrder").and_then(Value::as_bool) == Some(true) {
        steps.reverse();
    }
    let (steps, token) = page(steps, text(data, "NextToken"), limit(data, "MaxResults", 50))?;
    Ok(json!({"StepExecutions": steps, "NextToken": token}))
}

/// `StopAutomationExecution`.
pub(crate) fn stop(cloud: &Cloud, data: &Value) -> Reply {
    let id = text(data, "AutomationExecutionId").unwrap_or_default();
    let mut state = cloud.ssm();
    let execution = state.executions.get_mut(id).ok_or_else(|| no_execution(id))?;
    if execution.status.over() {
        return Err(AwsError::new(
            "InvalidAutomationStatusUpdateException",
            format!("The execution {id} is {} and cannot be stopped.", execution.status.name()),
        ));
    }
    let complete = text(data, "Type") == Some("Complete");
    if !complete && execution.status == ExecutionStatus::Waiting {
        // It no longer waits for a decision, so "idle" must be false from now on.
        execution.status = ExecutionStatus::InProgress;
    }
    execution.stop.send_replace(if complete { Stop::Complete } else { Stop::Cancel });
    Ok(json!({}))
}
