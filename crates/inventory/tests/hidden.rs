//! Parts of an input whose content is elsewhere: what is readable is judged, and the rest is reported.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use std::fs;

use findings::NotScanned;
use inventory::{Hidden, Options, Record, RecordError};
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{read_one, rules};

fn scan_file(input: &str, file: &str, options: &Options) -> (Vec<Record>, Vec<RecordError>) {
    let (records, errors, _) = read_one(input.as_bytes(), file, options).unwrap();
    (records, errors)
}

fn scan(input: &str) -> (Vec<Record>, Vec<RecordError>) {
    scan_file(input, "in.yaml", &Options::default())
}

/// Groups with their rules.
fn groups(records: &[Record]) -> Vec<(&str, Vec<String>)> {
    records.iter().map(|record| (record.group.id.as_str(), rules(record))).collect()
}

fn open_group() -> Value {
    json!({"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupIngress": [
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}
    ]}})
}

const OPEN: &[&str] = &["tcp/22 from 0.0.0.0/0"];

#[rstest]
#[case(
    "Fn::Transform: {Name: AWS::Include, Parameters: {Location: s3://b/k}}\nResources: {}\n",
    "Transform",
    Hidden::Transform
)]
#[case(
    "Transform: {Name: AWS::Include, Parameters: {Location: s3://b/k}}\nResources: {}\n",
    "Transform",
    Hidden::Transform
)]
#[case("Transform: [AWS::Serverless-2016-10-31, Ours]\nResources: {}\n", "Transform", Hidden::Macro)]
#[case("Fn::Transform: [{Name: Ours}]\nResources: {}\n", "Transform", Hidden::Macro)]
#[case("Resources:\n  Fn::Transform: {Name: AWS::Include}\n", "Fn::Transform", Hidden::Transform)]
#[case("Resources:\n  A: {Type: AWS::SQS::Queue, Fn::Transform: {Name: Ours}}\n", "A", Hidden::Macro)]
#[case("Resources:\n  A: {Fn::Transform: {Name: AWS::Include}}\n", "A", Hidden::Transform)]
#[case("Resources:\n  A: {Type: Acme::Net::Jump::MODULE}\n", "A", Hidden::Module)]
#[case(
    "Resources:\n  A: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: https://b.s3.amazonaws.com/t}}\n",
    "A",
    Hidden::NestedStack
)]
#[case(
    "Resources:\n  A: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: !Ref Url}}\n",
    "A",
    Hidden::NestedStack
)]
#[case("Resources:\n  A: {Type: AWS::CloudFormation::Stack}\n", "A", Hidden::NestedStack)]
#[case(
    "Resources:\n  A: {Type: AWS::CloudFormation::StackSet, Properties: {TemplateURL: https://b/t}}\n",
    "A",
    Hidden::StackSet
)]
#[case(
    "Resources:\n  A: {Type: AWS::CloudFormation::StackSet, Properties: {TemplateBody: !Ref Body}}\n",
    "A",
    Hidden::StackSet
)]
#[case(
    "Resources:\n  A: {Type: AWS::Serverless::Application, Properties: {Location: {ApplicationId: a}}}\n",
    "A",
    Hidden::Application
)]
#[case("Resources:\n  A: {Type: AWS::ServiceCatalog::CloudFormationProvisionedProduct}\n", "A", Hidden::Product)]
#[case("Resources: {}\nModules: {Net: {Source: ./net.yaml}}\n", "Modules/Net", Hidden::Module)]
#[case("Resources:\n  Fn::ForEach::All: [A, [b], {}]\n", "Fn::ForEach::All", Hidden::Loop)]
fn a_part_whose_content_is_elsewhere_is_not_scanned(#[case] input: &str, #[case] id: &str, #[case] kind: Hidden) {
    let (records, errors) = scan(input);
    assert_eq!((groups(&records), errors.len()), (vec![], 1), "{errors:?}");
    let error = &errors[0];
    assert_eq!((error.id.as_deref(), error.hidden), (Some(id), Some(kind)));
    assert_eq!(error.location.line, if id == "Transform" || id.contains('/') { 1 } else { 2 });
    let shown = NotScanned::from(error).reason;
    assert!(shown.ends_with(&format!(", or accept it by --accept-not-scanned {kind}")), "{shown}");
}

/// What a group shows is judged, and what an include may add leaves it undecided.
#[rstest]
#[case("AWS::Include")]
#[case("Ours")]
fn a_group_with_an_expansion_has_a_rule_that_is_not_known(#[case] name: &str) {
    let mut group = open_group();
    group["Fn::Transform"] = json!({ "Name": name });
    let mut rule = json!({"Type": "AWS::EC2::SecurityGroupIngress", "Properties":
        {"GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}});
    rule["Fn::Transform"] = json!({ "Name": name });
    let (records, errors) = scan(&json!({"Resources": {"Jump": group, "Rule": rule}}).to_string());
    assert_eq!(errors, []);
    let unknown = "protocol `Fn::Transform` from port none to port none from `Fn::Transform`";
    let rules: Vec<String> = OPEN.iter().chain([&unknown]).map(|rule| (*rule).to_owned()).collect();
    assert_eq!(groups(&records), [("Jump", rules.clone()), ("sg-1", rules)]);
}

/// An include adds to a resource, and cannot take its type away.
#[test]
fn an_include_in_another_resource_hides_no_group() {
    let (records, errors) = scan("Resources:\n  A: {Type: AWS::SQS::Queue, Fn::Transform: {Name: AWS::Include}}\n");
    assert_eq!((records, errors), (vec![], vec![]));
}

#[test]
fn every_kind_has_a_name() {
    for kind in Hidden::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
    }
    let error = "nested".parse::<Hidden>().unwrap_err().to_string();
    assert!(error.starts_with("`nested` is not one of nested-stack, application, "), "{error}");
}

/// A stack set has its template in the text of the resource, in an object, or in an object that becomes text.
#[rstest]
#[case::json(json!(json!({"Resources": {"Jump": open_group()}}).to_string()))]
#[case::yaml(json!("Resources:\n  Jump:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n      SecurityGroupIngress:\n      - {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}\n"))]
#[case::object(json!({"Resources": {"Jump": open_group()}}))]
#[case::to_json_string(json!({"Fn::ToJsonString": {"Resources": {"Jump": open_group()}}}))]
#[case::joined(json!({"Fn::Join": ["", ["{\"Resources\":{\"Jump\":", open_group().to_string(), "}}"]]}))]
fn a_template_in_a_resource_is_read(#[case] body: Value) {
    let template =
        json!({"Resources": {"All": {"Type": "AWS::CloudFormation::StackSet", "Properties": {"TemplateBody": body}}}});
    let (records, errors) = scan(&template.to_string());
    assert_eq!(errors, []);
    assert_eq!(groups(&records), [("All/Jump", OPEN.iter().map(|rule| (*rule).to_owned()).collect())]);
    let location = records[0].location.as_ref().unwrap();
    assert_eq!((location.resource.as_deref(), location.line), (Some("All/Jump"), Some(1)));
}

/// The parameters of the inner template have the values that the resource gives, unless instances override them.
#[rstest]
#[case::given(json!([{"ParameterKey": "From", "ParameterValue": "10.0.0.0/8"}]), json!([]), "tcp/22 from 10.0.0.0/8")]
#[case::default(json!([]), json!([]), "tcp/22 from 0.0.0.0/0")]
#[case::overridden(json!([]), json!([{"ParameterOverrides": [{"ParameterKey": "From", "ParameterValue": "10.0.0.0/8"}]}]),
    "tcp/22 from `!Ref From`")]
fn an_inner_template_gets_its_parameters(#[case] given: Value, #[case] instances: Value, #[case] rule: &str) {
    let mut group = open_group();
    group["Properties"]["SecurityGroupIngress"][0]["CidrIp"] = json!({"Ref": "From"});
    let body = json!({
        "Parameters": {"From": {"Type": "String", "Default": "0.0.0.0/0"}}, "Resources": {"Jump": group}
    });
    let template = json!({"Resources": {"All": {"Type": "AWS::CloudFormation::StackSet", "Properties": {
        "TemplateBody": body.to_string(), "Parameters": given, "StackInstancesGroup": instances
    }}}});
    let (records, errors) = scan(&template.to_string());
    assert_eq!((groups(&records), errors), (vec![("All/Jump", vec![rule.to_owned()])], vec![]));
}

/// What is hidden in an inner template is reported there.
#[test]
fn an_inner_template_may_hide_something_itself() {
    let body =
        json!({"Resources": {"Deep": {"Type": "A::B::C::MODULE"}, "Deep2": {"Type": "AWS::EC2::SecurityGroup"}}});
    let template =
        json!({"Resources": {"All": {"Type": "AWS::CloudFormation::StackSet", "Properties": {"TemplateBody": body}}}});
    let (records, errors) = scan(&template.to_string());
    assert_eq!(groups(&records), [("All/Deep2", vec![])]);
    assert_eq!((errors[0].id.as_deref(), errors[0].hidden), (Some("All/Deep"), Some(Hidden::Module)));
}

fn nested(key: &str, value: Value) -> String {
    let mut stack = json!({"Type": "AWS::CloudFormation::Stack", "Properties": {"Parameters": {"From": "0.0.0.0/0"}}});
    match key {
        "Metadata" => stack["Metadata"] = json!({ "aws:asset:path": value }),
        key => stack["Properties"][key] = value,
    }
    json!({"Resources": {"Net": stack}}).to_string()
}

/// `aws cloudformation package` uploads the template at a path, and the CDK writes the path into the metadata.
#[rstest]
#[case("TemplateURL")]
#[case("Metadata")]
fn a_template_beside_the_template_is_read(#[case] key: &str) {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("inner")).unwrap();
    let inner = "Parameters: {From: {Type: String}}\nResources:\n  Jump:\n    Type: AWS::EC2::SecurityGroup\n    Properties:\n      \
                 SecurityGroupIngress: {IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: !Ref From}\n";
    fs::write(directory.path().join("inner/net.yaml"), inner).unwrap();
    let file = directory.path().join("main.json").display().to_string();
    let input = nested(key, json!("./inner/net.yaml"));
    let options = Options { local_templates: true, ..Options::default() };
    let (records, errors) = scan_file(&input, &file, &options);
    assert_eq!(errors, []);
    assert_eq!(groups(&records), [("Net/Jump", OPEN.iter().map(|rule| (*rule).to_owned()).collect())]);
    let location = records[0].location.as_ref().unwrap();
    assert!(location.file.ends_with("inner/net.yaml"), "{}", location.file);
    assert_eq!((location.resource.as_deref(), location.line), (Some("Jump"), Some(3)));
    // Neither without the option nor for standard input.
    assert_eq!(scan_file(&input, &file, &Options::default()).1[0].hidden, Some(Hidden::NestedStack));
    assert_eq!(scan_file(&input, "-", &options).1[0].hidden, Some(Hidden::NestedStack));
}

/// Only content that is not there can be accepted: what is beside the template is read, or wrong.
#[rstest]
#[case::missing("missing.yaml", Some(Hidden::NestedStack), "missing.yaml` does not exist: correct the path")]
#[case::absolute("/etc/passwd", Some(Hidden::NestedStack), "`/etc/passwd` is not in this file")]
#[case::not_a_template("text.yaml", None, "text.yaml` is not a template: it has no `Resources`")]
#[case::malformed("broken.yaml", None, "broken.yaml` is neither JSON nor YAML: line 2, column ")]
#[case::malformed_json("broken.json", None, "broken.json` is malformed JSON: ")]
#[case::too_large("large.yaml", None, "large.yaml` has more than 1000 bytes")]
#[case::directory("inner", Some(Hidden::NestedStack), "inner` does not exist")]
fn a_template_that_cannot_be_read_is_reported(
    #[case] path: &str,
    #[case] hidden: Option<Hidden>,
    #[case] problem: &str,
) {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("inner")).unwrap();
    fs::write(directory.path().join("text.yaml"), "text\n").unwrap();
    fs::write(directory.path().join("broken.yaml"), "Resources:\n  A: [{Type: x}\n").unwrap();
    fs::write(directory.path().join("broken.json"), "{\"Resources\": {\"A\": [}\n").unwrap();
    fs::write(directory.path().join("large.yaml"), "Resources: {}\n".repeat(1000)).unwrap();
    let file = directory.path().join("main.json").display().to_string();
    let options = Options { local_templates: true, largest_document: 1000, ..Options::default() };
    let (records, errors) = scan_file(&nested("TemplateURL", json!(path)), &file, &options);
    assert_eq!((records, errors.len()), (vec![], 1));
    assert_eq!(errors[0].hidden, hidden);
    assert!(errors[0].problem.contains(problem), "{}", errors[0].problem);
}

/// A text in the resource that is no template is wrong, and not elsewhere.
#[test]
fn a_template_body_that_is_none_is_refused() {
    let (records, errors) =
        scan("Resources:\n  A: {Type: AWS::CloudFormation::StackSet, Properties: {TemplateBody: text}}\n");
    assert_eq!((records, errors.len(), errors[0].hidden), (vec![], 1, None));
    assert!(errors[0].problem.contains("its `TemplateBody` is not a template"), "{}", errors[0].problem);
}

/// A value that the template does not show may be given to a parameter of a template within it, so the default of the
/// parameter does not count.
#[rstest]
#[case::choice(json!({"Parameters": {"Fn::If": ["A", {"From": "0.0.0.0/0"}, {"Ref": "AWS::NoValue"}]}}), json!({}))]
#[case::include(json!({"Parameters": {"Fn::Transform": {"Name": "AWS::Include"}}}), json!({}))]
#[case::include_with_others(json!({"Parameters": {"X": "1", "Fn::Transform": {"Name": "AWS::Include"}}}), json!({}))]
#[case::loops(json!({"Parameters": {"Fn::ForEach::X": ["N", ["From"], {"${N}": "0.0.0.0/0"}]}}), json!({}))]
#[case::text(json!({"Parameters": "x"}), json!({}))]
#[case::of_the_properties(json!({"Fn::Transform": {"Name": "AWS::Include"}}), json!({}))]
#[case::of_the_resource(json!({}), json!({"Fn::Transform": {"Name": "AWS::Include"}}))]
#[case::no_value(json!({"Parameters": {"From": {"Ref": "AWS::NoValue"}}}), json!({}))]
fn a_parameter_that_may_get_a_value_does_not_have_its_default(#[case] properties: Value, #[case] resource: Value) {
    let directory = tempfile::tempdir().unwrap();
    let inner = "Parameters: {From: {Type: String, Default: 10.0.0.0/8}}\nResources:\n  Jump:\n    Type: \
                 AWS::EC2::SecurityGroup\n    Properties:\n      SecurityGroupIngress: {IpProtocol: tcp, FromPort: 22, \
                 ToPort: 22, CidrIp: !Ref From}\n";
    fs::write(directory.path().join("net.yaml"), inner).unwrap();
    for (kind, key) in [("AWS::CloudFormation::Stack", "TemplateURL"), ("AWS::Serverless::Application", "Location")] {
        let mut stack = resource.clone();
        (stack["Type"], stack["Properties"]) = (json!(kind), properties.clone());
        stack["Properties"][key] = json!("net.yaml");
        let input = json!({"Resources": {"Net": stack}}).to_string();
        let file = directory.path().join("main.json").display().to_string();
        let options = Options { local_templates: true, ..Options::default() };
        let (records, _) = scan_file(&input, &file, &options);
        assert_eq!(groups(&records), [("Net/Jump", vec!["tcp/22 from `!Ref From`".to_owned()])]);
    }
}

#[rstest]
#[case::choice(json!({"Fn::If": ["A", [{"ParameterKey": "From", "ParameterValue": "0.0.0.0/0"}], {"Ref": "AWS::NoValue"}]}))]
#[case::choice_of_one(json!([{"Fn::If": ["A", {"ParameterKey": "From", "ParameterValue": "0.0.0.0/0"}, {"Ref": "AWS::NoValue"}]}]))]
#[case::name(json!([{"ParameterKey": {"Ref": "Name"}, "ParameterValue": "0.0.0.0/0"}]))]
#[case::no_value(json!([{"ParameterKey": "From"}]))]
#[case::include(json!([{"Fn::Transform": {"Name": "AWS::Include"}}]))]
fn a_parameter_of_a_stack_set_that_may_get_a_value_does_not_have_its_default(#[case] list: Value) {
    let mut group = open_group();
    group["Properties"]["SecurityGroupIngress"][0]["CidrIp"] = json!({"Ref": "From"});
    let body = json!({
        "Parameters": {"From": {"Type": "String", "Default": "10.0.0.0/8"}}, "Resources": {"Jump": group}
    });
    let branches = json!({"Fn::If": ["A", [{"ParameterOverrides": list}], {"Ref": "AWS::NoValue"}]});
    let element = json!([{"Fn::If": ["A", {"ParameterOverrides": list}, {"Ref": "AWS::NoValue"}]}]);
    for properties in [
        json!({ "Parameters": list }),
        json!({"StackInstancesGroup": [{ "ParameterOverrides": list }]}),
        json!({ "StackInstancesGroup": branches }),
        json!({ "StackInstancesGroup": element }),
    ] {
        let mut set = json!({"Type": "AWS::CloudFormation::StackSet", "Properties": properties});
        set["Properties"]["TemplateBody"] = json!(body.to_string());
        let (records, errors) = scan(&json!({"Resources": {"All": set}}).to_string());
        assert_eq!(
            (groups(&records), errors),
            (vec![("All/Jump", vec!["tcp/22 from `!Ref From`".to_owned()])], vec![])
        );
    }
}

/// A choice of values leaves the other parameters their defaults.
#[test]
fn a_parameter_that_no_branch_names_has_its_default() {
    let mut group = open_group();
    group["Properties"]["SecurityGroupIngress"][0]["CidrIp"] = json!({"Ref": "From"});
    let body = json!({
        "Parameters": {"From": {"Type": "String", "Default": "10.0.0.0/8"}}, "Resources": {"Jump": group}
    });
    let list = json!([{"Fn::If": ["A", {"ParameterKey": "To", "ParameterValue": "x"}, {"Ref": "AWS::NoValue"}]}]);
    let set = json!({"Type": "AWS::CloudFormation::StackSet",
        "Properties": {"TemplateBody": body.to_string(), "Parameters": list}});
    let (records, _) = scan(&json!({"Resources": {"All": set}}).to_string());
    assert_eq!(groups(&records), [("All/Jump", vec!["tcp/22 from 10.0.0.0/8".to_owned()])]);
}

/// A template that deploys itself has an end.
#[test]
fn templates_within_templates_have_an_end() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("main.json");
    let stack = json!({"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "main.json"}});
    let input = json!({"Resources": {"A": stack, "B": stack, "Web": open_group()}}).to_string();
    fs::write(&file, &input).unwrap();
    let options = Options { local_templates: true, ..Options::default() };
    let (records, errors) = scan_file(&input, &file.display().to_string(), &options);
    assert!(records.len() <= 1001 && !errors.is_empty(), "{} records", records.len());
    assert!(errors.iter().all(|error| error.problem.contains("too many templates")), "{}", errors[0]);
}

fn state(resources: &Value) -> String {
    json!({"terraform_version": "1.9.0", "values": {"root_module": {"resources": resources}}}).to_string()
}

fn resource(address: &str, values: &Value) -> Value {
    let (kind, name) = address.split_once('.').unwrap();
    json!({"address": address, "mode": "managed", "type": kind, "name": name, "values": values})
}

#[rstest]
#[case::stack("aws_cloudformation_stack.a", Hidden::NestedStack)]
#[case::cloud_control_stack("awscc_cloudformation_stack.a", Hidden::NestedStack)]
#[case::stack_set("aws_cloudformation_stack_set.a", Hidden::StackSet)]
fn a_stack_of_a_plan_is_read_or_reported(#[case] address: &str, #[case] kind: Hidden) {
    let mut group = open_group();
    group["Properties"]["SecurityGroupIngress"][0]["CidrIp"] = json!({"Ref": "From"});
    let body = json!({"Parameters": {"From": {"Type": "String"}}, "Resources": {"Jump": group}}).to_string();
    let given = json!({"template_body": body, "parameters": {"From": "0.0.0.0/0"}});
    let (records, errors) = scan(&state(&json!([resource(address, &given)])));
    let name = format!("{address}/Jump");
    assert_eq!(errors, []);
    assert_eq!(groups(&records), [(name.as_str(), OPEN.iter().map(|rule| (*rule).to_owned()).collect())]);
    let elsewhere = json!({"template_url": "https://b/t", "template_body": null});
    let (records, errors) = scan(&state(&json!([resource(address, &elsewhere)])));
    assert_eq!((records, errors.len()), (vec![], 1));
    assert_eq!((errors[0].id.as_deref(), errors[0].hidden), (Some(address), Some(kind)));
    assert!(errors[0].problem.contains("https://b/t"), "{}", errors[0].problem);
}

/// A template beside which the plan says that it is known only after apply is not the one that will be deployed.
#[rstest]
#[case::body("aws_cloudformation_stack", json!({"template_body": "{\"Resources\": {\"A\": {\"Type\": \"AWS::SNS::Topic\"}}}"}))]
#[case::cloud_control("aws_cloudcontrolapi_resource", json!({"type_name": "AWS::EC2::SecurityGroup", "desired_state": "{}"}))]
fn a_template_that_is_known_only_after_apply_is_not_read(#[case] kind: &str, #[case] values: Value) {
    let address = format!("{kind}.a");
    let unknown: Value = values
        .as_object()
        .unwrap()
        .keys()
        .filter(|key| *key != "type_name")
        .map(|key| (key.clone(), json!(true)))
        .collect();
    let change = json!({"actions": ["update"], "before": null, "after": values, "after_unknown": unknown});
    let plan = json!({
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": [resource(&address, &values)]}},
        "resource_changes": [{"address": address, "mode": "managed", "type": kind, "name": "a", "change": change}],
    });
    let (records, errors) = scan(&plan.to_string());
    assert_eq!((records, errors.len()), (vec![], 1));
}

/// A parameter that instances of a stack set override may have any value.
#[test]
fn an_override_of_a_stack_set_is_not_known() {
    let mut group = open_group();
    group["Properties"]["SecurityGroupIngress"][0]["CidrIp"] = json!({"Ref": "From"});
    let body = json!({"Parameters": {"From": {"Type": "String"}}, "Resources": {"Jump": group}}).to_string();
    let set = json!({"template_body": body, "parameters": {"From": "10.0.0.0/8"}});
    let instance = json!({"parameter_overrides": {"From": "0.0.0.0/0"}});
    let resources = [
        resource("aws_cloudformation_stack_set.a", &set),
        resource("aws_cloudformation_stack_set_instance.a", &instance),
    ];
    let (records, _) = scan(&state(&json!(resources)));
    assert_eq!(groups(&records)[0].1, ["tcp/22 from `!Ref From`"]);
}

/// The provider `awscc` for the Cloud Control API makes the same groups as the other one.
#[test]
fn groups_and_rules_of_the_cloud_control_provider_are_read() {
    let group = json!({"group_id": "sg-1", "group_name": "jump", "security_group_ingress": [
        {"ip_protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_ip": "0.0.0.0/0"}
    ]});
    let rule =
        json!({"group_id": "sg-1", "ip_protocol": "tcp", "from_port": 3389, "to_port": 3389, "cidr_ipv_6": "::/0"});
    let resources =
        [resource("awscc_ec2_security_group.a", &group), resource("awscc_ec2_security_group_ingress.b", &rule)];
    let (records, errors) = scan(&state(&json!(resources)));
    assert_eq!(errors, []);
    let expected = vec!["tcp/22 from 0.0.0.0/0".to_owned(), "tcp/3389 from ::/0".to_owned()];
    assert_eq!(groups(&records), [("sg-1", expected)]);
    assert_eq!(records[0].group.name.as_deref(), Some("jump"));
}

#[test]
fn a_resource_of_the_cloud_control_api_is_read_in_the_spelling_of_cloudformation() {
    let properties = open_group()["Properties"].to_string();
    let values = json!({"type_name": "AWS::EC2::SecurityGroup", "desired_state": properties});
    let other = json!({"type_name": "AWS::SQS::Queue", "desired_state": null});
    let unknown = json!({"type_name": "AWS::EC2::SecurityGroup", "desired_state": null});
    let address = |name: &str| format!("aws_cloudcontrolapi_resource.{name}");
    let resources =
        [resource(&address("a"), &values), resource(&address("b"), &other), resource(&address("c"), &unknown)];
    let (records, errors) = scan(&state(&json!(resources)));
    assert_eq!(
        groups(&records),
        [("aws_cloudcontrolapi_resource.a", OPEN.iter().map(|rule| (*rule).to_owned()).collect())]
    );
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].id.as_deref(), Some("aws_cloudcontrolapi_resource.c"));
}
