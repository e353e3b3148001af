//! What the function is invoked with.

use aws_events::sqs::{MessageAttributes, SqsEvent, SqsMessage};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Messages of the queue, an event of somebody who invokes the function itself, such as a topic of SNS, or the schedule.
#[derive(Debug)]
pub enum Incoming {
    /// Messages of the queue.
    Messages(Vec<SqsMessage>),
    /// An event, as a message.
    Event(SqsMessage),
    /// What the schedule of the stack sends: `{"action": "sweep"}`.
    Sweep,
}

impl<'de> Deserialize<'de> for Incoming {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = |pointer| value.pointer(pointer).and_then(Value::as_str);
        if text("/Records/0/eventSource") == Some("aws:sqs") {
            return Ok(Self::Messages(SqsEvent::deserialize(value).map_err(Error::custom)?.messages));
        }
        if text("/action") == Some("sweep") {
            return Ok(Self::Sweep);
        }
        Ok(Self::Event(SqsMessage {
            message_id: "invocation".to_owned(),
            receipt_handle: String::new(),
            body: value.to_string(),
            attributes: MessageAttributes::default(),
            queue_arn: String::new(),
        }))
    }
}
