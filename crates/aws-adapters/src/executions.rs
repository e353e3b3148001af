//! Executions of SSM Automation.

use std::collections::HashMap;

use aws_sdk_ssm::operation::get_automation_execution::GetAutomationExecutionError;
use aws_traits::AwsError;
use findings::intake::{Execution, Executions, LookupError, Step};

use crate::error::FromSdk;
use crate::ssm::Ssm;

impl Executions for Ssm {
    async fn execution(&self, id: &str) -> Result<Option<Execution>, LookupError> {
        const OPERATION: &str = "ssm:GetAutomationExecution";
        let subject = format!("execution {id}");
        let answer = match self.client.get_automation_execution().automation_execution_id(id).send().await {
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetAutomationExecutionError::is_automation_execution_not_found_exception) =>
            {
                return Ok(None);
            }
            answer => answer.map_err(|error| LookupError::new(AwsError::from_sdk(OPERATION, &subject, &error)))?,
        };
        let execution = answer
            .automation_execution
            .ok_or_else(|| LookupError::new(AwsError::malformed(OPERATION, &subject, "it contains no execution")))?;
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
