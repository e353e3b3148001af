//! SSM parameters and executions in memory.

use std::collections::BTreeMap;

use super::FakeAws;
use crate::error::AwsError;
use crate::ssm::{Automations, ExecutionState, NewExecution, Parameters, Progress, Started};

impl Parameters for FakeAws {
    async fn parameter(&self, name: &str) -> Result<String, AwsError> {
        const OPERATION: &str = "ssm:GetParameter";
        self.call(OPERATION, name, |account| {
            let value = account.parameters.get(name).cloned();
            value.ok_or_else(|| AwsError::new(OPERATION, name, Some("ParameterNotFound"), "no such parameter"))
        })
        .await
    }
}

impl Automations for FakeAws {
    async fn start_execution(&self, execution: &NewExecution) -> Result<Started, AwsError> {
        self.call("ssm:StartAutomationExecution", &execution.document, |account| {
            if account.executions.iter().any(|(known, _)| known.client_token == execution.client_token) {
                return Ok(Started::Before);
            }
            let state = ExecutionState { progress: Progress::Running, outputs: BTreeMap::new() };
            account.executions.push((execution.clone(), state));
            Ok(Started::Now(format!("execution-{}", account.executions.len())))
        })
        .await
    }

    async fn execution_state(&self, id: &str) -> Result<Option<ExecutionState>, AwsError> {
        self.call("ssm:GetAutomationExecution", id, |account| {
            let number = id.strip_prefix("execution-").and_then(|number| number.parse::<usize>().ok());
            let index = number.and_then(|number| number.checked_sub(1));
            Ok(index.and_then(|index| account.executions.get(index)).map(|(_, state)| state.clone()))
        })
        .await
    }
}
