//! Limits of `PagerDuty`.
//!
//! Source: <https://developer.pagerduty.com/docs/send-alert-event>,
//! <https://developer.pagerduty.com/docs/events-api-v2-overview#size-limits>

use jiff::Timestamp;
use serde_json::Value;

use super::{Faults, at_most, length, text};

/// Largest event, in bytes.
pub(crate) const EVENT_MAX: usize = 512 * 1024;

/// An event of the Events API v2.
#[must_use]
pub fn pagerduty_event(event: &Value) -> Faults {
    let mut faults = Faults::new();
    at_most("the event", event.to_string().len(), EVENT_MAX, &mut faults);
    at_most("the key", text(event, "dedup_key", &mut faults).len(), 255, &mut faults);
    match text(event, "event_action", &mut faults) {
        "trigger" => trigger(event, &mut faults),
        "resolve" | "acknowledge" => {}
        other => faults.push(format!("event_action is {other}")),
    }
    faults
}

fn trigger(event: &Value, faults: &mut Faults) {
    let payload = event.get("payload").unwrap_or(&Value::Null);
    at_most("the summary", length(text(payload, "summary", faults)), 1024, faults);
    text(payload, "source", faults);
    let severity = text(payload, "severity", faults);
    if !["critical", "error", "warning", "info"].contains(&severity) {
        faults.push(format!("severity is {severity}"));
    }
    let timestamp = payload.get("timestamp").filter(|timestamp| !timestamp.is_null());
    if timestamp.is_some_and(|time| time.as_str().and_then(|time| time.parse::<Timestamp>().ok()).is_none()) {
        faults.push("timestamp is not a time".to_owned());
    }
    if payload.get("custom_details").is_some_and(|details| !details.is_object()) {
        faults.push("custom_details is not an object".to_owned());
    }
    for link in event.get("links").and_then(Value::as_array).into_iter().flatten() {
        if !text(link, "href", faults).starts_with("https://") {
            faults.push("a link is not https".to_owned());
        }
    }
}
