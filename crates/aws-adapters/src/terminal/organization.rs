//! The accounts of an organization.

use aws_sdk_organizations::types::{Account, AccountState, AccountStatus};
use aws_traits::AwsError;
use aws_types::SdkConfig;

use crate::error::FromSdk;

/// Ids of the active accounts of the organization, sorted. Only the management account and delegated administrators can list
/// them.
///
/// Source: AWS Organizations API reference, [ListAccounts](https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html).
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

/// Whether an account is active. `State` replaces `Status`; older endpoints return only the latter.
fn is_active(account: &Account) -> bool {
    match &account.state {
        Some(state) => *state == AccountState::Active,
        None => account.status == Some(AccountStatus::Active),
    }
}
