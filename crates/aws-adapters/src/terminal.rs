//! What a terminal needs and a Lambda function does not: profiles, SSO, assumed roles, the accounts of an organization,
//! and to write the exemptions.

use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_organizations::types::{Account, AccountState, AccountStatus};
use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_traits::AwsError;
use aws_traits::ssm::Parameters;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::error::{FromSdk, told};
use crate::sdk;
use crate::ssm::Ssm;
use crate::tls::{self, TrustError};

/// A scan of a whole organization asks a lot, and can wait.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// Why nobody can be asked anything.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There are none.
    #[error("no AWS credentials{}: {}", of(.profile.as_ref()), to_get_some(.profile.as_ref()))]
    NoCredentials {
        /// The profile that was asked for.
        profile: Option<String>,
    },
    /// The session of IAM Identity Center has ended.
    #[error("the SSO session{} has expired, or was never begun: run `aws sso login{}`", of(.profile.as_ref()), option(.profile.as_ref()))]
    SsoExpired {
        /// The profile that was asked for.
        profile: Option<String>,
    },
    /// There is no such profile, or it cannot be used.
    #[error("the AWS credentials{} cannot be used: {problem}", of(.profile.as_ref()))]
    Unusable {
        /// The profile that was asked for.
        profile: Option<String>,
        /// What the SDK says.
        problem: String,
    },
    /// The role does not let itself be assumed.
    #[error("{role_arn} cannot be assumed: {problem}")]
    Role {
        /// The role.
        role_arn: String,
        /// What STS says.
        problem: String,
    },
}

fn of(profile: Option<&String>) -> String {
    profile.map(|profile| format!(" of profile `{profile}`")).unwrap_or_default()
}

fn to_get_some(profile: Option<&String>) -> String {
    match profile {
        Some(profile) => format!(
            "`aws configure list-profiles` names the profiles that there are; run `aws configure --profile {profile}` or \
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

/// Whether there are credentials at all, so that this is said once and well, and not by the first call of many.
///
/// # Errors
///
/// When there are none, or when they cannot be had.
pub async fn check_credentials(sdk: &SdkConfig, profile: Option<&str>) -> Result<(), SessionError> {
    use aws_credential_types::provider::error::CredentialsError;

    let profile = profile.map(str::to_owned).or_else(|| std::env::var("AWS_PROFILE").ok());
    let Some(provider) = sdk.credentials_provider() else {
        return Err(SessionError::NoCredentials { profile });
    };
    let Err(error) = provider.provide_credentials().await else { return Ok(()) };
    let problem = told(&error);
    let text = problem.to_ascii_lowercase();
    // The SDK has no type for it. It says that the cached token is not there, or has expired, or was refused.
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
/// When the role does not let itself be assumed.
pub async fn assume_role(sdk: &SdkConfig, role_arn: &str) -> Result<SdkConfig, SessionError> {
    let provider = AssumeRoleProvider::builder(role_arn).session_name("portcullis").configure(sdk).build().await;
    // One call more, for an error that names the role and not the first thing that was asked with it.
    let provider = SharedCredentialsProvider::new(provider);
    provider
        .provide_credentials()
        .await
        .map_err(|error| SessionError::Role { role_arn: role_arn.to_owned(), problem: told(&error) })?;
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

/// The active accounts of the organization, sorted by id. Only its management account and delegated administrators may
/// ask.
///
/// # Errors
///
/// When the call failed.
pub async fn organization_accounts(sdk: &SdkConfig) -> Result<Vec<String>, AwsError> {
    let mut pages = aws_sdk_organizations::Client::new(sdk).list_accounts().into_paginator().send();
    let mut ids = Vec::new();
    while let Some(page) = pages.next().await {
        let page =
            page.map_err(|error| AwsError::from_sdk("organizations:ListAccounts", "the organization", &error))?;
        let accounts = page.accounts.unwrap_or_default();
        ids.extend(accounts.into_iter().filter(is_active).filter_map(|account| account.id));
    }
    ids.sort();
    Ok(ids)
}

/// `State` takes the place of `Status`, which older endpoints still give alone.
fn is_active(account: &Account) -> bool {
    match &account.state {
        Some(state) => *state == AccountState::Active,
        None => account.status == Some(AccountStatus::Active),
    }
}

impl Ssm {
    /// `PutParameter`: writes a text, in the place of one that may be there.
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
