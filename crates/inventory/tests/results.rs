//! Results for the groups of an input.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::ops::ControlFlow;

use exposure::{AddressSet, Exemptions, Policy, PrefixList, PrefixLists};
use findings::{ComplianceType, GroupResult, Openness};
use inventory::{Options, read};
use judgement::Criteria;
use rstest::rstest;

const GROUPS: &str = include_str!("samples/describe-security-groups.json");
const TEMPLATE: &str = include_str!("samples/template.yaml");

fn criteria(ports: &str) -> Criteria {
    criteria_with(ports, Exemptions::default())
}

fn criteria_with(ports: &str, exemptions: Exemptions) -> Criteria {
    Criteria::new(Policy::new(ports.parse().unwrap()), exemptions, "2026-11-21T00:00:00Z".parse().unwrap())
}

fn results(criteria: &Criteria, input: &str) -> Vec<GroupResult> {
    results_with(criteria, &PrefixLists::default(), input)
}

fn results_with(criteria: &Criteria, prefix_lists: &PrefixLists, input: &str) -> Vec<GroupResult> {
    let mut results = Vec::new();
    read(input.as_bytes(), "input", &Options::default(), &mut |record| {
        let record = record.unwrap();
        let known = if *prefix_lists == PrefixLists::default() { &record.known } else { prefix_lists };
        let judged = criteria.judge_offline(record.group.clone(), known);
        results.push(record.result(&judged.group, &judged.assess()));
        ControlFlow::Continue(())
    })
    .unwrap();
    results
}

#[test]
fn groups_are_judged_as_by_the_rule() {
    let results = results(&criteria("22"), GROUPS);
    assert_eq!(
        results.iter().map(|result| (result.compliance, result.openness)).collect::<Vec<_>>(),
        [(ComplianceType::NonCompliant, Openness::World), (ComplianceType::Compliant, Openness::Restricted)]
    );
    let sources: Vec<&str> = results[0].exposures.iter().map(|exposure| exposure.source.as_str()).collect();
    assert_eq!(sources, ["0.0.0.0/0", "::/0"]);
    assert_eq!(results[0].region.as_deref(), Some("us-east-1"));
}

#[test]
fn a_result_keeps_its_place_in_the_template() {
    let results = results(&criteria("22"), TEMPLATE);
    let web = results.iter().find(|result| result.group_id == "Web").unwrap();
    assert_eq!(web.compliance, ComplianceType::NonCompliant);
    let location = web.location.as_ref().unwrap();
    assert_eq!((location.file.as_str(), location.line), ("input", Some(17)));
}

/// A file does not contain the entries of a prefix list.
#[rstest]
#[case::unknown(None, ComplianceType::InsufficientData)]
#[case::known(Some(PrefixList::Entries(AddressSet::default())), ComplianceType::Compliant)]
#[case::of_aws(Some(PrefixList::AwsOwned), ComplianceType::Compliant)]
fn a_prefix_list_that_is_not_known_leaves_the_group_undecided(
    #[case] list: Option<PrefixList>,
    #[case] expected: ComplianceType,
) {
    let prefix_lists = list.map(|list| ("pl-0f00ba4".to_owned(), list)).into_iter().collect();
    let results = results_with(&criteria("53"), &prefix_lists, TEMPLATE);
    let group = results.iter().find(|result| result.group_id == "sg-0aaaaaaaaaaaaaaaa").unwrap();
    assert_eq!(group.compliance, expected);
    let reasons: Vec<&str> = group.unjudged.iter().map(|rule| rule.reason.as_str()).collect();
    let reason =
        "prefix list pl-0f00ba4 could not be read: a file does not contain its entries: scan the account itself";
    assert_eq!(reasons, if expected == ComplianceType::InsufficientData { vec![reason] } else { vec![] });
}

/// A group of a template has no id yet; a rule of another resource belongs to it, too.
#[rstest]
#[case("Web", ComplianceType::Compliant)]
#[case("web", ComplianceType::NonCompliant)]
#[case("Lb", ComplianceType::NonCompliant)]
fn an_exemption_covers_a_group_of_a_template(#[case] resource: &str, #[case] expected: ComplianceType) {
    let document = format!(
        r#"{{"version":1,"exemptions":[{{"resource":"{resource}","expires":"2026-12-31","reason":"trial"}}]}}"#
    );
    let criteria = criteria_with("22", Exemptions::from_json(&document).unwrap());
    let found = results(&criteria, TEMPLATE);
    let web = found.iter().find(|result| result.group_id == "Web").unwrap();
    assert_eq!(web.compliance, expected);
}

#[test]
fn an_exemption_covers_a_group_of_a_file() {
    let document = r#"{"version":1,"exemptions":[{"securityGroupId":"sg-0aaaaaaaaaaaaaaaa","expires":"2026-12-31","reason":"trial"}]}"#;
    let criteria = criteria_with("22", Exemptions::from_json(document).unwrap());
    let result = &results(&criteria, GROUPS)[0];
    assert_eq!((result.compliance, result.exempted.len()), (ComplianceType::Compliant, 2));
}
