//! Behaviour of the formats beyond their exact text.

use std::io::{self, Write};

use exposure::Reach;
use findings::{
    ComplianceType, FoundExposure, GroupResult, Location, PolicyOptions, ScanPolicy, ScanRecord, ScanTarget,
    ScanTotals, UnjudgedRule,
};
use reports::{AsffError, Format, Report, ReportOptions, report};
use serde_json::Value;

use crate::{full, results, written};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The example in `docs/reports.md`.
#[test]
fn counts_stand_before_the_results() {
    let text = full(Format::Json);
    let start = r#"{"schema":"portcullis.scan/1","groups_evaluated":10,"noncompliant":6,"insufficient_data":2,"not_scanned":[{"#;
    assert!(text.starts_with(start), "{text}");
    assert_eq!(json(&text)["results"].as_array().unwrap().len(), 10);
}

/// More results than the spool keeps in memory.
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

/// GitHub shows a finding in a pull request only if the request changes its line.
#[test]
fn sarif_points_at_a_rule_that_is_a_resource_of_its_own() {
    let location = |resource: &str, line| {
        Some(Location { file: "infra/web.yaml".into(), resource: Some(resource.into()), line: Some(line) })
    };
    let rule = results::exposure(None, 22, 22, "0.0.0.0/0", "tcp/22", Reach::World);
    let exposures = vec![FoundExposure { location: location("Ssh", 31), ..rule.clone() }, rule];
    let open = GroupResult { location: location("Web", 17), ..results::open("Web", "", exposures) };
    let undecided = results::undecided("Db", "");
    let unjudged = undecided.unjudged.iter().map(|rule| UnjudgedRule { location: location("Sql", 44), ..rule.clone() });
    let undecided = GroupResult { location: location("Db", 40), unjudged: unjudged.collect(), ..undecided.clone() };
    let run = json(&written(Format::Sarif, results::options(), &[open, undecided], Vec::new()).0)["runs"][0].take();
    let lines: Vec<&Value> = run["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| &result["locations"][0]["physicalLocation"]["region"]["startLine"])
        .collect();
    assert_eq!(lines, [31, 17, 44]);
}

/// Code scanning tells findings apart by their fingerprints, and would merge two with the same one.
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
    // The other groups are in the report all the same.
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

/// Security Hub recognizes a finding by its id from one scan to the next.
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
fn every_format_has_every_finding() {
    let results = results::results();
    let open = results.iter().filter(|result| result.compliance != ComplianceType::Compliant);
    let ids: Vec<&str> = open.map(|result| result.group_id.as_str()).collect();
    for &format in Format::ALL {
        let text = full(format);
        for id in ids.iter().filter(|id| format != Format::Asff || id.starts_with("sg-")) {
            assert!(text.contains(id), "{format}: {id}");
        }
    }
}

/// A full disk.
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
    for &format in Format::ALL {
        let write = |mut report: Box<dyn Report>| {
            results::results().iter().try_for_each(|result| report.group(result))?;
            report.finish(&ScanTotals::default())
        };
        let error = write(report(format, Box::new(Full), results::options())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{format}: {error}");
    }
}

/// A deployed rule in one region, and options in the other.
#[test]
fn a_command_has_the_policy_of_its_account_and_region() {
    let target = |region: &str, policy: ScanPolicy| ScanTarget {
        account: "123456789012".into(),
        region: region.into(),
        profile: None,
        assumed_role: None,
        caller_arn: None,
        policy: Some(policy),
    };
    let options = PolicyOptions::new("tcp/22".parse().unwrap());
    let targets = vec![
        target("eu-central-1", ScanPolicy::Rule { rule: "portcullis".into(), parameters: None }),
        target("us-east-1", options.into()),
    ];
    let policy = ScanPolicy::PerTarget { per_target: true };
    let record = ScanRecord { policy, inputs: Vec::new(), targets: targets.into(), options: Vec::new() };
    let options = ReportOptions { record, ..results::options() };
    let rule = results::exposure(None, 22, 22, "0.0.0.0/0", "tcp/22", Reach::World);
    let here = results::open("sg-0123456789abcdef0", "web", vec![rule]);
    let there = GroupResult { region: Some("us-east-1".into()), ..here.clone() };
    let elsewhere = GroupResult { region: Some("sa-east-1".into()), ..here.clone() };
    let groups = [here, there, elsewhere];
    let findings = json(&written(Format::Asff, options.clone(), &groups, Vec::new()).0);
    let commands: Vec<&Value> =
        findings.as_array().unwrap().iter().map(|finding| &finding["ProductFields"]["portcullis/close"]).collect();
    assert_eq!(commands[0], "portcullis close sg-0123456789abcdef0 --region=eu-central-1 --rule=portcullis");
    assert_eq!(commands[1], "portcullis close sg-0123456789abcdef0 --region=us-east-1 --ports=tcp/22 --scope=world");
    assert_eq!(commands[2], &Value::Null, "the policy of another region is not known");
    #[cfg(feature = "csv")]
    {
        let csv = written(Format::Csv, options, &groups, Vec::new()).0;
        assert!(csv.contains(",that of AWS Config rule portcullis in each account and region,"), "{csv}");
        assert!(csv.contains(",tcp/22 may not be open to more than a /8 (IPv4) or /16 (IPv6),"), "{csv}");
    }
}
