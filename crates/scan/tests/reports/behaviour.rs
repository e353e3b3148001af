//! What holds of the reports whatever is in them.

use std::io::{self, Write};

use exposure::Reach;
use rstest::rstest;
use scan::{AsffError, ComplianceType, Format, GroupResult, Report, ReportOptions, Summary, report};
use serde_json::Value;

use crate::results::{self, HOSTILE};
use crate::{full, written};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The example of the documentation.
#[test]
fn counts_stand_before_the_results() {
    let text = full(Format::Json);
    let start = r#"{"schema":"portcullis.scan/1","groups_evaluated":10,"noncompliant":6,"insufficient_data":2,"not_scanned":[{"#;
    assert!(text.starts_with(start), "{text}");
    assert_eq!(json(&text)["results"].as_array().unwrap().len(), 10);
}

/// More than the spool keeps in memory.
#[test]
fn results_come_back_from_the_temporary_file() {
    let ids: Vec<String> = (0..20_000).map(|number| format!("sg-{number:017x}")).collect();
    let long = "n".repeat(255);
    let results: Vec<GroupResult> = ids.iter().map(|id| results::group(id, &long)).collect();
    let (text, ended) = written(Format::Json, results::options(), &results, Vec::new());
    ended.unwrap();
    assert!(text.len() > 8 << 20, "{}", text.len());
    let document = json(&text);
    let found = document["results"].as_array().unwrap().iter().map(|group| group["group_id"].as_str().unwrap());
    assert!(found.eq(ids.iter()));
}

#[test]
fn a_table_of_several_batches_has_one_header_and_every_group() {
    let exposure = results::exposure(None, 22, 22, "0.0.0.0/0", "tcp/22", Reach::World);
    let results: Vec<GroupResult> =
        (0..1_000).map(|number| results::open(&format!("sg-{number:017x}"), "web", vec![exposure.clone()])).collect();
    let (table, ended) = written(Format::Table, results::options(), &results, Vec::new());
    ended.unwrap();
    assert_eq!(table.matches("GROUP").count(), 1);
    assert_eq!(table.matches("sg-").count(), 1_000);
    let columns: Vec<Option<usize>> =
        table.lines().filter(|line| line.contains("sg-")).map(|line| line.find("0.0.0.0/0")).collect();
    assert!(columns.iter().all(|column| column.is_some() && *column == columns[0]));
    assert!(table.ends_with("1000 security groups evaluated: 1000 non-compliant\n"), "{table}");
}

#[rstest]
fn no_line_of_a_table_is_wider_than_the_terminal(#[values(60, 79, 80, 100, 120, 149, 150, 200)] width: u16) {
    let options = ReportOptions { width, all: true, ..results::options() };
    let (table, _) = written(Format::Table, options, &results::results(), Vec::new());
    // The lines after the table are sentences.
    for line in table.lines().take_while(|line| !line.is_empty()) {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= width.into(), "{line}");
    }
}

#[test]
fn a_table_says_nothing_to_the_terminal_but_colors() {
    let options = ReportOptions { color: true, ..results::options() };
    let (table, _) = written(Format::Table, options, &results::results(), results::not_scanned());
    for sequence in table.split('\u{1b}').skip(1) {
        let (parameters, _) = sequence.strip_prefix('[').and_then(|rest| rest.split_once('m')).unwrap();
        assert!(parameters.chars().all(|character| character.is_ascii_digit() || character == ';'), "{parameters}");
    }
    let others = |character: char| character.is_control() && !matches!(character, '\n' | '\u{1b}');
    assert!(!table.contains(others) && !table.contains('\u{202e}'));
    assert!(!full(Format::Table).contains('\u{1b}'));
}

#[test]
fn a_csv_is_read_back_as_it_was_written() {
    let text = full(Format::Csv);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let lines: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    // Seven exposures, two undecided groups, two parts that were not scanned.
    assert_eq!(lines.len(), 11);
    let hostile = lines.iter().find(|line| &line[column("group_id")] == "sg-0000000000000008").unwrap();
    assert_eq!(hostile[column("group_name")], format!("'{HOSTILE}"));
    assert_eq!(&lines[2][column("protocol")], "-1");
    assert_eq!(lines.iter().filter(|line| &line[column("compliance")] == "NOT_SCANNED").count(), 2);
}

#[test]
fn a_page_takes_text_for_text() {
    let page = full(Format::Html);
    assert_eq!(page.matches("<script").count(), 1);
    assert!(!page.contains("alert(1)</script>"));
    assert!(page.contains("&#60;script&#62;alert(1)"));
    assert!(!page.contains('\u{202e}') && !page.contains('\u{1b}'));
}

#[test]
fn a_page_needs_nothing_from_elsewhere() {
    let page = full(Format::Html);
    for reference in ["http:", "https:", "src=", "url(", "@import", "<link", "<iframe", " style=", " onclick="] {
        assert!(!page.contains(reference), "{reference}");
    }
}

/// The worst come last here, and are on the page all the same.
#[test]
fn a_page_shows_the_worst_and_says_how_many_it_leaves_out() {
    let some = results::exposure(None, 22, 22, "203.0.113.0/24", "tcp/22", Reach::Partial);
    let world = results::exposure(None, 3389, 3389, "0.0.0.0/0", "tcp/3389", Reach::World);
    let results: Vec<GroupResult> = (0..3_000)
        .map(|number| {
            let exposure = if number < 2_990 { &some } else { &world };
            results::open(&format!("sg-{number:017x}"), "web", vec![exposure.clone()])
        })
        .collect();
    let (page, ended) = written(Format::Html, results::options(), &results, Vec::new());
    ended.unwrap();
    assert_eq!(page.matches("data-kind=").count(), 2_000);
    assert_eq!(page.matches("data-kind=\"world\"").count(), 10);
    assert!(page.contains("1,000 more are not on this page"));
    assert!(page.contains("3,000 of 3,000 security groups are open"));
}

#[rstest]
#[case::closed(0, "Every blocked port is closed")]
#[case::not_scanned(2, "not everything could be judged")]
fn a_page_without_findings_says_so(#[case] unscanned: usize, #[case] verdict: &str) {
    let not_scanned = results::not_scanned().into_iter().take(unscanned).collect();
    let (page, _) = written(Format::Html, results::options(), &[results::group("sg-1", "web")], not_scanned);
    assert!(page.contains(verdict) && page.contains("Nothing was found that has to be closed."));
}

fn sarif(options: ReportOptions) -> Value {
    json(&written(Format::Sarif, options, &results::results(), results::not_scanned()).0)["runs"][0].take()
}

fn place_of(run: &Value, group: &str) -> String {
    let result = run["results"].as_array().unwrap().iter().find(|result| {
        let name = result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].as_str().unwrap();
        name.ends_with(group)
    });
    let place = &result.unwrap()["locations"][0]["physicalLocation"];
    format!("{}:{}", place["artifactLocation"]["uri"].as_str().unwrap(), place["region"]["startLine"])
}

#[test]
fn sarif_points_at_the_line_the_file_or_the_group() {
    let run = sarif(results::options());
    assert_eq!(place_of(&run, "WebSecurityGroup"), "infra/web%20app.yaml:17");
    assert_eq!(place_of(&run, "aws_security_group.db"), "plan.json:1");
    assert_eq!(
        place_of(&run, "sg-0000000000000003"),
        "security-groups/123456789012/eu-central-1/sg-0000000000000003:1"
    );
    let run = sarif(ReportOptions { input: Some("groups.json".into()), ..results::options() });
    assert_eq!(place_of(&run, "sg-0000000000000003"), "groups.json:1");
}

/// Code scanning tells findings apart by them, and would merge two that are alike.
#[test]
fn sarif_fingerprints_are_unique_and_do_not_depend_on_the_line() {
    let fingerprints = |results: &[GroupResult]| -> Vec<String> {
        let run = json(&written(Format::Sarif, results::options(), results, Vec::new()).0)["runs"][0].take();
        let results = run["results"].as_array().unwrap();
        results
            .iter()
            .map(|result| result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut results = results::results();
    let before = fingerprints(&results);
    for location in results.iter_mut().filter_map(|result| result.location.as_mut()) {
        location.line = Some(99);
    }
    assert_eq!(fingerprints(&results), before);
    let mut unique = before.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), before.len());
}

#[test]
fn sarif_says_whether_everything_was_scanned() {
    let run = sarif(results::options());
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    assert_eq!(run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap().len(), 2);
    let (whole, _) = written(Format::Sarif, results::options(), &results::results(), Vec::new());
    assert_eq!(json(&whole)["runs"][0]["invocations"][0]["executionSuccessful"], true);
}

#[test]
fn asff_refuses_to_lose_a_group_without_account_and_region() {
    let (text, ended) = written(Format::Asff, results::options(), &results::results(), Vec::new());
    let error = ended.unwrap_err();
    let error = error.get_ref().and_then(|error| error.downcast_ref::<AsffError>()).unwrap();
    assert_eq!(*error, AsffError::NoAccountOrRegion { groups: 2, example: "WebSecurityGroup".into() });
    // The others are there all the same.
    assert_eq!(json(&text).as_array().unwrap().len(), 6);
}

#[test]
fn asff_and_ocsf_list_compliant_groups_on_request() {
    let at_home: Vec<GroupResult> = results::results().into_iter().filter(|result| result.account.is_some()).collect();
    let options = ReportOptions { all: true, ..results::options() };
    let (asff, ended) = written(Format::Asff, options.clone(), &at_home, Vec::new());
    ended.unwrap();
    let findings = json(&asff);
    let status = |status: &str| {
        findings.as_array().unwrap().iter().filter(|finding| finding["Compliance"]["Status"] == status).count()
    };
    assert_eq!([status("PASSED"), status("FAILED"), status("WARNING")], [2, 5, 1]);
    assert_eq!(written(Format::Ocsf, options, &at_home, Vec::new()).0.lines().count(), at_home.len());
}

/// Security Hub and code scanning know a finding by its id from one scan to the next.
#[test]
fn ids_do_not_depend_on_the_date() {
    let later = ReportOptions { created: "2027-01-01T00:00:00Z".parse().unwrap(), ..results::options() };
    let ids = |options| -> Vec<Value> {
        let (text, _) = written(Format::Asff, options, &results::results(), Vec::new());
        json(&text).as_array().unwrap().iter().map(|finding| finding["Id"].clone()).collect()
    };
    assert_eq!(ids(later), ids(results::options()));
}

#[test]
fn nothing_that_was_found_is_missing() {
    let results = results::results();
    let open = results.iter().filter(|result| result.compliance != ComplianceType::Compliant);
    let ids: Vec<&str> = open.map(|result| result.group_id.as_str()).collect();
    for format in Format::ALL {
        let text = full(format);
        for id in ids.iter().filter(|id| format != Format::Asff || id.starts_with("sg-")) {
            assert!(text.contains(id), "{format}: {id}");
        }
    }
}

/// A pipe whose reader has gone, a full disk.
struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    for format in Format::ALL {
        let write = |mut report: Box<dyn Report>| {
            results::results().iter().try_for_each(|result| report.group(result))?;
            report.finish(&Summary::default())
        };
        let error = write(report(format, Box::new(Full), results::options())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{format}: {error}");
    }
}
