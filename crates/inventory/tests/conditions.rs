//! Conditions of templates: what the caller gives decides them, and a default does not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::needless_pass_by_value, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use inventory::Options;
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{read_one, rules};

fn equals(one: Value, other: Value) -> Value {
    json!({"Fn::Equals": [one, other]})
}

fn prod() -> Value {
    equals(json!({"Ref": "Stage"}), json!("prod"))
}

fn given(parameters: &[(&str, &str)]) -> Options {
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned().into())).collect();
    Options { parameters, ..Options::default() }
}

/// The sources of the group `Web`, whose rule is for 10.0.0.0/8 if the condition `C` is met and for the world otherwise.
fn sources(conditions: Value, options: &Options) -> Vec<String> {
    let cidr = json!({"Fn::If": ["C", "10.0.0.0/8", "0.0.0.0/0"]});
    let rule = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": cidr});
    let template = json!({
        "Parameters": {
            "Stage": {"Type": "String", "Default": "dev"},
            "Name": {"Type": "AWS::SSM::Parameter::Value<String>"},
        },
        "Mappings": {"Stages": {"prod": {"closed": "true"}, "dev": {"closed": "false"}}},
        "Conditions": conditions,
        "Resources": {"Web": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": rule}}},
    });
    let (records, errors, _) = read_one(template.to_string().as_bytes(), "t.json", options).unwrap();
    assert_eq!(errors, []);
    rules(&records[0]).iter().map(|rule| rule.replace("tcp/22 from ", "")).collect()
}

const CLOSED: [&str; 1] = ["10.0.0.0/8"];
const OPEN: [&str; 1] = ["0.0.0.0/0"];
const BOTH: [&str; 2] = ["10.0.0.0/8", "0.0.0.0/0"];

#[rstest]
#[case::equal(json!({"C": prod()}), &CLOSED)]
#[case::not(json!({"C": {"Fn::Not": [prod()]}}), &OPEN)]
#[case::by_name(json!({"P": prod(), "C": {"Condition": "P"}}), &CLOSED)]
#[case::and(json!({"P": prod(), "C": {"Fn::And": [{"Condition": "P"}, equals(json!("a"), json!("b"))]}}), &OPEN)]
#[case::and_of_what_is_open(json!({"C": {"Fn::And": [prod(), equals(json!({"Ref": "AWS::StackName"}), json!("b"))]}}), &BOTH)]
#[case::or_of_what_is_open(json!({"C": {"Fn::Or": [equals(json!({"Ref": "AWS::StackName"}), json!("b")), prod()]}}), &CLOSED)]
#[case::map(json!({"C": equals(json!({"Fn::FindInMap": ["Stages", {"Ref": "Stage"}, "closed"]}), json!("true"))}), &CLOSED)]
#[case::numbers_are_texts(json!({"C": equals(json!(1), json!("1"))}), &CLOSED)]
#[case::itself(json!({"C": {"Condition": "C"}}), &BOTH)]
#[case::each_other(json!({"C": {"Fn::Not": [{"Condition": "D"}]}, "D": {"Condition": "C"}}), &BOTH)]
#[case::missing(json!({"D": prod()}), &BOTH)]
#[case::unknown_function(json!({"C": {"Fn::Contains": [["prod"], {"Ref": "Stage"}]}}), &BOTH)]
#[case::no_value(json!({"C": equals(json!({"Ref": "AWS::NoValue"}), json!(""))}), &BOTH)]
#[case::secret(json!({"C": equals(json!("{{resolve:ssm:a}}"), json!("b"))}), &BOTH)]
fn a_given_parameter_decides_the_conditions_that_it_can(#[case] conditions: Value, #[case] expected: &[&str]) {
    assert_eq!(sources(conditions, &given(&[("Stage", "prod")])), expected);
}

#[test]
fn a_default_decides_nothing() {
    assert_eq!(sources(json!({"C": prod()}), &Options::default()), BOTH);
    // What is written out needs no parameter.
    assert_eq!(sources(json!({"C": equals(json!("a"), json!("b"))}), &Options::default()), OPEN);
}

#[test]
fn the_name_of_a_parameter_of_systems_manager_is_not_its_value() {
    let condition = json!({"C": equals(json!({"Ref": "Name"}), json!("open"))});
    assert_eq!(sources(condition, &given(&[("Name", "/web/open")])), BOTH);
}

#[rstest]
#[case("AWS::Region", "eu-west-1")]
#[case("AWS::AccountId", "111122223333")]
#[case("AWS::Partition", "aws")]
fn pseudo_parameters_decide_if_they_are_known(#[case] name: &str, #[case] value: &str) {
    let conditions = json!({"C": equals(json!({"Ref": name}), json!(value))});
    assert_eq!(sources(conditions.clone(), &Options::default()), BOTH);
    let (region, account) = (Some("eu-west-1".to_owned()), Some("111122223333".to_owned()));
    assert_eq!(sources(conditions, &Options { region, account, ..Options::default() }), CLOSED);
}

#[test]
fn a_resource_whose_condition_is_not_met_is_left_out() {
    let rule = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"});
    let mut own = rule.clone();
    own["GroupId"] = json!({"Ref": "Web"});
    let of = |kind: &str, condition: &str, properties: Value| json!({"Type": kind, "Condition": condition, "Properties": properties});
    let template = json!({
        "Parameters": {"Stage": {"Type": "String", "Default": "prod"}},
        "Conditions": {"Prod": prod(), "Dev": {"Fn::Not": [{"Condition": "Prod"}]}},
        "Resources": {
            "Web": of("AWS::EC2::SecurityGroup", "Prod", json!({})),
            "Debug": of("AWS::EC2::SecurityGroup", "Dev", json!({"SecurityGroupIngress": [rule]})),
            "Ssh": of("AWS::EC2::SecurityGroupIngress", "Dev", own),
            "Stack": of("AWS::CloudFormation::Stack", "Dev", json!({"TemplateURL": "https://example.com/a"})),
        },
    });
    let read = |options: &Options| {
        let (records, errors, _) = read_one(template.to_string().as_bytes(), "t.json", options).unwrap();
        let groups: Vec<_> =
            records.iter().map(|record| (record.group.id.clone(), record.group.ingress.len())).collect();
        (groups, errors.len())
    };
    let group = |name: &str, rules: usize| (name.to_owned(), rules);
    assert_eq!(read(&given(&[("Stage", "prod")])), (vec![group("Web", 0)], 0));
    assert_eq!(read(&Options::default()), (vec![group("Debug", 1), group("Web", 1)], 1));
}

/// A value that the stack around takes from a default is no more certain than that.
#[rstest]
#[case(json!("prod"), &[], 0)]
#[case(json!({"Ref": "Stage"}), &[], 1)]
#[case(json!({"Ref": "Stage"}), &[("Stage", "prod")], 0)]
fn a_nested_stack_is_decided_by_what_is_given_to_it(
    #[case] stage: Value,
    #[case] parameters: &[(&str, &str)],
    #[case] expected: usize,
) {
    let inner = json!({
        "Parameters": {"Stage": {"Type": "String"}},
        "Conditions": {"Dev": {"Fn::Not": [prod()]}},
        "Resources": {"Debug": {"Type": "AWS::EC2::SecurityGroup", "Condition": "Dev"}},
    });
    let properties = json!({
        "TemplateBody": inner.to_string(),
        "Parameters": [{"ParameterKey": "Stage", "ParameterValue": stage}],
    });
    let template = json!({
        "Parameters": {"Stage": {"Type": "String", "Default": "prod"}},
        "Resources": {"Set": {"Type": "AWS::CloudFormation::StackSet", "Properties": properties}},
    });
    let (records, errors, _) = read_one(template.to_string().as_bytes(), "t.json", &given(parameters)).unwrap();
    assert_eq!((records.len(), errors), (expected, vec![]));
}

/// Each condition refers to the one before twice.
#[test]
fn thousands_of_conditions_take_bounded_time_and_depth() {
    let conditions: serde_json::Map<String, Value> = (0..20_000)
        .map(|number: u32| {
            let before = json!({"Condition": format!("C{}", number.saturating_sub(1))});
            let condition = if number == 0 { prod() } else { json!({"Fn::And": [before, before]}) };
            (format!("C{number}"), condition)
        })
        .collect();
    let begun = Instant::now();
    assert_eq!(sources(Value::Object(conditions), &given(&[("Stage", "prod")])), BOTH);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
