//! Messages of a queue, as an event source mapping of Lambda delivers them, and the answer to them.
//!
//! Source: AWS Lambda developer guide, [Using Lambda with Amazon SQS](https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html)

use serde::{Deserialize, Serialize};

/// A batch of messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct SqsEvent {
    /// The messages: at least one, all of one queue.
    #[serde(rename = "Records")]
    pub messages: Vec<SqsMessage>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SqsMessage {
    /// Id, the same at every delivery.
    pub message_id: String,
    /// Handle of this delivery.
    pub receipt_handle: String,
    /// Body.
    pub body: String,
    /// Attributes that SQS adds.
    #[serde(default)]
    pub attributes: MessageAttributes,
    /// ARN of the queue.
    #[serde(rename = "eventSourceARN")]
    pub queue_arn: String,
}

/// Attributes that SQS adds to a message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MessageAttributes {
    /// Number of deliveries, this one included; a number as text.
    pub approximate_receive_count: Option<String>,
}

impl SqsMessage {
    /// Number of deliveries, this one included.
    #[must_use]
    pub fn deliveries(&self) -> u32 {
        let count = self.attributes.approximate_receive_count.as_deref();
        count.and_then(|count| count.parse().ok()).unwrap_or(1)
    }
}

/// The answer of a function whose mapping has `ReportBatchItemFailures`: the messages that stay in the queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// One for each message that failed.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A message that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Id of the message.
    pub item_identifier: String,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    #[test]
    fn the_sample_of_the_developer_guide_is_read() {
        let event = serde_json::json!({"Records": [{
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a...",
            "body": "Test message.",
            "attributes": {
                "ApproximateReceiveCount": "2",
                "SentTimestamp": "1545082649183",
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1545082649185"
            },
            "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:my-queue",
            "awsRegion": "us-east-2"
        }]});
        let event: SqsEvent = serde_json::from_value(event).unwrap();
        let message = &event.messages[0];
        assert_eq!((message.body.as_str(), message.deliveries()), ("Test message.", 2));
        let failed = BatchItemFailure { item_identifier: message.message_id.clone() };
        let answer = serde_json::to_string(&BatchResponse { batch_item_failures: vec![failed] }).unwrap();
        assert_eq!(answer, r#"{"batchItemFailures":[{"itemIdentifier":"059f36b4-87a3-44ab-83d2-661975830a7d"}]}"#);
    }
}
