//! SSM: documents and Automation.

mod action;
mod action_api;
mod action_approve;
mod action_branch;
mod action_lambda;
mod action_script;
mod document;
mod document_api;
mod execution;
mod execution_api;
mod parameter;
mod runner;
mod variable;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

pub(crate) use execution_api::{StartRequest, StartedBy, finished, start, steps};

use self::execution::ExecutionStatus;
use crate::cloud::Cloud;
use crate::wire::{AwsError, Caller, Reply};

/// The state of SSM.
#[derive(Debug, Default)]
pub(crate) struct State {
    documents: BTreeMap<String, document_api::StoredDocument>,
    executions: BTreeMap<String, execution::Execution>,
    /// Ids of executions, in the order of their start.
    order: Vec<String>,
    /// Client tokens that were used, in lower case.
    tokens: BTreeSet<String>,
}

impl State {
    /// Returns true if no execution is running, except for those that wait for a human decision.
    pub(crate) fn idle(&self) -> bool {
        self.executions
            .values()
            .all(|execution| execution.status.over() || execution.status == ExecutionStatus::Waiting)
    }

    /// Returns the executions that wait for a human decision.
    pub(crate) fn waiting(&self) -> BTreeSet<String> {
        let waiting = self.executions.iter().filter(|(_, execution)| execution.status == ExecutionStatus::Waiting);
        waiting.map(|(id, _)| id.clone()).collect()
    }

    /// Requests every execution to stop, for a reset.
    pub(crate) fn stop_all(&self) {
        for execution in self.executions.values() {
            execution.stop.send_replace(execution::Stop::Cancel);
        }
    }
}

/// Serves an operation of SSM.
pub(crate) async fn handle(cloud: &Arc<Cloud>, operation: &str, data: Value, caller: &Caller) -> Reply {
    match operation {
        "CreateDocument" => document_api::create(cloud, data),
        "UpdateDocument" => document_api::update(cloud, data),
        "UpdateDocumentDefaultVersion" => document_api::set_default(cloud, &data),
        "DescribeDocument" => document_api::describe(cloud, &data),
        "GetDocument" => document_api::get(cloud, &data),
        "DeleteDocument" => document_api::delete(cloud, &data),
        "ListDocuments" => document_api::list(cloud, &data),
        "StartAutomationExecution" => execution_api::start_operation(cloud, data, caller).await,
        "GetAutomationExecution" => execution_api::get(cloud, &data),
        "DescribeAutomationExecutions" => execution_api::describe(cloud, &data),
        "DescribeAutomationStepExecutions" => execution_api::describe_steps(cloud, &data),
        "StopAutomationExecution" => execution_api::stop(cloud, &data),
        "SendAutomationSignal" => action_approve::signal(cloud, &data, caller),
        other => Err(AwsError::new(
            "UnknownOperationException",
            format!("The local cloud does not serve ssm:{other}. See docs/local-cloud.md for what it serves."),
        )),
    }
}
