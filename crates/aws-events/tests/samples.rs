//! All samples of AWS events and answers. The other tests read those of AWS Config by type; these tests check the
//! others (CloudTrail, EventBridge, Inspector), which document the services around the rule.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;

use serde_json::Value;

/// Path relative to the crate, in which cargo runs its tests: clones with one target directory share the binary.
const SAMPLES: &str = "tests/samples";

const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";

fn sample(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(format!("{SAMPLES}/{name}")).unwrap()).unwrap()
}

#[test]
fn every_sample_is_json_and_about_the_same_group() {
    let mut names: Vec<String> =
        fs::read_dir(SAMPLES).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names.len(), 15);
    for name in names {
        let text = sample(&name).to_string();
        // A schedule names no group.
        assert_eq!(text.contains(GROUP), name != "config-scheduled-event.json", "{name}");
    }
}

/// CloudTrail writes lists as `{"items":[…]}`, empty ones as `{}`.
#[test]
fn cloudtrail_names_the_group_of_a_new_rule() {
    let event = sample("cloudtrail-authorize.json");
    assert_eq!(event["eventName"], "AuthorizeSecurityGroupIngress");
    assert_eq!(event["requestParameters"]["groupId"], GROUP);
    let permission = &event["requestParameters"]["ipPermissions"]["items"][0];
    assert_eq!(permission["ipRanges"]["items"][0]["cidrIp"], "0.0.0.0/0");
    assert_eq!(permission["ipv6Ranges"], serde_json::json!({}));
    assert_eq!(event["responseElements"]["securityGroupRuleSet"]["items"][0]["groupId"], GROUP);
}

/// A modification has no top-level group id, and other casing.
#[test]
fn cloudtrail_names_the_group_of_a_changed_rule() {
    let event = sample("cloudtrail-modify.json");
    let request = &event["requestParameters"]["ModifySecurityGroupRulesRequest"];
    assert_eq!(request["GroupId"], GROUP);
    assert_eq!(request["SecurityGroupRule"]["SecurityGroupRule"]["CidrIpv4"], "0.0.0.0/0");
}

/// The group of an Inspector finding is one of the steps of its network path.
#[test]
fn inspector_names_the_group_in_the_network_path() {
    let finding = sample("inspector2-finding.json");
    let steps = finding["detail"]["networkReachabilityDetails"]["networkPath"]["steps"].as_array().unwrap();
    let groups: Vec<&Value> = steps
        .iter()
        .filter(|step| step["componentType"] == "AWS::EC2::SecurityGroup")
        .map(|step| &step["componentId"])
        .collect();
    assert_eq!(groups, [GROUP]);
}
