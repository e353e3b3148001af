//! Credentials: profiles, IAM Identity Center, assumed roles.

use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_traits::AwsError;
use aws_types::SdkConfig;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::region::Region;

use super::environment::{self, EnvironmentError};
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
    /// There is no such profile.
    #[error("there is no profile `{profile}`: `aws configure list-profiles` lists the existing profiles")]
    NoProfile {
        /// The requested profile.
        profile: String,
    },
    /// A profile takes its credentials from one that does not exist.
    #[error(
        "profile `{profile}` takes its credentials from profile `{source_profile}`, which does not exist: correct its `source_profile`"
    )]
    NoSourceProfile {
        /// The profile.
        profile: String,
        /// Its source.
        source_profile: String,
    },
    /// The configuration files of the AWS CLI cannot be read.
    #[error("the configuration files of the AWS CLI cannot be read: {problem}")]
    Files {
        /// Error text of the SDK.
        problem: String,
    },
    /// The environment is contradictory.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The certificate bundle cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The profile has no credentials that can be used.
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

/// Loads the configuration of a profile, or of the environment, from the places where the AWS CLI looks. `region` takes
/// precedence over that of the profile.
///
/// A requested profile takes precedence over credentials in the environment, as with the AWS CLI. The default chain of the SDK
/// is the other way round: the environment would silently decide on the account.
///
/// # Errors
///
/// If there is no such profile, the environment is contradictory, or the file in `AWS_CA_BUNDLE` is not a bundle of PEM
/// certificates.
pub async fn load(profile: Option<&str>, region: Option<&str>) -> Result<SdkConfig, SessionError> {
    let http_client = tls::terminal_client()?;
    if profile.is_none() {
        environment::check_credentials()?;
    }
    let named = profile.map(str::to_owned).or_else(environment::profile);
    if let Some(named) = &named {
        check_profile(named).await?;
    }
    // An empty AWS_PROFILE counts as unset.
    let named = named.unwrap_or_else(|| "default".to_owned());
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client.clone())
        .retry_config(sdk::patient_retry_config())
        .timeout_config(sdk::timeout_config(ATTEMPT_TIMEOUT));
    // The SDK would take an empty AWS_REGION for a region.
    loader = match region.map(str::to_owned).or_else(environment::region) {
        Some(region) => loader.region(Region::new(region)),
        None => loader.region(ProfileFileRegionProvider::builder().profile_name(&named).build()),
    };
    let sdk = loader.profile_name(&named).load().await;
    environment::check_endpoints(&sdk)?;
    let Some(profile) = profile else { return Ok(sdk) };
    let provider = ProviderConfig::default().with_region(sdk.region().cloned()).with_http_client(http_client);
    let of_profile = ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(profile).build();
    // A profile without credentials, with a region only, leaves these to the machine.
    let chain = CredentialsProviderChain::first_try("Profile", of_profile)
        .or_else("EcsContainer", EcsCredentialsProvider::builder().configure(&provider).build())
        .or_else("Ec2InstanceMetadata", ImdsCredentialsProvider::builder().configure(&provider).build());
    Ok(sdk.to_builder().credentials_provider(SharedCredentialsProvider::new(chain)).build())
}

async fn check_profile(profile: &str) -> Result<(), SessionError> {
    let known = aws_config::profile::load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), None)
        .await
        .map_err(|error| SessionError::Files { problem: with_causes(&error) })?;
    let Some(mut at) = known.get_profile(profile) else {
        return Err(SessionError::NoProfile { profile: profile.to_owned() });
    };
    let mut seen = vec![at.name()];
    // The SDK reports a source that is missing like a machine without credentials; a loop it reports itself.
    while let Some(source) = at.get("source_profile").filter(|source| !seen.contains(source)) {
        at = known.get_profile(source).ok_or_else(|| SessionError::NoSourceProfile {
            profile: at.name().to_owned(),
            source_profile: source.to_owned(),
        })?;
        seen.push(at.name());
    }
    Ok(())
}

/// Checks that there are credentials, so that one clear error reports their absence, not the first of many calls.
///
/// # Errors
///
/// When there are none, or when they cannot be loaded.
pub async fn check_credentials(sdk: &SdkConfig, profile: Option<&str>) -> Result<(), SessionError> {
    use aws_credential_types::provider::error::CredentialsError;

    let profile = profile.map(str::to_owned).or_else(environment::profile);
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

/// Whom AWS takes the credentials for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Account.
    pub account: String,
    /// ARN of the user, or of the session of a role.
    pub arn: Option<String>,
}

/// `GetCallerIdentity`: account and ARN of the credentials.
///
/// # Errors
///
/// When the call failed: the credentials have expired, the role cannot be assumed, or there is no network.
pub async fn caller(sdk: &SdkConfig) -> Result<Caller, AwsError> {
    const OPERATION: &str = "sts:GetCallerIdentity";
    const SUBJECT: &str = "these credentials";
    let identity = aws_sdk_sts::Client::new(sdk)
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| AwsError::from_sdk(OPERATION, SUBJECT, &error))?;
    let no_account = || AwsError::malformed(OPERATION, SUBJECT, "it contains no account");
    Ok(Caller { account: identity.account.ok_or_else(no_account)?, arn: identity.arn })
}
