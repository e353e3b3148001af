//! `EC2 Automation Execution Status-change Notification`: an execution of an SSM document ended.
//!
//! The event names neither the group nor the reason of a failure, so Systems Manager is asked for the [`Execution`]. A
//! function that ran has put its own event; this one is for executions whose function did not.
//!
//! Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/monitoring-systems-manager-event-examples.html>

use std::collections::BTreeMap;
use std::error::Error;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::envelope::Envelope;
use super::error::IntakeError;
use super::{Ignored, Intake};
use crate::finding::{FindingKey, Moment, NotStarted, Observation, Observed, Outcome, Remediated, Text};

/// `source` of the events of Systems Manager.
pub const SYSTEMS_MANAGER: &str = "aws.ssm";

/// `detail-type` of a change of the status of an execution.
pub const EXECUTION_CHANGE: &str = "EC2 Automation Execution Status-change Notification";

/// The step of the closing document that invokes the function.
pub const STEP_OF_FUNCTION: &str = "InvokeRemediator";

/// Logical id of the closing document in the template. CloudFormation names it `STACK-CloseDocument-SUFFIX`.
const CLOSE_DOCUMENT: &str = "CloseDocument";
/// Parameters of the closing document.
const GROUP: &str = "SecurityGroupId";
const RULE: &str = "ConfigRuleName";
const DRY_RUN: &str = "DryRun";
/// Longest id of an execution. Those of Systems Manager are UUIDs.
const LONGEST_ID: usize = 64;

/// Statuses of an execution that goes on or succeeded. Every other one is asked about.
///
/// Source: Systems Manager API reference, `AutomationExecutionStatus`.
const NOT_FAILED: [&str; 11] = [
    "Pending",
    "InProgress",
    "Waiting",
    "Success",
    "Cancelling",
    "PendingApproval",
    "Approved",
    "Scheduled",
    "RunbookInProgress",
    "PendingChangeCalendarOverride",
    "ChangeCalendarOverrideApproved",
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    execution_id: String,
    definition: String,
    status: String,
}

/// An execution that ended without success. Ask `GetAutomationExecution` of its account and region for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Account of the execution, which is that of its group.
    pub account: String,
    /// Region.
    pub region: String,
    /// Id of the execution.
    pub execution_id: String,
    /// Name of the document.
    pub document: String,
    /// `Failed`, `TimedOut`, `Cancelled` or another status.
    pub status: Text<32>,
    /// When the event was put, to the second.
    pub at: Timestamp,
}

/// The answer of `GetAutomationExecution`, as far as it is needed. It is read from the JSON of its `AutomationExecution`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Execution {
    /// Parameters that were given; defaults of the document may be missing.
    pub parameters: BTreeMap<String, Vec<String>>,
    /// Message of the failure.
    pub failure_message: Option<String>,
    /// The steps, in order.
    pub step_executions: Vec<Step>,
}

/// A step of an execution.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Step {
    /// Name in the document.
    pub step_name: String,
    /// `Success`, `Failed`, `Pending` and others.
    pub step_status: String,
    /// Outputs, also those of a step that failed.
    pub outputs: BTreeMap<String, Vec<String>>,
}

/// Systems Manager could not be asked for an execution. The same question may have an answer later.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct LookupError(Box<dyn Error + Send + Sync>);

impl LookupError {
    /// The error of the service.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

/// Executions of SSM Automation.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Executions {
    /// `GetAutomationExecution`; `None` if it is not known, since Systems Manager forgets executions after 30 days.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn execution(&self, id: &str) -> Result<Option<Execution>, LookupError>;
}

pub(super) fn read(envelope: &Envelope) -> Result<Intake, IntakeError> {
    let Change { execution_id, definition, status } = envelope.detail()?;
    // A document of another account has its ARN here.
    let document = definition.rsplit_once('/').map_or(definition.as_str(), |(_, name)| name);
    if !closes_groups(document) {
        return Ok(Intake::Ignored(Ignored::Document(document.into())));
    }
    if NOT_FAILED.contains(&status.as_str()) {
        return Ok(Intake::Ignored(Ignored::Status(status.into())));
    }
    let is_id = execution_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if execution_id.is_empty() || execution_id.len() > LONGEST_ID || !is_id {
        return Err(IntakeError::field(envelope.kind, "detail.ExecutionId", "is not the id of an execution"));
    }
    Ok(Intake::Lookup(Lookup {
        account: envelope.account.clone(),
        region: envelope.region.clone(),
        document: document.to_owned(),
        execution_id,
        status: status.into(),
        at: envelope.time,
    }))
}

/// Whether the document is a `CloseDocument` of a stack.
fn closes_groups(document: &str) -> bool {
    let generated = document.rsplit_once('-').and_then(|(name, _suffix)| name.rsplit_once('-'));
    generated.is_some_and(|(_stack, logical_id)| logical_id == CLOSE_DOCUMENT)
}

impl Lookup {
    /// The meaning of the execution. `default_rule` is the rule of the stack, the default of the document: a start by hand
    /// may name none.
    ///
    /// # Errors
    ///
    /// If the execution names no group, or no rule and there is no default.
    pub fn read(&self, execution: &Execution, default_rule: Option<&str>) -> Result<Intake, IntakeError> {
        let given = |name: &str| execution.parameters.get(name).and_then(|values| values.first()).map(String::as_str);
        if given(DRY_RUN).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(Intake::Ignored(Ignored::DryRun));
        }
        let missing = |name: &str| {
            let path = format!("Parameters.{name}");
            IntakeError::field(EXECUTION_CHANGE, &path, "of the execution is missing")
        };
        let group = given(GROUP).ok_or_else(|| missing(GROUP))?;
        let rule = given(RULE).or(default_rule).ok_or_else(|| missing(RULE))?;
        let key = FindingKey::new(&self.account, &self.region, group, rule)?;
        let execution_id: Text<64> = self.execution_id.as_str().into();
        let what = match execution.function() {
            Function::Reported => return Ok(Intake::Ignored(Ignored::Reported)),
            Function::Ended(message) => {
                let outcome = Outcome::CloseFailed;
                Observed::Remediated(Remediated { execution_id, outcome, message: message.into(), dry_run: false })
            }
            Function::NotInvoked => {
                let message = execution
                    .failure_message
                    .as_deref()
                    .map_or_else(|| format!("the execution ended with status {}", self.status).into(), Text::from);
                let rejected = self.status.as_str() == "Rejected" || execution.is_rejected();
                Observed::NotStarted(NotStarted { execution_id, rejected, message })
            }
        };
        Ok(Intake::observed(key, Observation { at: Moment::live(self.at), what }))
    }
}

/// What became of the function that an execution invokes.
enum Function {
    /// It was not invoked: the role, the approval, the permission to invoke it.
    NotInvoked,
    /// It answered, and so has put its own event.
    Reported,
    /// It ended before it could put an event, for this reason.
    Ended(String),
}

impl Execution {
    fn function(&self) -> Function {
        let Some(step) = self.step_executions.iter().find(|step| step.step_name == STEP_OF_FUNCTION) else {
            return Function::NotInvoked;
        };
        let output = |name: &str| step.outputs.get(name).and_then(|values| values.first());
        let payload = output("Payload");
        if step.step_status != "Success" && payload.is_none() && output("StatusCode").is_none() {
            return Function::NotInvoked;
        }
        let answer = payload.and_then(|text| serde_json::from_str(text).ok());
        answer.as_ref().and_then(unreported).map_or(Function::Reported, Function::Ended)
    }

    /// Whether a person refused the approval.
    fn is_rejected(&self) -> bool {
        let refused = |values: &Vec<String>| values.iter().any(|value| value == "Rejected");
        self.step_executions
            .iter()
            .any(|step| step.step_status == "Rejected" || step.outputs.get("ApprovalStatus").is_some_and(refused))
    }
}

/// The message of a failure that the function could not report: Lambda ended it, or it did not understand its payload.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
fn unreported(answer: &Value) -> Option<String> {
    let message = answer.get("errorMessage")?.as_str()?;
    let kind = answer.get("errorType").and_then(Value::as_str).unwrap_or_default();
    // The types of the function are words. Those of Lambda have a dot (`Runtime.ExitError`) or are missing, and that of a
    // panic is the name of a type of Rust.
    let is_of_function = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphabetic());
    (!is_of_function || kind == "InvalidRequest").then(|| message.to_owned())
}
