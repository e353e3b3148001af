//! Reports on findings that a stack remembers: those of a list, and with a [`Period`] what became of them in it.

mod csv;
mod figures;
mod html;
mod listed;
mod period;

use std::io::{self, Write};

use jiff::Timestamp;

pub use self::figures::{Figures, OpenFindings, TimeToClose};
pub use self::listed::ListedFinding;
pub use self::period::Period;

/// A report on findings.
#[derive(Debug)]
pub struct RememberedReport<'l> {
    rule: &'l str,
    created: Timestamp,
    period: Option<Period>,
    /// Open ones first, the most severe of them before all.
    findings: Vec<&'l ListedFinding>,
    unreadable: usize,
}

impl<'l> RememberedReport<'l> {
    /// A report of the time `created` on findings under a rule of AWS Config.
    #[must_use]
    pub fn new(rule: &'l str, created: Timestamp, findings: impl IntoIterator<Item = &'l ListedFinding>) -> Self {
        let mut findings: Vec<&ListedFinding> = findings.into_iter().collect();
        findings.sort_by(|one, other| one.rank().cmp(&other.rank()));
        Self { rule, created, period: None, findings, unreadable: 0 }
    }

    /// A report that also says what was opened and closed in a period. A closed finding of which nothing is to be said of this
    /// time is left out.
    #[must_use]
    pub fn about(mut self, period: Period) -> Self {
        self.findings.retain(|finding| !finding.is_over() || finding.changed_in(&period));
        Self { period: Some(period), ..self }
    }

    /// Says that so many findings could not be read.
    #[must_use]
    pub fn without(self, unreadable: usize) -> Self {
        Self { unreadable, ..self }
    }

    /// Writes the findings as CSV (RFC 4180), one line per finding.
    ///
    /// # Errors
    ///
    /// If the output cannot be written.
    pub fn write_csv(&self, writer: impl Write) -> io::Result<()> {
        csv::write(self, writer)
    }

    /// Writes one self-contained page that needs no network, no other file and no scripts.
    ///
    /// # Errors
    ///
    /// If the output cannot be written.
    pub fn write_html(&self, writer: impl Write) -> io::Result<()> {
        html::write(self, writer)
    }

    /// The figures of the report.
    #[must_use]
    pub fn figures(&self) -> Figures<'l> {
        Figures::of(self)
    }
}
