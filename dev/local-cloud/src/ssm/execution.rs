//! An automation execution: what is recorded of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::action_approve::Approval;
use super::document::{Document, Step};
use super::variable::{listed, plain};
use crate::clock;

/// How far an execution or a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    InProgress,
    /// For a human's decision.
    Waiting,
    Success,
    Failed,
    TimedOut,
    Cancelled,
}

impl Status {
    /// AWS's word.
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

    /// Whether nothing more will happen.
    pub(crate) fn over(self) -> bool {
        !matches!(self, Self::Pending | Self::InProgress | Self::Waiting)
    }
}

/// What `StopAutomationExecution` asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Nothing.
    No,
    /// Stop when the current step is over.
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
    /// As they were passed.
    pub(crate) passed: BTreeMap<String, Vec<String>>,
    /// As they are seen by the steps, defaults included.
    pub(crate) parameters: BTreeMap<String, Value>,
    pub(crate) status: Status,
    pub(crate) started: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) steps: Vec<StepRecord>,
    pub(crate) outputs: BTreeMap<String, Value>,
    pub(crate) failure: Option<String>,
    pub(crate) executed_by: String,
    /// The caller's access key, for an execution without a role.
    pub(crate) access_key: String,
    /// Whether AWS Config started it, and waits for its end.
    pub(crate) remediates: bool,
    /// The approval that it waits for.
    pub(crate) approval: Option<Approval>,
    pub(crate) stop: watch::Sender<Stop>,
    /// Set at the end.
    pub(crate) done: watch::Sender<bool>,
}

/// What is recorded of a step.
#[derive(Debug, Clone)]
pub(crate) struct StepRecord {
    pub(crate) id: String,
    pub(crate) status: Status,
    pub(crate) started: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) outputs: BTreeMap<String, Value>,
    pub(crate) failure: Option<String>,
}

impl StepRecord {
    /// A step that has not begun.
    pub(crate) fn pending() -> Self {
        Self {
            id: uuid::Uuid::new_v4().to_string(),
            status: Status::Pending,
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
            if self.status == Status::Success {
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
    /// What a name refers to while the execution runs.
    pub(crate) fn lookup(&self, name: &str) -> Option<Value> {
        match name.split_once('.') {
            Some((step, output)) => {
                let position = self.document.main_steps.iter().position(|one| one.name == step)?;
                self.steps.get(position)?.outputs.get(output).cloned()
            }
            None => self.parameters.get(name).cloned(),
        }
    }

    /// The steps as the API gives them.
    pub(crate) fn described_steps(&self) -> Vec<Value> {
        let steps = &self.document.main_steps;
        let following = steps.iter().skip(1).map(|step| Some(step.name.as_str())).chain([None]);
        self.steps
            .iter()
            .zip(steps.iter().zip(following))
            .map(|(record, (step, following))| record.described(step, following))
            .collect()
    }

    /// What a list of executions and a single one have in common.
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
        let current = self.steps.iter().position(|step| matches!(step.status, Status::InProgress | Status::Waiting));
        if let Some(step) = current.and_then(|position| self.document.main_steps.get(position)) {
            put("CurrentStepName", json!(step.name));
            put("CurrentAction", json!(step.action.name()));
        }
        head
    }

    /// The execution as `GetAutomationExecution` gives it.
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
