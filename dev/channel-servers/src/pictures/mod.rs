//! What arrives, as pictures for the book: SVG of what the services were told.
//!
//! A picture is text without scripts, links and fonts of its own. It has the outlines of a service's page, and none of its
//! signs. All text in it may come from others.

mod document;
mod jira;
mod pagerduty;
mod paper;
mod security_hub;
mod slack;
mod sns;
mod style;
mod teams;
mod text;
mod webhook;

use jiff::Timestamp;
use serde_json::Value;

pub use self::jira::jira;
pub use self::pagerduty::pagerduty;
pub use self::security_hub::security_hub;
pub use self::slack::slack;
pub use self::sns::email;
pub use self::teams::teams;
pub use self::webhook::webhook;

/// A text of a document, or an empty one.
fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// A list of a document, or an empty one.
fn list<'v>(value: &'v Value, path: &str) -> &'v [Value] {
    value.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A time as a chat shows it.
fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M").to_string()
}

/// A time as a page shows it.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
