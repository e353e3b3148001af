//! A summary in the document.

use findings::Severity;
use findings::finding::State;
use jiff::Timestamp;
use serde::Serialize;

use super::{NOTICE_FORMAT, digest};
use crate::summary::{Occasion, Summary, SummaryEntry};
use crate::words;

/// Findings in a document; the others are counted.
const ENTRIES_MAX: usize = 80;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'s> {
    schema: &'static str,
    kind: &'static str,
    id: String,
    title: String,
    occasion: &'static str,
    owner: Option<&'s str>,
    counts: CountsPart,
    total: usize,
    findings: Vec<EntryPart<'s>>,
    findings_omitted: usize,
}

#[derive(Serialize)]
struct CountsPart {
    critical: usize,
    high: usize,
    medium: usize,
    low: usize,
    exempt: usize,
    closed: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryPart<'s> {
    key: String,
    account: &'s str,
    region: &'s str,
    config_rule_name: &'s str,
    security_group_id: &'s str,
    state: State,
    severity: Option<Severity>,
    title: &'s str,
    first_seen: Option<Timestamp>,
}

/// Identity of a summary: the same one for the same recipient, however often it is sent.
pub(crate) fn summary_id(summary: &Summary<'_>) -> String {
    let recipient = summary.delivery.recipient.as_ref().map(|address| address.value.as_str()).unwrap_or_default();
    format!("portcullis-summary-{}-{}", digest(&[summary.id]), digest(&[&summary.delivery.channel, recipient]))
}

/// The document as JSON.
pub(crate) fn of_summary(summary: &Summary<'_>) -> String {
    let counts = summary.counts();
    let [critical, high, medium, low] = counts.open;
    let total = summary.entries().len();
    let document = Document {
        schema: NOTICE_FORMAT,
        kind: "summary",
        id: summary_id(summary),
        title: words::summary_title(summary),
        occasion: match summary.occasion {
            Occasion::Burst { .. } => "burst",
            Occasion::Digest => "digest",
        },
        owner: summary.owner,
        counts: CountsPart { critical, high, medium, low, exempt: counts.exempt, closed: counts.closed },
        total,
        findings: summary.entries().iter().take(ENTRIES_MAX).map(EntryPart::from).collect(),
        findings_omitted: total.saturating_sub(ENTRIES_MAX),
    };
    // It has no maps with keys other than texts, which are all that JSON does not take.
    serde_json::to_string(&document).unwrap_or_default()
}

impl<'s> From<&'s SummaryEntry> for EntryPart<'s> {
    fn from(entry: &'s SummaryEntry) -> Self {
        Self {
            key: entry.key.to_string(),
            account: entry.key.account(),
            region: entry.key.region(),
            config_rule_name: entry.key.rule(),
            security_group_id: entry.key.group_id(),
            state: entry.state,
            severity: entry.severity,
            title: &entry.title,
            first_seen: entry.first_seen,
        }
    }
}
