//! Figures of many runs: median and quartiles.

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// Median and quartiles.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lower_quartile: f64,
    pub(crate) upper_quartile: f64,
    pub(crate) runs: usize,
}

impl Spread {
    /// Computes the figures of a list of runs.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let quartile = |number: usize| values.get((values.len().saturating_sub(1) * number + 2) / 4).copied();
        Some(Self {
            median: quartile(2)?,
            lower_quartile: quartile(1)?,
            upper_quartile: quartile(3)?,
            runs: values.len(),
        })
    }

    pub(crate) fn text(&self, unit: &str, digits: usize) -> String {
        let Self { median, lower_quartile, upper_quartile, .. } = self;
        format!("{median:.digits$}{unit} ({lower_quartile:.digits$}–{upper_quartile:.digits$})")
    }
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Formats a table as text, with numbers aligned to the right.
pub(crate) fn table<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
