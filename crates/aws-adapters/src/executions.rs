//! Executions of SSM Automation.

use std::collections::HashMap;

use aws_sdk_ssm::error::SdkError;
use aws_sdk_ssm::operation::get_automation_execution::{GetAutomationExecutionError, GetAutomationExecutionOutput};
use aws_sdk_ssm::operation::start_automation_execution::StartAutomationExecutionError;
use aws_sdk_ssm::types::{AutomationExecution, AutomationExecutionStatus as Status};
use aws_traits::AwsError;
use aws_traits::ssm::{Automations, ExecutionState, NewExecution, Progress, Started};
use findings::intake::{Execution, Executions, LookupError, Step};

use crate::error::FromSdk;
use crate::ssm::Ssm;

/// The execution in an answer; `None` if Systems Manager does not have it.
fn found(
    answer: Result<GetAutomationExecutionOutput, SdkError<GetAutomationExecutionError>>,
    id: &str,
) -> Result<Option<AutomationExecution>, AwsError> {
    const OPERATION: &str = "ssm:GetAutomationExecution";
    let subject = format!("execution {id}");
    let answer = match answer {
        Err(error)
            if error
                .as_service_error()
                .is_some_and(GetAutomationExecutionError::is_automation_execution_not_found_exception) =>
        {
            return Ok(None);
        }
        answer => answer.map_err(|error| AwsError::from_sdk(OPERATION, &subject, &error))?,
    };
    let execution = answer.automation_execution;
    execution.ok_or_else(|| AwsError::malformed(OPERATION, &subject, "it contains no execution")).map(Some)
}

impl Automations for Ssm {
    async fn start_execution(&self, execution: &NewExecution) -> Result<Started, AwsError> {
        const OPERATION: &str = "ssm:StartAutomationExecution";
        let NewExecution { document, parameters, client_token } = execution;
        let parameters = parameters.iter().map(|(name, value)| (name.clone(), vec![value.clone()])).collect();
        let request = self.client.start_automation_execution().document_name(document).client_token(client_token);
        match request.set_parameters(Some(parameters)).send().await {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(StartAutomationExecutionError::is_idempotent_parameter_mismatch) =>
            {
                Ok(Started::Before)
            }
            answer => answer
                .map_err(|error| AwsError::from_sdk(OPERATION, document, &error))?
                .automation_execution_id
                .ok_or_else(|| AwsError::malformed(OPERATION, document, "it contains no id"))
                .map(Started::Now),
        }
    }

    async fn execution_state(&self, id: &str) -> Result<Option<ExecutionState>, AwsError> {
        let answer = self.client.get_automation_execution().automation_execution_id(id).send().await;
        let Some(execution) = found(answer, id)? else { return Ok(None) };
        let progress = match execution.automation_execution_status {
            Some(Status::Success | Status::CompletedWithSuccess) => Progress::Succeeded,
            Some(
                Status::Failed
                | Status::CompletedWithFailure
                | Status::Cancelled
                | Status::Exited
                | Status::Rejected
                | Status::Timedout
                | Status::ChangeCalendarOverrideRejected,
            ) => Progress::Failed,
            // A status that this version does not know is no end.
            _ => Progress::Running,
        };
        let outputs = execution.outputs.unwrap_or_default().into_iter();
        let outputs = outputs.filter_map(|(name, values)| Some((name, values.into_iter().next()?))).collect();
        Ok(Some(ExecutionState { progress, outputs }))
    }
}

impl Executions for Ssm {
    async fn execution(&self, id: &str) -> Result<Option<Execution>, LookupError> {
        let answer = self.client.get_automation_execution().automation_execution_id(id).send().await;
        let Some(execution) = found(answer, id).map_err(LookupError::new)? else { return Ok(None) };
        let sorted = |map: Option<HashMap<_, _>>| map.unwrap_or_default().into_iter().collect();
        let steps = execution.step_executions.unwrap_or_default().into_iter().map(|step| Step {
            step_name: step.step_name.unwrap_or_default(),
            step_status: step.step_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
            outputs: sorted(step.outputs),
        });
        Ok(Some(Execution {
            parameters: sorted(execution.parameters),
            failure_message: execution.failure_message,
            step_executions: steps.collect(),
        }))
    }
}
