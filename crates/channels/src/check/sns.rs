//! Limits of SNS, and the schema of Amazon Q.
//!
//! Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>,
//! <https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html>

use serde_json::Value;

use super::{Faults, at_most, text};
use crate::sns::Publication;

/// A call of `sns:Publish`.
#[must_use]
pub fn publication(publication: &Publication) -> Faults {
    let mut faults = Faults::new();
    let Publication { topic_arn, subject, message, attributes, fifo } = publication;
    let begins = subject.bytes().next().is_some_and(|byte| byte.is_ascii_graphic());
    if !begins || subject.len() > 100 || !subject.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        faults.push(format!("the subject is refused: {subject}"));
    }
    let of_attributes: usize = attributes.iter().map(|(name, value)| name.len() + value.len() + "String".len()).sum();
    at_most("the message", message.len() + of_attributes, 262_144, &mut faults);
    at_most("the number of attributes", attributes.len(), 10, &mut faults);
    for (name, value) in attributes {
        if value.is_empty() || name.is_empty() {
            faults.push(format!("the attribute {name} is empty"));
        }
    }
    if fifo.is_some() != (topic_arn.rsplit('.').next() == Some("fifo")) {
        faults.push("a FIFO topic needs a group, and another one takes none".to_owned());
    }
    let Ok(Value::Object(bodies)) = serde_json::from_str(message) else {
        faults.push("the message is no JSON object".to_owned());
        return faults;
    };
    if !bodies.contains_key("default") || bodies.values().any(|body| !body.is_string()) {
        faults.push("each protocol needs a text, and there has to be a default".to_owned());
    }
    let chat = bodies.get("https").and_then(Value::as_str).unwrap_or_default();
    faults.extend(
        serde_json::from_str(chat).map_or_else(|_| vec!["no JSON for https".to_owned()], |chat| amazon_q(&chat)),
    );
    faults
}

/// A custom notification. Another one is dropped silently.
fn amazon_q(chat: &Value) -> Faults {
    let mut faults = Faults::new();
    if text(chat, "version", &mut faults) != "1.0" || text(chat, "source", &mut faults) != "custom" {
        faults.push("version is 1.0, and source is custom".to_owned());
    }
    let content = chat.get("content").cloned().unwrap_or_default();
    let said = format!("{}{}", text(&content, "title", &mut faults), text(&content, "description", &mut faults));
    for mark in ["<", ">", "`", "*", "](", " @"] {
        if said.contains(mark) {
            faults.push(format!("`{mark}` may mean something in the chat: {said}"));
        }
    }
    if text(&content, "textType", &mut faults) != "client-markdown" {
        faults.push("the only textType is client-markdown".to_owned());
    }
    faults
}
