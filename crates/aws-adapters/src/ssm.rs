//! SSM Parameter Store.

use aws_traits::AwsError;
use aws_traits::ssm::Parameters;
use aws_types::SdkConfig;

use crate::error::FromSdk;

/// Client of AWS Systems Manager.
#[derive(Debug, Clone)]
pub struct Ssm {
    pub(crate) client: aws_sdk_ssm::Client,
}

impl Ssm {
    /// Creates the adapter and its client. Call it once per process.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { client: aws_sdk_ssm::Client::new(sdk) }
    }
}

impl Parameters for Ssm {
    async fn parameter(&self, name: &str) -> Result<String, AwsError> {
        const OPERATION: &str = "ssm:GetParameter";
        let subject = format!("parameter {name}");
        self.client
            .get_parameter()
            .name(name)
            .with_decryption(true)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(OPERATION, &subject, &error))?
            .parameter
            .and_then(|parameter| parameter.value)
            .ok_or_else(|| AwsError::malformed(OPERATION, &subject, "it contains no value"))
    }
}
