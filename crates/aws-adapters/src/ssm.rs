//! SSM Parameter Store.

use aws_traits::AwsError;
use aws_traits::ssm::Parameters;
use aws_types::SdkConfig;

use crate::error::FromSdk;

/// The adapter on the SDK.
#[derive(Debug, Clone)]
pub struct Ssm {
    pub(crate) client: aws_sdk_ssm::Client,
}

impl Ssm {
    /// An adapter with a client of its own; made once per process.
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
            .ok_or_else(|| AwsError::malformed(OPERATION, &subject, "it has no value"))
    }
}
