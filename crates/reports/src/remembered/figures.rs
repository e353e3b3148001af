//! The figures of a report.

use findings::Severity;
use findings::finding::State;
use jiff::Timestamp;
use serde::Serialize;

use super::listed::length;
use super::{Period, RememberedReport};
use crate::numbers::number;

/// Name and version of the JSON format. Keys of a version stay; new keys may be added.
const FORMAT: &str = "portcullis.findings-report/1";

/// The figures of a report, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Figures<'r> {
    /// Name and version of the format.
    pub format: &'static str,
    /// Rule of AWS Config.
    pub rule: &'r str,
    /// Time of the report.
    pub created: Timestamp,
    /// The time that `opened`, `closed` and `time_to_close` are about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// Findings that were open when the report was written.
    pub open: OpenFindings,
    /// Findings that were exempt.
    pub exempt: u64,
    /// How often a group was opened in the period.
    pub opened: u64,
    /// How often a group was closed in the period.
    pub closed: u64,
    /// How long the groups that were closed had been open; `None` if none was.
    pub time_to_close: Option<TimeToClose>,
    /// Findings that could not be read, and are not in the report.
    pub unreadable: u64,
}

/// Open findings by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OpenFindings {
    /// Of this severity.
    pub critical: u64,
    /// Of this severity.
    pub high: u64,
    /// Of this severity.
    pub medium: u64,
    /// Of this severity.
    pub low: u64,
}

/// The mean of the times to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TimeToClose {
    /// Number of the closings.
    pub n: u64,
    /// Mean of the times from an opening to its closing, in whole seconds.
    pub mean_seconds: i64,
}

impl<'r> Figures<'r> {
    pub(super) fn of(report: &RememberedReport<'r>) -> Self {
        let mut open = OpenFindings::default();
        for finding in report.findings.iter().filter(|finding| finding.state == State::Open) {
            *match finding.severity {
                Severity::Critical => &mut open.critical,
                Severity::High => &mut open.high,
                Severity::Medium => &mut open.medium,
                Severity::Low => &mut open.low,
            } += 1;
        }
        let exempt = report.findings.iter().filter(|finding| finding.state == State::Exempt).count();
        let (mut opened, mut lengths) = (0, Vec::new());
        if let Some(period) = report.period {
            opened = report.findings.iter().map(|finding| finding.opened_in(period).count()).sum();
            let closed = report.findings.iter().flat_map(|finding| finding.closed_in(period));
            lengths = closed.filter_map(length).map(|length| length.as_secs()).collect();
        }
        Self {
            format: FORMAT,
            rule: report.rule,
            created: report.created,
            period: report.period,
            open,
            exempt: number(exempt),
            opened: number(opened),
            closed: number(lengths.len()),
            time_to_close: mean(&lengths),
            unreadable: number(report.unreadable),
        }
    }
}

/// The mean of lengths in seconds; `None` of none.
fn mean(lengths: &[i64]) -> Option<TimeToClose> {
    let sum = lengths.iter().fold(0_i64, |sum, length| sum.saturating_add(*length));
    let n = i64::try_from(lengths.len()).ok()?;
    let mean_seconds = sum.checked_div(n)?;
    Some(TimeToClose { n: number(lengths.len()), mean_seconds })
}
