//! SSM Parameter Store.

use crate::error::AwsError;
use aws_types::SdkConfig;

/// Reads parameters.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Parameters {
    /// `GetParameter`, decrypted.
    ///
    /// # Errors
    ///
    /// When the call failed, or when there is no such parameter.
    async fn parameter(&self, name: &str) -> Result<String, AwsError>;
}

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
