//! Findings as CSV (RFC 4180): one line per finding.

use std::io::{self, Write};

use jiff::Timestamp;

use super::listed::{BESIDE, length};
use super::{ListedFinding, RememberedReport};
use crate::cell::text;

const HEADER: [&str; 18] = [
    "account",
    "region",
    "vpc_id",
    "group_id",
    "group_name",
    "rule",
    "state",
    "severity",
    "ports",
    "sources",
    "owner",
    "first_seen",
    "opened_at",
    "closed_at",
    "closed_by",
    "seconds_open",
    "reopenings",
    "exempt_until",
];
/// Further columns of a report on a period: how often the group was opened and closed in it.
const OF_PERIOD: [&str; 2] = ["opened", "closed"];

pub(super) fn write(report: &RememberedReport<'_>, writer: impl Write) -> io::Result<()> {
    // RFC 4180 ends a line with CR LF, and spreadsheets expect it.
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(writer);
    let of_period: &[&str] = if report.period.is_some() { &OF_PERIOD } else { &[] };
    writer.write_record(HEADER.iter().chain(&BESIDE).chain(of_period))?;
    for finding in &report.findings {
        for cell in cells(finding) {
            writer.write_field(cell)?;
        }
        for word in BESIDE {
            writer.write_field(finding.beside.contains(&word).to_string())?;
        }
        if let Some(period) = report.period {
            for number in [finding.opened_in(period).count(), finding.closed_in(period).count()] {
                writer.write_field(number.to_string())?;
            }
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}

fn cells(finding: &ListedFinding) -> [String; HEADER.len()] {
    let untrusted = |cell: &str| text(Some(cell)).into_owned();
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let (key, newest) = (&finding.key, finding.newest());
    let closing = newest.and_then(|episode| episode.closed.as_ref());
    let closed_by = closing.map(|closing| closing.by.to_string()).unwrap_or_default();
    let seconds_open = newest.and_then(length).map(|length| length.as_secs().to_string()).unwrap_or_default();
    [
        key.account().to_owned(),
        key.region().to_owned(),
        untrusted(&finding.vpc_id),
        key.group_id().to_owned(),
        untrusted(&finding.name),
        untrusted(key.rule()),
        finding.state.as_str().to_owned(),
        finding.severity.as_str().to_owned(),
        untrusted(&finding.ports),
        untrusted(&finding.sources),
        untrusted(&finding.owner),
        time(finding.first_seen),
        time(newest.map(|episode| episode.first_seen)),
        time(closing.map(|closing| closing.at)),
        untrusted(&closed_by),
        seconds_open,
        finding.reopenings.to_string(),
        untrusted(&finding.exempt_until),
    ]
}
