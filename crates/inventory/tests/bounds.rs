//! The worst inputs: their cost, and that none of them is compliant.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::alloc::System;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use exposure::{Exemptions, Policy};
use findings::{ComplianceType, GroupResult};
use flate2::Compression;
use flate2::write::GzEncoder;
use inventory::{InputError, Options, Stats, read};
use judgement::Criteria;
use peakmem_alloc::{PeakMemAlloc, PeakMemAllocTrait};
use rstest::rstest;
use serde_json::{Value, json};

#[global_allocator]
static MEMORY: PeakMemAlloc<System> = PeakMemAlloc::new(System);
/// The tests of this file run one after the other, since they measure the memory of the process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A cost that grows with the square of the input would take minutes.
const DEADLINE: Duration = Duration::from_mins(2);

#[derive(Debug, Default, PartialEq)]
struct Found {
    compliant: usize,
    non_compliant: usize,
    /// Groups that could not be judged, and records that are not understood.
    unknown: usize,
    rules: usize,
}

/// Reads and judges an input. Returns the counts and the peak memory in bytes.
fn scan(input: impl Read, options: &Options) -> (Result<Stats, InputError>, Found, usize) {
    let policy = Policy::new("0-65535".parse().unwrap());
    let criteria = Criteria::new(policy, Exemptions::default(), "2026-11-21T00:00:00Z".parse().unwrap());
    let mut found = Found::default();
    let begun = Instant::now();
    MEMORY.reset_peak_memory();
    let stats = read(input, "-", options, &mut |record| {
        if let Ok(record) = record {
            found.rules += record.group.ingress.len();
            let judged = criteria.judge_offline(record.group, &record.known);
            match GroupResult::new(&judged.group, None, &judged.assess()).compliance {
                ComplianceType::Compliant => found.compliant += 1,
                ComplianceType::NonCompliant => found.non_compliant += 1,
                ComplianceType::InsufficientData => found.unknown += 1,
            }
        } else {
            found.unknown += 1;
        }
        ControlFlow::Continue(())
    });
    let peak = MEMORY.get_peak_memory();
    println!("{peak} bytes of memory, {:?}", begun.elapsed());
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
    (stats, found, peak)
}

fn packed(text: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    text.for_each(|text| encoder.write_all(&text).unwrap());
    encoder.finish().unwrap()
}

#[rstest]
#[case("10.0.0.0/8", Found { compliant: 1, rules: 1_000_000, ..Found::default() })]
// More rules than EC2 allows are not analysed together, so the group counts as open.
#[case("12.0.0.0/8", Found { non_compliant: 1, rules: 200_000, ..Found::default() })]
#[case("everywhere", Found { unknown: 1, rules: 200_000, ..Found::default() })]
fn a_million_permissions_are_read_in_proportionate_memory(#[case] source: &str, #[case] expected: Found) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let permission =
        format!(r#"{{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"IpRanges":[{{"CidrIp":"{source}"}}]}},"#);
    let mut input = r#"{"SecurityGroups":[{"GroupId":"sg-1","IpPermissions":["#.to_owned();
    input.push_str(permission.repeat(expected.rules).trim_end_matches(','));
    input.push_str("]}]}");
    let (stats, found, peak) = scan(input.as_bytes(), &Options::default());
    stats.unwrap();
    assert_eq!(found, expected);
    assert!(peak < input.len() * 24, "{peak} bytes of memory for {}", input.len());
}

/// A few kilobytes of gzip that unpack to 24 MB, with a limit of 1 MB for a single value.
#[rstest]
#[case::white_space(b' ')]
#[case::lists(b'[')]
#[case::yaml(b'-')]
#[case::nothing(0)]
fn unpacked_data_is_never_all_in_memory(#[case] byte: u8) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let input = packed(std::iter::repeat_n(vec![byte; 1 << 20], 24));
    let options = Options { largest_document: 1 << 20, ..Options::default() };
    let (stats, found, peak) = scan(input.as_slice(), &options);
    stats.unwrap_err();
    assert_eq!(found, Found::default());
    assert!(peak < 8 << 20, "{peak} bytes of memory");
}

const FORMATS: [&str; 5] = [
    r#"{"SecurityGroups":[{"GroupId":"sg-1","IpPermissions":[{"IpProtocol":"tcp","FromPort":NUMBER,"ToPort":22,
        "IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}]}"#,
    r#"{"SecurityGroupRules":[{"GroupId":"sg-1","IsEgress":false,"IpProtocol":"tcp","FromPort":NUMBER,"ToPort":22,
        "CidrIpv4":"0.0.0.0/0"}]}"#,
    r#"{"configurationItems":[{"resourceType":"AWS::EC2::SecurityGroup","resourceId":"sg-1","configuration":{
        "groupId":"sg-1","ipPermissions":[{"ipProtocol":"tcp","fromPort":NUMBER,"toPort":22,"ipRanges":["0.0.0.0/0"]}]}}]}"#,
    r#"{"Resources":{"Web":{"Type":"AWS::EC2::SecurityGroup","Properties":{"SecurityGroupIngress":[
        {"IpProtocol":"tcp","FromPort":NUMBER,"ToPort":22,"CidrIp":"0.0.0.0/0"}]}}}}"#,
    r#"{"planned_values":{"root_module":{"resources":[{"address":"aws_security_group.a","mode":"managed",
        "type":"aws_security_group","name":"a","values":{"ingress":[
            {"protocol":"tcp","from_port":NUMBER,"to_port":22,"cidr_blocks":["0.0.0.0/0"]}]}}]}}}"#,
];

/// Numbers that are not ports, in a rule that is open to the world. In a template, text may be a number.
#[rstest]
fn no_odd_number_is_compliant(
    #[values(
        "1e400",
        "-1e400",
        "-0",
        "22.5",
        "18446744073709551616",
        "-9223372036854775809",
        "9223372036854775807",
        "65536",
        "-2",
        "1e-400",
        "[22]",
        "{}",
        "true",
        "NaN",
        "0x16",
        "022",
        "\"x\"",
        "\"\\ud800\"",
        "22,\"FromPort\":23"
    )]
    number: &str,
) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for format in FORMATS {
        for number in [number, &"9".repeat(1000)] {
            let input = format.replace("NUMBER", number);
            let (stats, found, _) = scan(input.as_bytes(), &Options::default());
            assert_eq!(found.compliant, 0, "{input}");
            assert!(stats.is_err() || found.unknown + found.non_compliant > 0, "{input}");
        }
    }
}

/// A value that is not used may be deep; one that is used may not.
#[test]
fn nesting_of_any_depth_is_read_or_refused() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for format in FORMATS {
        for depth in [10_000, 1_000_000] {
            let input = format.replace("NUMBER", &format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
            let (stats, found, _) = scan(input.as_bytes(), &Options::default());
            assert_eq!(found.compliant, 0, "{depth} deep in {format}");
            assert!(stats.is_err() || found.unknown > 0, "{depth} deep in {format}");
        }
    }
}

const GROUPS: usize = 10_000;
const RULES: usize = 40_000;

/// Groups and rules of a plan or a state, with the given values.
fn terraform(group: impl Fn(usize) -> Value, rule: impl Fn(usize) -> Value) -> Vec<Value> {
    let resource = |kind: &str, name: String, values: Value| {
        let address = format!("{kind}.{name}");
        json!({"address": address, "mode": "managed", "type": kind, "name": name, "values": values})
    };
    let groups = (0..GROUPS).map(|number| resource("aws_security_group", format!("g{number}"), group(number)));
    let rules =
        (0..RULES).map(|number| resource("aws_vpc_security_group_ingress_rule", format!("r{number}"), rule(number)));
    groups.chain(rules).collect()
}

fn ingress(rule: usize) -> Value {
    json!({"ip_protocol": "tcp", "from_port": rule, "to_port": rule, "cidr_ipv4": "10.0.0.0/8"})
}

/// A state, in which every rule has the id of its group.
fn state() -> Value {
    let group = |number: usize| json!({"id": format!("sg-{number}"), "ingress": []});
    let rule = |number: usize| {
        let mut values = ingress(number);
        values["security_group_id"] = json!(format!("sg-{}", number % GROUPS));
        values
    };
    json!({"terraform_version": "1.14.0", "values": {"root_module": {"resources": terraform(group, rule)}}})
}

/// A plan for new resources: only the configuration says which group a rule belongs to.
fn plan() -> Value {
    let resources = terraform(|_| json!({"ingress": []}), ingress);
    let mut configuration = resources.clone();
    for (index, resource) in configuration.iter_mut().enumerate() {
        let group = format!("aws_security_group.g{}", index % GROUPS);
        resource["expressions"] = json!({"security_group_id": {"references": [format!("{group}.id"), group]}});
    }
    json!({"planned_values": {"root_module": {"resources": resources}},
        "configuration": {"root_module": {"resources": configuration}}})
}

/// A template with one group that contains all rules.
fn template() -> Value {
    let rule = |rule: usize| json!({"IpProtocol": "tcp", "FromPort": rule, "ToPort": rule, "CidrIp": "10.0.0.0/8"});
    let rules: Vec<Value> = (0..RULES).map(rule).collect();
    json!({"Resources": {"Web": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": rules}}}})
}

/// A template whose rules are resources of their own, from sources that are not known.
fn separate_rules() -> Value {
    let rule = |number: usize| {
        let source = json!({"Ref": format!("Office{}", number % 100)});
        let rule = json!({"IpProtocol": "tcp", "FromPort": number, "ToPort": number, "GroupId": {"Ref": "Web"}, "CidrIp": source});
        (format!("Rule{number}"), json!({"Type": "AWS::EC2::SecurityGroupIngress", "Properties": rule}))
    };
    let mut resources: serde_json::Map<String, Value> = (0..RULES).map(rule).collect();
    resources.insert("Web".to_owned(), json!({"Type": "AWS::EC2::SecurityGroup"}));
    json!({"Resources": resources})
}

#[test]
fn rules_of_unknown_source_find_their_group_however_many_there_are() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (stats, found, _) = scan(separate_rules().to_string().as_bytes(), &Options::default());
    stats.unwrap();
    assert_eq!(found, Found { unknown: 1, rules: RULES, ..Found::default() });
}

/// Every resource of a template occurs twice.
#[test]
fn repeated_resources_cost_no_more_than_others() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let resources: Vec<String> = (0..RULES).map(|number| format!(r#""A{number}":{{"Type":"X"}}"#)).collect();
    let resources = resources.join(",");
    let (stats, found, _) =
        scan(format!(r#"{{"Resources":{{{resources},{resources}}}}}"#).as_bytes(), &Options::default());
    stats.unwrap();
    assert_eq!(found, Found { unknown: RULES, ..Found::default() });
}

/// Ten times as many groups and rules take ten times as long, and not a hundred times.
#[rstest]
#[case(state(), GROUPS)]
#[case(plan(), GROUPS)]
#[case(template(), 1)]
fn rules_find_their_groups_however_many_there_are(#[case] input: Value, #[case] compliant: usize) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (stats, found, _) = scan(input.to_string().as_bytes(), &Options::default());
    stats.unwrap();
    assert_eq!(found, Found { compliant, rules: RULES, ..Found::default() });
}

/// A map of thousands of keys in which thousands of groups look up a value.
#[test]
fn maps_are_looked_up_however_large_they_are() {
    const COUNT: usize = 20_000;
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let map: serde_json::Map<String, Value> =
        (0..COUNT).map(|number| (format!("k{number}"), json!({"cidr": "10.0.0.0/8"}))).collect();
    let group = |number: usize| {
        let cidr = json!({"Fn::FindInMap": ["Map", format!("k{number}"), "cidr"]});
        let rule = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": cidr});
        (format!("G{number}"), json!({"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": rule}}))
    };
    let resources: serde_json::Map<String, Value> = (0..COUNT).map(group).collect();
    let template = json!({"Mappings": {"Map": map}, "Resources": resources}).to_string();
    let (stats, found, _) = scan(template.as_bytes(), &Options::default());
    stats.unwrap();
    assert_eq!(found, Found { compliant: COUNT, rules: COUNT, ..Found::default() });
}

/// One group with thousands of rules, each exempt by itself.
#[test]
fn exemptions_are_applied_however_many_there_are() {
    const COUNT: usize = 10_000;
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let rule = |number: usize| {
        let metadata = json!({"Portcullis": {"Exempt": {"Reason": "r", "Expires": "9999-12-31"}}});
        let properties = json!({"GroupId": "sg-0a", "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22 + number, "CidrIp": "0.0.0.0/0"});
        let resource =
            json!({"Type": "AWS::EC2::SecurityGroupIngress", "Metadata": metadata, "Properties": properties});
        (format!("R{number}"), resource)
    };
    let resources: serde_json::Map<String, Value> = (0..COUNT).map(rule).collect();
    let template = json!({"Resources": resources}).to_string();
    let policy = Policy::new("22".parse().unwrap());
    let criteria = Criteria::new(policy.clone(), Exemptions::default(), "2026-11-21T00:00:00Z".parse().unwrap());
    let begun = Instant::now();
    let mut exempted = 0;
    read(template.as_bytes(), "t.json", &Options::default(), &mut |record| {
        let mut record = record.unwrap();
        let judged = criteria.judge_offline(std::mem::take(&mut record.group), &record.known);
        let mut assessment = judged.assess();
        record.exempt(&mut assessment, &judged.group, &policy, criteria.at);
        assert_eq!(assessment.exposures, []);
        exempted += assessment.exempted.len();
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(exempted, COUNT);
    assert!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
}
