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

/// A scan of a whole organization makes many calls, and can wait.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// Why no AWS call can be made.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There are no credentials.
    #[error("no AWS credentials{}: {}", of(.profile.as_ref()), to_get_some(.profile.as_ref()))]
    NoCredentials {
        /// The requested profile.
        profile: Option<String>,
    },
    /// The session of IAM Identity Center has ended.
    #[error("the SSO session{} has expired, or never began: run `aws sso login{}`", of(.profile.as_ref()), option(.profile.as_ref()))]
    SsoExpired {
        /// The requested profile.
        profile: Option<String>,
    },
    /// There is no such profile, or it cannot be used.
    #[error("the AWS credentials{} cannot be used: {problem}", of(.profile.as_ref()))]
    Unusable {
        /// The requested profile.
        profile: Option<String>,
        /// Answer of the SDK.
        problem: String,
    },
    /// The role cannot be assumed.
    #[error("{role_arn} cannot be assumed: {problem}")]
    Role {
        /// The role.
        role_arn: String,
        /// Answer of STS.
        problem: String,
    },
}

fn of(profile: Option<&String>) -> String {
    profile.map(|profile| format!(" of profile `{profile}`")).unwrap_or_default()
}

fn to_get_some(profile: Option<&String>) -> String {
    match profile {
        Some(profile) => format!(
            "`aws configure list-profiles` lists the existing profiles; run `aws configure --profile {profile}` or \
             `aws sso login --profile {profile}`"
        ),
        None => "run `aws configure` or `aws sso login`, set AWS_PROFILE or AWS_ACCESS_KEY_ID, or name a --profile"
            .to_owned(),
    }
}

fn option(profile: Option<&String>) -> String {
    profile.map(|profile| format!(" --profile {profile}")).unwrap_or_default()
}

/// The configuration of a profile, or of the environment: whatever the AWS CLI would use.
///
/// # Errors
///
/// When `AWS_CA_BUNDLE` names a file that is no bundle of certificates.
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

/// Checks that there are credentials, so that their absence is reported once and well, and not by the first of many calls.
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
    // The SDK has no type for it. Its text is that the cached token is missing, has expired, or was refused.
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

/// The same credentials in another region.
#[must_use]
pub fn in_region(sdk: &SdkConfig, region: &str) -> SdkConfig {
    sdk.to_builder().region(Region::new(region.to_owned())).build()
}

/// The credentials of a role that those of `sdk` may assume.
///
/// # Errors
///
/// When the role cannot be assumed.
pub async fn assume_role(sdk: &SdkConfig, role_arn: &str) -> Result<SdkConfig, SessionError> {
    let provider = AssumeRoleProvider::builder(role_arn).session_name("portcullis").configure(sdk).build().await;
    // One more call, for an error that names the role instead of the first call made with it.
    let provider = SharedCredentialsProvider::new(provider);
    provider
        .provide_credentials()
        .await
        .map_err(|error| SessionError::Role { role_arn: role_arn.to_owned(), problem: with_causes(&error) })?;
    Ok(sdk.to_builder().credentials_provider(provider).build())
}

/// The account that the credentials are of.
///
/// # Errors
///
/// When the call failed: the credentials have expired, the role cannot be assumed, there is no network.
pub async fn account_id(sdk: &SdkConfig) -> Result<String, AwsError> {
    const OPERATION: &str = "sts:GetCallerIdentity";
    const SUBJECT: &str = "these credentials";
    let identity = aws_sdk_sts::Client::new(sdk)
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| AwsError::from_sdk(OPERATION, SUBJECT, &error))?;
    identity.account.ok_or_else(|| AwsError::malformed(OPERATION, SUBJECT, "it names no account"))
}
