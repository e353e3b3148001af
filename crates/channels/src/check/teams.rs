//! Limits of Microsoft Teams.
//!
//! Source: <https://learn.microsoft.com/en-us/connectors/teams/#known-issues-and-limitations-with-actions> for the size,
//! <https://adaptivecards.io/schemas/adaptive-card.json> for the elements

use serde_json::Value;

use super::{Faults, at_most, text};

/// A message by a workflow.
#[must_use]
pub fn teams_message(message: &Value) -> Faults {
    let mut faults = Faults::new();
    at_most("the message", message.to_string().len(), 28 * 1024, &mut faults);
    if text(message, "type", &mut faults) != "message" {
        faults.push("the message is not of the type `message`".to_owned());
    }
    let Some(content) = message.pointer("/attachments/0/content") else {
        faults.push("there is no card".to_owned());
        return faults;
    };
    if !matches!(text(content, "version", &mut faults), "1.2" | "1.3" | "1.4" | "1.5") {
        faults.push("Teams knows no such version of a card".to_owned());
    }
    let entities =
        content.pointer("/msteams/entities").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mentions: Vec<&str> = entities.iter().map(|entity| text(entity, "text", &mut faults)).collect();
    let body = content.get("body").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if body.is_empty() {
        faults.push("the card has no body".to_owned());
    }
    let mut said = String::new();
    for element in body {
        match element.get("type").and_then(Value::as_str) {
            Some("TextBlock") => said.push_str(text(element, "text", &mut faults)),
            Some("RichTextBlock") => {
                let runs = element.get("inlines").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                for run in runs {
                    if text(run, "text", &mut faults).contains("{{") {
                        faults.push("a text run has an expression".to_owned());
                    }
                }
            }
            other => faults.push(format!("element of type {other:?}")),
        }
    }
    for mention in &mentions {
        if !said.contains(mention) {
            faults.push(format!("the mention {mention} is not in the text, so the card is refused"));
        }
    }
    if said.matches("<at>").count() != mentions.len() {
        faults.push("the text has a mention without an entity".to_owned());
    }
    faults
}
