//! The one style of every table on a terminal: bold titles, a line below them, two spaces between the columns.

use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Width, presets};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Space between two columns.
pub(super) const GAP: u16 = 2;

/// Lines of `rows` in columns of these widths. A text that is too wide is broken between words, or else anywhere.
pub(super) fn lines(rows: Vec<Vec<Cell>>, widths: &[u16], color: bool) -> impl Iterator<Item = String> {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if color {
        table.enforce_styling().style_text_only();
    } else {
        table.force_no_tty();
    }
    table.add_rows(rows);
    for (column, width) in table.column_iter_mut().zip(widths) {
        column.set_padding((0, GAP)).set_constraint(ColumnConstraint::Absolute(Width::Fixed(width + GAP)));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.into_iter()
}

/// The titles and the line below them.
pub(super) fn head(titles: &[&str], widths: &[u16], color: bool) -> impl Iterator<Item = String> {
    let cells = titles.iter().map(|title| Cell::new(title).add_attribute(Attribute::Bold)).collect();
    let width: u16 = widths.iter().map(|width| width + GAP).sum();
    lines(vec![cells], widths, color).chain(["─".repeat(width.saturating_sub(GAP).into())])
}

/// Width of the widest line of a text.
pub(super) fn width_of(text: &str) -> u16 {
    let widest = text.lines().map(UnicodeWidthStr::width).max().unwrap_or_default();
    u16::try_from(widest).unwrap_or(u16::MAX)
}

/// The start of a line that is `width` columns wide at most, with an ellipsis if something is missing.
pub(super) fn cut(line: &str, width: u16) -> String {
    if line.width() <= usize::from(width) {
        return line.to_owned();
    }
    let mut room = usize::from(width).saturating_sub(1);
    let fits = |character: &char| {
        let width = character.width().unwrap_or_default();
        let fits = width <= room;
        room = room.saturating_sub(width);
        fits
    };
    format!("{}…", line.chars().take_while(fits).collect::<String>())
}

/// A whole table of plain text, `width` columns wide at most: the last column takes what the others leave.
#[must_use]
pub fn text_table<const COLUMNS: usize>(
    titles: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
    width: u16,
    color: bool,
) -> String {
    /// Width to which a column is narrowed at most.
    const LEAST: u16 = 22;
    let mut widths: [u16; COLUMNS] = titles.map(width_of);
    for row in rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(width_of(text));
        }
    }
    let taken = |widths: &[u16]| widths.iter().map(|width| width.saturating_add(GAP)).fold(0, u16::saturating_add);
    let mut excess = taken(&widths).saturating_sub(GAP).saturating_sub(width);
    while excess > 0 {
        let Some(widest) = widths.iter_mut().max() else { break };
        if *widest <= LEAST {
            break;
        }
        let less = excess.min(*widest - LEAST).min(8);
        *widest -= less;
        excess -= less;
    }
    let cells = rows.iter().map(|row| row.iter().map(Cell::new).collect()).collect();
    let mut text = String::new();
    for line in head(&titles, &widths, color).chain(lines(cells, &widths, color)) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_by_its_width() {
        assert_eq!(cut("CidrIp: 0.0.0.0/0", 17), "CidrIp: 0.0.0.0/0");
        assert_eq!(cut("CidrIp: 0.0.0.0/0", 9), "CidrIp: …");
        assert_eq!(cut("网络网络", 6), "网络…");
    }

    #[test]
    fn a_wide_text_is_broken_and_an_id_is_not() {
        let row = ["sg-0123456789abcdef0", "until the VPN is there, and not a day longer", "network team"];
        let table = text_table(["GROUP", "REASON", "OWNER"], &[row.map(str::to_owned)], 70, false);
        assert!(table.lines().all(|line| width_of(line) <= 70), "{table}");
        assert!(table.contains("sg-0123456789abcdef0"), "{table}");
        assert!(table.starts_with("GROUP                 REASON"), "{table}");
        assert_eq!(table.lines().nth(1).map(|line| line.chars().all(|c| c == '─')), Some(true));
    }
}
