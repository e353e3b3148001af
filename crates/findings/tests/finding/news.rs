//! What is news of an open finding, and what is not.

use findings::FoundExposure;
use findings::finding::{ExposureList, News, Observation, Source};
use findings::{ComplianceType, Severity};
use rstest::rstest;

use crate::observations::*;

fn with_exposures(at: &str, exposures: &[FoundExposure]) -> Observation {
    live(at, assessed(Source::Change, open_with(ExposureList::new(exposures))))
}

fn other_ids(at: &str) -> Observation {
    let renamed = |port| FoundExposure {
        rule_id: Some(format!("sgr-new-{port}")),
        description: Some("another description".into()),
        ..exposure(port, "0.0.0.0/0")
    };
    with_exposures(at, &[renamed(3389), renamed(22)])
}

#[rstest]
#[case::duplicate(open("1 09:00", &[22, 3389]))]
#[case::later(open("1 10:00", &[22, 3389]))]
#[case::confirmed(swept_open("1 10:00", &[22, 3389]))]
#[case::other_order(open("1 10:00", &[3389, 22]))]
#[case::other_ids_of_the_same_content(other_ids("1 10:00"))]
#[case::the_same_owner(owner("1 10:00", "web"))]
#[case::the_same_opener(opener("1 10:00", "ci"))]
#[case::more_interfaces_of_the_same_severity(attached("1 10:00", 7, true))]
#[case::straggler(open("1 08:00", &[22]))]
#[case::late_context(owner("1 08:00", "nobody"))]
#[case::not_parked(parked("1 10:00", false))]
#[case::muted(muted("1 10:00", None))]
fn no_news(#[case] observation: Observation) {
    let mut finding = seen();
    let before = (finding.revision(), finding.content_digest());
    assert!(!finding.apply(&observation).is_news());
    assert_eq!((finding.revision(), finding.content_digest()), before);
}

#[rstest]
#[case::another_port(open("1 10:00", &[22, 3389, 5432]), News::ExposuresChanged)]
#[case::a_port_less(open("1 10:00", &[22]), News::ExposuresChanged)]
#[case::other_ids_and_content(with_exposures("1 10:00", &[exposure(22, "::/0"), exposure(3389, "0.0.0.0/0")]), News::ExposuresChanged)]
#[case::severity(attached("1 10:00", 1, false), News::SeverityChanged { from: Severity::Critical, to: Severity::High })]
#[case::unused(attached("1 10:00", 0, false), News::SeverityChanged { from: Severity::Critical, to: Severity::Low })]
#[case::parked(parked("1 10:00", true), News::Parked)]
#[case::owner(owner("1 10:00", "data"), News::OwnerChanged)]
#[case::opener(opener("1 10:00", "ana"), News::OpenerChanged)]
#[case::exempt(exempt("1 10:00", "2026-12-20"), News::Exempted)]
fn news(#[case] observation: Observation, #[case] expected: News) {
    let mut finding = seen();
    let revision = finding.revision();
    assert_eq!(finding.apply(&observation).news, [expected]);
    assert_eq!(finding.revision(), revision + 1);
}

#[test]
fn fewer_and_less_reaching_exposures_change_the_severity_too() {
    let mut finding = seen();
    let partly = with_exposures("1 10:00", &[exposure(22, "198.51.100.0/24")]);
    let (from, to) = (Severity::Critical, Severity::High);
    assert_eq!(finding.apply(&partly).news, [News::ExposuresChanged, News::SeverityChanged { from, to }]);
}

/// A finding of which all is known.
fn seen() -> findings::finding::Finding {
    let mut finding = new_finding();
    for observation in
        [open("1 09:00", &[22, 3389]), attached("1 09:01", 2, true), owner("1 09:01", "web"), opener("1 09:01", "ci")]
    {
        finding.apply(&observation);
    }
    assert_eq!(finding.severity(), Some(Severity::Critical));
    finding
}

/// A lost table is filled by the newest events: the revisions begin again, and names of news must not.
#[test]
fn a_lost_finding_gives_known_news_its_name_and_other_news_another_one() {
    let mut finding = new_finding();
    let mut names = Vec::new();
    for observation in [open("1 09:00", &[22]), open("1 10:00", &[22, 3389]), open("1 11:00", &[22])] {
        finding.apply(&observation);
        names.push(finding.news_name());
        let mut anew = new_finding();
        anew.apply(&observation);
        assert_eq!((anew.revision(), anew.news_name()), (1, finding.news_name()));
    }
    let mut anew = new_finding();
    anew.apply(&open("1 12:00", &[22]));
    assert!(!names.contains(&anew.news_name()), "{names:?}");
}

/// Stored by the version before, which had no such field.
#[test]
fn a_finding_without_the_time_of_its_news_names_the_next_one() {
    let mut finding = new_finding();
    finding.apply(&open("1 09:00", &[22]));
    let mut stored = serde_json::to_value(&finding).unwrap();
    stored.as_object_mut().unwrap().remove("newest_news");
    let mut read: findings::finding::Finding = serde_json::from_value(stored).unwrap();
    let before = read.news_name();
    assert_eq!(before, read.clone().news_name());
    read.apply(&open("1 10:00", &[22, 3389]));
    finding.apply(&open("1 10:00", &[22, 3389]));
    assert_ne!(before, read.news_name());
    assert_eq!(finding.news_name(), read.news_name());
}

#[test]
fn a_result_of_a_scan_becomes_an_exposure_list() {
    let group = exposure::SecurityGroup {
        id: "sg-0aaaaaaaaaaaaaaaa".into(),
        ingress: vec![exposure::IngressRule::new(exposure::Traffic::parse("-1", None, None), "::/0".into())],
        ..exposure::SecurityGroup::default()
    };
    let policy = exposure::Policy::new("22, 3389".parse().unwrap());
    let (none, lists) = (exposure::Exemptions::default(), exposure::PrefixLists::default());
    let assessment = exposure::assess(&group, &policy, &none, &lists, time("1 09:00"));
    let result = findings::GroupResult::new(&group, None, &assessment);
    assert_eq!(result.compliance, ComplianceType::NonCompliant);
    let list = ExposureList::new(&result.exposures);
    let ports: Vec<&str> = list.listed[0].ports.iter().map(findings::finding::Text::as_str).collect();
    assert_eq!(ports, ["tcp/22", "tcp/3389", "udp/22", "udp/3389"]);
    assert_eq!(list.openness, Some(result.openness));
}
