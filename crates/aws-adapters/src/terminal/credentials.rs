//! Credentials: profiles, IAM Identity Center, assumed roles.

use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_traits::AwsError;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::error::{FromSdk, with_causes};
use crate::sdk;
use crate::tls::{self, TrustError};

/// Timeout of one attempt. A scan of a whole organization makes many calls and can wait.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// The credentials do not allow any AWS call.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There are no credentials.
    #[error("no AWS credentials{}: {}", of(.profile.as_ref()), remedy(.profile.as_ref()))]
    NoCredentials {
        /// The requested profile.
        profile: Option<String>,
    },
    /// The IAM Identity Center session has expired, or was never started.
    #[error("the SSO session{} has expired or was never started: run `aws sso login{}`", of(.profile.as_ref()), option(.profile.as_ref()))]
    SsoExpired {
        /// The requested profile.
        profile: Option<String>,
    },
    /// The profile does not exist, or cannot be used.
    #[error("the AWS credentials{} cannot be used: {problem}", of(.profile.as_ref()))]
    Unusable {
        /// The requested profile.
        profile: Option<String>,
        /// Error text of the SDK.
        problem: String,
    },
    /// The role cannot be assumed.
    #[error("{role_arn} cannot be assumed: {problem}")]
    Role {
        /// ARN of the role.
        role_arn: String,
        /// Error text of STS.
        problem: String,
    },
}

fn of(profile: Option<&String>) -> String {
    profile.map(|profile| format!(" of profile `{profile}`")).unwrap_or_default()
}

fn remedy(profile: Option<&String>) -> String {
    match profile {
        Some(profile) => format!(
            "`aws configure list-profiles` lists the existing profiles; run `aws configure --profile {profile}` or \
             `aws sso login --profile {profile}`"
        ),
        None => {
            "run `aws configure` or `aws sso login`, set AWS_PROFILE or AWS_ACCESS_KEY_ID, or pass --profile".to_owned()
        }
    }
}

fn option(profile: Option<&String>) -> String {
    profile.map(|profile| format!(" --profile {profile}")).unwrap_or_default()
}

/// Loads the configuration of a profile, or of the environment, from the places where the AWS CLI looks.
///
/// # Errors
///
/// When the file in `AWS_CA_BUNDLE` is not a bundle of PEM certificates.
pub async fn load(profile: Option<&str>) -> Result<SdkConfig, TrustError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(tls::terminal_client()?)
        .retry_config(sdk::patient_retry_config())
        .timeout_config(sdk::timeout_config(ATTEMPT_TIMEOUT));
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    Ok(loader.load().await)
}

/// Checks that there are credentials, so that one clear error reports their absence, not the first of many calls.
///
/// # Errors
///
/// When there are none, or when they cannot be loaded.
pub async fn check_credentials(sdk: &SdkConfig, profile: Option<&str>) -> Result<(), SessionError> {
    use aws_credential_types::provider::error::CredentialsError;

    let profile = profile.map(str::to_owned).or_else(|| std::env::var("AWS_PROFILE").ok());
    let Some(provider) = sdk.credentials_provider() else {
        return Err(SessionError::NoCredentials { profile });
    };
    let Err(error) = provider.provide_credentials().await else { return Ok(()) };
    let problem = with_causes(&error);
    let text = problem.to_ascii_lowercase();
    // The SDK has no error type for it, only a text: the cached token is missing, has expired, or was refused.
    if text.contains("sso")
        && ["expired", "unauthorized", "cached sso token", "token file", "no such file"]
            .iter()
            .any(|word| text.contains(word))
    {
        return Err(SessionError::SsoExpired { profile });
    }
    Err(match error {
        CredentialsError::CredentialsNotLoaded(_) => SessionError::NoCredentials { profile },
        _ => SessionError::Unusable { profile, problem },
    })
}

/// Returns the configuration with another region.
#[must_use]
pub fn in_region(sdk: &SdkConfig, region: &str) -> SdkConfig {
    sdk.to_builder().region(Region::new(region.to_owned())).build()
}

/// Returns the configuration with the credentials of a role, which those of `sdk` assume.
///
/// # Errors
///
/// When the role cannot be assumed.
pub async fn assume_role(sdk: &SdkConfig, role_arn: &str) -> Result<SdkConfig, SessionError> {
    let provider = AssumeRoleProvider::builder(role_arn).session_name("portcullis").configure(sdk).build().await;
    // One extra call, so that an error names the role instead of the first operation.
    let provider = SharedCredentialsProvider::new(provider);
    provider
        .provide_credentials()
        .await
        .map_err(|error| SessionError::Role { role_arn: role_arn.to_owned(), problem: with_causes(&error) })?;
    Ok(sdk.to_builder().credentials_provider(provider).build())
}

/// `GetCallerIdentity`: the account of the credentials.
///
/// # Errors
///
/// When the call failed: the credentials have expired, the role cannot be assumed, or there is no network.
pub async fn account_id(sdk: &SdkConfig) -> Result<String, AwsError> {
    const OPERATION: &str = "sts:GetCallerIdentity";
    const SUBJECT: &str = "these credentials";
    let identity = aws_sdk_sts::Client::new(sdk)
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| AwsError::from_sdk(OPERATION, SUBJECT, &error))?;
    identity.account.ok_or_else(|| AwsError::malformed(OPERATION, SUBJECT, "it contains no account"))
}
