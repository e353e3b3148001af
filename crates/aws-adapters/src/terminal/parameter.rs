//! Writes the SSM parameter of the exemptions.

use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use aws_traits::AwsError;
use aws_traits::ssm::Parameters;

use crate::error::FromSdk;
use crate::ssm::Ssm;

impl Ssm {
    /// `PutParameter`: creates the parameter, or replaces its value.
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
            // An existing parameter keeps its type and key. Only a value above 4 KB needs the advanced tier, which costs
            // money.
            .set_type((!exists).then_some(ParameterType::String))
            .tier(ParameterTier::IntelligentTiering)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk("ssm:PutParameter", &subject, &error))?;
        Ok(())
    }
}
