//! `PutEvents` on the wire: awsJson1.1.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>

use aws_traits::events::Event;
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'r> {
    entries: Vec<Entry<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'r> {
    event_bus_name: &'r str,
    source: &'r str,
    detail_type: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<[&'r str; 1]>,
    detail: &'r str,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    failed_entry_count: u64,
    entries: Vec<EntryResult>,
}

/// The result for one event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EntryResult {
    /// Set if the event was not taken.
    pub(super) error_code: Option<String>,
    pub(super) error_message: Option<String>,
}

/// Body of the request.
pub(super) fn request(bus: &str, events: &[Event]) -> String {
    let entries = events.iter().map(|event| Entry {
        event_bus_name: bus,
        source: event.source,
        detail_type: event.detail_type,
        resources: event.resource.as_deref().map(|resource| [resource]),
        detail: &event.detail,
    });
    serde_json::to_string(&Request { entries: entries.collect() }).unwrap_or_default()
}

/// Reads the answer: a result for each event.
pub(super) fn results(body: &str) -> Result<Vec<EntryResult>, String> {
    let answer: Answer = serde_json::from_str(body).map_err(|problem| problem.to_string())?;
    let failed = answer.entries.iter().filter(|entry| entry.error_code.is_some()).count();
    if usize::try_from(answer.failed_entry_count) == Ok(failed) {
        Ok(answer.entries)
    } else {
        Err(format!("{} failed entries, and {failed} with an error", answer.failed_entry_count))
    }
}
