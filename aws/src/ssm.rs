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
    client: aws_sdk_ssm::Client,
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

#[cfg(feature = "terminal")]
impl Ssm {
    /// `PutParameter`: writes a text, in the place of one that may be there.
    ///
    /// # Errors
    ///
    /// When the call failed.
    pub async fn put_parameter(&self, name: &str, value: &str) -> Result<(), AwsError> {
        use aws_sdk_ssm::types::{ParameterTier, ParameterType};

        let subject = format!("parameter {name}");
        let exists = match self.parameter(name).await {
            Ok(_) => true,
            Err(error) if error.code() == Some("ParameterNotFound") => false,
            Err(error) => return Err(error),
        };
        self.client
            .put_parameter()
            .name(name)
            .value(value)
            .overwrite(exists)
            // An existing parameter keeps its type and key. Above 4 KB it has to be an advanced one, which costs money, and
            // only then.
            .set_type((!exists).then_some(ParameterType::String))
            .tier(ParameterTier::IntelligentTiering)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk("ssm:PutParameter", &subject, &error))?;
        Ok(())
    }
}
