//! Events of AWS CloudTrail about changes to ingress rules.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use aws_events::cloudtrail::RuleChange;
use rstest::rstest;
use serde_json::{Value, json};

const AUTHORIZE: &str = include_str!("samples/cloudtrail-authorize.json");
const MODIFY: &str = include_str!("samples/cloudtrail-modify.json");

/// A sample with what every event has.
fn event(sample: &str) -> Value {
    let mut event: Value = serde_json::from_str(sample).unwrap();
    event["eventTime"] = "2026-11-28T10:11:12Z".into();
    event["eventID"] = "7c1f".into();
    event["sourceIPAddress"] = "198.51.100.7".into();
    event["userAgent"] = "APN/1.0 HashiCorp/1.0 Terraform/1.9.5".into();
    event
}

fn change(event: &Value) -> Option<RuleChange> {
    RuleChange::from_json(&event.to_string())
}

/// The rules of a change: id, traffic, source.
fn rules(change: &RuleChange) -> Vec<String> {
    let rules = change.rules.iter();
    rules.map(|rule| format!("{} {} {}", rule.id.as_deref().unwrap_or("-"), rule.traffic, rule.source)).collect()
}

#[test]
fn an_authorization_names_its_rules_and_its_caller() {
    let change = change(&event(AUTHORIZE)).unwrap();
    assert_eq!(rules(&change), ["sgr-0123456789abcdef0 tcp/22 0.0.0.0/0"]);
    assert_eq!(change.by.to_string(), "role Dev, session alice");
    assert_eq!(change.at.to_string(), "2026-11-28T10:11:12Z");
    assert_eq!(change.event_id.as_deref(), Some("7c1f"));
    assert_eq!(change.source_address.as_deref(), Some("198.51.100.7"));
}

#[test]
fn a_modification_is_spelled_otherwise() {
    let mut event = event(MODIFY);
    assert_eq!(rules(&change(&event).unwrap()), ["sgr-0123456789abcdef0 tcp/22 0.0.0.0/0"]);
    // Several rules in one call.
    let rule = event["requestParameters"]["ModifySecurityGroupRulesRequest"]["SecurityGroupRule"].clone();
    let mut other = rule.clone();
    other["SecurityGroupRuleId"] = "sgr-2".into();
    other["SecurityGroupRule"] = json!({"IpProtocol": "-1", "CidrIpv6": "::/0"});
    event["requestParameters"]["ModifySecurityGroupRulesRequest"]["SecurityGroupRule"] = json!([rule, other]);
    let several = ["sgr-0123456789abcdef0 tcp/22 0.0.0.0/0", "sgr-2 all traffic ::/0"];
    assert_eq!(rules(&change(&event).unwrap()), several);
}

/// Without the answer of EC2, the request says what was opened.
#[test]
fn a_request_alone_has_no_ids() {
    let mut event = event(AUTHORIZE);
    event["responseElements"] = Value::Null;
    event["requestParameters"]["ipPermissions"]["items"][0]["ipv6Ranges"] = json!({"items": [{"cidrIpv6": "::/0"}]});
    event["requestParameters"]["ipPermissions"]["items"][0]["prefixListIds"] =
        json!({"items": [{"prefixListId": "pl-1"}]});
    event["requestParameters"]["ipPermissions"]["items"][0]["groups"] = json!({"items": [{"groupId": "sg-2"}]});
    assert_eq!(
        rules(&change(&event).unwrap()),
        ["- tcp/22 0.0.0.0/0", "- tcp/22 ::/0", "- tcp/22 pl-1", "- tcp/22 sg-2"]
    );
}

#[test]
fn a_source_may_be_a_list_or_a_group() {
    let mut event = event(AUTHORIZE);
    let rule = |source: Value| {
        let mut rule = json!({"ipProtocol": "tcp", "fromPort": "22", "toPort": "22", "securityGroupRuleId": "sgr-1"});
        rule.as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
        rule
    };
    let sources = [
        json!({"prefixListId": "pl-1"}),
        json!({"referencedGroupId": "sg-2"}),
        json!({"referencedGroupInfo": {"groupId": "sg-3", "userId": "1"}}),
        json!({}),
    ];
    event["responseElements"]["securityGroupRuleSet"]["items"] = sources.map(rule).into_iter().collect();
    let expected = ["sgr-1 tcp/22 pl-1", "sgr-1 tcp/22 sg-2", "sgr-1 tcp/22 sg-3", "sgr-1 tcp/22 `no source`"];
    assert_eq!(rules(&change(&event).unwrap()), expected);
}

#[test]
fn an_event_of_eventbridge_is_unwrapped() {
    let event = event(AUTHORIZE);
    let wrapped = json!({"detail-type": "AWS API Call via CloudTrail", "source": "aws.ec2", "detail": event});
    assert_eq!(change(&wrapped), change(&event));
}

/// A call that failed opened nothing, whatever it asked for.
#[rstest]
#[case::failed("errorCode", json!("Client.InvalidPermission.Duplicate"))]
#[case::revoked("eventName", json!("RevokeSecurityGroupIngress"))]
#[case::no_time("eventTime", json!(null))]
#[case::malformed_time("eventTime", json!("yesterday"))]
#[case::no_request("requestParameters", json!(null))]
fn other_events_are_no_change(#[case] key: &str, #[case] value: Value) {
    let mut event = event(AUTHORIZE);
    event["responseElements"] = json!(null);
    event[key] = value;
    assert_eq!(change(&event), None);
}

#[rstest]
#[case("")]
#[case("[]")]
#[case("{\"eventName\": 7}")]
#[case("{\"detail\": {\"eventName\": \"ModifySecurityGroupRules\"}}")]
fn text_that_is_no_event_is_no_change(#[case] text: &str) {
    assert_eq!(RuleChange::from_json(text), None);
}
