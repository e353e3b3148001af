//! One SDK configuration for all clients.
//!
//! The `aws-config` crate would look for the same things in files, containers and metadata services as well, none of
//! which a Lambda function has: its chain of providers is 0.3 MB of every zip.

use std::env;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::tls::{self, TrustError};

/// EC2 allows 5 security group changes a second once a bucket of 50 tokens is empty, and AWS Config may start many
/// remediations together.
///
/// Source: Amazon EC2 developer guide, [Request throttling](https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html).
const MAX_ATTEMPTS: u32 = 8;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// No call that Portcullis makes takes this long; a retry is better than a connection that hangs.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// A variable is missing from the environment of the Lambda function, which Lambda or the stack sets.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not set: this program runs as an AWS Lambda function of the Portcullis stack")]
pub struct MissingVariable(&'static str);

/// No AWS call can be made in this environment.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable is missing.
    #[error(transparent)]
    Missing(#[from] MissingVariable),
    /// The bundle of certificates cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// The SDK configuration of a Lambda function: region, credentials and endpoints are in its environment. The credentials
/// are valid for as long as the process lives.
///
/// # Errors
///
/// When region or credentials are missing, or `AWS_CA_BUNDLE` names a file that is not a bundle of certificates.
pub fn from_env() -> Result<SdkConfig, EnvironmentError> {
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        env::var("AWS_SESSION_TOKEN").ok(),
        None,
        "environment",
    );
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(required("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(tls::function_client()?)
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .retry_config(retry_config())
        .timeout_config(timeout_config(ATTEMPT_TIMEOUT))
        .service_config(ServiceEnvironment);
    builder.set_endpoint_url(env::var("AWS_ENDPOINT_URL").ok());
    Ok(builder.build())
}

/// At a terminal a person waits: the adaptive mode paces itself over many remediations, and waits long before a few calls.
#[cfg(feature = "terminal")]
pub(crate) fn patient_retry_config() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(MAX_ATTEMPTS).with_max_backoff(Duration::from_secs(5))
}

pub(crate) fn retry_config() -> RetryConfig {
    RetryConfig::adaptive().with_max_attempts(MAX_ATTEMPTS)
}

pub(crate) fn timeout_config(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(attempt).build()
}

pub(crate) fn required(name: &'static str) -> Result<String, MissingVariable> {
    env::var(name).map_err(|_| MissingVariable(name))
}

/// Settings of one service, such as `AWS_ENDPOINT_URL_CONFIG_SERVICE`, which win over those of all services.
#[derive(Debug)]
struct ServiceEnvironment;

impl LoadServiceConfig for ServiceEnvironment {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        env::var(format!("{}_{service}", key.env())).ok()
    }
}
