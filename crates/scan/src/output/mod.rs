//! The reports: each takes one group at a time, and a summary at the end.

mod asff;
mod csv;
mod elements;
mod fix;
mod format;
mod html;
mod json;
mod ocsf;
mod sarif;
mod table;
mod wording;

use std::io::{self, Write};

use jiff::Timestamp;

pub use self::asff::AsffError;
pub use self::format::{Format, FormatError};
use crate::result::{GroupResult, Summary};

/// A report in the making. What it has written is whole only after `finish`.
pub trait Report {
    /// Adds a group.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn group(&mut self, result: &GroupResult) -> io::Result<()>;

    /// Ends the report.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or when the format has no place for something that was found ([`AsffError`]).
    fn finish(self: Box<Self>, summary: &Summary) -> io::Result<()>;
}

/// What a report depends on besides the groups.
#[derive(Debug, Clone)]
pub struct ReportOptions {
    /// The date of the report.
    pub created: Timestamp,
    /// Also lists compliant groups in `table`, `asff` and `ocsf`. `json` and `jsonl` list them always, the others never.
    pub all: bool,
    /// Colours in the table.
    pub color: bool,
    /// Columns of the terminal that the table is for.
    pub width: u16,
    /// Whether all groups are of one account, which the table then does not repeat.
    pub one_account: bool,
    /// The file that was scanned: where SARIF places a finding that has no location of its own.
    pub input: Option<String>,
}

/// A report that is written to `writer` while the groups come in.
#[must_use]
pub fn report<'w>(format: Format, writer: Box<dyn Write + 'w>, options: ReportOptions) -> Box<dyn Report + 'w> {
    let writer = io::BufWriter::new(writer);
    match format {
        Format::Table => Box::new(table::Table::new(writer, &options)),
        Format::Json => Box::new(json::Json::new(writer)),
        Format::Jsonl => Box::new(json::JsonLines::new(writer)),
        Format::Csv => Box::new(csv::Csv::new(writer)),
        Format::Html => Box::new(html::Html::new(writer, options)),
        Format::Sarif => Box::new(sarif::Sarif::new(writer, options)),
        Format::Asff => Box::new(asff::Asff::new(writer, options)),
        Format::Ocsf => Box::new(ocsf::Ocsf::new(writer, options)),
    }
}
