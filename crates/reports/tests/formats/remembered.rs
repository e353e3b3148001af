//! Reports on findings that are remembered.

use exposure::Reach;
use findings::finding::{
    Assessed, AssessedVerdict, Attachment, ConfigVerdict, Context, ExposureList, Finding, GroupFacts, Moment, Mute,
    Observation, Observed, Owner, OwnerSource, Source,
};
use jiff::{SignedDuration, Timestamp};
use reports::{ListedFinding, Period, RememberedReport};
use rstest::rstest;
use serde_json::json;

use crate::results;

const HOSTILE: &str = "<script>alert(1)</script>\u{202e}\u{1b}[2J";

fn hour(hour: i64) -> Timestamp {
    let first: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    first.checked_add(SignedDuration::from_hours(hour)).unwrap()
}

/// From the hour 10 to the hour 20.
fn period() -> Period {
    Period { since: hour(10), until: hour(20) }
}

fn finding(number: usize) -> Finding {
    Finding::new(format!("123456789012/eu-west-1/sg-{number:017x}/portcullis").parse().unwrap())
}

fn seen(mut finding: Finding, at: i64, what: Observed) -> Finding {
    finding.apply(&Observation { at: Moment::live(hour(at)), what });
    finding
}

fn open(finding: Finding, at: i64) -> Finding {
    seen(finding, at, Observed::Compliance(ConfigVerdict::NonCompliant, Source::Change))
}

fn closed(finding: Finding, at: i64) -> Finding {
    seen(finding, at, Observed::Compliance(ConfigVerdict::Compliant, Source::Change))
}

/// Assessed as open to the world, with this name, and an owner of this name.
fn named(finding: Finding, at: i64, name: &str) -> Finding {
    let exposure = results::exposure(None, 22, 22, "0.0.0.0/0", "tcp/22", Reach::World);
    let verdict = AssessedVerdict::Open { exposures: ExposureList::new([&exposure]), exempted: 0 };
    let group = GroupFacts { name: Some(name.into()), ..GroupFacts::default() };
    let finding = seen(
        finding,
        at,
        Observed::Assessed(Box::new(Assessed { source: Source::Change, verdict, group, closes: None })),
    );
    let owner = Some(Owner { name: name.into(), source: OwnerSource::GroupTag });
    seen(finding, at, Observed::Context(Context { owner, ..Context::default() }))
}

/// On an interface with a public address.
fn attached(finding: Finding, at: i64) -> Finding {
    let attachment = Some(Attachment { interfaces: 1, public: true, example: None });
    seen(finding, at, Observed::Context(Context { attachment, ..Context::default() }))
}

fn listed(findings: &[Finding]) -> Vec<ListedFinding> {
    findings.iter().map(|finding| ListedFinding::new(finding, hour(24))).collect()
}

fn csv(report: &RememberedReport<'_>) -> String {
    let mut bytes = Vec::new();
    report.write_csv(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn html(report: &RememberedReport<'_>) -> String {
    let mut bytes = Vec::new();
    report.write_html(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The cells of a line, by the names of the columns. No cell of these tests has a comma.
fn cell<'c>(csv: &'c str, line: usize, column: &str) -> &'c str {
    let lines: Vec<&str> = csv.lines().collect();
    let index = lines[0].split(',').position(|name| name == column).unwrap();
    lines[line].split(',').nth(index).unwrap()
}

#[test]
fn the_figures_say_what_is_open_and_what_became_of_findings() {
    let findings = [
        attached(named(finding(1), 1, "web"), 1),
        closed(open(finding(2), 11), 12),
        closed(open(finding(3), 5), 11),
        open(closed(open(finding(4), 12), 14), 15),
        closed(open(finding(5), 1), 2),
    ];
    let listed = listed(&findings);
    let report = RememberedReport::new("portcullis", hour(24), &listed).about(period()).without(1);
    assert_eq!(
        serde_json::to_value(report.figures()).unwrap(),
        json!({
            "format": "portcullis.findings-report/1",
            "rule": "portcullis",
            "created": "2026-12-02T00:00:00Z",
            "period": {"since": "2026-12-01T10:00:00Z", "until": "2026-12-01T20:00:00Z"},
            "open": {"critical": 1, "high": 1, "medium": 0, "low": 0},
            "exempt": 0,
            "opened": 3,
            "closed": 3,
            "time_to_close": {"n": 3, "mean_seconds": 3 * 3600},
            "unreadable": 1,
        })
    );
}

/// The end of a period is part of it, and its beginning is part of the one before.
#[rstest]
#[case::at_the_beginning(10, 0)]
#[case::after_it(11, 1)]
#[case::at_the_end(20, 1)]
#[case::after_the_end(21, 0)]
fn a_moment_is_part_of_one_period(#[case] at: i64, #[case] opened: u64) {
    let listed = listed(&[open(finding(1), at)]);
    let report = RememberedReport::new("portcullis", hour(24), &listed).about(period());
    assert_eq!((report.figures().opened, report.figures().closed), (opened, 0));
    let listed = self::listed(&[closed(open(finding(1), 1), at)]);
    let report = RememberedReport::new("portcullis", hour(24), &listed).about(period());
    assert_eq!((report.figures().opened, report.figures().closed), (0, opened));
}

#[test]
fn without_a_closing_there_is_no_time_to_close() {
    let listed = listed(&[open(finding(1), 11)]);
    let report = RememberedReport::new("portcullis", hour(24), &listed).about(period());
    assert_eq!(report.figures().time_to_close, None);
    assert!(html(&report).contains("No group was closed, so there is no mean time to close."));
}

#[test]
fn the_page_has_a_table_of_each_change_and_of_what_is_open() {
    let findings = [named(finding(1), 1, "web"), closed(open(finding(2), 11), 13), closed(open(finding(3), 1), 2)];
    let listed = listed(&findings);
    let page = html(&RememberedReport::new("portcullis", hour(24), &listed).about(period()));
    let section = |id: &str| {
        let rest = page.split(&format!("id=\"{id}\"")).nth(1).unwrap();
        rest.split("<h").next().unwrap().to_owned()
    };
    let id = |number: usize| format!("sg-{number:017x}");
    assert!(page.contains("From 2026-12-01 10:00 UTC to 2026-12-01 20:00 UTC"));
    assert!(page.contains("Opened: 1. Closed: 1. Mean time to close: 2 h, of 1 closing."), "{page}");
    assert!(section("opened").contains(&id(2)) && !section("opened").contains(&id(1)));
    let how = "2026-12-01 13:00 UTC, after 2 h, by a change that was no remediation";
    assert!(section("closed").contains(&id(2)) && section("closed").contains(how), "{page}");
    assert!(section("findings").contains(&id(1)) && !section("findings").contains(&id(2)));
    assert!(!page.contains(&id(3)), "it was closed before");
}

#[test]
fn a_page_takes_names_for_text() {
    let listed = listed(&[named(finding(1), 11, HOSTILE)]);
    let page = html(&RememberedReport::new("portcullis", hour(24), &listed).about(period()));
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
    assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}'));
    for reference in ["http:", "https:", "src=", "url(", "@import", "<link", "<iframe", " style=", " onclick="] {
        assert!(!page.contains(reference), "{reference}");
    }
}

#[rstest]
#[case("=HYPERLINK(1)", "'=HYPERLINK(1)")]
#[case("+1", "'+1")]
#[case("@SUM(A1)", "'@SUM(A1)")]
#[case("web", "web")]
fn no_cell_is_a_formula(#[case] name: &str, #[case] expected: &str) {
    let listed = listed(&[named(finding(1), 11, name)]);
    let csv = csv(&RememberedReport::new("portcullis", hour(24), &listed));
    assert_eq!((cell(&csv, 1, "group_name"), cell(&csv, 1, "owner")), (expected, expected));
}

#[test]
fn a_line_of_the_csv_has_what_is_known_of_a_finding() {
    let mute = Mute { reason: "CHG-7".into(), by: "ana".into(), until: None };
    let findings = [
        seen(named(finding(1), 11, "web"), 12, Observed::Muted(mute)),
        open(closed(open(finding(2), 3), 4), 15),
        closed(open(finding(3), 11), 12),
    ];
    let listed = listed(&findings);
    let csv = csv(&RememberedReport::new("portcullis", hour(24), &listed).about(period()));
    assert!(csv.ends_with("\r\n") && csv.lines().count() == 4, "{csv}");
    // Open ones first, the most severe before all; an open group of which no more is known counts as the worst.
    let of = |line: usize| {
        ["group_id", "state", "reopenings", "muted", "opened", "closed"].map(|name| cell(&csv, line, name))
    };
    let ids = [1, 2, 3].map(|number| format!("sg-{number:017x}"));
    let lines = [of(1), of(2), of(3)];
    assert!(lines.contains(&[ids[0].as_str(), "open", "0", "true", "1", "0"]), "{csv}");
    assert!(lines.contains(&[ids[1].as_str(), "open", "1", "false", "1", "0"]), "{csv}");
    assert_eq!(lines[2], [ids[2].as_str(), "closed", "0", "false", "1", "1"], "{csv}");
    assert_eq!(cell(&csv, 3, "opened_at"), "2026-12-01T11:00:00Z");
    assert_eq!(cell(&csv, 3, "closed_at"), "2026-12-01T12:00:00Z");
    assert_eq!(cell(&csv, 3, "seconds_open"), "3600");
    assert!(csv.contains(",tcp/22,0.0.0.0/0,web,"), "{csv}");
}

#[test]
fn a_list_without_a_period_has_every_finding_and_no_columns_for_one() {
    let listed = listed(&[open(finding(1), 1), closed(open(finding(2), 1), 2)]);
    let report = RememberedReport::new("portcullis", hour(24), &listed);
    let text = csv(&report);
    assert_eq!(text.lines().count(), 3);
    assert!(text.lines().next().unwrap().ends_with(",muted"));
    let page = html(&report);
    assert!(page.contains("Findings: 2") && !page.contains("time to close"), "{page}");
    let figures = serde_json::to_value(report.figures()).unwrap();
    assert_eq!((figures.get("period"), &figures["time_to_close"]), (None, &json!(null)));
}

/// Thirty thousand findings that were all opened in the period.
#[test]
fn a_page_of_very_many_findings_is_cut_and_the_csv_is_not() {
    let listed = vec![ListedFinding::new(&named(finding(1), 11, "web"), hour(24)); 30_000];
    let report = RememberedReport::new("portcullis", hour(24), &listed).about(period());
    assert_eq!(csv(&report).lines().count(), 30_001);
    let page = html(&report);
    assert_eq!(page.matches("<tr class=").count(), 2_000);
    assert!(page.contains("And 29,000 more rows, which are in the CSV."));
    assert!(page.contains("Opened: 30,000."));
    assert!(page.len() < 2 << 20, "{}", page.len());
}
