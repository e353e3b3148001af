//! A table for a terminal: exposures and groups that could not be judged, then a line of totals.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::mem;

use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Width, presets};
use exposure::Reach;
use findings::{ComplianceType, FoundExposure, GroupResult, Openness, ScanTotals, Severity};
use plain_text::printable;
use unicode_width::UnicodeWidthStr;

use super::{Report, ReportOptions};

/// Rows that are laid out together. The widths of the columns are fixed, so that all batches make one table.
const BATCH: usize = 256;

/// Minimum width of the table. In a narrower one a column would hold a few letters only; the terminal breaks the lines
/// instead.
const MIN_WIDTH: u16 = 60;

/// Space between two columns.
const GAP: u16 = 2;

/// Minimum width of the column of the groups: an id, which is not broken.
const GROUP_WIDTH: u16 = 20;

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Group,
    Region,
    Account,
    Status,
    Ports,
    Source,
    Rule,
}

pub(super) struct Table<W: Write> {
    writer: W,
    color: bool,
    all: bool,
    width: u16,
    columns: Vec<(Column, u16)>,
    rows: Vec<Vec<Cell>>,
    begun: bool,
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Group => "GROUP",
            Self::Region => "REGION",
            Self::Account => "ACCOUNT",
            Self::Status => "STATUS",
            Self::Ports => "PORTS",
            Self::Source => "SOURCE",
            Self::Rule => "RULE",
        }
    }

    /// Columns for a terminal of `width`, with their widths. A narrow terminal gets only the most important columns; the
    /// group gets the remaining width.
    fn layout(width: u16, one_account: bool) -> Vec<(Self, u16)> {
        let (status, ports, source) = match width {
            ..80 => (7, 9, 18),
            80..110 => (8, 10, 18),
            110..150 => (8, 14, 20),
            150.. => (8, 18, 24),
        };
        let mut columns = vec![(Self::Status, status), (Self::Ports, ports), (Self::Source, source)];
        if width >= 110 {
            columns.push((Self::Rule, 21));
        }
        if width >= 124 && !one_account {
            columns.insert(0, (Self::Account, 12));
        }
        if width >= 80 {
            columns.insert(0, (Self::Region, 14));
        }
        let taken: u16 = columns.iter().map(|(_, width)| width + GAP).sum();
        columns.insert(0, (Self::Group, width.saturating_sub(taken).max(GROUP_WIDTH)));
        columns
    }

    fn cell(self, result: &GroupResult, exposure: Option<&FoundExposure>) -> Cell {
        let or_dash = |text: Option<&str>| Cell::new(printable(text.unwrap_or("-")));
        match self {
            Self::Group => Cell::new(Self::group(result, exposure)),
            Self::Region => or_dash(result.region.as_deref()),
            Self::Account => or_dash(result.account.as_deref()),
            Self::Status => {
                let (word, color) = match (result.openness, exposure.map(|exposure| exposure.reach)) {
                    (_, Some(Reach::World)) | (Openness::World, None) => ("world", Color::DarkRed),
                    (_, Some(Reach::Partial | Reach::None)) | (Openness::Partial, None) => {
                        ("partly", Color::DarkYellow)
                    }
                    (Openness::Unknown, None) => ("unknown", Color::DarkMagenta),
                    (Openness::Restricted, None) if !result.exempted.is_empty() => ("exempt", Color::DarkYellow),
                    (Openness::Restricted, None) => ("closed", Color::DarkGreen),
                };
                Cell::new(word).fg(color)
            }
            Self::Ports => Cell::new(lines(exposure.into_iter().flat_map(|exposure| &exposure.ports))),
            Self::Source => Cell::new(match exposure {
                Some(exposure) => printable(&exposure.source).into_owned(),
                None => lines(result.unjudged.iter().map(|unjudged| &unjudged.source)),
            }),
            Self::Rule => or_dash(exposure.and_then(|exposure| exposure.rule_id.as_deref())),
        }
    }

    /// The id of the group. The first exposure also has its name, its severity and the reasons why it could not be judged.
    fn group(result: &GroupResult, exposure: Option<&FoundExposure>) -> String {
        let id = printable(&result.group_id).into_owned();
        if exposure.is_some_and(|exposure| result.exposures.first() != Some(exposure)) {
            return id;
        }
        let name = result.group_name.as_ref().filter(|name| **name != result.group_id);
        let severity = match result.severity {
            Some(Severity::Low) => Some("attached to nothing"),
            Some(Severity::Critical) => Some("on a public address"),
            Some(Severity::High | Severity::Medium) | None => None,
        };
        let reasons: BTreeSet<&str> = match exposure {
            Some(_) => BTreeSet::new(),
            None => result.unjudged.iter().map(|unjudged| unjudged.reason.as_str()).collect(),
        };
        let more = name.map(String::as_str).into_iter().chain(severity).chain(reasons);
        more.fold(id, |text, line| format!("{text}\n{}", printable(line)))
    }
}

/// Each text once, on a line of its own; a dash if there is none.
fn lines<'t>(texts: impl Iterator<Item = &'t String>) -> String {
    let mut lines: Vec<Cow<'_, str>> = Vec::new();
    for text in texts.map(|text| printable(text)) {
        if !lines.contains(&text) {
            lines.push(text);
        }
    }
    if lines.is_empty() { "-".to_owned() } else { lines.join("\n") }
}

impl<W: Write> Table<W> {
    pub(super) fn new(writer: W, options: &ReportOptions) -> Self {
        let width = options.width.max(MIN_WIDTH);
        if options.color {
            // The caller has considered NO_COLOR; otherwise crossterm would do so again.
            crossterm::style::force_color_output(true);
        }
        Self {
            writer,
            color: options.color,
            all: options.all,
            width,
            columns: Column::layout(width, options.one_account),
            rows: Vec::new(),
            begun: false,
        }
    }

    fn push(&mut self, result: &GroupResult, exposure: Option<&FoundExposure>) -> io::Result<()> {
        self.rows.push(self.columns.iter().map(|(column, _)| column.cell(result, exposure)).collect());
        if self.rows.len() < BATCH { Ok(()) } else { self.write_rows() }
    }

    fn write_rows(&mut self) -> io::Result<()> {
        let rows = mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let is_first = !mem::replace(&mut self.begun, true);
        if is_first {
            self.fit_groups(&rows);
            let titles = self.columns.iter().map(|(column, _)| Cell::new(column.title()));
            let titles = vec![titles.map(|title| title.add_attribute(Attribute::Bold)).collect()];
            self.write_table(titles)?;
            let width: u16 = self.columns.iter().map(|(_, width)| width + GAP).sum();
            writeln!(self.writer, "{}", "─".repeat((width - GAP).min(self.width).into()))?;
        }
        self.write_table(rows)
    }

    /// Narrows the column of the groups to what the first rows need. Names in later rows may be broken.
    fn fit_groups(&mut self, rows: &[Vec<Cell>]) {
        let Some((Column::Group, width)) = self.columns.first_mut() else { return };
        let texts = rows.iter().filter_map(|row| row.first()).map(Cell::content);
        let widest = texts.filter_map(|text| text.lines().map(UnicodeWidthStr::width).max()).max();
        let widest = widest.and_then(|widest| u16::try_from(widest).ok()).unwrap_or(u16::MAX);
        *width = (*width).min(widest.max(GROUP_WIDTH));
    }

    fn write_table(&mut self, rows: Vec<Vec<Cell>>) -> io::Result<()> {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if self.color {
            table.enforce_styling().style_text_only();
        } else {
            table.force_no_tty();
        }
        table.add_rows(rows);
        for (column, (_, width)) in table.column_iter_mut().zip(&self.columns) {
            column.set_padding((0, GAP)).set_constraint(ColumnConstraint::Absolute(Width::Fixed(width + GAP)));
        }
        for line in table.lines() {
            writeln!(self.writer, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn totals(&mut self, totals: &ScanTotals) -> io::Result<()> {
        let paint = |text: String, color: &str| {
            if self.color { format!("\u{1b}[{color}m{text}\u{1b}[0m") } else { text }
        };
        let mut parts = vec![match totals.noncompliant {
            0 => "none non-compliant".to_owned(),
            some => paint(format!("{some} non-compliant"), "31"),
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
        let groups = match totals.groups_evaluated {
            1 => "1 security group".to_owned(),
            some => format!("{some} security groups"),
        };
        writeln!(self.writer, "{groups} evaluated: {}", parts.join(", "))?;
        for not_scanned in &totals.not_scanned {
            let part = not_scanned.place().map(|place| format!("not scanned: {place}: ")).unwrap_or_default();
            writeln!(self.writer, "{}{}", printable(&part), printable(&not_scanned.reason))?;
        }
        Ok(())
    }
}

impl<W: Write> Report for Table<W> {
    fn group(&mut self, result: &GroupResult) -> io::Result<()> {
        match result.compliance {
            ComplianceType::NonCompliant => {
                result.exposures.iter().try_for_each(|exposure| self.push(result, Some(exposure)))
            }
            ComplianceType::InsufficientData => self.push(result, None),
            ComplianceType::Compliant if self.all => self.push(result, None),
            ComplianceType::Compliant => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>, totals: &ScanTotals) -> io::Result<()> {
        self.write_rows()?;
        if self.begun {
            writeln!(self.writer)?;
        }
        self.totals(totals)?;
        self.writer.flush()
    }
}
