//! What all reports of a scan have in common.

use std::io::{self, Write};

use findings::{GroupResult, ScanRecord, ScanTotals};
use jiff::Timestamp;

#[cfg(feature = "csv")]
use crate::csv;
use crate::format::Format;
#[cfg(feature = "html")]
use crate::html;
#[cfg(feature = "table")]
use crate::table;
use crate::{asff, json, ocsf, sarif};

/// A report that is being written. The output is complete only after `finish`.
pub trait Report {
    /// Adds a group.
    ///
    /// # Errors
    ///
    /// If the output cannot be written.
    fn group(&mut self, result: &GroupResult) -> io::Result<()>;

    /// Hands what is final so far to the writer, so that a reader sees it while other groups are still being judged. A format
    /// that orders or counts the groups first has nothing to hand over, or only its head.
    ///
    /// # Errors
    ///
    /// If the output cannot be written.
    fn flush(&mut self) -> io::Result<()>;

    /// Ends the report.
    ///
    /// # Errors
    ///
    /// If the output cannot be written, or if the format has no place for a finding ([`AsffError`](crate::AsffError)).
    fn finish(self: Box<Self>, totals: &ScanTotals) -> io::Result<()>;
}

/// Settings of a report.
#[derive(Debug, Clone)]
pub struct ReportOptions {
    /// Date of the report.
    pub created: Timestamp,
    /// Also list compliant groups in `table`, `asff` and `ocsf`. `json` and `jsonl` always list them, the others never do.
    pub all: bool,
    /// Colour the table.
    pub color: bool,
    /// Width of the table in columns of the terminal.
    pub width: u16,
    /// What the scan judged, and by which policy. It is part of every report.
    pub record: ScanRecord,
    /// The scanned file. SARIF points to it for findings without a location of their own.
    pub input: Option<String>,
}

/// Starts a report in `format` that is written to `writer`.
#[must_use]
pub fn report<'w>(format: Format, writer: Box<dyn Write + 'w>, options: ReportOptions) -> Box<dyn Report + 'w> {
    let writer = io::BufWriter::new(writer);
    match format {
        #[cfg(feature = "table")]
        Format::Table => Box::new(table::Table::new(writer, options)),
        Format::Json => Box::new(json::Json::new(writer, options)),
        Format::Jsonl => Box::new(json::JsonLines::new(writer, options)),
        #[cfg(feature = "csv")]
        Format::Csv => Box::new(csv::Csv::new(writer, options)),
        #[cfg(feature = "html")]
        Format::Html => Box::new(html::Html::new(writer, options)),
        Format::Sarif => Box::new(sarif::Sarif::new(writer, options)),
        Format::Asff => Box::new(asff::Asff::new(writer, options)),
        Format::Ocsf => Box::new(ocsf::Ocsf::new(writer, options)),
    }
}
