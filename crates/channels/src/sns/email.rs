//! The text for e-mail.

use crate::notice::Notice;
use crate::summary::Summary;
use crate::text::{bytes, fit};
use crate::words;

/// Longest line, in bytes.
const LINE_MAX: usize = 2_000;

/// Findings of a summary.
const SUMMARY_LINES: usize = 100;

/// Title, and a line for each finding.
pub(super) fn of_summary(summary: &Summary<'_>) -> String {
    let lines = words::summary_lines(summary, SUMMARY_LINES);
    let lines: String = lines.iter().map(|line| self::line(line)).collect();
    format!("{}\n{lines}", line(&words::summary_title(summary)))
}

/// Title, news, facts, commands and links, each on a line.
pub(super) fn of_finding(notice: &Notice<'_>) -> String {
    let facts = notice.facts().into_iter().map(|fact| format!("{}: {}", fact.label, fact.value)).collect();
    let links = words::links(notice.finding).into_iter().map(|link| format!("{}: {}", link.label, link.url)).collect();
    let parts =
        [vec![words::title(notice.finding)], words::news(notice), facts, words::commands(notice.finding), links];
    let parts = parts.into_iter().filter(|lines: &Vec<String>| !lines.is_empty());
    parts.map(|lines| lines.iter().map(|line| self::line(line)).collect::<String>()).collect::<Vec<_>>().join("\n")
}

/// A line with its end.
fn line(text: &str) -> String {
    let mut line = fit(text, LINE_MAX, bytes, |char, text| text.push(char));
    line.push('\n');
    line
}
