//! Automation executions and their steps.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::action_approve::Approval;
use super::document::{Document, Step};
use super::variable::{listed, plain};
use crate::clock;

/// The status of an execution or a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExecutionStatus {
    Pending,
    InProgress,
    /// Waits for a human decision.
    Waiting,
    Success,
    Failed,
    TimedOut,
    Cancelled,
}

impl ExecutionStatus {
    /// Returns the name that AWS uses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Waiting => "Waiting",
            Self::Success => "Success",
            Self::Failed => "Failed",
            Self::TimedOut => "TimedOut",
            Self::Cancelled => "Cancelled",
        }
    }

    /// Returns true if the execution or step has ended.
    pub(crate) fn over(self) -> bool {
        !matches!(self, Self::Pending | Self::InProgress | Self::Waiting)
    }
}

/// The kind of stop that `StopAutomationExecution` requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// No stop.
    No,
    /// Stop after the current step.
    Complete,
    /// Stop now.
    Cancel,
}

/// An execution.
#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) document_name: String,
    pub(crate) document_version: usize,
    pub(crate) document: Document,
    /// Parameters as they were passed.
    pub(crate) passed: BTreeMap<String, Vec<String>>,
    /// Parameters for the steps, including defaults.
    pub(crate) parameters: BTreeMap<String, Value>,
    pub(crate) status: ExecutionStatus,
    pub(crate) started: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) steps: Vec<StepRecord>,
    pub(crate) outputs: BTreeMap<String, Value>,
    pub(crate) failure: Option<String>,
    pub(crate) executed_by: String,
    /// Access key id of the caller, for an execution without a role.
    pub(crate) access_key: String,
    /// True if AWS Config started the execution and waits for its end.
    pub(crate) remediates: bool,
    /// The pending approval.
    pub(crate) approval: Option<Approval>,
    pub(crate) stop: watch::Sender<Stop>,
    /// Set when the execution ends.
    pub(crate) done: watch::Sender<bool>,
}

/// The state of a step.
#[derive(Debug, Clone)]
pub(crate) struct StepRecord {
    pub(crate) id: String,
    pub(crate) status: ExecutionStatus,
    pub(crate) started: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) outputs: BTreeMap<String, Value>,
    pub(crate) failure: Option<String>,
}

impl StepRecord {
    /// Creates the state of a step that has not started.
    pub(crate) fn pending() -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            status: ExecutionStatus::Pending,
            started: None,
            ended: None,
            inputs: Map::new(),
            outputs: BTreeMap::new(),
            failure: None,
        }
    }

    fn described(&self, step: &Step, following: Option<&str>) -> Value {
        let inputs: Map<String, Value> =
            self.inputs.iter().map(|(name, value)| (name.clone(), json!(value.to_string()))).collect();
        let outputs: Map<String, Value> =
            self.outputs.iter().map(|(name, value)| (name.clone(), json!(listed(value)))).collect();
        let next = if step.is_end { None } else { step.next.as_deref().or(following) };
        let mut described = json!({
            "StepName": step.name,
            "Action": step.action.name(),
            "OnFailure": step.on_failure,
            "MaxAttempts": step.max_attempts,
            "StepStatus": self.status.name(),
            "Inputs": inputs,
            "Outputs": outputs,
            "StepExecutionId": self.id,
            "IsEnd": step.is_end,
            "IsCritical": step.critical(),
            "ValidNextSteps": next.into_iter().collect::<Vec<_>>(),
        });
        if let Some(described) = described.as_object_mut() {
            let mut put = |name: &str, value: Value| {
                described.insert(name.to_owned(), value);
            };
            if let Some(seconds) = step.timeout_seconds {
                put("TimeoutSeconds", json!(seconds));
            }
            if let Some(next) = &step.next {
                put("NextStep", json!(next));
            }
            if let Some(started) = self.started {
                put("ExecutionStartTime", clock::epoch(started));
            }
            if let Some(ended) = self.ended {
                put("ExecutionEndTime", clock::epoch(ended));
            }
            if self.status == ExecutionStatus::Success {
                put("ResponseCode", json!("0"));
            }
            if let Some(failure) = &self.failure {
                put("FailureMessage", json!(failure));
                put(
                    "FailureDetails",
                    json!({"FailureStage": "Invocation", "FailureType": "Invocation",
                                             "Details": {"ErrorMessage": [failure]}}),
                );
            }
        }
        described
    }
}

impl Execution {
    /// Returns the value of a reference during the execution.
    pub(crate) fn lookup(&self, name: &str) -> Option<Value> {
        match name.split_once('.') {
            Some((step, output)) => {
                let position = self.document.main_steps.iter().position(|one| one.name == step)?;
                self.steps.get(position)?.outputs.get(output).cloned()
            }
            None => self.parameters.get(name).cloned(),
        }
    }

    /// Returns the steps in the form of the API.
    pub(crate) fn described_steps(&self) -> Vec<Value> {
        let steps = &self.document.main_steps;
        let following = steps.iter().skip(1).map(|step| Some(step.name.as_str())).chain([None]);
        self.steps
            .iter()
            .zip(steps.iter().zip(following))
            .map(|(record, (step, following))| record.described(step, following))
            .collect()
    }

    /// Returns the members that a list of executions and a single execution have in common.
    pub(crate) fn head(&self, id: &str) -> Map<String, Value> {
        let outputs: Map<String, Value> =
            self.outputs.iter().map(|(name, value)| (name.clone(), json!(listed(value)))).collect();
        let mut head = Map::new();
        let mut put = |name: &str, value: Value| {
            head.insert(name.to_owned(), value);
        };
        put("AutomationExecutionId", json!(id));
        put("DocumentName", json!(self.document_name));
        put("DocumentVersion", json!(self.document_version.to_string()));
        put("AutomationExecutionStatus", json!(self.status.name()));
        put("ExecutionStartTime", clock::epoch(self.started));
        if let Some(ended) = self.ended {
            put("ExecutionEndTime", clock::epoch(ended));
        }
        put("ExecutedBy", json!(self.executed_by));
        put("Mode", json!("Auto"));
        put("Outputs", Value::Object(outputs));
        if let Some(failure) = &self.failure {
            put("FailureMessage", json!(failure));
        }
        let current = self
            .steps
            .iter()
            .position(|step| matches!(step.status, ExecutionStatus::InProgress | ExecutionStatus::Waiting));
        if let Some(step) = current.and_then(|position| self.document.main_steps.get(position)) {
            put("CurrentStepName", json!(step.name));
            put("CurrentAction", json!(step.action.name()));
        }
        head
    }

    /// Returns the execution in the form of `GetAutomationExecution`.
    pub(crate) fn described(&self, id: &str) -> Value {
        let mut execution = self.head(id);
        execution.insert("StepExecutions".to_owned(), Value::Array(self.described_steps()));
        execution.insert("StepExecutionsTruncated".to_owned(), json!(false));
        let parameters: Map<String, Value> = self
            .parameters
            .iter()
            .map(|(name, value)| {
                let passed = self.passed.get(name).cloned();
                let values = passed.unwrap_or_else(|| match value {
                    Value::Array(values) => values.iter().map(plain).collect(),
                    other => vec![plain(other)],
                });
                (name.clone(), json!(values))
            })
            .collect();
        execution.insert("Parameters".to_owned(), Value::Object(parameters));
        Value::Object(execution)
    }
}
