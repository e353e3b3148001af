//! Events of AWS Config, as documented and as captured.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use aws_events::config::{ConfigurationItem, Notification, RuleInvocation};
use exposure::{SecurityGroup, Source};
use plain_text::error_chain;
use rstest::rstest;
use serde_json::{Map, Value, json};

const CHANGE: &str = include_str!("samples/config-change-event.json");
const OVERSIZED: &str = include_str!("samples/config-oversized-event.json");
const SCHEDULED: &str = include_str!("samples/config-scheduled-event.json");
const DELETED: &str = include_str!("samples/config-deleted-event.json");
const LEFT_SCOPE: &str = include_str!("samples/config-left-scope-event.json");

fn payload(sample: &str) -> Map<String, Value> {
    serde_json::from_str(sample).unwrap()
}

fn read(sample: &str) -> RuleInvocation {
    RuleInvocation::from_payload(payload(sample)).unwrap()
}

/// The change sample with a modified configuration item.
fn with_item(change: impl FnOnce(&mut Value)) -> RuleInvocation {
    let mut event = payload(CHANGE);
    let mut invoking: Value = serde_json::from_str(event["invokingEvent"].as_str().unwrap()).unwrap();
    change(&mut invoking["configurationItem"]);
    event.insert("invokingEvent".into(), Value::String(invoking.to_string()));
    RuleInvocation::from_payload(event).unwrap()
}

fn item_of(invocation: RuleInvocation) -> ConfigurationItem {
    let Notification::Change { item, .. } = invocation.notification else { panic!("not a change") };
    *item
}

fn group_of(invocation: RuleInvocation) -> SecurityGroup {
    item_of(invocation).security_group().unwrap()
}

fn rules(group: &SecurityGroup) -> Vec<String> {
    group.ingress.iter().map(|rule| format!("{} from {}", rule.traffic, rule.source)).collect()
}

#[test]
fn a_change_carries_the_group_with_one_rule_per_source() {
    let invocation = read(CHANGE);
    assert_eq!(invocation.rule_name, "sg-port-blocklist");
    assert_eq!(invocation.rule_parameters.as_deref(), Some(r#"{"FocusOnPorts":"22,80,3389"}"#));
    assert!(!invocation.is_test());
    let Notification::Change { item, left_scope: false } = &invocation.notification else { panic!("not a change") };
    assert_eq!(item.status, "OK");
    assert_eq!(item.capture_time.to_string(), "2026-03-01T10:15:30.123Z");
    let group = item.security_group().unwrap();
    assert_eq!((group.id.as_str(), group.name.as_deref()), ("sg-0aaaaaaaaaaaaaaaa", Some("web-sg")));
    assert_eq!(group.vpc_id.as_deref(), Some("vpc-0a1b2c3d4e5f60718"));
    assert_eq!(group.owner_id.as_deref(), Some("111122223333"));
    assert_eq!(group.tags.get("Name").map(String::as_str), Some("web"));
    assert_eq!(
        rules(&group),
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
    assert_eq!(group.ingress.first().unwrap().description.as_deref(), Some("temp ssh"));
    let reference =
        Source::SecurityGroup { id: "sg-0bbbbbbbbbbbbbbbb".to_owned(), account_id: Some("111122223333".to_owned()) };
    assert_eq!(group.ingress.get(3).unwrap().source, reference);
}

#[test]
fn the_bare_invoking_event_is_read_too() {
    let mut event = payload(CHANGE);
    event.insert("invokingEvent".into(), include_str!("samples/configuration-item-change.invokingEvent.json").into());
    assert_eq!(group_of(RuleInvocation::from_payload(event).unwrap()), group_of(read(CHANGE)));
}

/// Ends of months, summer time, and a leap second, which counts as the second before: Unix time has none.
#[rstest]
#[case("2026-01-31T23:59:59.999Z", "2026-01-31T23:59:59.999Z")]
#[case("2026-02-28T23:59:59.999999999Z", "2026-02-28T23:59:59.999999999Z")]
#[case("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z")]
#[case("2027-01-01T00:00:00.000Z", "2027-01-01T00:00:00Z")]
#[case("2026-03-29T01:59:59.999+01:00", "2026-03-29T00:59:59.999Z")]
#[case("2026-03-29T02:30:00+01:00", "2026-03-29T01:30:00Z")]
#[case("2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00Z")]
#[case("2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z")]
#[case("2026-11-01T01:30:00-0500", "2026-11-01T06:30:00Z")]
#[case("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z")]
#[case("2016-12-31T23:59:60.500Z", "2016-12-31T23:59:59.5Z")]
#[case("2017-01-01T00:59:60+01:00", "2016-12-31T23:59:59Z")]
fn a_time_of_any_clock_is_read(#[case] written: &str, #[case] expected: &str) {
    let invocation = with_item(|item| item["configurationItemCaptureTime"] = json!(written));
    let item = item_of(invocation);
    assert_eq!(item.capture_time.to_string(), expected);

    let told = |sample: &str, set: &dyn Fn(&mut Value)| {
        let mut event = payload(sample);
        let mut invoking: Value = serde_json::from_str(event["invokingEvent"].as_str().unwrap()).unwrap();
        set(&mut invoking);
        event.insert("invokingEvent".into(), Value::String(invoking.to_string()));
        RuleInvocation::from_payload(event).unwrap().notification
    };
    let oversized = |invoking: &mut Value| {
        invoking["configurationItemSummary"]["configurationItemCaptureTime"] = json!(written);
    };
    let Notification::Oversized { summary, .. } = told(OVERSIZED, &oversized) else { panic!("not oversized") };
    assert_eq!(summary.configuration_item_capture_time.to_string(), expected);
    let scheduled = |invoking: &mut Value| invoking["notificationCreationTime"] = json!(written);
    let Notification::Scheduled { at } = told(SCHEDULED, &scheduled) else { panic!("not scheduled") };
    assert_eq!(at.to_string(), expected);
}

#[test]
fn a_deleted_resource_has_no_configuration() {
    let item = item_of(read(DELETED));
    assert_eq!(item.status, "ResourceDeleted");
    let error = error_chain(&item.security_group().unwrap_err());
    assert_eq!(error, "configuration item of `sg-0aaaaaaaaaaaaaaaa` (ResourceDeleted) has no configuration");
}

#[test]
fn a_resource_that_left_the_scope_is_marked() {
    assert!(matches!(read(LEFT_SCOPE).notification, Notification::Change { left_scope: true, .. }));
}

#[test]
fn an_oversized_notification_carries_a_summary() {
    let Notification::Oversized { summary, left_scope: false } = read(OVERSIZED).notification else {
        panic!("not oversized")
    };
    assert_eq!(summary.resource_id, "sg-0aaaaaaaaaaaaaaaa");
    assert_eq!(summary.configuration_item_capture_time.to_string(), "2026-03-01T10:15:30.123Z");
}

/// The sample of the developer guide has neither `s3DeliverySummary` nor `notificationCreationTime`.
#[test]
fn an_oversized_notification_needs_the_summary_only() {
    let mut event = payload(OVERSIZED);
    let mut invoking: Value = serde_json::from_str(event["invokingEvent"].as_str().unwrap()).unwrap();
    for optional in ["s3DeliverySummary", "notificationCreationTime", "recordVersion"] {
        invoking.as_object_mut().unwrap().remove(optional);
    }
    event.insert("invokingEvent".into(), Value::String(invoking.to_string()));
    assert!(matches!(RuleInvocation::from_payload(event).unwrap().notification, Notification::Oversized { .. }));
}

#[test]
fn a_scheduled_notification_has_a_time() {
    let Notification::Scheduled { at } = read(SCHEDULED).notification else { panic!("not scheduled") };
    assert_eq!(at.to_string(), "2026-03-01T12:00:00Z");
}

#[test]
fn an_unknown_message_type_is_no_error() {
    let mut event = payload(SCHEDULED);
    event.insert(
        "invokingEvent".into(),
        r#"{"messageType":"ConfigurationSnapshotDeliveryCompleted","s3Bucket":"b"}"#.into(),
    );
    let Notification::Other { message_type } = RuleInvocation::from_payload(event).unwrap().notification else {
        panic!("not other")
    };
    assert_eq!(message_type, "ConfigurationSnapshotDeliveryCompleted");
}

#[test]
fn proactive_mode_is_recognised() {
    let mut event = payload(CHANGE);
    event.insert("evaluationMode".into(), "PROACTIVE".into());
    assert!(matches!(RuleInvocation::from_payload(event).unwrap().notification, Notification::Proactive));
}

/// Fields that are absent from documented events.
#[rstest]
#[case("eventLeftScope")]
#[case("evaluationMode")]
#[case("ruleParameters")]
#[case("executionRoleArn")]
#[case("configRuleArn")]
#[case("configRuleId")]
#[case("accountId")]
#[case("version")]
fn optional_fields_may_be_absent(#[case] field: &str) {
    let mut event = payload(CHANGE);
    event.remove(field).unwrap();
    assert!(RuleInvocation::from_payload(event.clone()).is_ok());
    event.insert(field.into(), Value::Null);
    assert!(RuleInvocation::from_payload(event).is_ok());
}

#[rstest]
#[case("invokingEvent")]
#[case("configRuleName")]
#[case("resultToken")]
fn an_event_without_a_required_field_is_an_error(#[case] field: &str) {
    let mut event = payload(CHANGE);
    event.remove(field);
    let error = error_chain(&RuleInvocation::from_payload(event).unwrap_err());
    assert_eq!(error, format!("the payload is not an event of an AWS Config rule: `{field}` is missing"));
}

#[test]
fn testmode_is_the_rdk_convention() {
    let mut event = payload(CHANGE);
    event.insert("resultToken".into(), "TESTMODE".into());
    assert!(RuleInvocation::from_payload(event).unwrap().is_test());
}

// --- Configuration items, old and new

/// `configuration` is an object in events and a JSON string in the API.
#[test]
fn configuration_may_be_a_string() {
    let as_string = with_item(|item| item["configuration"] = item["configuration"].to_string().into());
    assert_eq!(group_of(as_string), group_of(read(CHANGE)));
}

fn item_with_permissions(permissions: Value) -> ConfigurationItem {
    item_of(with_item(|item| item["configuration"]["ipPermissions"] = permissions))
}

fn with_permissions(permissions: Value) -> SecurityGroup {
    item_with_permissions(permissions).security_group().unwrap()
}

/// Items of 2016 and 2017 have `ipRanges` only; later ones repeat `ipv4Ranges` there; never count both.
#[rstest]
#[case::old(json!({"ipProtocol":"tcp","fromPort":22,"toPort":22,"ipRanges":["0.0.0.0/0","10.0.0.0/8"]}), &["tcp/22 from 0.0.0.0/0", "tcp/22 from 10.0.0.0/8"])]
#[case::copy(json!({"ipProtocol":"tcp","fromPort":22,"toPort":22,"ipv4Ranges":[{"cidrIp":"0.0.0.0/0"}],"ipRanges":["0.0.0.0/0"]}), &["tcp/22 from 0.0.0.0/0"])]
#[case::differing(json!({"ipProtocol":"tcp","fromPort":22,"toPort":22,"ipv4Ranges":[{"cidrIp":"10.0.0.0/8"}],"ipRanges":["0.0.0.0/0","10.0.0.0/8"]}), &["tcp/22 from 10.0.0.0/8", "tcp/22 from 0.0.0.0/0"])]
#[case::as_many_but_others(json!({"ipProtocol":"tcp","fromPort":22,"toPort":22,"ipv4Ranges":[{"cidrIp":"10.0.0.0/8"}],"ipRanges":["0.0.0.0/0"]}), &["tcp/22 from 10.0.0.0/8", "tcp/22 from 0.0.0.0/0"])]
#[case::objects(json!({"ipProtocol":"tcp","fromPort":22,"toPort":22,"ipRanges":[{"cidrIp":"0.0.0.0/0"}]}), &["tcp/22 from 0.0.0.0/0"])]
#[case::nulls(json!({"ipProtocol":"-1","fromPort":null,"toPort":null,"ipv4Ranges":null,"ipv6Ranges":[{"cidrIpv6":"::/0","description":null}],"prefixListIds":null,"userIdGroupPairs":null,"ipRanges":null}), &["all traffic from ::/0"])]
#[case::empty(json!({"ipProtocol":"-1","ipv4Ranges":[],"ipv6Ranges":[],"prefixListIds":[],"userIdGroupPairs":[],"ipRanges":[]}), &[])]
#[case::classic_elb(json!({"ipProtocol":"tcp","fromPort":80,"toPort":80,"userIdGroupPairs":[{"userId":"amazon-elb","groupName":"amazon-elb-sg","groupId":"sg-843f59ed"}]}), &["tcp/80 from sg-843f59ed"])]
fn permissions_of_every_age_are_read(#[case] permission: Value, #[case] expected: &[&str]) {
    assert_eq!(rules(&with_permissions(json!([permission]))), expected);
}

#[test]
fn a_group_without_permissions_has_no_rules() {
    assert_eq!(rules(&with_permissions(json!([]))), Vec::<String>::new());
}

/// A malformed configuration is never a group.
#[rstest]
#[case(json!({}))]
#[case(json!("{}"))]
#[case(json!("not json"))]
#[case(json!([]))]
#[case(json!(7))]
#[case(json!({"groupId":"sg-0bbbbbbbbbbbbbbbb","ipPermissions":[]}))]
#[case(json!({"groupId":"sg-0aaaaaaaaaaaaaaaa"}))]
#[case(json!({"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":null}))]
#[case(json!({"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":"none"}))]
#[case(json!({"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":[{"ipProtocol":"tcp","fromPort":"22"}]}))]
#[case(json!({"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":[{"ipProtocol":"tcp","fromPort":1e99,"toPort":22}]}))]
#[case(Value::Null)]
// serde also reads a struct from the list of its fields.
#[case(json!(["sg-0aaaaaaaaaaaaaaaa", null, null, null, null, []]))]
#[case(json!(r#"["sg-0aaaaaaaaaaaaaaaa", null, null, null, null, []]"#))]
#[case(json!({"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":[["tcp",80,80,null,null,null,null,null]]}))]
#[case(json!({"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":[{"ipProtocol":"tcp","ipv4Ranges":[["10.0.0.0/8",null]]}]}))]
#[case(json!({"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":[{"ipProtocol":"tcp","ipRanges":[["10.0.0.0/8"]]}]}))]
#[case(json!({"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":[],"tags":[["Name","web"]]}))]
fn a_configuration_that_is_no_group_is_an_error(#[case] configuration: Value) {
    let item = item_of(with_item(|item| item["configuration"] = configuration));
    let error = error_chain(&item.security_group().unwrap_err());
    assert!(error.contains("configuration item of `sg-0aaaaaaaaaaaaaaaa`"), "{error}");
}

/// The error names the expected type.
#[rstest]
#[case(json!("none"), "invalid type: string \"none\", expected a list")]
#[case(json!([7]), "invalid type: integer `7`, expected an object")]
fn a_permission_of_another_type_is_named(#[case] permissions: Value, #[case] problem: &str) {
    let error = error_chain(&item_with_permissions(permissions).security_group().unwrap_err());
    assert!(error.contains(problem), "{error}");
}

/// Ten times as many rules as EC2 allows are read, and more are refused, in one permission or in many.
#[rstest]
#[case(5_000, Some(10_000))]
#[case(5_001, None)]
fn a_group_of_more_rules_than_any_has_is_refused(#[case] more: usize, #[case] read: Option<usize>) {
    let ranges = |count: usize| vec![json!({"cidrIp": "10.0.0.0/8"}); count];
    let permission =
        |count: usize| json!({"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipv4Ranges": ranges(count)});
    let item = item_with_permissions(json!([permission(5_000), permission(more)]));
    assert_eq!(item.security_group().ok().map(|group| group.ingress.len()), read);
}

/// A permission without protocol, and a source of unknown form, are read as unrecognised.
#[test]
fn odd_permissions_stay_visible() {
    let odd = with_permissions(json!([{"ipv4Ranges":[{"cidrIp":"anywhere"}]}]));
    assert!(matches!(odd.ingress.first().unwrap().source, Source::Unrecognized(_)));
}

/// EC2 has no permission without a source: the source is in a field of an unknown name.
#[rstest]
#[case(json!({"ipProtocol":"-1"}))]
#[case(json!({"ipProtocol":"-1","ipv4Ranges":null}))]
#[case(json!({"ipProtocol":"-1","ipv5Ranges":["0.0.0.0/0"]}))]
#[case(json!({"ipProtocol":"-1","userIdGroupPairs":[{}]}))]
#[case(json!({"ipProtocol":"-1","userIdGroupPairs":[{"userId":"111122223333","groupId":""}]}))]
fn a_permission_without_a_known_source_is_not_harmless(#[case] permission: Value) {
    let group = with_permissions(json!([permission]));
    assert!(matches!(group.ingress.first().unwrap().source, Source::Unrecognized(_)), "{group:?}");
}
