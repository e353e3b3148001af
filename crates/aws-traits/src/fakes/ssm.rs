//! SSM parameters in memory.

use super::FakeAws;
use crate::error::AwsError;
use crate::ssm::Parameters;

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
