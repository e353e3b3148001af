//! Verdicts on templates whose values the template itself says, in full or as far as the verdict needs them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use exposure::{Exemptions, Policy, SourceScope};
use findings::{ComplianceType, GroupResult};
use inventory::{Options, read};
use judgement::Criteria;
use rstest::rstest;
use serde_json::{Value, json};

use ComplianceType::{Compliant, InsufficientData, NonCompliant};

fn results_by(policy: Policy, input: &str, options: &Options) -> Vec<GroupResult> {
    let criteria = Criteria::new(policy, Exemptions::default(), "2026-11-21T00:00:00Z".parse().unwrap());
    let mut results = Vec::new();
    read(input.as_bytes(), "t.yaml", options, &mut |record| {
        // What is refused is never judged.
        let Ok(record) = record else { return ControlFlow::Continue(()) };
        let judged = criteria.judge_offline(record.group.clone(), &record.known);
        results.push(record.result(&judged.group, &judged.assess()));
        ControlFlow::Continue(())
    })
    .unwrap();
    results
}

fn results(input: &str, options: &Options) -> Vec<GroupResult> {
    results_by(Policy::new("22".parse().unwrap()), input, options)
}

/// A template with the group `Jump`, which has this source for SSH, and these sections.
fn template(source: &Value, sections: &Value) -> String {
    let mut rule = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22});
    for (key, value) in source.as_object().unwrap() {
        rule[key] = value.clone();
    }
    let mut template = sections.clone();
    template["Resources"]["Jump"] =
        json!({"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [rule]}});
    template.to_string()
}

fn verdict(source: &Value, sections: &Value) -> ComplianceType {
    verdict_with(source, sections, &Options::default())
}

fn verdict_with(source: &Value, sections: &Value, options: &Options) -> ComplianceType {
    results(&template(source, sections), options)[0].compliance
}

fn vpc(block: &Value) -> Value {
    json!({"Resources": {"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": block}}}})
}

/// The block of a VPC or a subnet is the property of the resource.
#[rstest]
#[case::private(json!("10.20.0.0/16"), Compliant)]
#[case::open(json!("0.0.0.0/0"), NonCompliant)]
#[case::elsewhere(json!({"Fn::ImportValue": "x"}), InsufficientData)]
#[case::circular(json!({"Fn::GetAtt": ["Vpc", "CidrBlock"]}), InsufficientData)]
#[case::missing(Value::Null, InsufficientData)]
fn the_block_of_a_vpc_is_known(#[case] block: Value, #[case] expected: ComplianceType) {
    let references = [
        json!({"Fn::GetAtt": ["Vpc", "CidrBlock"]}),
        json!({"Fn::GetAtt": "Vpc.CidrBlock"}),
        json!({"Fn::Sub": "${Vpc.CidrBlock}"}),
        json!({"Fn::Join": ["", [{"Fn::GetAtt": ["Vpc", "CidrBlock"]}]]}),
    ];
    for reference in references {
        assert_eq!(verdict(&json!({"CidrIp": reference}), &vpc(&block)), expected, "{reference}");
    }
}

#[test]
fn the_block_of_a_vpc_may_be_a_parameter() {
    let mut sections = vpc(&json!({"Ref": "Block"}));
    let source = json!({"CidrIp": {"Fn::GetAtt": ["Vpc", "CidrBlock"]}});
    sections["Parameters"] = json!({"Block": {"Type": "String", "Default": "10.0.0.0/16"}});
    assert_eq!(verdict(&source, &sections), Compliant);
    sections["Parameters"] = json!({"Block": {"Type": "String", "AllowedValues": ["10.0.0.0/16", "10.1.0.0/16"]}});
    assert_eq!(verdict(&source, &sections), Compliant);
    sections["Parameters"] = json!({"Block": {"Type": "String"}});
    assert_eq!(verdict(&source, &sections), InsufficientData);
}

/// A block that AWS allocates has a length.
#[rstest]
#[case::of_a_pool(json!({"CidrIp": {"Fn::GetAtt": ["Vpc", "CidrBlock"]}}), Compliant)]
#[case::subnet_of_a_pool(json!({"CidrIp": {"Fn::Select": [0, {"Fn::Cidr": [{"Fn::GetAtt": ["Vpc", "CidrBlock"]}, 4, 8]}]}}), Compliant)]
#[case::ipv6(json!({"CidrIpv6": {"Fn::Select": [0, {"Fn::GetAtt": ["Vpc", "Ipv6CidrBlocks"]}]}}), Compliant)]
#[case::ipv6_subnet(json!({"CidrIpv6": {"Fn::Select": [1, {"Fn::Cidr":
    [{"Fn::Select": [0, {"Fn::GetAtt": ["Vpc", "Ipv6CidrBlocks"]}]}, 2, 64]}]}}), Compliant)]
#[case::beyond(json!({"CidrIpv6": {"Fn::Select": [9, {"Fn::GetAtt": ["Vpc", "Ipv6CidrBlocks"]}]}}), InsufficientData)]
fn the_length_of_an_allocated_block_is_known(#[case] source: Value, #[case] expected: ComplianceType) {
    let vpc =
        json!({"Type": "AWS::EC2::VPC", "Properties": {"Ipv4IpamPoolId": "ipam-pool-1", "Ipv4NetmaskLength": 16}});
    assert_eq!(verdict(&source, &json!({"Resources": {"Vpc": vpc}})), expected);
}

/// An attribute of another name, or of another resource, is not the block of a VPC.
#[rstest]
#[case(json!({"Fn::GetAtt": ["Vpc", "DefaultNetworkAcl"]}))]
#[case(json!({"Fn::GetAtt": ["Queue", "CidrBlock"]}))]
#[case(json!({"Fn::GetAtt": ["Missing", "CidrBlock"]}))]
fn other_attributes_are_not_known(#[case] reference: Value) {
    let mut sections = vpc(&json!("10.0.0.0/16"));
    sections["Resources"]["Queue"] = json!({"Type": "AWS::SQS::Queue", "Properties": {"CidrBlock": "10.0.0.0/8"}});
    assert_eq!(verdict(&json!({"CidrIp": reference}), &sections), InsufficientData);
}

/// A prefix length alone says how much of the internet a source can reach at most, and at least.
#[rstest]
#[case::one_address(json!({"Fn::Sub": "${Ip}/32"}), Compliant, InsufficientData)]
#[case::joined(json!({"Fn::Join": ["/", [{"Fn::GetAtt": ["Ip", "PublicIp"]}, "32"]]}), Compliant, InsufficientData)]
#[case::joined_whole(json!({"Fn::Join": ["", [{"Ref": "Ip"}, "/24"]]}), Compliant, InsufficientData)]
#[case::dynamic(json!("{{resolve:ssm:/office}}/32"), Compliant, InsufficientData)]
#[case::slash_8(json!({"Fn::Sub": "${Ip}/8"}), Compliant, InsufficientData)]
#[case::slash_0(json!({"Fn::Sub": "${Ip}/0"}), NonCompliant, NonCompliant)]
#[case::slash_2(json!({"Fn::Sub": "${Ip}/2"}), NonCompliant, NonCompliant)]
#[case::slash_4_may_be_reserved(json!({"Fn::Sub": "${Ip}/4"}), InsufficientData, InsufficientData)]
#[case::digit_before(json!({"Fn::Sub": "${Ip}2"}), InsufficientData, InsufficientData)]
#[case::open_end(json!({"Fn::Sub": "10.0.0.0/${Ip}"}), InsufficientData, InsufficientData)]
#[case::too_long(json!({"Fn::Sub": "${Ip}/33"}), InsufficientData, InsufficientData)]
#[case::of_a_dynamic_length(json!("10.0.0.0/{{resolve:ssm:/office}}"), InsufficientData, InsufficientData)]
fn a_prefix_length_may_suffice(#[case] cidr: Value, #[case] world: ComplianceType, #[case] public: ComplianceType) {
    let input = template(&json!({ "CidrIp": cidr }), &json!({"Resources": {"Ip": {"Type": "AWS::EC2::EIP"}}}));
    let policy = |scope| Policy { scope, ..Policy::new("22".parse().unwrap()) };
    let verdict = |scope| results_by(policy(scope), &input, &Options::default())[0].compliance;
    assert_eq!((verdict(SourceScope::World), verdict(SourceScope::Public)), (world, public));
}

#[test]
fn a_prefix_length_of_the_other_family_is_its_own() {
    let verdict =
        |end: &str| verdict(&json!({"CidrIpv6": {"Fn::Sub": format!("${{Ip}}{end}")}}), &json!({"Resources": {}}));
    assert_eq!((verdict("/64"), verdict("/0"), verdict("/129")), (Compliant, NonCompliant, InsufficientData));
}

fn list(entries: &Value) -> Value {
    json!({"Resources": {"Office": {"Type": "AWS::EC2::PrefixList", "Properties": {"Entries": entries}}}})
}

/// A prefix list of the template has the entries that the template says.
#[rstest]
#[case::private(json!([{"Cidr": "10.0.0.0/8"}, {"Cidr": "192.168.0.0/16"}]), Compliant)]
#[case::open(json!([{"Cidr": "10.0.0.0/8"}, {"Cidr": "0.0.0.0/0"}]), NonCompliant)]
#[case::halves(json!([{"Cidr": "0.0.0.0/1"}, {"Cidr": "128.0.0.0/1"}]), NonCompliant)]
#[case::open_in_a_branch(json!([{"Fn::If": ["C", {"Cidr": "0.0.0.0/0"}, {"Ref": "AWS::NoValue"}]}]), NonCompliant)]
#[case::unknown(json!([{"Cidr": {"Ref": "Missing"}}]), InsufficientData)]
#[case::unknown_list(json!({"Ref": "Missing"}), InsufficientData)]
#[case::no_cidr(json!([{}]), InsufficientData)]
#[case::empty(json!([]), Compliant)]
#[case::include(json!([{"Cidr": "10.0.0.0/8"}, {"Fn::Transform": {"Name": "AWS::Include"}}]), InsufficientData)]
#[case::include_in_one(json!([{"Cidr": "10.0.0.0/8", "Fn::Transform": {"Name": "AWS::Include"}}]), InsufficientData)]
fn the_entries_of_a_prefix_list_are_known(#[case] entries: Value, #[case] expected: ComplianceType) {
    for reference in [json!({"Ref": "Office"}), json!({"Fn::GetAtt": ["Office", "PrefixListId"]})] {
        assert_eq!(verdict(&json!({ "SourcePrefixListId": reference }), &list(&entries)), expected);
    }
}

/// What an include or a loop adds to a prefix list is not known, and neither is which of two values of one key counts.
#[rstest]
#[case::properties(r#""Properties": {"Fn::Transform": {"Name": "AWS::Include"}}"#)]
#[case::properties_and_entries(r#""Properties": {"Entries": [], "Fn::Transform": {"Name": "AWS::Include"}}"#)]
#[case::resource(r#""Properties": {"Entries": []}, "Fn::Transform": {"Name": "AWS::Include"}"#)]
#[case::loops(r#""Properties": {"Fn::ForEach::E": ["N", ["Entries"], {"${N}": []}]}"#)]
#[case::choice(r#""Properties": {"Fn::If": ["C", {"Entries": []}, {}]}"#)]
#[case::repeated_key(r#""Properties": {"Entries": [{"Cidr": "10.0.0.0/8", "Cidr": "0.0.0.0/0"}]}"#)]
#[case::repeated_id(r#""Properties": {}}, "Office": {"Type": "AWS::EC2::PrefixList""#)]
fn a_prefix_list_that_is_not_shown_as_a_whole_is_not_known(#[case] office: &str) {
    let rule = r#"{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "SourcePrefixListId": {"Ref": "Office"}}"#;
    let template = format!(
        r#"{{"Resources": {{"Office": {{"Type": "AWS::EC2::PrefixList", {office}}},
            "Web": {{"Type": "AWS::EC2::SecurityGroup", "Properties": {{"SecurityGroupIngress": [{rule}]}}}}}}}}"#
    );
    assert_eq!(results(&template, &Options::default())[0].compliance, InsufficientData);
}

/// The functions that only choose a list lead to its entries.
#[rstest]
#[case::first(json!({"Fn::If": ["C", {"Ref": "Office"}, {"Ref": "World"}]}), NonCompliant)]
#[case::second(json!({"Fn::If": ["C", {"Ref": "World"}, {"Fn::GetAtt": "Office.PrefixListId"}]}), NonCompliant)]
#[case::same(json!({"Fn::If": ["C", {"Ref": "Office"}, {"Ref": "Office"}]}), Compliant)]
#[case::nested(json!({"Fn::If": ["C", {"Ref": "Office"}, {"Fn::If": ["D", {"Ref": "World"}, {"Ref": "Office"}]}]}), NonCompliant)]
#[case::other(json!({"Fn::If": ["C", {"Ref": "Office"}, "pl-0123456789abcdef0"]}), InsufficientData)]
#[case::select(json!({"Fn::Select": [1, [{"Ref": "Office"}, {"Ref": "World"}]]}), NonCompliant)]
#[case::select_text(json!({"Fn::Select": ["0", [{"Ref": "Office"}, {"Ref": "World"}]]}), Compliant)]
#[case::join(json!({"Fn::Join": ["", [{"Ref": "World"}]]}), NonCompliant)]
#[case::variable(json!({"Fn::Sub": ["${L}", {"L": {"Ref": "World"}}]}), NonCompliant)]
#[case::shifted(json!({"Fn::Select": [0, [{"Ref": "AWS::NoValue"}, {"Ref": "World"}]]}), InsufficientData)]
fn a_prefix_list_is_found_through_functions(#[case] list: Value, #[case] expected: ComplianceType) {
    let resources = json!({"Resources": {
        "Office": {"Type": "AWS::EC2::PrefixList", "Properties": {"Entries": [{"Cidr": "10.0.0.0/8"}]}},
        "World": {"Type": "AWS::EC2::PrefixList", "Properties": {"Entries": [{"Cidr": "0.0.0.0/0"}]}},
    }});
    assert_eq!(verdict(&json!({ "SourcePrefixListId": list }), &resources), expected);
}

/// Whatever the key is, the value is one of the map.
#[rstest]
#[case::all_private([("us-east-1", "10.1.0.0/16"), ("eu-west-1", "10.2.0.0/16")], None, Compliant)]
#[case::all_open([("us-east-1", "0.0.0.0/0"), ("eu-west-1", "0.0.0.0/1")], None, NonCompliant)]
#[case::some_open([("us-east-1", "10.1.0.0/16"), ("eu-west-1", "0.0.0.0/0")], None, InsufficientData)]
#[case::given([("us-east-1", "10.1.0.0/16"), ("eu-west-1", "0.0.0.0/0")], Some("eu-west-1"), NonCompliant)]
#[case::given_other([("us-east-1", "10.1.0.0/16"), ("eu-west-1", "0.0.0.0/0")], Some("us-east-1"), Compliant)]
#[case::given_missing([("us-east-1", "10.1.0.0/16"), ("eu-west-1", "0.0.0.0/0")], Some("eu-north-1"), InsufficientData)]
fn a_map_by_region(#[case] map: [(&str, &str); 2], #[case] region: Option<&str>, #[case] expected: ComplianceType) {
    let map: Value = map.into_iter().map(|(key, cidr)| (key.to_owned(), json!({ "Cidr": cidr }))).collect();
    let sections = json!({"Mappings": {"Office": map}, "Resources": {}});
    let find = json!({"Fn::FindInMap": ["Office", {"Ref": "AWS::Region"}, "Cidr"]});
    let options = Options { region: region.map(str::to_owned), ..Options::default() };
    assert_eq!(verdict_with(&json!({ "CidrIp": find }), &sections, &options), expected);
    // The same by a second-level key.
    let sections = json!({"Mappings": {"Office": {"Cidr": sections["Mappings"]["Office"]
        .as_object().unwrap().iter().map(|(key, value)| (key.clone(), value["Cidr"].clone())).collect::<Value>()}}, "Resources": {}});
    let find = json!({"Fn::FindInMap": ["Office", "Cidr", {"Ref": "AWS::Region"}]});
    assert_eq!(verdict_with(&json!({ "CidrIp": find }), &sections, &options), expected);
}

/// What an include adds to the maps or to the declaration of a parameter may replace what the template shows.
#[rstest]
#[case::maps(json!({"Mappings": {"Office": {"us-east-1": {"Cidr": "10.0.0.0/8"}}, "Fn::Transform": {"Name": "AWS::Include"}}}))]
#[case::map(json!({"Mappings": {"Office": {"us-east-1": {"Cidr": "10.0.0.0/8"}, "Fn::Transform": {"Name": "AWS::Include"}}}}))]
#[case::keys(json!({"Mappings": {"Office": {"us-east-1": {"Cidr": "10.0.0.0/8", "Fn::Transform": {"Name": "AWS::Include"}}}}}))]
#[case::parameter(json!({"Parameters": {"Office": {"Type": "String", "Default": "10.0.0.0/8", "Fn::Transform": {"Name": "AWS::Include"}}}}))]
fn an_include_leaves_values_open(#[case] mut sections: Value) {
    let source = match sections.get("Mappings") {
        Some(_) => json!({"Fn::FindInMap": ["Office", {"Ref": "AWS::Region"}, "Cidr"]}),
        None => json!({"Ref": "Office"}),
    };
    sections["Resources"] = json!({});
    let options = Options { region: Some("us-east-1".to_owned()), ..Options::default() };
    assert_eq!(verdict_with(&json!({ "CidrIp": source }), &sections, &options), InsufficientData);
}

/// A lookup in a branch that is not taken says nothing of a value elsewhere.
#[test]
fn a_lookup_restricts_its_own_branch_only() {
    let sections = json!({
        "Parameters": {"Port": {"Type": "String"}},
        "Mappings": {"Ports": {"443": {"To": 443}}},
        "Conditions": {"C": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}},
        "Resources": {"Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock":
            {"Fn::If": ["C", {"Fn::FindInMap": ["Ports", {"Ref": "Port"}, "To"]}, "10.0.0.0/8"]}}}},
    });
    let port = json!({"Fn::If": ["C", {"Fn::FindInMap": ["Ports", {"Ref": "Port"}, "To"]}, {"Ref": "Port"}]});
    let open = json!({"FromPort": port, "ToPort": port, "CidrIp": "0.0.0.0/0"});
    assert_eq!(verdict(&open, &sections), InsufficientData);
    // The block of the VPC does not depend on the port in every case.
    let port = json!({"Ref": "Port"});
    let of_the_vpc = json!({"FromPort": port, "ToPort": port, "CidrIp": "0.0.0.0/0",
        "Description": {"Fn::Sub": "${Vpc.CidrBlock}"}});
    assert_eq!(verdict(&of_the_vpc, &sections), InsufficientData);
}

#[test]
fn a_map_by_partition() {
    let sections = json!({"Mappings": {"Office": {"aws": {"Cidr": "10.1.0.0/16"}, "aws-cn": {"Cidr": "0.0.0.0/0"}}},
        "Resources": {}});
    let source = json!({"CidrIp": {"Fn::FindInMap": ["Office", {"Ref": "AWS::Partition"}, "Cidr"]}});
    let of = |region: &str| Options { region: Some(region.to_owned()), ..Options::default() };
    assert_eq!(verdict(&source, &sections), InsufficientData);
    assert_eq!(verdict_with(&source, &sections, &of("eu-west-1")), Compliant);
    assert_eq!(verdict_with(&source, &sections, &of("cn-north-1")), NonCompliant);
}

#[test]
fn a_map_by_account() {
    let sections = json!({"Mappings": {"Office": {"111122223333": {"Cidr": "10.1.0.0/16"}, "444455556666": {"Cidr": "0.0.0.0/0"}}},
        "Resources": {}});
    let source = json!({"CidrIp": {"Fn::FindInMap": ["Office", {"Ref": "AWS::AccountId"}, "Cidr"]}});
    let of = |account: &str| Options { account: Some(account.to_owned()), ..Options::default() };
    assert_eq!(verdict(&source, &sections), InsufficientData);
    assert_eq!(verdict_with(&source, &sections, &of("111122223333")), Compliant);
    assert_eq!(verdict_with(&source, &sections, &of("444455556666")), NonCompliant);
}

/// A default counts if the map lacks a key, and beside the values of the map if the key is not known.
#[rstest]
#[case::no_key(json!("test"), "10.0.0.0/8", Compliant)]
#[case::no_key_open(json!("test"), "0.0.0.0/0", NonCompliant)]
#[case::key(json!("live"), "0.0.0.0/0", Compliant)]
#[case::unknown_key(json!({"Ref": "AWS::Region"}), "10.0.0.0/8", Compliant)]
#[case::unknown_key_open(json!({"Ref": "AWS::Region"}), "0.0.0.0/0", InsufficientData)]
fn a_map_with_a_default(#[case] key: Value, #[case] default: &str, #[case] expected: ComplianceType) {
    let sections = json!({"Mappings": {"Office": {"live": {"Cidr": "10.1.0.0/16"}}}, "Resources": {}});
    let find = json!({"Fn::FindInMap": ["Office", key, "Cidr", {"DefaultValue": default}]});
    assert_eq!(verdict(&json!({ "CidrIp": find }), &sections), expected);
}

/// A parameter without a value has one of its allowed values, in every place where it occurs.
#[rstest]
#[case::private(json!(["10.0.0.0/8", "172.16.0.0/12"]), Compliant)]
#[case::open(json!(["0.0.0.0/0", "0.0.0.0/1"]), NonCompliant)]
#[case::either(json!(["10.0.0.0/8", "0.0.0.0/0"]), InsufficientData)]
#[case::none(json!([]), InsufficientData)]
fn a_parameter_has_one_of_its_allowed_values(#[case] allowed: Value, #[case] expected: ComplianceType) {
    let sections = json!({"Parameters": {"From": {"Type": "String", "AllowedValues": allowed}}, "Resources": {}});
    assert_eq!(verdict(&json!({"CidrIp": {"Ref": "From"}}), &sections), expected);
    assert_eq!(verdict(&json!({"CidrIp": {"Fn::Sub": "${From}"}}), &sections), expected);
}

/// The port may be open as well, and depends on the same parameter.
#[test]
fn a_parameter_may_decide_ports_and_sources_together() {
    let sections = json!({
        "Parameters": {"Kind": {"Type": "String", "AllowedValues": ["ssh", "web"]}},
        "Mappings": {"Kinds": {
            "ssh": {"Port": 22, "Cidr": "10.0.0.0/8"},
            "web": {"Port": 443, "Cidr": "0.0.0.0/0"},
        }},
        "Resources": {},
    });
    let find = |key: &str| json!({"Fn::FindInMap": ["Kinds", {"Ref": "Kind"}, key]});
    let source = json!({"FromPort": find("Port"), "ToPort": find("Port"), "CidrIp": find("Cidr")});
    assert_eq!(verdict(&source, &sections), Compliant);
    let source = json!({"CidrIp": find("Cidr")});
    assert_eq!(verdict(&source, &sections), InsufficientData);
    let source = json!({"FromPort": find("Port"), "ToPort": find("Port"), "CidrIp": "0.0.0.0/0"});
    assert_eq!(verdict(&source, &sections), InsufficientData);
    let source = json!({"FromPort": find("Port"), "ToPort": 1000, "CidrIp": "0.0.0.0/0"});
    assert_eq!(verdict(&source, &sections), InsufficientData);
    let source = json!({"FromPort": find("Port"), "ToPort": 1000, "CidrIp": "10.0.0.0/8"});
    assert_eq!(verdict(&source, &sections), Compliant);
    let source = json!({"FromPort": find("Port"), "ToPort": find("Port"), "SourceSecurityGroupId": find("Cidr")});
    assert_eq!(verdict(&source, &sections), Compliant);
}

#[rstest]
#[case::first(json!({"Fn::Select": [0, {"Fn::Cidr": ["10.0.0.0/16", 4, 8]}]}), Compliant)]
#[case::open(json!({"Fn::Select": ["0", {"Fn::Cidr": ["0.0.0.0/0", "2", "31"]}]}), NonCompliant)]
#[case::of_the_vpc(json!({"Fn::Select": [3, {"Fn::Cidr": [{"Fn::GetAtt": ["Vpc", "CidrBlock"]}, 4, 8]}]}), Compliant)]
#[case::only_the_length(json!({"Fn::Select": [1, {"Fn::Cidr": [{"Ref": "Missing"}, 4, 8]}]}), Compliant)]
#[case::beyond_the_count(json!({"Fn::Select": [4, {"Fn::Cidr": ["10.0.0.0/16", 4, 8]}]}), InsufficientData)]
#[case::beyond_the_block(json!({"Fn::Select": [3, {"Fn::Cidr": ["10.0.0.0/24", 4, 8]}]}), InsufficientData)]
#[case::too_many(json!({"Fn::Select": [0, {"Fn::Cidr": ["10.0.0.0/8", 257, 8]}]}), InsufficientData)]
fn blocks_of_a_network_are_worked_out(#[case] cidr: Value, #[case] expected: ComplianceType) {
    assert_eq!(verdict(&json!({ "CidrIp": cidr }), &vpc(&json!("10.0.0.0/16"))), expected);
}

/// The caller says what a parameter is; a nested template gets it by its own name.
#[test]
fn given_parameters_decide() {
    let sections = json!({"Parameters": {"From": {"Type": "String"}}, "Resources": {}});
    let source = json!({"CidrIp": {"Ref": "From"}});
    let given = |cidr: &str| Options {
        parameters: BTreeMap::from([("From".to_owned(), cidr.to_owned().into())]),
        ..Options::default()
    };
    assert_eq!(verdict_with(&source, &sections, &given("10.0.0.0/8")), Compliant);
    assert_eq!(verdict_with(&source, &sections, &given("0.0.0.0/0")), NonCompliant);
    let [result] = results(&template(&source, &sections), &Options::default()).try_into().unwrap();
    assert_eq!(
        result.unjudged[0].reason,
        "source `!Ref From` is not understood: value of parameter `From` is unknown: pass --parameter From=VALUE"
    );
}

/// An empty default is no CIDR, and says nothing by itself.
#[test]
fn an_empty_value_is_named_by_its_parameter() {
    let sections = json!({"Parameters": {"From": {"Type": "String", "Default": ""}}, "Resources": {}});
    let result = &results(&template(&json!({"CidrIp": {"Ref": "From"}}), &sections), &Options::default())[0];
    assert_eq!(result.compliance, InsufficientData);
    assert_eq!(result.unjudged[0].source, "`!Ref From: empty`");
}

/// CloudFormation reads YAML 1.1, in which a leading zero means octal.
#[rstest]
#[case("026", NonCompliant)]
#[case("0x16", NonCompliant)]
#[case("'22'", NonCompliant)]
#[case("22", NonCompliant)]
#[case("025", Compliant)]
fn numbers_are_those_of_yaml_1_1(#[case] port: &str, #[case] expected: ComplianceType) {
    let input = format!(
        "Resources:\n  Jump:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n      SecurityGroupIngress:\n      \
         - {{IpProtocol: tcp, FromPort: {port}, ToPort: {port}, CidrIp: 0.0.0.0/0}}\n"
    );
    assert_eq!(results(&input, &Options::default())[0].compliance, expected);
}

/// An exemption whose end is not known may be over.
#[rstest]
#[case::unknown(json!({"Ref": "Until"}), NonCompliant)]
#[case::unknown_end(json!({"Fn::Sub": "${Until}"}), NonCompliant)]
#[case::dynamic(json!("{{resolve:ssm:/until}}"), NonCompliant)]
#[case::unknown_text(json!({"Fn::Sub": "until ${Until}"}), NonCompliant)]
#[case::over(json!("2020-01-01 moving"), NonCompliant)]
#[case::none(Value::Null, NonCompliant)]
#[case::known(json!("2099-01-01 moving"), Compliant)]
#[case::given(json!({"Ref": "Given"}), Compliant)]
#[case::without_end(json!(""), Compliant)]
fn a_tag_of_unknown_value_exempts_nothing(#[case] value: Value, #[case] expected: ComplianceType) {
    let sections = json!({
        "Parameters": {"Until": {"Type": "String"}, "Given": {"Type": "String", "Default": "2099-01-01"}}, "Resources": {}
    });
    let mut input: Value = serde_json::from_str(&template(&json!({"CidrIp": "0.0.0.0/0"}), &sections)).unwrap();
    input["Resources"]["Jump"]["Properties"]["Tags"] = json!([{"Key": "LetOff", "Value": value}]);
    let policy = Policy { exemption_tag_key: Some("LetOff".to_owned()), ..Policy::new("22".parse().unwrap()) };
    assert_eq!(results_by(policy, &input.to_string(), &Options::default())[0].compliance, expected);
}

/// The same for the other inputs: `null` is no value.
#[rstest]
#[case::described(json!({"GroupId": "sg-1", "Tags": [{"Key": "LetOff", "Value": null}], "IpPermissions": [
    {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}))]
#[case::recorded(json!({"resourceType": "AWS::EC2::SecurityGroup", "resourceId": "sg-1", "tags": {"LetOff": null},
    "configuration": {"groupId": "sg-1", "ipPermissions": [
        {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": ["0.0.0.0/0"]}]}}))]
#[case::planned(json!({"planned_values": {"root_module": {"resources": [{
    "address": "aws_security_group.a", "mode": "managed", "type": "aws_security_group", "name": "a",
    "values": {"tags": {"LetOff": null}, "ingress": [
        {"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ["0.0.0.0/0"]}]}}]}}}))]
fn a_tag_without_a_value_exempts_nothing(#[case] input: Value) {
    let policy = Policy { exemption_tag_key: Some("LetOff".to_owned()), ..Policy::new("22".parse().unwrap()) };
    let found = results_by(policy, &input.to_string(), &Options::default());
    assert_eq!((found[0].compliance, found.len()), (NonCompliant, 1));
}

/// A finding belongs to the lines of the rule, in its group or in a resource of its own.
#[test]
fn a_rule_has_the_line_on_which_it_begins() {
    let input = "\
Resources:
  Jump:
    Type: AWS::EC2::SecurityGroup
    Properties:
      SecurityGroupIngress:
      - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIpv6: '::/0'}
  Ssh:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !Ref Jump, IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}
  Odd:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !Ref Jump, IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !ImportValue x}
";
    let found = &results(input, &Options::default())[0];
    let mut places: Vec<_> = found
        .exposures
        .iter()
        .map(|exposure| {
            let own = exposure.location.as_ref().map(|location| (location.resource.as_deref().unwrap(), location.line));
            (exposure.source.as_str(), own)
        })
        .collect();
    places.sort_unstable();
    assert_eq!(places, [("0.0.0.0/0", Some(("Ssh", Some(8)))), ("::/0", Some(("Jump", Some(6))))]);
    assert_eq!(found.unjudged[0].location.as_ref().unwrap().line, Some(11));
    assert_eq!(found.location.as_ref().unwrap().line, Some(2));
}

/// `aws cloudformation update-stack` may leave the value to AWS. The default does not stand for it.
#[test]
fn the_previous_value_of_a_parameter_is_not_known() {
    let template = "Parameters: {From: {Type: String, Default: 10.0.0.0/8}}\nResources:\n  Web:\n    Type: AWS::EC2::SecurityGroup\n    \
                    Properties:\n      SecurityGroupIngress: {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !Ref From}\n";
    let options = Options {
        parameters: inventory::parameters(r#"[{"ParameterKey": "From", "UsePreviousValue": true}]"#).unwrap(),
        ..Options::default()
    };
    let mut rules = Vec::new();
    read(template.as_bytes(), "web.yaml", &options, &mut |found| {
        rules.extend(found.unwrap().group.ingress.iter().map(|rule| rule.source.to_string()));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(rules, ["`!Ref From`"]);
}
