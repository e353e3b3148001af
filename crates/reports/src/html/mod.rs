//! One self-contained page that needs no network and no other file, and can be read without scripts.

mod exposure_map;
mod ports;
mod rows;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};

use askama::Template;
use findings::{GroupResult, ScanTotals};
use plain_text::printable;

use self::exposure_map::{ExposureMap, Picture};
use self::rows::{Row, WorstRows};
use super::{Report, ReportOptions, wording};

const STYLE: &str = include_str!("../../templates/report.css");
const SCRIPT: &str = include_str!("../../templates/report.js");

// The page allows only this style and this script, so that the name of a group never becomes a script.
const STYLE_HASH: &str = "sha256-mFnJlZYlwDOvcgNn0azTXCPQ6z6pzXX6ngayS34Bpcc=";
const SCRIPT_HASH: &str = "sha256-cGsA5umvYNKCI4rqPEecuV44ZxDo5VmI1GNI+syednE=";

/// Maximum number of findings in the table. A page with more is too long to read, and too large for a phone.
const MAX_FINDINGS: usize = 2_000;

/// Maximum number of parts in the list of those that could not be scanned.
const MAX_NOT_SCANNED: usize = 200;

/// Maximum number of accounts that are counted.
const MAX_ACCOUNTS: usize = 100_000;

pub(super) struct Html<W: Write> {
    writer: W,
    options: ReportOptions,
    map: ExposureMap,
    rows: WorstRows,
    accounts: BTreeSet<String>,
    exempted_groups: u64,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'r> {
    style: &'static str,
    script: &'static str,
    style_hash: &'static str,
    script_hash: &'static str,
    version: &'static str,
    created: String,
    created_machine: String,
    scope: String,
    verdict: String,
    verdict_class: &'static str,
    tiles: [Tile; 4],
    exempted: String,
    picture: Option<Picture>,
    findings: Vec<Row>,
    shown: String,
    left_out: Option<String>,
    not_scanned: Vec<Part<'r>>,
    not_scanned_left_out: usize,
}

/// A number at the top of the page.
struct Tile {
    number: String,
    label: &'static str,
    class: &'static str,
}

/// A part that could not be scanned.
struct Part<'r> {
    name: String,
    reason: Cow<'r, str>,
}

impl<W: Write> Html<W> {
    pub(super) fn new(writer: W, options: ReportOptions) -> Self {
        Self {
            writer,
            options,
            map: ExposureMap::default(),
            rows: WorstRows::new(MAX_FINDINGS),
            accounts: BTreeSet::new(),
            exempted_groups: 0,
        }
    }

    fn scope(&self) -> String {
        let accounts = match self.accounts.len() {
            0 => None,
            1 => Some("1 account".to_owned()),
            some => Some(format!("{} accounts", grouped(number(some)))),
        };
        let input = self.options.input.as_ref().map(|input| match input.as_str() {
            "-" => "standard input".to_owned(),
            file => printable(file).into_owned(),
        });
        [accounts, input].into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }
}

impl<W: Write> Report for Html<W> {
    fn group(&mut self, result: &GroupResult) -> io::Result<()> {
        if let Some(account) = &result.account
            && !self.accounts.contains(account)
            && self.accounts.len() < MAX_ACCOUNTS
        {
            self.accounts.insert(account.clone());
        }
        if !result.exempted.is_empty() {
            self.exempted_groups += 1;
        }
        self.map.count(result);
        self.rows.add(result);
        Ok(())
    }

    fn finish(mut self: Box<Self>, totals: &ScanTotals) -> io::Result<()> {
        let scope = self.scope();
        let (verdict, verdict_class) = verdict(totals);
        let left_out = self.rows.left_out();
        let findings = self.rows.into_sorted();
        let page = Page {
            style: STYLE,
            script: SCRIPT,
            style_hash: STYLE_HASH,
            script_hash: SCRIPT_HASH,
            version: wording::VERSION,
            created: self.options.created.strftime("%-d %B %Y, %H:%M UTC").to_string(),
            created_machine: self.options.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            scope,
            verdict,
            verdict_class,
            tiles: tiles(totals),
            exempted: match self.exempted_groups {
                0 => String::new(),
                1 => "1 group has rules that an exemption covers.".to_owned(),
                some => format!("{} groups have rules that an exemption covers.", grouped(some)),
            },
            picture: self.map.picture(),
            shown: match findings.len() {
                1 => "1 finding".to_owned(),
                some => format!("{} findings", grouped(number(some))),
            },
            findings,
            left_out: (left_out > 0).then(|| grouped(left_out)),
            not_scanned: totals
                .not_scanned
                .iter()
                .take(MAX_NOT_SCANNED)
                .map(|part| Part {
                    name: printable(&wording::part(part)).into_owned(),
                    reason: printable(&part.reason),
                })
                .collect(),
            not_scanned_left_out: totals.not_scanned.len().saturating_sub(MAX_NOT_SCANNED),
        };
        page.write_into(&mut self.writer)?;
        self.writer.flush()
    }
}

/// The headline and its class. It is good news only if everything was judged.
fn verdict(totals: &ScanTotals) -> (String, &'static str) {
    let is_whole = totals.insufficient_data == 0 && totals.not_scanned.is_empty();
    let groups = grouped(totals.groups_evaluated);
    match (totals.noncompliant, is_whole) {
        (0, true) if totals.groups_evaluated == 0 => {
            ("There were no security groups to evaluate.".to_owned(), "unknown")
        }
        (0, true) => ("Every blocked port is closed to the internet.".to_owned(), "closed"),
        (0, false) => ("No group was found open, but not everything could be judged.".to_owned(), "unknown"),
        (1, _) => {
            (format!("1 of {groups} security groups is open to the internet on ports that must stay closed."), "world")
        }
        (open, _) => (
            format!(
                "{} of {groups} security groups are open to the internet on ports that must stay closed.",
                grouped(open)
            ),
            "world",
        ),
    }
}

fn tiles(totals: &ScanTotals) -> [Tile; 4] {
    let tile = |number: u64, label, class| Tile {
        number: grouped(number),
        label,
        class: if number == 0 { "none" } else { class },
    };
    [
        tile(totals.groups_evaluated, "groups evaluated", "plain"),
        tile(totals.noncompliant, "non-compliant", "world"),
        tile(totals.insufficient_data, "could not be judged", "unknown"),
        tile(number(totals.not_scanned.len()), "not scanned", "unknown"),
    ]
}

fn number(length: usize) -> u64 {
    length.try_into().unwrap_or(u64::MAX)
}

/// A number with separators: `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use findings::NotScanned;
    use rstest::rstest;
    use sha2::{Digest, Sha256};

    use super::*;

    #[rstest]
    #[case(0, "0")]
    #[case(999, "999")]
    #[case(1_000, "1,000")]
    #[case(1_234_567, "1,234,567")]
    fn thousands_are_apart(#[case] number: u64, #[case] text: &str) {
        assert_eq!(grouped(number), text);
    }

    #[rstest]
    #[case::style(STYLE, STYLE_HASH)]
    #[case::script(SCRIPT, SCRIPT_HASH)]
    fn the_policy_of_the_page_has_the_hashes_of_its_parts(#[case] content: &str, #[case] hash: &str) {
        assert_eq!(hash, format!("sha256-{}", STANDARD.encode(Sha256::digest(content))));
    }

    #[rstest]
    #[case::nothing(0, 0, 0, 0, "unknown")]
    #[case::closed(2, 0, 0, 0, "closed")]
    #[case::open(2, 1, 0, 0, "world")]
    #[case::undecided(2, 0, 1, 0, "unknown")]
    #[case::not_scanned(2, 0, 0, 1, "unknown")]
    fn the_verdict_is_good_only_if_everything_was_judged(
        #[case] groups_evaluated: u64,
        #[case] noncompliant: u64,
        #[case] insufficient_data: u64,
        #[case] unscanned: usize,
        #[case] class: &str,
    ) {
        let part = NotScanned { account: None, region: None, target: None, reason: "denied".into() };
        let not_scanned = vec![part; unscanned];
        let totals = ScanTotals { groups_evaluated, noncompliant, insufficient_data, exempt: 0, not_scanned };
        assert_eq!(verdict(&totals).1, class);
    }
}
