//! Calls that CloudTrail recorded.

use aws_events::notice::{ApiCall, EventName, Notice};
use rstest::rstest;
use serde_json::{Value, json};

use super::{ACCOUNT, GROUP, OTHER_GROUP, put, read, sample};

const AUTHORIZE: &str = include_str!("../samples/cloudtrail-authorize.json");
const MODIFY: &str = include_str!("../samples/cloudtrail-modify.json");
const LIST: &str = "pl-0aaaaaaaaaaaaaaaa";

/// An event as EventBridge delivers it.
fn delivered(call: &Value) -> Value {
    json!({
        "version": "0", "id": "8a1b", "detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2",
        "account": "111122223333", "time": "2026-11-28T10:11:12Z", "region": "eu-west-1", "resources": [], "detail": call,
    })
}

/// A change to a prefix list.
fn prefix_list(name: &str) -> Value {
    json!({
        "eventSource": "ec2.amazonaws.com", "eventName": name, "awsRegion": "eu-west-1",
        "recipientAccountId": "444455556666", "eventTime": "2026-11-28T10:11:12Z", "eventID": "7c1f",
        "requestParameters": {format!("{name}Request"): {
            "PrefixListId": LIST, "CurrentVersion": 1, "AddEntry": {"tag": "1", "Cidr": "0.0.0.0/0", "Description": ""},
        }},
        "responseElements": {format!("{name}Response"): {
            "requestId": "1", "prefixList": {"prefixListId": LIST, "state": "modify-in-progress"},
        }},
    })
}

fn call(event: &Value) -> ApiCall {
    let Notice::Call(call) = read(event).unwrap() else { panic!("not a call") };
    *call
}

fn groups(call: &ApiCall) -> Vec<&str> {
    call.group_ids.iter().map(String::as_str).collect()
}

#[test]
fn an_authorization_names_its_group_and_its_caller() {
    let call = call(&delivered(&sample(AUTHORIZE)));
    assert_eq!((call.name, groups(&call)), (EventName::AuthorizeSecurityGroupIngress, vec![GROUP]));
    assert_eq!(call.name.to_string(), "AuthorizeSecurityGroupIngress");
    assert!(call.prefix_list_ids.is_empty());
    assert_eq!((call.account.as_deref(), call.region.as_deref()), (Some(ACCOUNT), Some("eu-west-1")));
    assert_eq!(call.at.unwrap().to_string(), "2026-11-28T10:11:12Z");
    assert_eq!(call.by.to_string(), "role Dev, session alice");
    // The sample has no `eventTime`, so nobody can tell since when its rules are there.
    assert_eq!((call.event_id, call.change), (None, None));
}

#[test]
fn the_rules_of_a_call_tell_who_opened_a_group() {
    let mut event = sample(AUTHORIZE);
    put(&mut event, "/eventTime", json!("2026-11-28T10:10:10Z"));
    put(&mut event, "/eventID", json!("7c1f"));
    put(&mut event, "/recipientAccountId", json!("444455556666"));
    put(&mut event, "/awsRegion", json!("us-east-1"));
    let call = call(&delivered(&event));
    assert_eq!(call.change, aws_events::cloudtrail::RuleChange::from_json(&event.to_string()));
    assert_eq!(call.change.unwrap().rules.len(), 1);
    assert_eq!(
        (call.event_id.as_deref(), call.at.unwrap().to_string().as_str()),
        (Some("7c1f"), "2026-11-28T10:10:10Z")
    );
    assert_eq!((call.account.as_deref(), call.region.as_deref()), (Some("444455556666"), Some("us-east-1")));
}

#[rstest]
#[case(AUTHORIZE)]
#[case(MODIFY)]
fn an_event_of_cloudtrail_needs_no_envelope(#[case] text: &str) {
    let bare = call(&sample(text));
    let wrapped = call(&delivered(&sample(text)));
    assert_eq!((groups(&bare), &bare.by), (groups(&wrapped), &wrapped.by));
    assert_eq!((groups(&bare), &bare.account, &bare.region), (vec![GROUP], &None, &None));
}

/// Whoever names a group of the default VPC sends no id.
#[test]
fn a_group_that_is_named_has_its_id_in_the_answer() {
    let mut event = sample(AUTHORIZE);
    put(&mut event, "/requestParameters", json!({"groupName": "web"}));
    assert_eq!(groups(&call(&event)), [GROUP]);
    put(&mut event, "/responseElements/securityGroupRuleSet", json!({}));
    let refusal = read(&event).unwrap_err();
    assert_eq!(refusal.to_string(), "AuthorizeSecurityGroupIngress without the id of what it changed");
    assert!(!refusal.is_noise());
}

/// CloudTrail leaves out a request or an answer of more than 100 KB.
#[rstest]
#[case::request("/requestParameters")]
#[case::answer("/responseElements")]
fn one_of_request_and_answer_is_enough(#[case] omitted: &str) {
    let mut event = sample(AUTHORIZE);
    put(&mut event, omitted, json!({"omitted": true, "originalSize": 102_401, "reason": "too large"}));
    assert_eq!(groups(&call(&event)), [GROUP]);
    let mut event = prefix_list("ModifyManagedPrefixList");
    put(&mut event, omitted, json!({"omitted": true, "originalSize": 102_401, "reason": "too large"}));
    assert_eq!(call(&event).prefix_list_ids.len(), 1);
}

/// A request does not say whether the rules that it changes are egress.
#[rstest]
#[case::one(json!({"SecurityGroupRuleId": "sgr-1", "SecurityGroupRule": {"IpProtocol": "tcp"}}))]
#[case::several(json!([{"SecurityGroupRuleId": "sgr-1"}, {"SecurityGroupRuleId": "sgr-2"}]))]
#[case::none(json!({}))]
fn a_modification_is_about_its_group_whatever_it_changes(#[case] rules: Value) {
    let mut event = sample(MODIFY);
    put(&mut event, "/requestParameters/ModifySecurityGroupRulesRequest/SecurityGroupRule", rules);
    let call = call(&event);
    assert_eq!((call.name, groups(&call)), (EventName::ModifySecurityGroupRules, vec![GROUP]));
}

#[rstest]
#[case("ModifyManagedPrefixList")]
#[case("RestoreManagedPrefixListVersion")]
fn a_change_to_a_prefix_list_is_about_the_list(#[case] name: &str) {
    let call = call(&delivered(&prefix_list(name)));
    assert_eq!(call.name.as_str(), name);
    assert_eq!(call.prefix_list_ids.iter().collect::<Vec<_>>(), [LIST]);
    assert_eq!((groups(&call), &call.change), (vec![], &None));
    // The list may be shared: the event is of the account that owns it.
    assert_eq!(call.account.as_deref(), Some("444455556666"));
}

#[test]
fn the_ingress_rules_among_those_of_an_answer_count() {
    let mut event = sample(AUTHORIZE);
    put(&mut event, "/requestParameters", json!({"groupName": "web"}));
    let rule = |group: &str, egress: Value| json!({"groupId": group, "isEgress": egress});
    let rules = [rule(GROUP, json!(false)), rule(OTHER_GROUP, json!(true)), rule("sg-web", json!(false))];
    put(&mut event, "/responseElements/securityGroupRuleSet", json!({"items": rules}));
    assert_eq!(groups(&call(&event)), [GROUP]);
}

#[rstest]
#[case::failed("/errorCode", json!("Client.InvalidPermission.Duplicate"), "AuthorizeSecurityGroupIngress failed: `Client.InvalidPermission.Duplicate`")]
#[case::dry_run("/errorCode", json!("Client.DryRunOperation"), "AuthorizeSecurityGroupIngress failed: `Client.DryRunOperation`")]
#[case::no_answer("/responseElements", json!(null), "AuthorizeSecurityGroupIngress failed: EC2 answered nothing")]
#[case::answer_is_false("/responseElements/_return", json!(false), "AuthorizeSecurityGroupIngress failed")]
#[case::answer_is_false_as_text("/responseElements", json!({"return": "False"}), "AuthorizeSecurityGroupIngress failed")]
#[case::egress_rule_as_text("/responseElements/securityGroupRuleSet/items", json!({"groupId": GROUP, "isEgress": "true"}), "AuthorizeSecurityGroupIngress added egress rules only")]
#[case::egress_rule("/responseElements/securityGroupRuleSet/items", json!([{"groupId": GROUP, "isEgress": true}]), "AuthorizeSecurityGroupIngress added egress rules only")]
#[case::egress("/eventName", json!("AuthorizeSecurityGroupEgress"), "the call `AuthorizeSecurityGroupEgress` opens no security group")]
#[case::revoked("/eventName", json!("RevokeSecurityGroupIngress"), "the call `RevokeSecurityGroupIngress` opens no security group")]
#[case::other_service("/eventSource", json!("rds.amazonaws.com"), "the call `AuthorizeSecurityGroupIngress` opens no security group")]
fn what_opened_nothing_is_noise(#[case] pointer: &str, #[case] value: Value, #[case] reason: &str) {
    let mut event = sample(AUTHORIZE);
    put(&mut event, pointer, value);
    for event in [delivered(&event), event] {
        let refusal = read(&event).unwrap_err();
        assert_eq!((refusal.to_string().as_str(), refusal.is_noise()), (reason, true));
    }
}

#[rstest]
#[case::null("/errorCode", json!(null))]
#[case::empty("/errorCode", json!(""))]
#[case::true_text("/responseElements/_return", json!("true"))]
#[case::source_of_china("/eventSource", json!("ec2.amazonaws.com.cn"))]
fn a_call_without_an_error_succeeded(#[case] pointer: &str, #[case] value: Value) {
    let mut event = sample(AUTHORIZE);
    put(&mut event, pointer, value);
    assert_eq!(groups(&call(&event)), [GROUP]);
}

#[rstest]
#[case::of_a_group(sample(MODIFY), "/requestParameters/ModifySecurityGroupRulesRequest/GroupId")]
#[case::of_a_list(
    prefix_list("ModifyManagedPrefixList"),
    "/requestParameters/ModifyManagedPrefixListRequest/PrefixListId"
)]
fn an_id_of_another_form_is_none(#[case] mut event: Value, #[case] pointer: &str) {
    event.as_object_mut().unwrap().insert("responseElements".into(), json!({"return": true}));
    for id in ["", "web", "sg-", "pl-", "SG-0AAAAAAAAAAAAAAAA", "sg-0aaaaaaaaaaaaaaaaa", "pl-0aaaaaaaaaaaaaaaaa"] {
        put(&mut event, pointer, json!(id));
        let refusal = read(&event).unwrap_err();
        assert!(refusal.to_string().ends_with("without the id of what it changed"), "{refusal}");
        assert!(!refusal.is_noise());
    }
}
