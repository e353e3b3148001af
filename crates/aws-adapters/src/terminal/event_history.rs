//! The event history of AWS CloudTrail.

use aws_events::cloudtrail::RuleChange;
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_traits::AwsError;
use aws_types::SdkConfig;

use crate::error::FromSdk;

/// Events of a page, the most that CloudTrail returns.
const PAGE: i32 = 50;
/// Number of pages that are read. CloudTrail answers two requests a second in an account and region, so this is half a
/// minute, and it answers nobody else meanwhile.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>
const MOST_PAGES: usize = 60;

/// Changes to the ingress rules of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleChanges {
    /// The changes, newest first.
    pub changes: Vec<RuleChange>,
    /// Number of events of the group that were read. Not all of them if `is_cut`.
    pub events: usize,
    /// Whether there are older events that were not read.
    pub is_cut: bool,
}

/// `LookupEvents`: changes to the ingress rules of a group in the last 90 days, in this account and region.
///
/// # Errors
///
/// If a call fails.
pub async fn rule_changes(sdk: &SdkConfig, group_id: &str) -> Result<RuleChanges, AwsError> {
    const OPERATION: &str = "cloudtrail:LookupEvents";
    let attribute = LookupAttribute::builder()
        .attribute_key(LookupAttributeKey::ResourceName)
        .attribute_value(group_id)
        .build()
        .map_err(|error| AwsError::malformed(OPERATION, group_id, &error.to_string()))?;
    let client = aws_sdk_cloudtrail::Client::new(sdk);
    let mut pages = client.lookup_events().lookup_attributes(attribute).max_results(PAGE).into_paginator().send();
    let mut found = RuleChanges::default();
    for _ in 0..MOST_PAGES {
        let Some(page) = pages.next().await else { return Ok(found) };
        let page = page.map_err(|error| AwsError::from_sdk(OPERATION, group_id, &error))?;
        let events = page.events.unwrap_or_default();
        found.events += events.len();
        found.changes.extend(events.iter().filter_map(|event| RuleChange::from_json(event.cloud_trail_event()?)));
        if page.next_token.is_none_or(|token| token.is_empty()) {
            return Ok(found);
        }
    }
    found.is_cut = true;
    Ok(found)
}
