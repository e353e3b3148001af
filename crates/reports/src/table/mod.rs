//! A table for a terminal: the policy, the exposures and the groups that could not be judged, then a line of totals.
//!
//! The most urgent groups come first, and a column is as wide as its widest text, so the rows wait until the scan is complete.

mod columns;
mod row;
mod spool;
mod style;

use std::io::{self, Write};
use std::mem;

use comfy_table::{Cell, Color};
use findings::{ComplianceType, FoundExposure, GroupResult, ScanTotals};
use plain_text::{counted, printable};

use self::columns::{Column, Layout, Widths};
use self::row::{Row, is_world};
use self::spool::Spools;
pub use self::style::text_table;
use super::rank::{Level, rank};
use super::scan_info::created;
use super::snippet::Line;
use super::{Report, ReportOptions, wording};

/// Rows that are laid out together. The widths of the columns are fixed, so that all batches make one table.
const BATCH: usize = 256;

/// Minimum width of the table. In a narrower one a column would hold a few letters only; the terminal breaks the lines
/// instead.
const MIN_WIDTH: u16 = 60;

/// Maximum width of the table: no terminal is wider.
const MAX_WIDTH: u16 = 10_000;

pub(super) struct Table<W: Write> {
    writer: W,
    options: ReportOptions,
    width: u16,
    widths: Widths,
    rows: Spools,
    /// Whether the head is written.
    has_head: bool,
    /// Whether lines of a file were written last.
    has_snippet_above: bool,
}

impl<W: Write> Table<W> {
    pub(super) fn new(writer: W, options: ReportOptions) -> Self {
        if options.color {
            // The caller has considered NO_COLOR; otherwise crossterm would do so again.
            crossterm::style::force_color_output(true);
        }
        let width = options.width.clamp(MIN_WIDTH, MAX_WIDTH);
        let (widths, rows) = (Widths::default(), Spools::default());
        Self { writer, options, width, widths, rows, has_head: false, has_snippet_above: false }
    }

    fn push(&mut self, result: &GroupResult, exposure: Option<&FoundExposure>) -> io::Result<()> {
        let row = Row::new(&self.options.record.policy, result, exposure);
        self.widths.add(&row);
        self.rows.push(rank(result), &row)
    }

    /// What was judged, when, and by which policy.
    fn head(&mut self) -> io::Result<()> {
        if mem::replace(&mut self.has_head, true) {
            return Ok(());
        }
        let record = &self.options.record;
        let mut scan = format!("Portcullis {}, {}", wording::VERSION, created(&self.options));
        let mut add = |part: &str| {
            if !part.is_empty() {
                scan = format!("{scan}, {}", printable(part));
            }
        };
        add(&record.subject());
        if record.targets.is_empty() {
            let (account, region) = self.widths.only_place();
            add(&account.map(|account| format!("account {account}")).unwrap_or_default());
            add(region.unwrap_or_default());
        }
        add(&record.short_identity().map(|identity| format!("as {identity}")).unwrap_or_default());
        let policy = format!("Policy: {}", printable(&record.policy.sentence()));
        self.lines(vec![vec![Cell::new(scan)], vec![Cell::new(policy)]], &[self.width])
    }

    fn rows(&mut self) -> io::Result<()> {
        let rows = mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let layout = Layout::new(&self.widths, &self.options.record.targets, self.width);
        let (titles, widths): (Vec<&str>, Vec<u16>) =
            layout.columns.iter().map(|(column, width)| (column.title(), *width)).unzip();
        writeln!(self.writer)?;
        for line in style::head(&titles, &widths, self.options.color) {
            writeln!(self.writer, "{line}")?;
        }
        let mut batch = Vec::new();
        let indent = widths.first().map_or(0, |width| usize::from(*width + style::GAP));
        rows.drain(|row| {
            batch.push(layout.columns.iter().map(|(column, _)| cell(*column, &row, &layout)).collect());
            if batch.len() >= BATCH || !row.lines.is_empty() || !row.reasons.is_empty() {
                self.lines(mem::take(&mut batch), &widths)?;
            }
            self.reasons(&row.reasons, indent)?;
            self.snippet(&row.lines, indent)
        })?;
        self.lines(batch, &widths)
    }

    /// Sentences on a group, below it, over the whole width.
    fn reasons(&mut self, reasons: &[String], indent: usize) -> io::Result<()> {
        let width = self.width.saturating_sub(u16::try_from(indent).unwrap_or(u16::MAX));
        for reason in reasons {
            for line in style::lines(vec![vec![Cell::new(reason)]], &[width], false) {
                writeln!(self.writer, "{:indent$}{line}", "")?;
            }
        }
        Ok(())
    }

    /// Lines of a file, below the group that they are of.
    fn snippet(&mut self, lines: &[Line], indent: usize) -> io::Result<()> {
        for line in lines {
            let mark = if line.is_marked { '>' } else { ' ' };
            let text = format!("{:indent$}{mark} {} | {}", "", line.number, line.text);
            let text = style::cut(&text, self.width);
            let text = if line.is_marked { self.paint(text.trim_end(), "31") } else { text.trim_end().to_owned() };
            writeln!(self.writer, "{text}")?;
        }
        self.has_snippet_above = !lines.is_empty();
        Ok(())
    }

    fn paint(&self, text: &str, color: &str) -> String {
        if self.options.color { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn lines(&mut self, rows: Vec<Vec<Cell>>, widths: &[u16]) -> io::Result<()> {
        if mem::take(&mut self.has_snippet_above) && !rows.is_empty() {
            writeln!(self.writer)?;
        }
        style::lines(rows, widths, self.options.color).try_for_each(|line| writeln!(self.writer, "{line}"))
    }

    fn totals(&mut self, totals: &ScanTotals) -> io::Result<()> {
        let paint = |text: String, color: &str| self.paint(&text, color);
        let severities: Vec<String> =
            totals.by_severity.iter().map(|(severity, count)| format!("{count} {}", severity.as_str())).collect();
        let mut parts = vec![match totals.noncompliant {
            0 => "none non-compliant".to_owned(),
            some => paint(format!("{some} non-compliant ({})", severities.join(", ")), "31"),
        }];
        if totals.insufficient_data > 0 {
            parts.push(paint(format!("{} could not be judged", totals.insufficient_data), "35"));
        }
        if totals.exempt > 0 {
            parts.push(paint(format!("{} exempt", totals.exempt), "33"));
        }
        if !totals.not_scanned.is_empty() {
            parts.push(paint(format!("{} not scanned", totals.not_scanned.len()), "35"));
        }
        let groups = counted(totals.groups_evaluated, "security group");
        writeln!(self.writer, "\n{groups} evaluated: {}", parts.join(", "))?;
        for not_scanned in &totals.not_scanned {
            writeln!(self.writer, "{}", printable(&wording::not_scanned(not_scanned)))?;
        }
        Ok(())
    }
}

/// A cell. That of the group also has what there is no column for.
fn cell(column: Column, row: &Row, layout: &Layout) -> Cell {
    let text = column.text(row);
    match column {
        Column::Severity => Cell::new(text).fg(color(row.level)),
        Column::Name if !row.is_first => Cell::new(""),
        Column::Ports if layout.has_traffic && !text.is_empty() => Cell::new(row.ports_alone()),
        Column::OpenTo if is_world(row) => Cell::new(text).fg(Color::DarkRed),
        Column::Group => {
            let below = layout
                .below_group
                .iter()
                .map(|column| column.text(row))
                .filter(|text| row.is_first && !text.is_empty());
            let note = [row.note.as_str()].into_iter().filter(|note| !note.is_empty());
            Cell::new(below.chain(note).fold(text.to_owned(), |text, line| format!("{text}\n{line}")))
        }
        _ => Cell::new(if text.is_empty() { "-" } else { text }),
    }
}

fn color(level: Level) -> Color {
    match level {
        Level::Critical | Level::High => Color::DarkRed,
        Level::Medium | Level::Low | Level::Exempt => Color::DarkYellow,
        Level::Unknown => Color::DarkMagenta,
        Level::Compliant => Color::DarkGreen,
    }
}

impl<W: Write> Report for Table<W> {
    fn group(&mut self, result: &GroupResult) -> io::Result<()> {
        match result.compliance {
            ComplianceType::NonCompliant => {
                result.exposures.iter().try_for_each(|exposure| self.push(result, Some(exposure)))
            }
            ComplianceType::InsufficientData => self.push(result, None),
            ComplianceType::Compliant if self.options.all => self.push(result, None),
            ComplianceType::Compliant => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.options.record.targets.is_empty() {
            // The account and region of a file are known once its groups are.
            return Ok(());
        }
        self.head()?;
        self.writer.flush()
    }

    fn finish(mut self: Box<Self>, totals: &ScanTotals) -> io::Result<()> {
        self.head()?;
        self.rows()?;
        self.totals(totals)?;
        self.writer.flush()
    }
}
