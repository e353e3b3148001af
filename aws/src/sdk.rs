//! One SDK configuration for all clients.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// EC2 allows 5 revokes a second once a bucket of 50 is empty, and AWS Config may start many remediations together.
const MAX_ATTEMPTS: u32 = 8;
/// No call of ours takes this long; a connection that hangs is better tried again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);

/// The SDK configuration of a Lambda function: region, credentials and endpoints are in its environment.
pub async fn from_env() -> SdkConfig {
    let tls = Provider::Rustls(CryptoMode::Ring);
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().tls_provider(tls).build_https())
        // Lambda puts them there; the default chain would go on to look for files and metadata services.
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .retry_config(RetryConfig::adaptive().with_max_attempts(MAX_ATTEMPTS))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build())
        .load()
        .await
}
