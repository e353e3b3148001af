//! Messages within a time, and findings that wait until it is over.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, ReturnValuesOnConditionCheckFailure, WriteRequest};
use findings::finding::FindingKey;
use findings::store::{Admission, Pace, StoreError, Waiting, Window};
use jiff::{SignedDuration, Timestamp};

use super::error::Call;
use super::item::{self, CHANNEL, EXPIRES, Item, KEY, PART};
use super::{FindingTable, PUT};

/// Beginning of the sort keys of windows.
const WINDOW: &str = "window/";
/// Beginning of the sort keys of what waits.
const WAITING: &str = "waiting/";
const ADMITTED: &str = "admitted";
const QUEUED: &str = "queued";
/// For how long a window is kept after its end: longer than any message asks for it.
const WINDOW_KEPT: SignedDuration = SignedDuration::from_hours(24);
/// For how long what waits is kept after it should have been told.
const WAITING_KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Most items per call. Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
const ITEMS_PER_CALL: usize = 25;
/// Calls for the same items: `DynamoDB` may leave some of them to be sent again.
const ATTEMPTS: usize = 4;

fn partition(channel: &str) -> String {
    format!("{CHANNEL}{channel}")
}

/// Times in seconds sort as their texts do.
fn key_of_window(Window { channel, place, end }: &Window) -> Item {
    item::key(&partition(channel), &format!("{WINDOW}{:012}/{place}", end.as_second()))
}

fn key_of_waiting(channel: &str, Waiting { until, finding }: &Waiting) -> Item {
    item::key(&partition(channel), &format!("{WAITING}{:012}/{finding}", until.as_second()))
}

/// Reads the sort key of what waits. One that is not understood, of a later version, is not looked at.
fn waiting(item: &Item) -> Option<Waiting> {
    let part = item.get(PART)?.as_s().ok()?.strip_prefix(WAITING)?;
    let (until, finding) = part.split_once('/')?;
    let until = Timestamp::from_second(until.parse().ok()?).ok()?;
    Some(Waiting { until, finding: finding.parse::<FindingKey>().ok()? })
}

fn later(time: Timestamp, by: SignedDuration) -> AttributeValue {
    item::seconds(time.saturating_add(by).unwrap_or(Timestamp::MAX))
}

impl Pace for FindingTable {
    async fn admit(&self, window: &Window, message: &str, most: u32) -> Result<Admission, StoreError> {
        let call = Call { operation: "dynamodb:UpdateItem", doing: "writing", subject: &window.channel };
        let update = self.client.update_item().table_name(&self.name).set_key(Some(key_of_window(window)));
        let update = update
            .update_expression("ADD #admitted :messages SET #expires = :expires")
            .condition_expression(
                "attribute_not_exists(#admitted) OR size(#admitted) < :most OR contains(#admitted, :message)",
            )
            .expression_attribute_names("#admitted", ADMITTED)
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":messages", AttributeValue::Ss(vec![message.to_owned()]))
            .expression_attribute_values(":message", AttributeValue::S(message.to_owned()))
            .expression_attribute_values(":most", AttributeValue::N(most.to_string()))
            .expression_attribute_values(":expires", later(window.end, WINDOW_KEPT))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match update.send().await {
            Ok(_) => Ok(Admission::Admitted),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Admission::Full { is_queued: failed.item().is_some_and(|item| item.contains_key(QUEUED)) })
                }
                _ => Err(call.failed(&error)),
            },
        }
    }

    async fn mark_queued(&self, window: &Window) -> Result<(), StoreError> {
        let call = Call { operation: "dynamodb:UpdateItem", doing: "writing", subject: &window.channel };
        let update = self.client.update_item().table_name(&self.name).set_key(Some(key_of_window(window)));
        let update = update
            .update_expression("SET #queued = :queued, #expires = :expires")
            .expression_attribute_names("#queued", QUEUED)
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_values(":queued", AttributeValue::Bool(true))
            .expression_attribute_values(":expires", later(window.end, WINDOW_KEPT));
        update.send().await.map(|_| ()).map_err(|error| call.failed(&error))
    }

    async fn wait(&self, channel: &str, waiting: &Waiting) -> Result<(), StoreError> {
        let call = Call { operation: PUT, doing: "writing", subject: channel };
        let put = self.client.put_item().table_name(&self.name).set_item(Some(key_of_waiting(channel, waiting)));
        let put = put.item(EXPIRES, later(waiting.until, WAITING_KEPT));
        put.send().await.map(|_| ()).map_err(|error| call.failed(&error))
    }

    async fn waiting(&self, channel: &str, most: usize) -> Result<Vec<Waiting>, StoreError> {
        let call = Call { operation: "dynamodb:Query", doing: "listing", subject: channel };
        let query = self.client.query().table_name(&self.name).consistent_read(true);
        let query = query.key_condition_expression("#key = :key AND begins_with(#part, :waiting)");
        let query = query.expression_attribute_names("#key", KEY).expression_attribute_names("#part", PART);
        let query = query
            .expression_attribute_values(":key", AttributeValue::S(partition(channel)))
            .expression_attribute_values(":waiting", AttributeValue::S(WAITING.to_owned()));
        let mut found = Vec::new();
        let mut items = query.into_paginator().items().send();
        while found.len() < most
            && let Some(item) = items.next().await
        {
            found.extend(waiting(&item.map_err(|error| call.failed(&error))?));
        }
        Ok(found)
    }

    async fn forget(&self, channel: &str, waiting: &[Waiting]) -> Result<(), StoreError> {
        let call = Call { operation: "dynamodb:BatchWriteItem", doing: "writing", subject: channel };
        for batch in waiting.chunks(ITEMS_PER_CALL) {
            let request = |one: &Waiting| {
                let delete = DeleteRequest::builder().set_key(Some(key_of_waiting(channel, one))).build();
                let delete = delete.map_err(|error| StoreError::Other(error.into()))?;
                Ok(WriteRequest::builder().delete_request(delete).build())
            };
            let mut left = batch.iter().map(request).collect::<Result<Vec<_>, StoreError>>()?;
            for _ in 0..ATTEMPTS {
                let write = self.client.batch_write_item().request_items(&self.name, left);
                let answer = write.send().await.map_err(|error| call.failed(&error))?;
                left = answer.unprocessed_items.unwrap_or_default().remove(&self.name).unwrap_or_default();
                if left.is_empty() {
                    break;
                }
            }
            if !left.is_empty() {
                return Err(StoreError::Throttled { operation: "writing", subject: channel.to_owned() });
            }
        }
        Ok(())
    }
}
