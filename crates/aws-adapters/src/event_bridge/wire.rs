//! `PutEvents` on the wire: awsJson1.1.
//!
//! Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ErrorMetadata;
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

#[derive(Deserialize, Default)]
struct Failure {
    #[serde(rename = "__type", alias = "code")]
    kind: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
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

/// Reads the answer: a result for each event, or the error.
pub(super) fn results(response: &HttpResponse) -> Result<Vec<EntryResult>, ErrorMetadata> {
    let body = response.body().bytes().unwrap_or_default();
    if !response.status().is_success() {
        return Err(failure(response, body));
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|problem| malformed(&problem.to_string()))?;
    let failed = answer.entries.iter().filter(|entry| entry.error_code.is_some()).count();
    if usize::try_from(answer.failed_entry_count) == Ok(failed) {
        Ok(answer.entries)
    } else {
        Err(malformed(&format!("{} failed entries, and {failed} with an error", answer.failed_entry_count)))
    }
}

fn malformed(problem: &str) -> ErrorMetadata {
    ErrorMetadata::builder().message(format!("the answer is malformed: {problem}")).build()
}

/// The error code is in a header, or in the body with a namespace and a link around it: `namespace#Code:http://…`.
///
/// Source: <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization>
fn failure(response: &HttpResponse, body: &[u8]) -> ErrorMetadata {
    let Failure { kind, message } = serde_json::from_slice(body).unwrap_or_default();
    let kind = response.headers().get("x-amzn-errortype").map(str::to_owned).or(kind);
    let mut error = ErrorMetadata::builder();
    if let Some(code) = kind.as_deref().and_then(|kind| kind.split(':').next()?.rsplit('#').next()) {
        error = error.code(code);
    }
    error.message(message.unwrap_or_else(|| format!("HTTP status {}", response.status().as_u16()))).build()
}
