//! Secrets of channels, in Parameter Store and in Secrets Manager.

mod text;

use std::time::Duration;

use aws_sdk_ssm::types::ParameterType;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_traits::AwsError;
use aws_types::SdkConfig;
use channels::{AwsCallError, Secret, Secrets};
use routing::SecretRef;
use serde::Deserialize;
use serde_json::json;

use crate::aws_service::regional::{Regional, region_of};
use crate::aws_service::{Service, json, retries};
use crate::call_error;
use crate::error::FromSdk;
use crate::ssm::Ssm;

const GET_PARAMETER: &str = "ssm:GetParameter";
const GET_SECRET_VALUE: &str = "secretsmanager:GetSecretValue";
const DECRYPT: &str = "kms:Decrypt";

static SERVICE: Service = Service {
    id: "Secrets Manager",
    signing_name: "secretsmanager",
    host: "secretsmanager",
    protocol: &json::AWS_JSON_1_1,
    attempts: 3,
    attempt_timeout: Duration::from_secs(3),
    retries: retries::of_what_passes,
};

/// Reads secrets. A secret that is named by its ARN is read in its region.
#[derive(Debug)]
pub struct SecretStore {
    ssm: Ssm,
    service: Regional,
}

impl SecretStore {
    /// Creates the adapter. Call it once per process.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { ssm: Ssm::new(sdk), service: Regional::new(&SERVICE, sdk) }
    }
}

/// The answer of `GetSecretValue`. Not `Debug`: it is the secret.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretValue {
    secret_string: Option<String>,
}

impl Secrets for SecretStore {
    async fn secret(&self, reference: &SecretRef) -> Result<Secret, AwsCallError> {
        let refused = |problem: &str| AwsCallError::Refused(format!("the secret `{reference}` {problem}"));
        let malformed = |operation| {
            let problem = "it contains no value";
            AwsCallError::Passing(AwsError::malformed(operation, &format!("`{reference}`"), problem).to_string())
        };
        let text = match reference {
            SecretRef::Parameter(name) => {
                let answer = self.ssm.client.get_parameter().name(name).with_decryption(true).send().await;
                let answer = answer.map_err(|error| unreadable(GET_PARAMETER, reference, &error))?;
                let parameter = answer.parameter.ok_or_else(|| malformed(GET_PARAMETER))?;
                if parameter.r#type == Some(ParameterType::StringList) {
                    return Err(refused("is a StringList: store it as a SecureString"));
                }
                text::of_parameter(&parameter.value.unwrap_or_default())
            }
            SecretRef::SecretsManager(id) => {
                let region = region_of(id).map_or_else(|| self.service.own_region(), str::to_owned);
                let service = self.service.in_region(&region);
                let answer = service.json("secretsmanager.GetSecretValue", json!({"SecretId": id}).to_string()).await;
                let answer = answer.map_err(|error| unreadable(GET_SECRET_VALUE, reference, &error))?;
                // The reason is not shown: it may repeat a part of the secret.
                let value: SecretValue = serde_json::from_str(&answer).map_err(|_| malformed(GET_SECRET_VALUE))?;
                let text = value.secret_string.ok_or_else(|| refused("is binary: store it as a text"))?;
                text::of_secret(&text)
            }
        };
        text.map(Secret::from).map_err(refused)
    }
}

/// The error of a secret that cannot be read, with the remedy.
fn unreadable<E>(operation: &'static str, reference: &SecretRef, error: &SdkError<E, HttpResponse>) -> AwsCallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let subject = format!("`{reference}`");
    let failure = AwsError::from_sdk(operation, &subject, error);
    let message = error.message().unwrap_or_default();
    let text = match failure.code() {
        _ if failure.is_denied() => {
            let operation = if message.contains(DECRYPT) { DECRYPT } else { operation };
            let remedy = if message.contains("explicit deny") {
                "a policy denies it explicitly, so change that policy"
            } else {
                "allow it to the role of this function"
            };
            format!("{operation} for {subject} was denied: {remedy}")
        }
        Some("ParameterNotFound") => {
            format!("there is no parameter {subject}: create it as a SecureString in this account and region")
        }
        Some("ResourceNotFoundException") => {
            format!("there is no secret {subject}, or it has no value: create it, or correct the routing document")
        }
        Some("InvalidKeyId" | "DecryptionFailure") => {
            format!(
                "the KMS key of {subject} cannot be used: enable it, and allow {DECRYPT} to the role of this function"
            )
        }
        _ => failure.to_string(),
    };
    call_error::outcome(error, text)
}
