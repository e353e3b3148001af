//! One self-contained page, without scripts.

use std::io::{self, Write};

use askama::Template;
use findings::finding::{Episode, State};
use jiff::{SignedDuration, Timestamp};
use plain_text::{one_line, printable};

use super::listed::length;
use super::{Figures, ListedFinding, Period, RememberedReport};
use crate::numbers::{count, grouped, number};

const STYLE: &str = include_str!("../../templates/findings.css");

// The page allows only this style and no script, so that the name of a group never becomes either.
const STYLE_HASH: &str = "sha256-Y0+ZkmaLk21/A/NPCWhrtrU1icbtzQdqrKKpIbJO7nw=";

/// Rows of a table. A page with more is too long to read; the CSV has all of them.
const MAX_ROWS: usize = 1_000;
/// Longest name of a group or an owner, in characters.
const NAME_MAX: usize = 60;
/// Longest list of ports or sources, in characters.
const LIST_MAX: usize = 120;

#[derive(Template)]
#[template(path = "findings.html")]
struct Page<'r> {
    style: &'static str,
    style_hash: &'static str,
    rule: &'r str,
    created: String,
    tiles: [Tile; 5],
    changes: Option<Changes>,
    listed: Table,
    unreadable: Option<String>,
}

/// A number at the top of the page.
struct Tile {
    number: String,
    label: &'static str,
}

/// What became of findings in a period.
struct Changes {
    since: String,
    until: String,
    time_to_close: String,
    opened: Table,
    closed: Table,
}

struct Table {
    total: String,
    rows: Vec<Row>,
    /// Number of the rows that are left out.
    left_out: Option<String>,
}

struct Row {
    severity: &'static str,
    state: String,
    name: String,
    group_id: String,
    place: String,
    ports: String,
    sources: String,
    owner: String,
    opened: String,
    closed: String,
}

pub(super) fn write(report: &RememberedReport<'_>, mut writer: impl Write) -> io::Result<()> {
    let figures = report.figures();
    // What was closed in a period has a table of its own.
    let is_listed = |finding: &&&ListedFinding| report.period.is_none() || !finding.is_over();
    let listed = report.findings.iter().filter(is_listed).map(|finding| (*finding, finding.newest()));
    let page = Page {
        style: STYLE,
        style_hash: STYLE_HASH,
        rule: report.rule,
        created: time(report.created),
        tiles: tiles(&figures),
        changes: report.period.map(|period| changes(report, period, &figures)),
        listed: table(listed),
        unreadable: (figures.unreadable > 0).then(|| count(figures.unreadable, "finding")),
    };
    page.write_into(&mut writer)?;
    writer.flush()
}

fn tiles(figures: &Figures<'_>) -> [Tile; 5] {
    let tile = |number: u64, label| Tile { number: grouped(number), label };
    [
        tile(figures.open.critical, "critical"),
        tile(figures.open.high, "high"),
        tile(figures.open.medium, "medium"),
        tile(figures.open.low, "low"),
        tile(figures.exempt, "exempt"),
    ]
}

fn changes(report: &RememberedReport<'_>, period: Period, figures: &Figures<'_>) -> Changes {
    let mut opened: Vec<(&ListedFinding, Option<&Episode>)> = Vec::new();
    let mut closed: Vec<(&ListedFinding, Option<&Episode>)> = Vec::new();
    for finding in &report.findings {
        opened.extend(finding.opened_in(period).map(|episode| (*finding, Some(episode))));
        closed.extend(finding.closed_in(period).map(|episode| (*finding, Some(episode))));
    }
    Changes {
        since: time(period.since),
        until: time(period.until),
        time_to_close: match figures.time_to_close {
            Some(mean) => {
                let closings = count(mean.n, "closing");
                format!(
                    "Mean time to close: {}, of {closings}.",
                    duration(SignedDuration::from_secs(mean.mean_seconds))
                )
            }
            None => "No group was closed, so there is no mean time to close.".to_owned(),
        },
        opened: table(opened.into_iter()),
        closed: table(closed.into_iter()),
    }
}

/// A table of findings, each with one of its episodes.
fn table<'f>(findings: impl Iterator<Item = (&'f ListedFinding, Option<&'f Episode>)>) -> Table {
    let (mut rows, mut total) = (Vec::new(), 0_usize);
    for (finding, episode) in findings {
        total += 1;
        if rows.len() < MAX_ROWS {
            rows.push(row(finding, episode));
        }
    }
    let left_out = number(total.saturating_sub(rows.len()));
    Table { total: grouped(number(total)), rows, left_out: (left_out > 0).then(|| count(left_out, "more row")) }
}

fn row(finding: &ListedFinding, episode: Option<&Episode>) -> Row {
    let key = &finding.key;
    let name = match finding.name.trim() {
        name if name == key.group_id() => String::new(),
        name => shown(name, NAME_MAX),
    };
    let closing = episode.and_then(|episode| episode.closed.as_ref());
    let after = episode.and_then(length).map(|length| format!(", after {}", duration(length))).unwrap_or_default();
    Row {
        severity: finding.severity.as_str(),
        state: state(finding),
        name,
        group_id: key.group_id().to_owned(),
        place: format!("{} {}", key.account(), key.region()),
        ports: shown(&finding.ports, LIST_MAX),
        sources: shown(&finding.sources, LIST_MAX),
        owner: shown(&finding.owner, NAME_MAX),
        opened: episode.map(|episode| time(episode.first_seen)).unwrap_or_default(),
        closed: closing.map(|closing| format!("{}{after}, by {}", time(closing.at), closing.by)).unwrap_or_default(),
    }
}

/// The state, with what stands beside it: `open, parked`.
fn state(finding: &ListedFinding) -> String {
    let state = match finding.state {
        State::NeverOpen => "never open",
        State::Open => "open",
        State::Exempt => "exempt",
        State::Closed => "closed",
    };
    [state].into_iter().chain(finding.beside.iter().copied()).collect::<Vec<_>>().join(", ")
}

/// Text of others: on one line, cut, and without what steers a browser.
fn shown(text: &str, max: usize) -> String {
    printable(&one_line(text, max)).into_owned()
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A length of time in its two largest units: `2 d 3 h`.
fn duration(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    let parts = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let from = parts.iter().position(|(number, _)| *number > 0).unwrap_or(parts.len() - 1);
    let shown = parts.iter().skip(from).take(2).filter(|(number, _)| *number > 0 || from == parts.len() - 1);
    shown.map(|(number, unit)| format!("{number} {unit}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rstest::rstest;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_policy_of_the_page_has_the_hash_of_its_style() {
        assert_eq!(STYLE_HASH, format!("sha256-{}", STANDARD.encode(Sha256::digest(STYLE))));
    }

    #[rstest]
    #[case(0, "0 s")]
    #[case(59, "59 s")]
    #[case(60, "1 min")]
    #[case(3_725, "1 h 2 min")]
    #[case(86_400, "1 d")]
    #[case(86_460, "1 d")]
    #[case(183_600, "2 d 3 h")]
    fn a_length_has_two_units(#[case] seconds: i64, #[case] text: &str) {
        assert_eq!(duration(SignedDuration::from_secs(seconds)), text);
    }
}
