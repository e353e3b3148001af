//! The table of findings in `DynamoDB`.

mod error;
mod item;
mod marks;
mod pace;

use std::env;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Put as PutItem, TransactWriteItem};
use aws_types::SdkConfig;
use findings::finding::{Finding, FindingKey, HistoryEntry, State};
use findings::store::{FindingStore, Listing, Page, Put, StoreError, forgotten_at};
use jiff::{SignedDuration, Timestamp};

use self::error::{Call, is_changed};
use self::item::{FINDING, HISTORY, Item, KEY, PART};
use crate::sdk::{MissingVariable, required};

/// Days for which a closed finding and an entry of a history are kept, if the environment does not say otherwise.
pub const RETENTION_DAYS: u16 = 400;

/// The action for a write. A transaction has none of its own.
///
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html>
const PUT: &str = "dynamodb:PutItem";

/// Findings in a `DynamoDB` table: one item per finding, and one per entry of its history.
#[derive(Debug, Clone)]
pub struct FindingTable {
    client: Client,
    name: String,
    retention: SignedDuration,
}

impl FindingTable {
    /// Creates the adapter and its client. Call it once per process. A closed finding is kept for `retention_days`.
    #[must_use]
    pub fn new(sdk: &SdkConfig, name: String, retention_days: u16) -> Self {
        let retention = SignedDuration::from_hours(24 * i64::from(retention_days));
        Self { client: Client::new(sdk), name, retention }
    }

    /// Creates the adapter for the table in `FINDINGS_TABLE`. `FINDINGS_RETENTION_DAYS` says for how long a closed finding is
    /// kept.
    ///
    /// # Errors
    ///
    /// When no table is set.
    pub fn from_env(sdk: &SdkConfig) -> Result<Self, MissingVariable> {
        let days = env::var("FINDINGS_RETENTION_DAYS").ok().and_then(|days| days.parse().ok());
        Ok(Self::new(sdk, required("FINDINGS_TABLE")?, days.unwrap_or(RETENTION_DAYS)))
    }

    /// The writes of a finding and its history.
    fn writes(&self, finding: &Finding, history: &[HistoryEntry]) -> Result<Vec<PutItem>, StoreError> {
        let now = Timestamp::now();
        let kept = now.saturating_add(self.retention).unwrap_or(Timestamp::MAX);
        let stored = finding.clone().stored();
        let put = |item: Result<Item, serde_dynamo::Error>| {
            let item = item.map_err(|error| StoreError::Other(error.into()))?;
            Ok(PutItem::builder().table_name(&self.name).set_item(Some(item)))
        };
        let first = put(item::of_finding(&stored, forgotten_at(&stored, now, self.retention)))?;
        let first = match finding.version() {
            0 => first.condition_expression("attribute_not_exists(#key)").expression_attribute_names("#key", KEY),
            version => first
                .condition_expression("#version = :version")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":version", AttributeValue::N(version.to_string())),
        };
        let entries =
            history.iter().enumerate().map(|(index, entry)| put(item::of_entry(entry, stored.version(), index, kept)));
        let builders = std::iter::once(Ok(first)).chain(entries);
        builders.map(|put| put?.build().map_err(|error| StoreError::Other(error.into()))).collect()
    }
}

/// An index: its name is that of its partition key. Its sort key is the key of the finding.
struct Index<'l> {
    attribute: &'static str,
    value: &'l str,
    closed_since: Option<Timestamp>,
}

impl Index<'_> {
    fn of_state(state: State) -> Self {
        Self { attribute: "state", value: state.as_str(), closed_since: None }
    }
}

impl<'l> From<&'l Listing> for Index<'l> {
    fn from(listing: &'l Listing) -> Self {
        match listing {
            Listing::Account(account) => Self { attribute: "account", value: account, closed_since: None },
            Listing::State(state) => Self::of_state(*state),
            Listing::ClosedSince(since) => Self { closed_since: Some(*since), ..Self::of_state(State::Closed) },
            Listing::Owner(owner) => Self { attribute: "owner", value: owner, closed_since: None },
        }
    }
}

/// The second of a time, without its zone: it sorts before all texts of times of this second, `…:00.5Z` and `…:00Z`.
fn second(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(.."2026-12-01T09:00:00".len()).map(str::to_owned).unwrap_or(text)
}

impl FindingStore for FindingTable {
    async fn get(&self, key: &FindingKey) -> Result<Option<Finding>, StoreError> {
        let key = key.to_string();
        let call = Call { operation: "dynamodb:GetItem", doing: "reading", subject: &key };
        let get = self.client.get_item().table_name(&self.name).set_key(Some(item::key(&key, FINDING)));
        let answer = get.consistent_read(true).send().await.map_err(|error| call.failed(&error))?;
        answer.item.map(|item| call.read(item)).transpose()
    }

    async fn put(&self, finding: &Finding, history: &[HistoryEntry]) -> Result<Put, StoreError> {
        let key = finding.key().to_string();
        let stored = || Put::Stored(Box::new(finding.clone().stored()));
        let mut writes = self.writes(finding, history)?;
        if let ([write], true) = (writes.as_mut_slice(), history.is_empty()) {
            let call = Call { operation: PUT, doing: "writing", subject: &key };
            let put = self
                .client
                .put_item()
                .table_name(&self.name)
                .set_item(Some(std::mem::take(&mut write.item)))
                .set_condition_expression(write.condition_expression.take())
                .set_expression_attribute_names(write.expression_attribute_names.take())
                .set_expression_attribute_values(write.expression_attribute_values.take());
            return match put.send().await {
                Ok(_) => Ok(stored()),
                Err(error)
                    if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) =>
                {
                    Ok(Put::Changed)
                }
                Err(error) => Err(call.failed(&error)),
            };
        }
        let call = Call { operation: PUT, doing: "writing", subject: &key };
        let items = writes.into_iter().map(|put| TransactWriteItem::builder().put(put).build()).collect();
        match self.client.transact_write_items().set_transact_items(Some(items)).send().await {
            Ok(_) => Ok(stored()),
            Err(error) if error.as_service_error().is_some_and(is_changed) => Ok(Put::Changed),
            Err(error) => Err(call.transaction_failed(&error)),
        }
    }

    async fn list(&self, listing: &Listing, from: Option<&str>) -> Result<Page, StoreError> {
        let Index { attribute, value, closed_since } = listing.into();
        let subject = format!("{attribute} {value}");
        let call = Call { operation: "dynamodb:Query", doing: "listing", subject: &subject };
        let value = AttributeValue::S(value.to_owned());
        let start = from.map(|from| {
            let mut start = item::key(from, FINDING);
            start.insert(attribute.to_owned(), value.clone());
            start
        });
        let query = self.client.query().table_name(&self.name).index_name(attribute).set_exclusive_start_key(start);
        let query = query.key_condition_expression("#attribute = :value");
        let query =
            query.expression_attribute_names("#attribute", attribute).expression_attribute_values(":value", value);
        let query = match closed_since {
            // What is read is paid for all the same, but need not be transferred.
            Some(since) => query
                .filter_expression("#closed.#at >= :since")
                .expression_attribute_names("#closed", "closed")
                .expression_attribute_names("#at", "at")
                .expression_attribute_values(":since", AttributeValue::S(second(since))),
            None => query,
        };
        let answer = query.send().await.map_err(|error| call.failed(&error))?;
        let next = answer.last_evaluated_key.as_ref().and_then(|key| key.get(KEY)?.as_s().ok().cloned());
        let mut page = Page { next, ..Page::default() };
        for item in answer.items.unwrap_or_default() {
            let key = item.get(KEY).and_then(|key| key.as_s().ok()).cloned().unwrap_or_default();
            match call.read(item) {
                Ok(finding) => page.findings.push(finding),
                Err(error) => page.unreadable.push(format!("{key}: {error}")),
            }
        }
        Ok(page)
    }

    async fn history(&self, key: &FindingKey) -> Result<Vec<HistoryEntry>, StoreError> {
        let key = key.to_string();
        let call = Call { operation: "dynamodb:Query", doing: "reading", subject: &key };
        let query = self.client.query().table_name(&self.name).consistent_read(true);
        let query = query.key_condition_expression("#key = :key AND begins_with(#part, :history)");
        let query = query.expression_attribute_names("#key", KEY).expression_attribute_names("#part", PART);
        let query = query
            .expression_attribute_values(":key", AttributeValue::S(key.clone()))
            .expression_attribute_values(":history", AttributeValue::S(HISTORY.to_owned()));
        let mut entries = Vec::new();
        let mut pages = query.into_paginator().items().send();
        while let Some(item) = pages.next().await {
            entries.push(call.read(item.map_err(|error| call.failed(&error))?)?);
        }
        Ok(entries)
    }
}
