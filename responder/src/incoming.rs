//! What the function is invoked with.

use aws_events::sqs::{MessageAttributes, SqsEvent, SqsMessage};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Messages of the queue, or an event of somebody who invokes the function itself, such as a topic of SNS.
#[derive(Debug)]
pub struct Incoming {
    pub(crate) messages: Vec<SqsMessage>,
    pub(crate) is_of_queue: bool,
}

impl<'de> Deserialize<'de> for Incoming {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        if value.pointer("/Records/0/eventSource").and_then(Value::as_str) == Some("aws:sqs") {
            let event = SqsEvent::deserialize(value).map_err(Error::custom)?;
            return Ok(Self { messages: event.messages, is_of_queue: true });
        }
        let message = SqsMessage {
            message_id: "invocation".to_owned(),
            receipt_handle: String::new(),
            body: value.to_string(),
            attributes: MessageAttributes::default(),
            queue_arn: String::new(),
        };
        Ok(Self { messages: vec![message], is_of_queue: false })
    }
}
