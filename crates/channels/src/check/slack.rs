//! Limits of Slack.
//!
//! Source: <https://docs.slack.dev/reference/methods/chat.postMessage>, <https://docs.slack.dev/reference/block-kit/blocks>,
//! and for all blocks together <https://github.com/slackapi/bolt-js/issues/2509>

use serde_json::Value;

use super::{Faults, at_most, length, text};

/// A message by `chat.postMessage`, `chat.update` or an incoming webhook.
#[must_use]
pub fn slack_message(message: &Value) -> Faults {
    let mut faults = Faults::new();
    at_most("the text", length(text(message, "text", &mut faults)), 40_000, &mut faults);
    entities(text(message, "text", &mut Vec::new()), "the text", &mut faults);
    let Some(blocks) = message.get("blocks").and_then(Value::as_array) else {
        faults.push("there are no blocks".to_owned());
        return faults;
    };
    at_most("the number of blocks", blocks.len(), 50, &mut faults);
    let all: usize = blocks.iter().map(|block| length(&block.to_string())).sum();
    at_most("the length of all blocks", all, 13_200, &mut faults);
    for block in blocks {
        check_block(block, &mut faults);
    }
    for key in ["link_names", "parse"] {
        if message.get(key).is_some() {
            faults.push(format!("`{key}` would make mentions of names"));
        }
    }
    faults
}

fn check_block(block: &Value, faults: &mut Faults) {
    match block.get("type").and_then(Value::as_str) {
        Some("header") => check_text(block.get("text"), &["plain_text"], 150, faults),
        Some("section") => {
            let fields = block.get("fields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            if block.get("text").is_none() && fields.is_empty() {
                faults.push("a section has neither text nor fields".to_owned());
            }
            at_most("the number of fields", fields.len(), 10, faults);
            for field in fields {
                check_text(Some(field), &["plain_text", "mrkdwn"], 2_000, faults);
            }
            if let Some(text) = block.get("text") {
                check_text(Some(text), &["plain_text", "mrkdwn"], 3_000, faults);
            }
        }
        Some("context") => {
            let elements = block.get("elements").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            if !(1..=10).contains(&elements.len()) {
                faults.push("a context has 1 to 10 elements".to_owned());
            }
            for element in elements {
                check_text(Some(element), &["plain_text", "mrkdwn"], 2_000, faults);
            }
        }
        Some("divider") => {}
        other => faults.push(format!("block of type {other:?}")),
    }
}

fn check_text(object: Option<&Value>, types: &[&str], max: usize, faults: &mut Faults) {
    let Some(object) = object else {
        faults.push("a block has no text".to_owned());
        return;
    };
    let kind = text(object, "type", faults);
    if !types.contains(&kind) {
        faults.push(format!("text of type {kind}"));
    }
    let text = text(object, "text", faults);
    at_most("a text", length(text), max, faults);
    if kind == "plain_text" {
        entities(text, "a plain text", faults);
        if text.contains(['<', '>']) {
            faults.push(format!("a plain text is not escaped: {text}"));
        }
    } else {
        marks(text, faults);
    }
}

/// Every `&` begins one of the three entities.
fn entities(text: &str, what: &str, faults: &mut Faults) {
    let is_entity = |part: &str| ["amp;", "lt;", "gt;"].iter().any(|entity| part.starts_with(entity));
    if !text.split('&').skip(1).all(is_entity) {
        faults.push(format!("{what} has a broken entity: {text}"));
    }
}

/// Marks are links to the console, and mentions of one user.
fn marks(text: &str, faults: &mut Faults) {
    entities(text, "a formatted text", faults);
    for part in text.split('<').skip(1) {
        let mark = part.split('>').next().unwrap_or_default();
        let is_user = mark.strip_prefix('@').is_some_and(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if !is_user && !mark.starts_with("https://") {
            faults.push(format!("a mark that is neither a user nor a link: <{mark}>"));
        }
    }
}
