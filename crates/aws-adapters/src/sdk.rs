//! One SDK configuration for all clients.
//!
//! The `aws-config` crate also looks for credentials and regions in files, containers and metadata services. A Lambda
//! function has none of these, and the chain of providers would add 0.3 MB to every zip.

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

/// Attempts per call. EC2 allows 5 security group changes per second once a bucket of 50 tokens is empty, and AWS Config may
/// start many remediations at once.
///
/// Source: Amazon EC2 developer guide, [Request throttling](https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html).
const MAX_ATTEMPTS: u32 = 8;
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Timeout of one attempt. No call that Portcullis makes takes this long: a retry is better than a connection that hangs.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// An environment variable is missing that Lambda or the stack sets.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not set: this program runs as an AWS Lambda function of the Portcullis stack")]
pub struct MissingVariable(&'static str);

/// The environment does not allow any AWS call.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// A variable is missing.
    #[error(transparent)]
    Missing(#[from] MissingVariable),
    /// The certificate bundle cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Reads the SDK configuration of a Lambda function from its environment: region, credentials and endpoints. The credentials
/// are valid as long as the process lives.
///
/// # Errors
///
/// When the region or the credentials are missing, or the file in `AWS_CA_BUNDLE` is not a bundle of PEM certificates.
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

/// Retries for the command line, where a user waits, and for changes of a security group, which should not wait while a port is
/// open. The adaptive mode suits many concurrent remediations, but delays few calls for too long.
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

/// Settings of one service, such as `AWS_ENDPOINT_URL_CONFIG_SERVICE`. They take precedence over those for all services.
#[derive(Debug)]
struct ServiceEnvironment;

impl LoadServiceConfig for ServiceEnvironment {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        env::var(format!("{}_{service}", key.env())).ok()
    }
}
