//! Items of the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use findings::finding::{Finding, HistoryEntry};
use findings::store::IssueDetails;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Attributes of an item.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Partition key: the key of the finding.
pub(super) const KEY: &str = "key";
/// Sort key: [`FINDING`], or the place of an entry in the history.
pub(super) const PART: &str = "part";
/// When `DynamoDB` deletes the item, in seconds of Unix time.
pub(super) const EXPIRES: &str = "expires";
pub(super) const FINDING: &str = "finding";
/// Beginning of the sort keys of the history.
pub(super) const HISTORY: &str = "history/";
/// Beginning of the keys of items about a channel. No key of a finding has a `#`.
pub(super) const CHANNEL: &str = "channel#";

/// The key of an item.
pub(super) fn key(finding: &str, part: &str) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    HashMap::from([(KEY.to_owned(), text(finding)), (PART.to_owned(), text(part))])
}

/// The item of a finding.
pub(super) fn of_finding(finding: &Finding, expires: Option<Timestamp>) -> Result<Item, serde_dynamo::Error> {
    #[derive(Serialize)]
    struct Written<'f> {
        #[serde(flatten)]
        finding: &'f Finding,
        issue_details: IssueDetails<'f>,
    }
    let written = Written { finding, issue_details: IssueDetails::of(finding) };
    with_key(&written, &finding.key().to_string(), FINDING, expires)
}

/// The item of an entry of the history: the entry with this index among those that a write of version `version` appends.
pub(super) fn of_entry(
    entry: &HistoryEntry,
    version: u64,
    index: usize,
    expires: Timestamp,
) -> Result<Item, serde_dynamo::Error> {
    with_key(entry, &entry.key.to_string(), &format!("{HISTORY}{version:020}/{index:03}"), Some(expires))
}

fn with_key<T: Serialize>(
    value: &T,
    finding: &str,
    part: &str,
    expires: Option<Timestamp>,
) -> Result<Item, serde_dynamo::Error> {
    let mut item: Item = serde_dynamo::to_item(value)?;
    // An index takes no item whose key is null, and DynamoDB refuses to write one.
    item.retain(|_, value| !matches!(value, AttributeValue::Null(_)));
    item.extend(key(finding, part));
    item.extend(expires.map(|time| (EXPIRES.to_owned(), seconds(time))));
    Ok(item)
}

/// A time as an attribute by which `DynamoDB` deletes the item.
pub(super) fn seconds(time: Timestamp) -> AttributeValue {
    AttributeValue::N(time.as_second().to_string())
}

/// Reads what an item says.
pub(super) fn read<T: DeserializeOwned>(item: Item) -> Result<T, serde_dynamo::Error> {
    serde_dynamo::from_item(item)
}
