//! Every kind of input, in the form in which AWS writes it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use std::io::{Read, Write};
use std::ops::ControlFlow;

use exposure::Source;
use flate2::Compression;
use flate2::write::GzEncoder;
use inventory::{InputError, Options, Record, Stats, read};
use plain_text::error_chain;
use rstest::rstest;
use serde_json::{Value, json};

use crate::common::{Found, read_one, rules};

const GROUPS: &str = include_str!("samples/describe-security-groups.json");
const RULES: &str = include_str!("samples/describe-security-group-rules.json");
const EVENT: &str = include_str!("../../aws-events/tests/samples/config-change-event.json");
const DELETED_EVENT: &str = include_str!("../../aws-events/tests/samples/config-deleted-event.json");
const OVERSIZED_EVENT: &str = include_str!("../../aws-events/tests/samples/config-oversized-event.json");
const SNAPSHOT: &str = include_str!("samples/config-snapshot.json");
const HISTORY: &str = include_str!("../../aws-events/tests/samples/get-resource-config-history-response.json");
const BATCH: &str = include_str!("samples/batch-get-resource-config.json");
const SELECTED: &str = include_str!("samples/select-resource-config.json");

fn try_scan(input: impl Read) -> Result<Found, InputError> {
    read_one(input, "input.json", &Options::default())
}

fn scan(input: impl AsRef<[u8]>) -> Found {
    try_scan(input.as_ref()).unwrap()
}

fn refused(input: impl AsRef<[u8]>) -> String {
    error_chain(&try_scan(input.as_ref()).unwrap_err())
}

fn ids(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.group.id.as_str()).collect()
}

fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn invoking_event() -> String {
    value(EVENT)["invokingEvent"].as_str().unwrap().to_owned()
}

fn item() -> Value {
    value(&invoking_event())["configurationItem"].clone()
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(bytes).collect()
}

#[test]
fn described_groups_have_one_rule_per_source() {
    let (records, errors, stats) = scan(GROUPS);
    assert_eq!(errors, []);
    assert_eq!(stats, Stats { groups: 2, ..Stats::default() });
    assert_eq!(ids(&records), ["sg-0aaaaaaaaaaaaaaaa", "sg-0cccccccccccccccc"]);
    let Record { group, region, location, .. } = &records[0];
    assert_eq!((region.as_deref(), location), (Some("us-east-1"), &None));
    assert_eq!((group.name.as_deref(), group.owner_id.as_deref()), (Some("web-sg"), Some("111122223333")));
    assert_eq!(group.vpc_id.as_deref(), Some("vpc-0a1b2c3d4e5f60718"));
    assert_eq!(group.tags["Name"], "web");
    let rules: Vec<String> =
        group.ingress.iter().map(|rule| format!("{} from {}", rule.traffic, rule.source)).collect();
    assert_eq!(
        rules,
        [
            "tcp/22 from 0.0.0.0/0",
            "tcp/22 from ::/0",
            "tcp/22 from pl-0f00ba4",
            "tcp/443 from sg-0bbbbbbbbbbbbbbbb",
            "udp/0-65535 from 10.0.0.0/8",
            "all traffic from 192.0.2.0/24",
            "icmp from 198.51.100.7/32",
        ]
    );
    assert_eq!(group.ingress[0].description.as_deref(), Some("temp ssh"));
}

/// The group is the same in every format.
#[rstest]
#[case::list(value(GROUPS)["SecurityGroups"].to_string())]
#[case::group(value(GROUPS)["SecurityGroups"][0].to_string())]
#[case::pages(format!("[{GROUPS},{{\"SecurityGroups\":[]}}]"))]
#[case::event(EVENT.to_owned())]
#[case::invoking_event(invoking_event())]
#[case::message(json!({"Type": "Notification", "TopicArn": "arn", "Message": invoking_event()}).to_string())]
#[case::event_bridge(json!({"source": "aws.config", "detail": value(&invoking_event())}).to_string())]
#[case::item(item().to_string())]
#[case::items(json!([item()]).to_string())]
#[case::bare_configuration(item()["configuration"].to_string())]
#[case::snapshot(SNAPSHOT.to_owned())]
#[case::history(HISTORY.to_owned())]
#[case::batch(BATCH.to_owned())]
#[case::selected(SELECTED.to_owned())]
#[case::selected_list(value(SELECTED)["Results"].to_string())]
fn a_group_is_the_same_in_every_format(#[case] input: String) {
    let (records, errors, _) = scan(&input);
    assert_eq!(errors, []);
    let expected = scan(GROUPS).0.swap_remove(0);
    assert_eq!(records[0].group, expected.group);
}

/// AWS Tools for PowerShell write ranges as texts, again as objects, and prefix lists by another name.
#[test]
fn groups_of_powershell_are_read() {
    let permission = json!({
        "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": ["10.0.0.0/8", "0.0.0.0/0"],
        "Ipv4Ranges": [{"CidrIp": "10.0.0.0/8", "Description": "inside"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}],
        "PrefixListIds": [{"Id": "pl-0f00ba4", "Description": null}], "UserIdGroupPairs": [],
    });
    let (records, errors, _) = scan(json!([{"GroupId": "sg-1", "IpPermissions": [permission]}]).to_string());
    assert_eq!(errors, []);
    let rules = records[0].group.ingress.iter();
    let rules: Vec<_> = rules.map(|rule| (rule.source.to_string(), rule.description.as_deref())).collect();
    let expected = [("10.0.0.0/8", Some("inside")), ("0.0.0.0/0", None), ("::/0", None), ("pl-0f00ba4", None)];
    assert_eq!(rules, expected.map(|(source, description)| (source.to_owned(), description)));
}

/// `DescribeSecurityGroupRules` returns the ids of the rules, but neither name nor VPC nor tags of the group.
#[test]
fn rules_alone_are_put_together_to_groups() {
    let (records, errors, stats) = scan(RULES);
    assert_eq!((errors, stats.groups), (vec![], 1));
    let (group, expected) = (&records[0].group, &scan(GROUPS).0[0].group);
    assert_eq!((&group.id, &group.owner_id), (&expected.id, &expected.owner_id));
    assert_eq!(records[0].region.as_deref(), Some("us-east-1"));
    assert_eq!(group.ingress.len(), expected.ingress.len());
    for (rule, expected) in group.ingress.iter().zip(&expected.ingress) {
        assert!(rule.admits_the_same_as(expected), "{rule:?}");
        assert!(rule.id.as_deref().is_some_and(|id| id.starts_with("sgr-")));
    }
    let list = value(RULES)["SecurityGroupRules"].to_string();
    assert_eq!(scan(list).0, records);
}

#[test]
fn the_region_and_the_account_of_an_item_are_kept() {
    let (records, _, stats) = scan(SNAPSHOT);
    assert_eq!(records[0].region.as_deref(), Some("us-east-1"));
    assert_eq!(records[0].group.owner_id.as_deref(), Some("111122223333"));
    assert_eq!(stats, Stats { groups: 1, other_resources: 1, deleted: 1, ..Stats::default() });
}

#[test]
fn options_fill_in_region_and_account() {
    let options = Options {
        region: Some("eu-west-1".to_owned()),
        account: Some("999988887777".to_owned()),
        ..Options::default()
    };
    let mut found = Vec::new();
    let input = r#"[{"GroupId":"sg-0aaaaaaaaaaaaaaaa","IpPermissions":[]}]"#;
    read(input.as_bytes(), "-", &options, &mut |record| {
        found.push(record.unwrap());
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(found[0].region, options.region);
    assert_eq!(found[0].group.owner_id, options.account);
    assert_eq!(scan(input).0[0].region, None);
}

#[rstest]
#[case::gzip(gzip(GROUPS))]
#[case::two_gzip_members([gzip(GROUPS), gzip("\n")].concat())]
#[case::utf8_mark(format!("\u{feff}{GROUPS}").into_bytes())]
#[case::powershell(utf16(GROUPS, u16::to_le_bytes))]
#[case::utf16_big_endian(utf16(GROUPS, u16::to_be_bytes))]
#[case::gzip_of_utf16(gzip(utf16(GROUPS, u16::to_le_bytes)))]
#[case::windows_lines(GROUPS.replace('\n', "\r\n").into_bytes())]
#[case::yaml(b"SecurityGroups:\n- GroupId: sg-0aaaaaaaaaaaaaaaa\n  IpPermissions: []\n- GroupId: sg-0cccccccccccccccc\n  IpPermissions: []\n".to_vec())]
fn text_comes_in_several_encodings(#[case] input: Vec<u8>) {
    let (records, errors, _) = scan(input);
    assert_eq!(errors, []);
    assert_eq!(ids(&records), ["sg-0aaaaaaaaaaaaaaaa", "sg-0cccccccccccccccc"]);
}

/// A pipe returns pieces of any size; the first may be a single byte.
#[rstest]
#[case::utf8(GROUPS.as_bytes().to_vec())]
#[case::utf8_with_mark([b"\xef\xbb\xbf", GROUPS.as_bytes()].concat())]
#[case::utf16_le(utf16(GROUPS, u16::to_le_bytes))]
#[case::utf16_be(utf16(GROUPS, u16::to_be_bytes))]
#[case::gzip(gzip(GROUPS))]
#[case::gzip_of_utf16(gzip(utf16(GROUPS, u16::to_le_bytes)))]
fn text_comes_in_pieces(#[case] input: Vec<u8>, #[values(1, 2, 3, 5)] piece: usize) {
    struct Pieces<'i>(&'i [u8], usize);
    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let length = buffer.len().min(self.1);
            self.0.read(&mut buffer[..length])
        }
    }
    let (records, errors, _) = try_scan(Pieces(&input, piece)).unwrap();
    assert_eq!((records, errors), (scan(GROUPS).0, vec![]));
}

#[test]
fn documents_are_read_one_after_the_other() {
    let one = |id| format!(r#"{{"GroupId":"{id}","IpPermissions":[]}}"#);
    let (records, errors, _) = scan([one("sg-1"), one("sg-2"), GROUPS.to_owned()].join("\n"));
    assert_eq!(errors, []);
    assert_eq!(ids(&records), ["sg-1", "sg-2", "sg-0aaaaaaaaaaaaaaaa", "sg-0cccccccccccccccc"]);
}

#[rstest]
#[case(r#"{"SecurityGroups":[]}"#)]
#[case("[]")]
#[case(r#"{"fileVersion":"1.0","configurationItems":[]}"#)]
#[case(r#"{"Results":[],"QueryInfo":{}}"#)]
#[case(r#"{"Resources":{}}"#)]
#[case("Resources: {}")]
#[case(r#"{"format_version":"1.2","terraform_version":"1.9.0","planned_values":{}}"#)]
#[case(r#"{"format_version":"1.0"}"#)]
#[case(r#"{"format_version":"1.0","terraform_version":"1.9.0"}"#)]
#[case(DELETED_EVENT)]
fn an_input_without_groups_is_fine_if_it_is_of_a_kind_that_has_them(#[case] input: &str) {
    let (records, errors, stats) = scan(input);
    assert_eq!((records, errors, stats.groups), (vec![], vec![], 0));
}

#[rstest]
#[case::empty("", "`input.json` is empty: did the command that wrote it fail?")]
#[case::blank(" \n", "`input.json` is empty")]
#[case::empty_yaml("# nothing\n", "`input.json` is empty")]
#[case::object("{}", "line 1, column 1: no security groups in an object without keys: give the output of")]
#[case::other(
    r#"{"Reservations":[],"b":1}"#,
    "no security groups in an object with the keys `Reservations`, `b`: give"
)]
#[case::list("[1]", "no security groups in a list with `1`: give")]
#[case::others(r#"[{"InstanceId":"i-1"}]"#, "no security groups in an object with the keys `InstanceId`: give")]
#[case::text("An error occurred (UnauthorizedOperation)", "no security groups in text: give")]
#[case::oversized(OVERSIZED_EVENT, "an oversized notification of AWS Config")]
#[case::plan_file("PK\u{3}\u{4}", "terraform show -json FILE")]
#[case::raw_state(
    r#"{"version":4,"terraform_version":"1.9.0","serial":1,"lineage":"x"}"#,
    "a raw Terraform state file"
)]
#[case::log(
    "{\"@level\":\"info\",\"@message\":\"x\",\"@module\":\"terraform.ui\"}\n{}",
    "the log of `terraform plan -json` (save the plan"
)]
#[case::configuration(r#"{"resource":{"aws_security_group":{}}}"#, "a configuration of Terraform (plan it")]
#[case::wrapper("[command]/opt/terraform-bin show -json plan\n{}", "the output of the wrapper of setup-terraform")]
#[case::terragrunt("10:00:00.123 STDOUT terraform: {\"a\":1}", "the log of Terragrunt")]
#[case::around(
    r#"{"data":{"SecurityGroups":[]}}"#,
    "an object with the keys `data` around answers of EC2 (unpack them"
)]
#[case::scheduled(
    r#"{"messageType":"ScheduledNotification"}"#,
    "a notification of AWS Config without a configuration item"
)]
#[case::string(r#""text""#, "no security groups in text: give")]
fn an_input_of_no_known_kind_is_refused(#[case] input: &str, #[case] message: &str) {
    let error = refused(input);
    assert!(error.contains(message), "{error}");
}

/// An error names line, column and record, whichever of the two parsers finds it.
#[rstest]
#[case("{\"SecurityGroups\":[\n{\"GroupId\":\"sg-1\",\"IpPermissions\":[]},\n{\"GroupId\":\"sg-2\",,}]}", 3, 19, 2)]
#[case("{\"SecurityGroups\":[\n{\"GroupId\":\"sg-1\",\"IpPermissions\":[}]}]}", 2, 36, 1)]
#[case("{\"SecurityGroups\":[\n{\"GroupId\":\"sg-1\",\"IpPermissions\":[]} {}]}", 2, 39, 2)]
#[case("{\"SecurityGroups\":[\n{\"GroupId\":\"sg-1\",\"IpPermissions\":[]},]}", 2, 39, 2)]
#[case("{\"SecurityGroups\":[\n{\"GroupId\":\"sg-1\",\"IpPermissions\":[],\"Tags\":[],}]}", 2, 48, 1)]
#[case("[{\"GroupId\":\"sg-1\",\"IpPermissions\":[]}]\nx", 2, 1, 2)]
#[case("{\"NextToken\":nul,\"SecurityGroups\":[]}", 1, 14, 1)]
fn malformed_json_is_refused_with_its_place(
    #[case] input: &str,
    #[case] line: u64,
    #[case] column: u64,
    #[case] record: u64,
) {
    match try_scan(input.as_bytes()).unwrap_err() {
        InputError::Json { location, problem } => {
            assert_eq!(
                (location.line, location.column, location.record.unwrap_or(1)),
                (line, column, record),
                "{problem}"
            );
        }
        error => panic!("{error}"),
    }
}

#[test]
fn an_input_that_ends_early_is_refused_with_the_record() {
    let cut = GROUPS.get(..GROUPS.find("default VPC").unwrap()).unwrap();
    let error = refused(cut);
    assert!(error.starts_with("`input.json`, line 1"), "{error}");
    assert!(error.ends_with("record 2: the JSON ends early: copy or download the file again"), "{error}");
    let packed = gzip(GROUPS);
    let error = refused(&packed[..packed.len() - 10]);
    assert_eq!(error, "`input.json` could not be read: the gzip data ends early: copy or download the file again");
}

/// A record without ingress rules is not a compliant group.
#[rstest]
#[case(r#"{"GroupName":"x","IpPermissions":[]}"#, None, "without `GroupId`")]
#[case(r#"{"GroupId":"sg-1"}"#, Some("sg-1"), "without `IpPermissions`")]
#[case(r#"{"GroupId":"sg-1","IpPermissions":null}"#, Some("sg-1"), "without `IpPermissions`")]
#[case(r#"{"GroupId":"sg-1","IpPermissions":{}}"#, None, "malformed record: invalid type: map, expected a sequence")]
#[case(r#"{"GroupId":"sg-1","GroupId":"sg-2","IpPermissions":[]}"#, None, "duplicate field")]
#[case(r#"{"groupId":"sg-1"}"#, Some("sg-1"), "no `ipPermissions`")]
#[case(
    r#"{"resourceId":"sg-1","configuration":{"ipPermissions":[]}}"#,
    Some("sg-1"),
    "select the whole `configuration`"
)]
#[case(r#"{"GroupId":"sg-1","IpPermissions":["Amazon.EC2.Model.IpPermission"]}"#, None, "ConvertTo-Json -Depth 6")]
#[case(
    r#"{"resourceId":"sg-1","configuration":{"groupId":"sg-2","ipPermissions":[]}}"#,
    Some("sg-1"),
    "describes `sg-2`"
)]
#[case(r#"{"resourceId":"sg-1","configuration":{"groupId":"sg-1"}}"#, Some("sg-1"), "no `ipPermissions`")]
#[case(r#"{"resourceType":"AWS::EC2::SecurityGroup","resourceId":"sg-1"}"#, Some("sg-1"), "without `configuration`")]
#[case(r#"{"SecurityGroupRuleId":"sgr-1","GroupId":"sg-1"}"#, None, "without `IsEgress`")]
#[case(r#"{"InstanceId":"i-1"}"#, None, "is not a security group")]
#[case("17", None, "`17` is not a security group")]
#[case(r#""text""#, None, "text is not a security group")]
#[case(r#"{"TemplateBody":"SecurityGroups: []"}"#, None, "text is not a template")]
#[case("null", None, "`null` is not a security group")]
// serde also reads a struct from a list of its fields.
#[case(
    r#"{"GroupId":"sg-1","IpPermissions":[["tcp",80,80,[],null,null,null]]}"#,
    None,
    "invalid type: sequence, expected an object"
)]
fn a_record_that_is_not_understood_hides_no_other(
    #[case] record: &str,
    #[case] id: Option<&str>,
    #[case] problem: &str,
) {
    let good = r#"{"GroupId":"sg-0","IpPermissions":[]}"#;
    let (records, errors, stats) = scan(format!("[{good},\n {record},\n{good}]"));
    assert_eq!(ids(&records), ["sg-0", "sg-0"]);
    assert_eq!((errors.len(), stats.errors), (1, 1));
    let error = &errors[0];
    assert_eq!(
        (error.id.as_deref(), error.location.line, error.location.column, error.location.record),
        (id, 2, 2, Some(2))
    );
    assert!(error.problem.contains(problem), "{error}");
}

/// A list is not a group, even if it has the fields of a group in their order.
#[test]
fn a_list_of_the_fields_of_a_group_is_no_group() {
    let group = r#"{"GroupId":"sg-1","IpPermissions":[]}"#;
    let (records, errors, _) = scan(format!(r#"[{group},["sg-2",null,null,null,null,null,[]]]"#));
    assert_eq!(ids(&records), ["sg-1"]);
    assert!(!errors.is_empty());
}

/// A rule of EC2 has one source. A reference names its group.
#[rstest]
#[case(r#""CidrIpv4":"10.0.0.0/8","CidrIpv6":"::/0""#)]
#[case(r#""CidrIpv6":"fd00::/8","PrefixListId":"pl-0f00ba4""#)]
#[case(r#""PrefixListId":"pl-0f00ba4","ReferencedGroupInfo":{"GroupId":"sg-2"}"#)]
#[case(r#""ReferencedGroupInfo":{}"#)]
#[case(r#""ReferencedGroupInfo":{"GroupId":"","UserId":"111122223333"}"#)]
fn a_rule_whose_source_is_not_certain_is_not_recognised(#[case] source: &str) {
    let rule =
        format!(r#"{{"GroupId":"sg-1","IsEgress":false,"IpProtocol":"tcp","FromPort":22,"ToPort":22,{source}}}"#);
    let (records, ..) = scan(format!(r#"{{"SecurityGroupRules":[{rule}]}}"#));
    let source = &records[0].group.ingress[0].source;
    assert!(matches!(source, Source::Unrecognized(_)), "{source}");
}

#[test]
fn a_reference_to_no_group_is_not_recognised() {
    let permission = r#"{"IpProtocol":"tcp","FromPort":22,"ToPort":22,"UserIdGroupPairs":[{"UserId":"1"}]}"#;
    let (records, ..) = scan(format!(r#"[{{"GroupId":"sg-1","IpPermissions":[{permission}]}}]"#));
    assert_eq!(records[0].group.ingress[0].source.to_string(), "`a security group without id`");
}

#[test]
fn a_permission_without_any_list_of_sources_is_not_recognised() {
    let permission = r#"{"IpProtocol":"tcp","FromPort":22,"ToPort":22}"#;
    let (records, ..) = scan(format!(r#"[{{"GroupId":"sg-1","IpPermissions":[{permission}]}}]"#));
    assert_eq!(records[0].group.ingress[0].source.to_string(), "`IpRanges that are left out`");
}

#[rstest]
#[case(r#"{"SecurityGroups":[],"NextToken":"abc"}"#, 1)]
#[case(r#"{"NextToken":"abc","SecurityGroups":[]}"#, 1)]
#[case(r#"{"NextToken":"abc","SecurityGroups":[]} {"SecurityGroups":[]}"#, 0)]
#[case(r#"{"NextToken":null,"SecurityGroups":[]}"#, 0)]
#[case(r#"{"nextToken":"","configurationItems":[]}"#, 0)]
fn a_list_that_goes_on_elsewhere_is_not_the_whole(#[case] input: &str, #[case] expected: usize) {
    let (_, errors, _) = scan(input);
    assert_eq!(errors.len(), expected);
    assert!(errors.iter().all(|error| error.problem.contains("`NextToken`")));
}

/// Of the items of one group only the newest counts, in any order.
#[rstest]
#[case(&["2026-03-03T00:00:00Z", "2026-03-02T00:00:00Z"])]
#[case(&["2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"])]
fn an_older_item_of_the_same_group_is_superseded(#[case] times: &[&str]) {
    let items: Vec<Value> = times
        .iter()
        .map(|time| {
            let mut item = item();
            item["configurationItemCaptureTime"] = (*time).into();
            item["configuration"]["groupName"] = (*time).into();
            item
        })
        .collect();
    let (records, _, stats) = scan(json!({ "configurationItems": items }).to_string());
    assert_eq!(stats, Stats { groups: 1, superseded: 1, ..Stats::default() });
    assert_eq!(records[0].group.name.as_deref(), Some("2026-03-03T00:00:00Z"));
}

#[test]
fn a_group_that_was_deleted_since_is_not_judged() {
    let (mut old, mut deleted) = (item(), item());
    deleted["configurationItemStatus"] = "ResourceDeleted".into();
    deleted["configuration"] = Value::Null;
    deleted["configurationItemCaptureTime"] = 1_900_000_000.5.into();
    old["configurationItemCaptureTime"] = 1_800_000_000.into();
    let (records, errors, stats) = scan(json!({ "configurationItems": [deleted, old] }).to_string());
    assert_eq!((records, errors), (vec![], vec![]));
    assert_eq!(stats, Stats { deleted: 1, superseded: 1, ..Stats::default() });
}

#[test]
fn each_may_end_the_reading() {
    let mut seen = 0;
    let stats = read(GROUPS.as_bytes(), "-", &Options::default(), &mut |_| {
        seen += 1;
        ControlFlow::Break(())
    })
    .unwrap();
    assert_eq!((seen, stats.groups), (1, 1));
}

#[test]
fn a_document_that_is_too_large_is_refused() {
    let options = Options { largest_document: 1000, ..Options::default() };
    let template = format!(r#"{{"Resources":{{"A":{{"Type":"{}"}}}}}}"#, "x".repeat(2000));
    for input in [template.as_str(), &format!("A: {template}")] {
        let error = read(input.as_bytes(), "-", &options, &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert_eq!(error.to_string(), "`-`, line 1, column 1: a single value of more than 1000 bytes: split the file");
    }
}

/// White space must not fill the memory either.
#[test]
fn a_flood_of_white_space_is_refused() {
    let options = Options { largest_document: 1_000_000, ..Options::default() };
    for start in ["", "[", "{", "[{\"GroupId\":"] {
        let input = start.as_bytes().chain(std::io::repeat(b' '));
        let error = read(input, "-", &options, &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert!(matches!(error, InputError::TooLarge { .. }), "{error}");
    }
}

/// Far more than is read at once, so that records lie across the ends of chunks.
#[test]
fn many_groups_come_out_as_they_went_in() {
    let group = |number: usize| {
        let cidrs: Vec<Value> = (0..number % 40).map(|last| json!({"CidrIp": format!("10.0.0.{last}/32")})).collect();
        let permission = json!({"IpProtocol": "tcp", "FromPort": number, "ToPort": number, "IpRanges": cidrs,
            "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []});
        json!({"GroupId": format!("sg-{number}"), "GroupName": "\u{e9}\"\\".repeat(number % 7), "IpPermissions": [permission]})
    };
    let groups: Vec<Value> = (0..3000).map(group).collect();
    for input in [json!({"SecurityGroups": groups}).to_string(), format!("{:#}", json!(groups))] {
        assert!(input.len() > 1_000_000);
        let (records, errors, _) = scan(&input);
        assert_eq!((records.len(), errors), (3000, vec![]));
        for (number, record) in records.iter().enumerate() {
            assert_eq!(record.group.id, format!("sg-{number}"));
            assert_eq!(record.group.name, Some("\u{e9}\"\\".repeat(number % 7)));
            assert_eq!(record.group.ingress.len(), number % 40);
        }
    }
}

#[test]
fn deep_nesting_and_huge_numbers_are_errors() {
    for input in
        ["[".repeat(1_000_000), "{\"a\":".repeat(1_000_000), format!("[{{\"GroupId\":{}}}]", "[".repeat(500_000))]
    {
        try_scan(input.as_bytes()).unwrap_err();
    }
    let deep = format!(r#"[{{"GroupId":"sg-1","x":{}{}}}]"#, "[".repeat(100_000), "]".repeat(100_000));
    let _ = try_scan(deep.as_bytes());
    let huge = format!(r#"[{{"GroupId":"sg-1","IpPermissions":[{{"FromPort":1{}}}]}}]"#, "0".repeat(400));
    assert!(try_scan(huge.as_bytes()).map_or(true, |(records, ..)| records.is_empty()));
}

/// Lines of the JSON that is made from YAML would mislead.
#[test]
fn records_in_yaml_are_told_apart_by_their_number() {
    let (_, errors, _) = scan("SecurityGroups:\n- GroupId: sg-1\n  IpPermissions: []\n- GroupId: sg-2\n");
    let places: Vec<_> =
        errors.iter().map(|error| (error.location.line, error.location.column, error.location.record)).collect();
    assert_eq!(places, [(1, 1, Some(2))]);
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_are() {
    let good = r#"{"GroupId":"sg-0","IpPermissions":[]}"#;
    let input = [b"[", good.as_bytes(), b",\n{\"GroupName\":\"\xff\"}]"].concat();
    let mut seen = 0;
    let error = read(&*input, "-", &Options::default(), &mut |_| {
        seen += 1;
        ControlFlow::Continue(())
    })
    .unwrap_err();
    assert_eq!(seen, 1);
    assert_eq!(error.to_string(), "`-`, line 2, column 15, record 2: not UTF-8: save the file in UTF-8");
}

/// Rules are kept until the last one is read, so their number is limited.
#[test]
fn too_many_single_rules_are_refused() {
    let rule = r#"{"GroupId":"sg-1","IsEgress":false,"IpProtocol":"-1","CidrIpv4":"10.0.0.0/8"}"#;
    let error = refused(format!("[{rule}{}]", format!(",{rule}").repeat(150_000)));
    assert!(error.contains("record 150001: more than 150000 rules"), "{error}");
}

/// EC2 returns all lists of sources. A query that drops one may have dropped the source of the rule.
#[rstest]
#[case::only_ipv6(json!({"Ipv6Ranges": []}), 1)]
#[case::only_pairs(json!({"UserIdGroupPairs": []}), 1)]
#[case::all_but_ipv4(json!({"Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}), 1)]
#[case::all_but_ipv4_with_another(
    json!({"Ipv6Ranges": [{"CidrIpv6": "fd00::/8"}], "PrefixListIds": [], "UserIdGroupPairs": []}), 2)]
#[case::only_ipv4(json!({"IpRanges": []}), 1)]
#[case::none(json!({}), 1)]
#[case::all(json!({"IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}), 0)]
#[case::null(json!({"IpRanges": null, "Ipv6Ranges": null, "UserIdGroupPairs": [{"GroupId": "sg-2"}]}), 1)]
#[case::all_null(json!({"IpRanges": null, "Ipv6Ranges": null, "PrefixListIds": null, "UserIdGroupPairs": null}), 1)]
#[case::powershell(json!({"Ipv4Ranges": [], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}), 0)]
fn a_permission_without_its_lists_has_a_source_that_is_not_known(#[case] lists: Value, #[case] count: usize) {
    let mut permission = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22});
    permission.as_object_mut().unwrap().extend(lists.as_object().unwrap().clone());
    let input = json!({"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [permission]}]});
    let (records, errors, _) = scan(input.to_string());
    let found = rules(&records[0]);
    assert_eq!((found.len(), errors), (count, vec![]));
    let expected = ["tcp/22 from `IpRanges that are left out`", "tcp/22 from `no source`", "tcp/22 from sg-2"];
    let is_expected = |last: &String| expected.contains(&last.as_str());
    assert!(found.last().is_none_or(is_expected), "{found:?}");
}

/// So has a query of AWS Config that selects other lists only.
#[rstest]
#[case(json!({"ipv6Ranges": []}))]
#[case(json!({"userIdGroupPairs": []}))]
#[case(json!({"ipv6Ranges": [{"cidrIpv6": "fd00::/8"}]}))]
fn a_selection_without_ipv4_sources_is_refused(#[case] lists: Value) {
    let mut permission = json!({"ipProtocol": "tcp", "fromPort": 22, "toPort": 22});
    permission.as_object_mut().unwrap().extend(lists.as_object().unwrap().clone());
    let configuration = json!({"groupId": "sg-1", "ipPermissions": [permission]});
    let item = |configuration: Value| json!({"resourceType": "AWS::EC2::SecurityGroup", "resourceId": "sg-1", "configuration": configuration});
    for input in [item(configuration.clone()), item(json!(configuration.to_string())), configuration] {
        let (records, errors, _) = scan(input.to_string());
        assert_eq!((records, errors.len()), (vec![], 1));
        let problem = &errors[0].problem;
        assert!(problem.ends_with("has rules without `ipRanges`: select the whole `configuration`"), "{problem}");
    }
}

/// EC2 rejects an address without a prefix length, so it is not the source of a rule.
#[test]
fn an_address_without_a_prefix_length_is_not_understood() {
    let permission = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
        "IpRanges": [{"CidrIp": "0.0.0.0"}], "Ipv6Ranges": [{"CidrIpv6": "::"}]});
    let input = json!({"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [permission]}]});
    assert_eq!(rules(&scan(input.to_string()).0[0]), ["tcp/22 from `0.0.0.0`", "tcp/22 from `::`"]);
}

/// What is read of an object with several kinds of content is not all of it.
#[rstest]
#[case::before(r#"{"Resources": {"A": {"Type": "AWS::EC2::SecurityGroup"}}, "SecurityGroups": []}"#)]
#[case::after(r#"{"SecurityGroups": [], "Resources": {"A": {"Type": "AWS::EC2::SecurityGroup"}}}"#)]
#[case::plan(r#"{"SecurityGroups": [], "planned_values": {"root_module": {}}}"#)]
fn a_list_beside_a_template_or_a_plan_is_reported(#[case] input: &str) {
    let (records, errors, _) = scan(input);
    assert_eq!((records, errors.len()), (vec![], 1));
    assert!(errors[0].problem.ends_with("give each as an input of its own"), "{}", errors[0].problem);
}

#[test]
fn a_template_beside_a_plan_is_refused() {
    let error = refused(r#"{"planned_values": {"root_module": {}}, "Resources": {}}"#);
    assert!(error.contains("no security groups in an object with a template and a plan"), "{error}");
}
