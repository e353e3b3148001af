//! One self-contained page that needs no network and no other file, and can be read without scripts.

mod exposure_map;
mod facets;
mod findings;
mod ports;

use std::borrow::Cow;
use std::io::{self, Write};

use ::findings::{GroupResult, ScanPolicy, ScanRecord, ScanTarget, ScanTotals};
use askama::Template;
use plain_text::printable;

use self::exposure_map::{ExposureMap, Picture};
use self::facets::{Facet, Facets};
use self::findings::{Finding, WorstGroups};
use super::numbers::{count, grouped, number};
use super::scan_info::created;
use super::{Report, ReportOptions, fix, wording};

const STYLE: &str = include_str!("../../templates/report.css");
const SCRIPT: &str = include_str!("../../templates/report.js");

// The page allows only this style and this script, so that the name of a group never becomes a script.
const STYLE_HASH: &str = "sha256-WAsVKiUWwcLCN4lbXNx5uDZpLgIK8BwVZ/QLT88JHOI=";
const SCRIPT_HASH: &str = "sha256-zII48tukCZZkv1kA1JA5cNKbzRsZspidzbX6txmJ7+A=";

/// Maximum number of groups in the table. A page with more is too long to read, and too large for a phone.
const MAX_FINDINGS: usize = 1_000;

/// Maximum number of parts in the list of those that could not be scanned.
const MAX_NOT_SCANNED: usize = 200;

/// Maximum number of groups in the list of those that are exempt.
const MAX_EXEMPT: usize = 200;

/// Maximum number of accounts and regions in the record of the scan.
const MAX_TARGETS: usize = 200;

pub(super) struct Html<W: Write> {
    writer: W,
    options: ReportOptions,
    map: ExposureMap,
    findings: WorstGroups,
    facets: Facets,
    exempted_groups: u64,
    /// The first of these groups, and why they are exempt.
    exempt: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'r> {
    style: &'static str,
    script: &'static str,
    style_hash: &'static str,
    script_hash: &'static str,
    created: String,
    created_machine: String,
    subject: String,
    verdict: String,
    verdict_class: &'static str,
    tiles: [Tile; 4],
    picture: Option<Picture>,
    facets: Vec<Facet>,
    /// Numbers of all findings, for the filters of a page that does not have all of them.
    all_counts: String,
    findings: Vec<Finding>,
    shown: String,
    left_out: Option<String>,
    total: String,
    not_scanned: Vec<Part<'r>>,
    not_scanned_left_out: usize,
    exempt: Vec<Part<'r>>,
    exempt_left_out: u64,
    record: Vec<Fact>,
}

/// A line of the record of the scan.
struct Fact {
    name: &'static str,
    value: String,
}

/// A number at the top of the page.
struct Tile {
    number: String,
    label: &'static str,
    class: &'static str,
}

/// A part that could not be scanned, or a group that is exempt.
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
            findings: WorstGroups::new(MAX_FINDINGS),
            facets: Facets::default(),
            exempted_groups: 0,
            exempt: Vec::new(),
        }
    }
}

impl<W: Write> Report for Html<W> {
    fn group(&mut self, result: &GroupResult) -> io::Result<()> {
        if !result.exempted.is_empty() {
            self.exempted_groups += 1;
            if self.exempt.len() < MAX_EXEMPT {
                self.exempt.push((wording::group_place(result), wording::why_exempt(result)));
            }
        }
        self.map.count(result);
        self.facets.count(result);
        self.findings.add(&self.options.record, result);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        // The verdict comes first.
        Ok(())
    }

    fn finish(mut self: Box<Self>, totals: &ScanTotals) -> io::Result<()> {
        let record = &self.options.record;
        let (verdict, verdict_class) = verdict(&record.policy, totals, self.exempted_groups);
        let left_out = self.findings.left_out();
        let findings = self.findings.into_sorted();
        let created_machine = created(&self.options);
        let page = Page {
            style: STYLE,
            script: SCRIPT,
            style_hash: STYLE_HASH,
            script_hash: SCRIPT_HASH,
            created: self.options.created.strftime("%-d %B %Y, %H:%M UTC").to_string(),
            subject: printable(&record.subject()).into_owned(),
            verdict: printable(&verdict).into_owned(),
            verdict_class,
            tiles: tiles(totals),
            picture: self.map.picture(),
            facets: self.facets.facets(),
            all_counts: if left_out > 0 { self.facets.lines() } else { String::new() },
            shown: count(number(findings.len()), "group"),
            total: grouped(left_out.saturating_add(number(findings.len()))),
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
            exempt_left_out: self.exempted_groups.saturating_sub(number(self.exempt.len())),
            exempt: self
                .exempt
                .iter()
                .map(|(name, reason)| Part { name: printable(name).into_owned(), reason: printable(reason) })
                .collect(),
            record: facts(record, &created_machine),
            created_machine,
        };
        page.write_into(&mut self.writer)?;
        self.writer.flush()
    }
}

/// The headline and its class. It is good news only if everything was judged, and in green only if nothing may be open.
fn verdict(policy: &ScanPolicy, totals: &ScanTotals, exempted: u64) -> (String, &'static str) {
    let is_whole = totals.insufficient_data == 0 && totals.not_scanned.is_empty();
    let groups = grouped(totals.groups_evaluated);
    let exempt = match exempted {
        0 => String::new(),
        1 => " 1 group is exempt.".to_owned(),
        some => format!(" {} groups are exempt.", grouped(some)),
    };
    let (sentence, class) = match (totals.noncompliant, is_whole) {
        (0, true) if totals.groups_evaluated == 0 => {
            ("There were no security groups to evaluate.".to_owned(), "unknown")
        }
        (0, true) => {
            let class = if policy.closes_completely() && exempted == 0 { "closed" } else { "plain" };
            (policy.compliant_sentence(), class)
        }
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
    };
    (format!("{sentence}{exempt}"), class)
}

/// An account and region, with its policy if the others have another one.
fn place(target: &ScanTarget) -> String {
    let policy = target.policy.as_ref().map(|policy| format!(" ({})", policy.sentence())).unwrap_or_default();
    format!("{} {}{policy}", target.account, target.region)
}

/// What was judged, in full.
fn facts(record: &ScanRecord, created: &str) -> Vec<Fact> {
    let list = |values: Vec<String>| {
        let more = values.len().saturating_sub(MAX_TARGETS);
        let mut values: Vec<String> = values.into_iter().take(MAX_TARGETS).collect();
        if more > 0 {
            values.push(format!("and {more} more, which the JSON report lists"));
        }
        values.join(", ")
    };
    let targets = record.targets.iter();
    let facts = [
        ("Policy", record.policy.sentence()),
        ("Options", fix::policy_options(&record.policy)),
        ("Time", created.to_owned()),
        ("Version", format!("{} {}", wording::PRODUCT, wording::VERSION)),
        ("Files", list(record.inputs.clone())),
        ("Accounts and regions", list(targets.map(place).collect())),
        ("Read by", record.identity().unwrap_or_default()),
        ("With", record.options.join(", ")),
    ];
    let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
    facts.map(|(name, value)| Fact { name, value: printable(&value).into_owned() }).collect()
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

#[cfg(test)]
mod tests {
    use ::findings::{NotScanned, PolicyOptions};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use exposure::SourceScope;
    use rstest::rstest;
    use sha2::{Digest, Sha256};

    use super::*;

    #[rstest]
    #[case::style(STYLE, STYLE_HASH)]
    #[case::script(SCRIPT, SCRIPT_HASH)]
    fn the_policy_of_the_page_has_the_hashes_of_its_parts(#[case] content: &str, #[case] hash: &str) {
        assert_eq!(hash, format!("sha256-{}", STANDARD.encode(Sha256::digest(content))));
    }

    fn policy(scope: SourceScope) -> ScanPolicy {
        ScanPolicy::from(PolicyOptions { scope, ..PolicyOptions::new("tcp/22".parse().unwrap()) })
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
        let totals =
            ScanTotals { groups_evaluated, noncompliant, insufficient_data, not_scanned, ..ScanTotals::default() };
        assert_eq!(verdict(&policy(SourceScope::Public), &totals, 0).1, class);
    }

    #[test]
    fn the_verdict_is_green_only_if_nothing_may_be_open() {
        let totals = ScanTotals { groups_evaluated: 2, ..ScanTotals::default() };
        assert_eq!(
            verdict(&policy(SourceScope::World), &totals, 1),
            (
                "No blocked port is open to more than a /8 of IPv4 or a /16 of IPv6 (scope world). 1 group is exempt."
                    .to_owned(),
                "plain"
            )
        );
        let (sentence, class) = verdict(&policy(SourceScope::Public), &totals, 2);
        assert_eq!(sentence, "No blocked port is open to any internet address (scope public). 2 groups are exempt.");
        assert_eq!(class, "plain", "an exempt port is open");
    }
}
