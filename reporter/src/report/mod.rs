//! The duty *report*: what is open, and what was opened and closed since the last report, written into a bucket.
//!
//! INVARIANT: it is noted which period a report is about before anything of it is written, and afterwards that it was written,
//! both on the condition that no other run was faster. A period begins where the one before ends, and a report that was not
//! written to its end is written by the next run. So each moment is part of one report, whatever fails.

mod period;
mod reading;

use std::collections::BTreeMap;
use std::io;

use aws_traits::object_store::{self, ObjectStore};
use findings::store::{FindingStore, Mark, MarkName, Marks, StoreError};
use jiff::{SignedDuration, Timestamp};
use reports::RememberedReport;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::info;

use self::period::{Noted, due, so_far};
use self::reading::Read;
use crate::SERVICE;
use crate::time::plus;

/// For how long it is remembered where the last report ended.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The event of a schedule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Schedule {
    /// When the function was due. It is the same each time that the event is delivered. Whoever invokes the function by hand has
    /// none, and gets a preview.
    #[serde(default)]
    pub time: Option<Timestamp>,
}

/// Writes reports on all findings into a bucket.
#[derive(Debug)]
pub struct ReportWriter<S, B> {
    store: S,
    bucket: B,
    prefix: String,
    rule: String,
    now: fn() -> Timestamp,
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reported {
    /// Findings that were read.
    pub findings: usize,
    /// Findings that could not be read, and are in no report.
    pub unreadable: usize,
    /// What the names of the objects of each report begin with; none if a later report is there already.
    pub reports: Vec<String>,
}

/// A report was not written. To try again does no harm.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The time is too short to read all findings. Nothing was written, and the next report has what this one would have had.
    #[error(
        "there was no time to read all findings, after {0} of them: nothing was written; give the function more memory, and so a faster processor"
    )]
    NoTime(usize),
    /// Findings could not be read, or it could not be noted which report is written.
    #[error("the findings could not be read, or the report not be noted")]
    Store(#[from] StoreError),
    /// The bucket did not take an object.
    #[error("the report could not be stored")]
    Bucket(#[from] object_store::StoreError),
    /// The report could not be put into words.
    #[error("the report could not be written")]
    Format(#[from] io::Error),
    /// Another run is at it.
    #[error("another run writes a report at the same time: this one is tried again")]
    Overtaken,
}

impl<S: FindingStore + Marks, B: ObjectStore> ReportWriter<S, B> {
    /// Writes reports on the findings under a rule of AWS Config. The names of all objects begin with `prefix`. `now` is the
    /// clock.
    pub fn new(store: S, bucket: B, prefix: String, rule: String, now: fn() -> Timestamp) -> Self {
        Self { store, bucket, prefix, rule, now }
    }

    /// Writes the report that was due at `scheduled`, and before it one that an earlier run has not written to its end. A report
    /// that is there already is written again, about the same period. If nothing was scheduled, writes a preview of the next one.
    ///
    /// # Errors
    ///
    /// If not all findings could be read before the deadline, or if the report could not be stored.
    pub async fn run(&self, scheduled: Option<Timestamp>, deadline: Instant) -> Result<Reported, ReportError> {
        let now = (self.now)();
        let mut mark = self.store.read_mark(&name()).await?;
        let known = noted(&mark);
        // A time that is still to come would leave nothing to the reports until then.
        let Some(at) = scheduled.map(|time| second(time.min(now))) else {
            return self.preview(known, second(now), deadline).await;
        };
        let due = due(known, at);
        let Some(first) = due.first() else {
            info!(service = SERVICE, report.at = %at, "nothing to report: a later report is there");
            return Ok(Reported::default());
        };
        let read = self.read_all(first.period.since, at, deadline).await?;
        let (findings, unreadable) = (read.findings.len(), read.unreadable.len());
        let mut reports = Vec::new();
        for report in due {
            if known.is_none_or(|known| known.at != report.at) {
                mark = self.note(&mark, report).await?;
            }
            let place = self.write(&place(report.at), report, &read).await?;
            if !report.is_written {
                mark = self.note(&mark, Noted { is_written: true, ..report }).await?;
            }
            info!(service = SERVICE, report = place, findings, unreadable, "report written");
            reports.push(place);
        }
        Ok(Reported { findings, unreadable, reports })
    }

    /// Writes what the next report would have if it were due at `at`. Nothing is noted, so that no report lacks it.
    async fn preview(&self, known: Option<Noted>, at: Timestamp, deadline: Instant) -> Result<Reported, ReportError> {
        let report = Noted { at, period: so_far(known, at), is_written: false };
        let read = self.read_all(report.period.since, at, deadline).await?;
        let (findings, unreadable) = (read.findings.len(), read.unreadable.len());
        let place = self.write(&format!("preview-{}", place(at)), report, &read).await?;
        info!(service = SERVICE, report = place, findings, unreadable, "preview of a report written");
        Ok(Reported { findings, unreadable, reports: vec![place] })
    }

    /// Writes the objects of a report. The figures come last: where they are, the report is whole.
    async fn write(&self, place: &str, report: Noted, read: &Read) -> Result<String, ReportError> {
        let place = format!("{}{place}/", self.prefix);
        let written = RememberedReport::new(&self.rule, report.at, read.findings.values())
            .about(report.period)
            .without(read.unreadable.len());
        let (mut csv, mut html) = (Vec::new(), Vec::new());
        written.write_csv(&mut csv)?;
        written.write_html(&mut html)?;
        let figures = serde_json::to_vec_pretty(&written.figures()).map_err(io::Error::from)?;
        for (name, bytes) in [("findings.csv", csv), ("findings.html", html), ("report.json", figures)] {
            let text = String::from_utf8(bytes).map_err(io::Error::other)?;
            self.bucket.put(&format!("{place}{name}"), text, BTreeMap::new()).await?;
        }
        Ok(place)
    }

    async fn note(&self, known: &Mark, report: Noted) -> Result<Mark, ReportError> {
        let content = serde_json::to_string(&report).map_err(io::Error::from)?;
        let noted = self.store.write_mark(&name(), known, content, plus((self.now)(), KEPT)).await?;
        noted.ok_or(ReportError::Overtaken)
    }
}

/// The second of a time: a report has its name from it.
fn second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Where the report is that was due at `at`, below the prefix.
fn place(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H%M%SZ").to_string()
}

fn name() -> MarkName {
    MarkName { of: "report#findings".to_owned(), name: "last".to_owned() }
}

/// What is noted of the last report. A mark that is not understood says nothing.
fn noted(mark: &Mark) -> Option<Noted> {
    serde_json::from_str(&mark.content).ok()
}
