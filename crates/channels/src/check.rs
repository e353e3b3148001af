//! Checks of what a channel is sent against the published limits of its service, for fakes of these services.

mod jira;
mod pagerduty;
mod security_hub;
mod slack;
mod sns;
mod teams;

use serde_json::Value;

pub use self::jira::{jira_fields, jira_text};
pub(crate) use self::pagerduty::EVENT_MAX;
pub use self::pagerduty::pagerduty_event;
pub use self::security_hub::asff_findings;
pub use self::slack::slack_message;
pub use self::sns::publication;
pub use self::teams::teams_message;

/// What a service would refuse; empty if it takes the message.
pub type Faults = Vec<String>;

/// Length as a service may count it at worst.
pub(crate) fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text under a key, which has to be there and not blank.
fn text<'v>(value: &'v Value, key: &str, faults: &mut Faults) -> &'v str {
    let text = value.get(key).and_then(Value::as_str).unwrap_or_default();
    if text.trim().is_empty() {
        faults.push(format!("`{key}` is missing or blank in {value}"));
    }
    text
}

fn at_most(what: &str, length: usize, max: usize, faults: &mut Faults) {
    if length > max {
        faults.push(format!("{what} is {length}, and at most {max} is taken"));
    }
}
