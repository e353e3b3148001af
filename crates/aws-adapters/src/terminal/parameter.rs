//! Writes an SSM parameter: the exemptions.

use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use aws_traits::AwsError;
use aws_traits::ssm::Parameters;

use crate::error::FromSdk;
use crate::ssm::Ssm;

impl Ssm {
    /// `PutParameter`: writes a text, and replaces an existing one.
    ///
    /// # Errors
    ///
    /// When the call failed.
    pub async fn put_parameter(&self, name: &str, value: &str) -> Result<(), AwsError> {
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
