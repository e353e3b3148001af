//! Security groups of CloudFormation templates.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    reason = "tests"
)]

mod common;

use std::collections::BTreeMap;

use exposure::Source;
use inventory::{InputError, Options, Record, RecordError};
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{read_one, rules};

const TEMPLATE: &str = include_str!("samples/template.yaml");

type Found = (Vec<Record>, Vec<RecordError>);

fn try_scan(input: &str, options: &Options) -> Result<Found, InputError> {
    read_one(input.as_bytes(), "template", options).map(|(records, errors, _)| (records, errors))
}

fn scan(input: &str) -> Found {
    try_scan(input, &Options::default()).unwrap()
}

/// The rules of a group with this one ingress property.
fn rules_of(ingress: Value) -> Vec<String> {
    let template = json!({
        "Parameters": {
            "Open": {"Type": "String", "Default": "0.0.0.0/0"},
            "Secret": {"Type": "String"},
            "Ssm": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/network/cidr"},
            "Port": {"Type": "Number", "Default": 22},
            "Cidrs": {"Type": "List<String>", "Default": "10.0.0.0/8,0.0.0.0/0"},
        },
        "Mappings": {"Nets": {"a": {"cidr": "192.0.2.0/24"}}},
        "Resources": {"Web": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": ingress}}},
    });
    let (records, errors) = scan(&template.to_string());
    assert_eq!(errors, []);
    rules(&records[0])
}

fn tcp22(cidr: Value) -> Value {
    json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": cidr})
}

#[test]
fn groups_have_their_inline_and_their_separate_rules() {
    let (records, errors) = scan(TEMPLATE);
    assert_eq!(errors, []);
    let found: Vec<_> = records.iter().map(|record| (record.group.id.as_str(), rules(record))).collect();
    let expected = [
        ("Lb", vec!["tcp/443 from ::/0", "tcp/22 from 198.51.100.0/24"]),
        ("Quiet", vec![]),
        ("Web", vec!["tcp/22 from 0.0.0.0/0", "tcp/443 from !GetAtt Lb.GroupId", "all traffic from 10.0.0.0/8"]),
        ("!ImportValue network-sg", vec!["icmp from 0.0.0.0/0"]),
        ("sg-0aaaaaaaaaaaaaaaa", vec!["udp/53 from pl-0f00ba4"]),
    ];
    assert_eq!(found, expected.map(|(id, rules)| (id, rules.into_iter().map(str::to_owned).collect())));
    let web = &records[2];
    assert_eq!((web.group.name.as_deref(), web.group.vpc_id.as_deref()), (Some("web-sg"), None));
    assert_eq!(web.group.tags["Name"], "web");
    assert_eq!(web.group.ingress[0].description.as_deref(), Some("temp ssh"));
    let location = web.location.as_ref().unwrap();
    assert_eq!((location.resource.as_deref(), location.line), (Some("Web"), Some(17)));
    let elsewhere = records[4].location.as_ref().unwrap();
    assert_eq!((elsewhere.resource.as_deref(), elsewhere.line), (Some("Elsewhere"), Some(57)));
}

/// `aws cloudformation get-template` returns a YAML template as a string, and a JSON template as an object.
#[test]
fn a_template_is_read_out_of_the_answer_that_has_it() {
    let body = json!({"Resources": {"A": {"Type": "AWS::EC2::SecurityGroup"}}});
    for (body, groups) in [(json!(TEMPLATE), 5), (body.clone(), 1), (json!(body.to_string()), 1)] {
        let (records, errors) = scan(&json!({"TemplateBody": body, "StagesAvailable": ["Original"]}).to_string());
        assert_eq!((records.len(), errors), (groups, vec![]));
    }
}

/// `--query TemplateBody` leaves a string; a map of YAML may begin with a quoted key.
#[test]
fn a_template_in_a_string_is_read() {
    let body = json!({"Resources": {"A": {"Type": "AWS::EC2::SecurityGroup"}}}).to_string();
    for (input, groups) in [(json!(TEMPLATE).to_string(), 5), (json!(body).to_string(), 1)] {
        let (records, errors) = scan(&format!("\n {input}\n"));
        assert_eq!((records.len(), errors), (groups, vec![]));
        assert!(records.iter().all(|record| record.location.as_ref().unwrap().line.is_none()));
    }
    let (records, errors) = scan("\"Resources\":\n  A: {Type: AWS::EC2::SecurityGroup}\n");
    assert_eq!((records.len(), errors), (1, vec![]));
}

#[test]
fn json_has_lines_as_well() {
    let template = "{\n \"Resources\": {\n  \"A\": {\"Type\": \"AWS::EC2::SecurityGroup\"},\n\n  \"B\":\n   {\"Type\": \
                    \"AWS::EC2::SecurityGroup\"}\n }\n}";
    let (records, _) = scan(&format!("\n{template}"));
    let lines: Vec<_> = records.iter().map(|record| record.location.as_ref().unwrap().line).collect();
    // The line on which the value of the resource begins, usually also that of its name.
    assert_eq!(lines, [Some(4), Some(7)]);
}

#[rstest]
#[case::number(json!({"IpProtocol": 6, "FromPort": 22, "ToPort": "22", "CidrIp": "10.0.0.0/8"}), "tcp/22 from 10.0.0.0/8")]
#[case::no_ports(json!({"IpProtocol": "tcp", "CidrIp": "10.0.0.0/8"}), "tcp/0-65535 from 10.0.0.0/8")]
#[case::all(json!({"IpProtocol": -1, "CidrIpv6": "::/0"}), "all traffic from ::/0")]
#[case::group_name(json!({"IpProtocol": "-1", "SourceSecurityGroupName": "x"}), "all traffic from x")]
#[case::unknown_group(json!({"IpProtocol": "-1", "SourceSecurityGroupId": {"Ref": "Secret"}}), "all traffic from !Ref Secret")]
#[case::default(tcp22(json!({"Ref": "Open"})), "tcp/22 from 0.0.0.0/0")]
#[case::no_default(tcp22(json!({"Ref": "Secret"})), "tcp/22 from `!Ref Secret`")]
#[case::systems_manager(tcp22(json!({"Ref": "Ssm"})), "tcp/22 from `!Ref Ssm`")]
#[case::dynamic(tcp22(json!("{{resolve:ssm:/network/cidr}}")), "tcp/22 from `{{resolve:ssm:/network/cidr}}`")]
#[case::get_att(tcp22(json!({"Fn::GetAtt": ["Vpc", "CidrBlock"]})), "tcp/22 from `!GetAtt Vpc.CidrBlock`")]
#[case::import(tcp22(json!({"Fn::ImportValue": "x"})), "tcp/22 from `!ImportValue x`")]
#[case::sub(tcp22(json!({"Fn::Sub": "${Open}"})), "tcp/22 from 0.0.0.0/0")]
#[case::sub_with_variables(tcp22(json!({"Fn::Sub": ["${ip}/32", {"ip": "1.2.3.4"}]})), "tcp/22 from 1.2.3.4/32")]
#[case::sub_unknown(tcp22(json!({"Fn::Sub": "${Secret}/0"})), "tcp/22 from `!Sub ${Secret}/0`")]
#[case::join(tcp22(json!({"Fn::Join": ["", ["0.0.0.0", "/0"]]})), "tcp/22 from 0.0.0.0/0")]
#[case::select(tcp22(json!({"Fn::Select": ["1", {"Ref": "Cidrs"}]})), "tcp/22 from 0.0.0.0/0")]
#[case::split(tcp22(json!({"Fn::Select": [1, {"Fn::Split": ["|", "a|0.0.0.0/0"]}]})), "tcp/22 from 0.0.0.0/0")]
#[case::find(tcp22(json!({"Fn::FindInMap": ["Nets", "a", "cidr"]})), "tcp/22 from 192.0.2.0/24")]
#[case::find_only_value(tcp22(json!({"Fn::FindInMap": ["Nets", {"Ref": "AWS::Region"}, "cidr"]})), "tcp/22 from 192.0.2.0/24")]
#[case::find_unknown(tcp22(json!({"Fn::FindInMap": ["Missing", {"Ref": "AWS::Region"}, "cidr"]})),
    r#"tcp/22 from `!FindInMap ["Missing",{"Ref":"AWS::Region"},"cidr"]`"#)]
#[case::list_of_cidrs(tcp22(json!({"Ref": "Cidrs"})), "tcp/22 from `CidrIp: a list`")]
#[case::port(json!({"IpProtocol": "tcp", "FromPort": {"Ref": "Port"}, "ToPort": {"Ref": "Port"}, "CidrIp": "0.0.0.0/0"}),
    "tcp/22 from 0.0.0.0/0")]
#[case::unknown_port(json!({"IpProtocol": "tcp", "FromPort": {"Ref": "Secret"}, "ToPort": 22, "CidrIp": "0.0.0.0/0"}),
    "protocol `tcp/!Ref Secret` from port none to port none from 0.0.0.0/0")]
#[case::no_port(json!({"IpProtocol": "tcp", "FromPort": "ssh", "ToPort": 22, "CidrIp": "0.0.0.0/0"}),
    "protocol `tcp/ssh` from port none to port none from 0.0.0.0/0")]
#[case::port_of_all(json!({"IpProtocol": -1, "FromPort": {"Ref": "Secret"}, "CidrIp": "0.0.0.0/0"}),
    "all traffic from 0.0.0.0/0")]
#[case::unknown_protocol(json!({"IpProtocol": {"Ref": "Secret"}, "CidrIp": "0.0.0.0/0"}),
    "protocol `!Ref Secret` from port none to port none from 0.0.0.0/0")]
#[case::no_protocol(json!({"CidrIp": "0.0.0.0/0"}), "protocol `` from port none to port none from 0.0.0.0/0")]
#[case::no_source(json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}), "tcp/22 from `no source`")]
#[case::transform(json!({"Fn::Transform": {"Name": "AWS::Include"}}),
    "protocol `!Transform {\"Name\":\"AWS::Include\"}` from port none to port none from `!Transform {\"Name\":\"AWS::Include\"}`")]
#[case::other_list(json!({"Ref": "Secret"}),
    "protocol `!Ref Secret` from port none to port none from `!Ref Secret`")]
fn a_rule_is_worked_out_as_far_as_the_template_goes(#[case] ingress: Value, #[case] expected: &str) {
    assert_eq!(rules_of(ingress), [expected]);
}

/// Both branches count. A condition that occurs twice in a rule has the same value in both places.
#[rstest]
#[case::source(tcp22(json!({"Fn::If": ["C", "0.0.0.0/0", "10.0.0.0/8"]})),
    &["tcp/22 from 0.0.0.0/0", "tcp/22 from 10.0.0.0/8"])]
#[case::rule(json!([{"Fn::If": ["C", tcp22(json!("0.0.0.0/0")), {"Ref": "AWS::NoValue"}]}]), &["tcp/22 from 0.0.0.0/0"])]
#[case::list(json!({"Fn::If": ["C", [tcp22(json!("0.0.0.0/0"))], [tcp22(json!("1.0.0.0/8"))]]}),
    &["tcp/22 from 0.0.0.0/0", "tcp/22 from 1.0.0.0/8"])]
#[case::nested(json!({"Fn::If": ["C", {"Fn::If": ["C", [], [tcp22(json!("0.0.0.0/0"))]]}, []]}), &[])]
#[case::same(json!({
        "IpProtocol": "tcp", "FromPort": {"Fn::If": ["C", 22, 443]}, "ToPort": {"Fn::If": ["C", 22, 443]},
        "CidrIp": "0.0.0.0/0"
    }), &["tcp/22 from 0.0.0.0/0", "tcp/443 from 0.0.0.0/0"])]
#[case::either_source(json!({
        "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
        "CidrIp": {"Fn::If": ["C", "0.0.0.0/0", {"Ref": "AWS::NoValue"}]},
        "CidrIpv6": {"Fn::If": ["C", {"Ref": "AWS::NoValue"}, "::/0"]}
    }), &["tcp/22 from 0.0.0.0/0", "tcp/22 from ::/0"])]
fn every_possible_exposure_counts(#[case] ingress: Value, #[case] expected: &[&str]) {
    assert_eq!(rules_of(ingress), expected);
}

#[test]
fn too_many_conditions_are_not_worked_out() {
    let nested =
        (0..20).fold(json!("10.0.0.0/8"), |inner, n| json!({"Fn::If": [format!("C{n}"), "1.1.1.1/32", inner]}));
    let rules = rules_of(tcp22(nested));
    assert_eq!(rules.len(), 1);
    assert!(rules[0].contains("too many conditions"));
}

#[test]
fn parameters_can_be_given() {
    let given = |name: &str, value: &str| Options {
        parameters: BTreeMap::from([(name.to_owned(), value.to_owned().into())]),
        ..Options::default()
    };
    let (records, _) = try_scan(TEMPLATE, &given("AdminCidr", "10.9.0.0/16")).unwrap();
    assert_eq!(rules(&records[2])[0], "tcp/22 from 10.9.0.0/16");
    let (records, _) = try_scan(TEMPLATE, &given("VpcId", "vpc-1")).unwrap();
    assert_eq!(records[2].group.vpc_id.as_deref(), Some("vpc-1"));
    let error = try_scan(TEMPLATE, &given("AdminCider", "x")).unwrap_err().to_string();
    assert_eq!(error, "`template` has no parameter `AdminCider`: it has `AdminCidr`, `Ports`, `VpcId`");
}

#[rstest]
#[case(json!({"Ref": "Web"}), "Web")]
#[case(json!({"Fn::GetAtt": ["Web", "GroupId"]}), "Web")]
#[case(json!({"Fn::GetAtt": "Web.GroupId"}), "Web")]
#[case(json!({"Fn::Sub": "${Web.GroupId}"}), "Web")]
#[case(json!("sg-0aaaaaaaaaaaaaaaa"), "sg-0aaaaaaaaaaaaaaaa")]
#[case(json!({"Ref": "Target"}), "sg-0bbbbbbbbbbbbbbbb")]
#[case(json!({"Ref": "Other"}), "!Ref Other")]
#[case(json!({"Fn::GetAtt": ["Vpc", "DefaultSecurityGroup"]}), "!GetAtt Vpc.DefaultSecurityGroup")]
fn a_separate_rule_is_one_of_the_group_it_refers_to(#[case] target: Value, #[case] expected: &str) {
    let mut rule = tcp22(json!("0.0.0.0/0"));
    rule["GroupId"] = target;
    let template = json!({
        "Parameters": {"Target": {"Type": "String", "Default": "sg-0bbbbbbbbbbbbbbbb"}},
        "Resources": {
            "Rule": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": rule},
            "Web": {"Type": "AWS::EC2::SecurityGroup", "Properties": {}},
        }
    });
    let (records, errors) = scan(&template.to_string());
    assert_eq!(errors, []);
    let open: Vec<&Record> = records.iter().filter(|record| !record.group.ingress.is_empty()).collect();
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].group.id.as_str(), rules(open[0])), (expected, vec!["tcp/22 from 0.0.0.0/0".to_owned()]));
}

#[test]
fn a_rule_for_one_group_or_another_is_one_of_both() {
    let mut rule = tcp22(json!("0.0.0.0/0"));
    rule["GroupId"] = json!({"Fn::If": ["C", {"Ref": "A"}, {"Ref": "B"}]});
    let group = json!({"Type": "AWS::EC2::SecurityGroup"});
    let rule = json!({"Type": "AWS::EC2::SecurityGroupIngress", "Properties": rule});
    let (records, _) = scan(&json!({"Resources": {"A": group, "B": group, "Rule": rule}}).to_string());
    assert_eq!(records.iter().map(rules).collect::<Vec<_>>(), vec![vec!["tcp/22 from 0.0.0.0/0"]; 2]);
}

#[rstest]
#[case("Resources:\n  'Fn::ForEach::Groups': [A, [b], {}]\n", "Fn::ForEach::Groups", 2, "expanded only at deployment")]
#[case("Transform: Mine\nResources: {}\n", "Transform", 1, "the macro `Mine` may add security groups")]
#[case("Resources:\n  A: {Properties: {}}\n", "A", 2, "without `Type`")]
#[case("{\"Resources\":{\"A\":{\"Type\":\"X\"},\n\"A\":{\"Type\":\"Y\"}}}", "A", 2, "duplicate logical id")]
#[case("Resources:\n  A: {Type: 'AWS::EC2::SecurityGroupIngress'}\n", "A", 2, "without `Properties`")]
fn a_resource_that_cannot_be_scanned_is_an_error(
    #[case] input: &str,
    #[case] id: &str,
    #[case] line: u64,
    #[case] problem: &str,
) {
    let (_, errors) = scan(input);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!((errors[0].id.as_deref(), errors[0].location.line), (Some(id), line));
    assert!(errors[0].problem.contains(problem), "{}", errors[0]);
}

#[test]
fn an_expansion_within_a_group_is_not_recognised() {
    let properties = json!({"Fn::ForEach::Rules": ["A", ["b"], {}]});
    let template = json!({"Resources": {"A": {"Type": "AWS::EC2::SecurityGroup", "Properties": properties}}});
    assert!(rules(&scan(&template.to_string()).0[0])[0].contains("`Fn::ForEach::Rules`"));
}

#[test]
fn transforms_of_aws_add_no_group() {
    let (records, errors) = scan("Transform: [AWS::Serverless-2016-10-31, AWS::LanguageExtensions]\nResources: {}\n");
    assert_eq!((records, errors), (vec![], vec![]));
}

#[rstest]
#[case("Resources:\n  A: [\n", "line 2, column 6: neither JSON nor YAML: unclosed bracket")]
#[case(
    "{\"Resources\":{\"A\":{\"Type\":\"AWS::EC2::SecurityGroup\" \"B\":1}}}",
    "line 1, column 53, record 1: malformed JSON"
)]
fn a_damaged_template_is_refused_with_its_place(#[case] input: &str, #[case] message: &str) {
    let error = try_scan(input, &Options::default()).unwrap_err().to_string();
    assert!(error.contains(message), "{error}");
}

/// A key that occurs twice makes its resource ambiguous, and no other, in JSON as in YAML.
#[rstest]
#[case::in_a_resource("Resources:\n  A:\n    Type: AWS::SQS::Queue\n    Type: AWS::SNS::Topic\n", "A", 4)]
#[case::in_a_group(
    "Resources:\n  A:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n      GroupName: a\n      GroupName: b\n",
    "A",
    6
)]
#[case::a_resource("Resources:\n  A: {Type: AWS::EC2::SecurityGroup}\n  A: {Type: AWS::EC2::SecurityGroup}\n", "A", 3)]
#[case::in_another_section("Outputs:\n  X: {Value: 1, Value: 2}\nResources:\n", "Outputs", 2)]
#[case::in_json(
    "{\"Resources\": {\n\"A\": {\"Type\": \"AWS::EC2::SecurityGroup\", \"Properties\": {\"GroupName\": \"a\", \"GroupName\": \"b\"}},",
    "A",
    2
)]
#[case::in_a_parameter("Parameters:\n  P: {Type: String, Default: a, Default: b}\nResources:\n", "Parameters", 2)]
fn a_repeated_key_hides_no_other_resource(#[case] start: &str, #[case] id: &str, #[case] line: u64) {
    let jump = if start.starts_with('{') {
        r#""Jump": {"Type": "AWS::EC2::SecurityGroup"}}}"#
    } else {
        "  Jump: {Type: AWS::EC2::SecurityGroup}\n"
    };
    let (records, errors) = scan(&format!("{start}{jump}"));
    let ids: Vec<&str> = records.iter().map(|record| record.group.id.as_str()).collect();
    assert_eq!((ids, errors.len()), (vec!["Jump"], 1), "{errors:?}");
    assert_eq!((errors[0].id.as_deref(), errors[0].location.line), (Some(id), line));
    assert!(errors[0].problem.contains("duplicate"), "{}", errors[0].problem);
}

/// A value that comes from a repeated key is not known, wherever an anchor copies it to.
#[rstest]
#[case("x: &rule {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 10.0.0.0/8, CidrIp: 0.0.0.0/0}\n", "*rule")]
#[case("x: &rule {FromPort: 22, FromPort: 23}\n", "{<<: *rule, IpProtocol: tcp, ToPort: 22, CidrIp: 0.0.0.0/0}")]
fn a_copy_of_a_repeated_key_is_refused(#[case] anchor: &str, #[case] rule: &str) {
    let group = "Resources:\n  Jump:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n      SecurityGroupIngress:";
    let (records, errors) = scan(&format!("{anchor}{group} [{rule}]\n"));
    assert_eq!((records, errors.len()), (vec![], 2), "{errors:?}");
    assert_eq!(errors[1].id.as_deref(), Some("Jump"));
}

/// A mapping contains no functions: one that refers to itself would never end.
#[test]
fn a_mapping_that_refers_to_itself_is_not_worked_out() {
    let template = json!({
        "Mappings": {"M": {"a": {"b": {"Fn::FindInMap": ["M", "a", "b"]}, "c": [{"Fn::FindInMap": ["M", "a", "c"]}]}}},
        "Resources": {"Web": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [
            tcp22(json!({"Fn::FindInMap": ["M", "a", "b"]})),
            tcp22(json!({"Fn::Select": [0, {"Fn::FindInMap": ["M", "a", "c"]}]})),
        ]}}},
    });
    let (records, _) = scan(&template.to_string());
    let recognised = |source: &Source| !matches!(source, Source::Unrecognized(_));
    assert!(!records[0].group.ingress.iter().any(|rule| recognised(&rule.source)), "{records:?}");
}

/// Functions in functions: 25 levels of ten references each would be 10^25 bytes.
#[test]
fn functions_in_functions_do_not_fill_the_memory() {
    let by_sub = (0..25).fold(json!("x"), |inner, _| json!({"Fn::Sub": ["${x}".repeat(10), {"x": inner}]}));
    let by_join = (0..25).fold(json!("x"), |inner, _| json!({"Fn::Join": ["xxxxxxxxxx", {"Fn::Split": ["x", inner]}]}));
    let long = json!({"Fn::Sub": "${Long}".repeat(1000)});
    for node in [by_sub, by_join, long, json!({"Ref": "Long"}), json!({"Fn::FindInMap": ["M", "a", "b"]})] {
        let template = json!({
            "Parameters": {"Long": {"Type": "String", "Default": "x".repeat(100_000)}},
            "Mappings": {"M": {"a": {"b": "x".repeat(100_000)}}},
            "Resources": {"Web": {"Type": "AWS::EC2::SecurityGroup", "Properties": {
                "SecurityGroupIngress": [tcp22(node)]
            }}},
        });
        let (records, _) = scan(&template.to_string());
        let source = records[0].group.ingress[0].source.to_string();
        assert!(source.starts_with('`') && source.len() < 10_000, "{} bytes", source.len());
    }
}

#[rstest]
#[case::keys_without_quotes("{Resources: {Web: {Type: AWS::EC2::SecurityGroup}}}")]
#[case::first_key_in_quotes("\n\n  {\"Resources\": {Web: {Type: 'AWS::EC2::SecurityGroup'}}}\n")]
#[case::comment("{\"Resources\": {Web: {Type: AWS::EC2::SecurityGroup, # it's \"\n}}}\n")]
#[case::short_form(
    "{Parameters: {V: {Type: String}}, Resources: {Web: {Type: AWS::EC2::SecurityGroup, Properties: {VpcId: !Ref V}}}}"
)]
fn a_template_in_the_flow_style_of_yaml_is_read(#[case] text: &str) {
    let (records, errors) = scan(text);
    assert_eq!((records.len(), errors), (1, vec![]));
    let line = u64::try_from(text.len() - text.trim_start_matches('\n').len()).unwrap() + 1;
    assert_eq!(records[0].location.as_ref().unwrap().line, Some(line));
}

/// The message is that of JSON, which the file is most probably meant to be.
#[rstest]
#[case("{\"Resources\": {\"Web\": {\"Type\": \"AWS::EC2::SecurityGroup\"}}")]
#[case("{planned_values: {}}")]
#[case("{SecurityGroups: []}")]
fn what_begins_like_json_and_is_no_template_is_malformed_json(#[case] text: &str) {
    let error = try_scan(text, &Options::default()).unwrap_err();
    assert!(matches!(error, InputError::Json { .. } | InputError::Truncated { .. }), "{error}");
}

/// A rule belongs to the group that its reference leads to, also through functions that only choose it.
#[rstest]
#[case::select(json!({"Fn::Select": [0, [{"Fn::GetAtt": "Web.GroupId"}]]}))]
#[case::select_of_several(json!({"Fn::Select": ["1", [{"Ref": "Other"}, {"Ref": "Web"}]]}))]
#[case::join(json!({"Fn::Join": ["", [{"Fn::GetAtt": ["Web", "GroupId"]}]]}))]
#[case::variable(json!({"Fn::Sub": ["${G}", {"G": {"Ref": "Web"}}]}))]
fn a_rule_finds_its_group_through_functions(#[case] group: Value) {
    let (records, errors) = scan(&with_rule_of(&group).to_string());
    let found: Vec<_> = records.iter().map(|record| (record.group.id.as_str(), rules(record))).collect();
    let open = vec!["tcp/22 from 0.0.0.0/0".to_owned()];
    assert_eq!((found, errors), (vec![("Other", vec![]), ("Web", open)], vec![]));
}

/// Where the reference does not say which group it is, each of them may have the rule.
#[rstest]
#[case::select(json!({"Fn::Select": [{"Ref": "N"}, [{"Ref": "Other"}, {"Ref": "Web"}]]}), &["Other", "Web"])]
#[case::join(json!({"Fn::Join": ["", [{"Ref": "N"}, {"Ref": "Web"}]]}), &["Web"])]
#[case::text(json!({"Fn::Sub": "${N}${Web.GroupId}"}), &["Web"])]
#[case::undecided(json!({"Fn::Select": [{"Ref": "N"}, {"Fn::If": ["C", [{"Ref": "Web"}], [{"Ref": "Web"}]]}]}), &["Web"])]
#[case::none(json!({"Ref": "N"}), &[])]
fn a_rule_whose_group_is_not_known_may_be_one_of_each(#[case] group: Value, #[case] candidates: &[&str]) {
    let (records, errors) = scan(&with_rule_of(&group).to_string());
    assert_eq!(errors, []);
    let perhaps = "tcp/22 from `0.0.0.0/0, if the rule belongs to this group`";
    let found = records.iter().filter(|record| rules(record) == [perhaps]);
    let found: Vec<_> = found.map(|record| record.group.id.as_str()).collect();
    assert_eq!(found, candidates);
    // The rule itself is judged as well.
    assert!(records.iter().any(|record| rules(record) == ["tcp/22 from 0.0.0.0/0"]));
}

fn with_rule_of(group: &Value) -> Value {
    let mut rule = tcp22(json!("0.0.0.0/0"));
    rule["GroupId"] = group.clone();
    json!({"Parameters": {"N": {"Type": "String"}}, "Resources": {
        "Web": {"Type": "AWS::EC2::SecurityGroup"}, "Other": {"Type": "AWS::EC2::SecurityGroup"},
        "Rule": {"Type": "AWS::EC2::SecurityGroupIngress", "Properties": rule},
    }})
}

/// CloudFormation rejects names that it does not know. A group without its rules, because they have such a name, is not one
/// that admits nothing.
#[rstest]
#[case("    SecurityGroupIngress: []\n", "unknown attribute `SecurityGroupIngress`: write it below `Properties`")]
#[case(
    "    Properties: {SecurityGroupingress: []}\n",
    "unknown property `SecurityGroupingress`: write `SecurityGroupIngress`"
)]
fn a_group_with_an_unknown_name_is_refused(#[case] lines: &str, #[case] problem: &str) {
    let group = format!("Resources:\n  Web:\n    Type: AWS::EC2::SecurityGroup\n{lines}");
    let (records, errors) = scan(&group);
    assert_eq!((records, errors.len()), (vec![], 1));
    assert_eq!((errors[0].id.as_deref(), errors[0].problem.as_str()), (Some("Web"), problem));
    // A macro may give the name a meaning, and is not scanned anyway.
    let (records, errors) = scan(&format!("Transform: Ours\n{group}"));
    assert_eq!((records.len(), errors[0].hidden), (1, Some(inventory::Hidden::Macro)));
}

#[test]
fn a_rule_with_an_unknown_name_has_a_source_that_is_not_known() {
    let mut rule = tcp22(json!("10.0.0.0/8"));
    rule["CidrIPv6"] = json!("::/0");
    assert_eq!(rules_of(json!([rule])), ["tcp/22 from 10.0.0.0/8", "tcp/22 from `unknown property `CidrIPv6``"]);
}

/// CloudFormation rejects `Fn::If` beside other properties, so it is not known what it adds.
#[test]
fn a_choice_beside_other_properties_is_not_known() {
    let properties = json!({"GroupDescription": "x", "Fn::If": ["A", {"SecurityGroupIngress": []}, {}]});
    let template = json!({"Resources": {"Web": {"Type": "AWS::EC2::SecurityGroup", "Properties": properties}}});
    let (records, errors) = scan(&template.to_string());
    assert_eq!((records[0].group.ingress.len(), errors), (1, vec![]));
}

/// A rule that names its group, whose id is left out.
#[rstest]
#[case::no_id("")]
#[case::no_value("GroupId: !Ref AWS::NoValue, ")]
fn a_rule_belongs_to_the_group_that_it_names(#[case] id: &str) {
    let rule = format!("{{{id}GroupName: web, IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}}");
    let (records, errors) = scan(&format!(
        "Resources:\n  A: {{Type: AWS::EC2::SecurityGroup, Properties: {{GroupDescription: x, GroupName: web}}}}\n  \
         R: {{Type: AWS::EC2::SecurityGroupIngress, Properties: {rule}}}\n"
    ));
    let found: Vec<_> = records.iter().map(|record| (record.group.id.as_str(), record.group.ingress.len())).collect();
    assert_eq!((found, errors.len()), (vec![("A", 1)], 0));
}
