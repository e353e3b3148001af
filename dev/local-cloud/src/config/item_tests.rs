//! Configuration items have the members that AWS documents.

use serde_json::json;

use super::*;
use crate::clock;

fn location() -> Location {
    Location { account: "111122223333".to_owned(), region: "us-east-1".to_owned() }
}

fn range(name: &str, value: &str) -> Value {
    json!([{name: value}])
}

/// Returns a group as EC2 describes it, with a source of every kind.
fn group() -> Value {
    let none = json!([]);
    let permission = |protocol: &str,
                      ports: Option<(i32, i32)>,
                      v4: &Value,
                      v6: &Value,
                      lists: &Value,
                      pairs: &Value| {
        let mut permission = json!({"IpProtocol": protocol, "IpRanges": v4, "Ipv6Ranges": v6, "PrefixListIds": lists,
                                    "UserIdGroupPairs": pairs});
        if let Some((from, to)) = ports {
            permission["FromPort"] = json!(from);
            permission["ToPort"] = json!(to);
        }
        permission
    };
    let ssh = json!([{"CidrIp": "0.0.0.0/0", "Description": "temp ssh"}]);
    let pair = json!([{"UserId": "111122223333", "GroupId": "sg-0bbbbbbbbbbbbbbbb"}]);
    json!({
        "GroupId": "sg-0aaaaaaaaaaaaaaaa", "GroupName": "web-sg", "Description": "web tier", "OwnerId": "111122223333",
        "VpcId": "vpc-0a1b2c3d4e5f60718", "Tags": [{"Key": "Name", "Value": "web"}],
        "NetworkInterfaceIds": ["eni-0123456789abcdef0"],
        "IpPermissions": [
            permission("tcp", Some((22, 22)), &ssh, &range("CidrIpv6", "::/0"), &range("PrefixListId", "pl-0f00ba4"), &none),
            permission("tcp", Some((443, 443)), &none, &none, &none, &pair),
            permission("-1", Some((-1, -1)), &range("CidrIp", "192.0.2.0/24"), &none, &none, &none),
            permission("icmp", Some((8, -1)), &range("CidrIp", "198.51.100.7/32"), &none, &none, &none),
        ],
        "IpPermissionsEgress": [permission("-1", None, &range("CidrIp", "0.0.0.0/0"), &none, &none, &none)],
    })
}

fn item() -> Item {
    Item::of_group(&group(), clock::from_millis(1_772_360_130_123)).unwrap()
}

#[test]
fn a_notified_item_has_the_members_of_the_sample_of_aws() {
    let mut permissions = vec![
        json!({"fromPort": 22, "toPort": 22, "ipProtocol": "tcp",
               "ipv4Ranges": [{"cidrIp": "0.0.0.0/0", "description": "temp ssh"}],
               "ipv6Ranges": [{"cidrIpv6": "::/0"}], "prefixListIds": [{"prefixListId": "pl-0f00ba4"}],
               "userIdGroupPairs": [], "ipRanges": ["0.0.0.0/0"]}),
        json!({"fromPort": 443, "toPort": 443, "ipProtocol": "tcp", "ipv4Ranges": [], "ipv6Ranges": [],
               "prefixListIds": [], "ipRanges": [],
               "userIdGroupPairs": [{"userId": "111122223333", "groupId": "sg-0bbbbbbbbbbbbbbbb"}]}),
        json!({"ipProtocol": "-1", "ipv4Ranges": [{"cidrIp": "192.0.2.0/24"}], "ipv6Ranges": [],
               "prefixListIds": [], "userIdGroupPairs": [], "ipRanges": ["192.0.2.0/24"]}),
        json!({"fromPort": 8, "toPort": -1, "ipProtocol": "icmp", "ipv4Ranges": [{"cidrIp": "198.51.100.7/32"}],
               "ipv6Ranges": [], "prefixListIds": [], "userIdGroupPairs": [], "ipRanges": ["198.51.100.7/32"]}),
    ];
    permissions.sort_by_key(Value::to_string);
    let expected = json!({
        "relatedEvents": [],
        "relationships": [
            {"resourceId": "vpc-0a1b2c3d4e5f60718", "resourceName": null, "resourceType": "AWS::EC2::VPC",
             "name": "Is contained in Vpc"},
            {"resourceId": "eni-0123456789abcdef0", "resourceName": null,
             "resourceType": "AWS::EC2::NetworkInterface", "name": "Is associated with NetworkInterface"}],
        "configuration": {
            "description": "web tier", "groupName": "web-sg", "ipPermissions": permissions,
            "ownerId": "111122223333", "groupId": "sg-0aaaaaaaaaaaaaaaa",
            "ipPermissionsEgress": [
                {"ipProtocol": "-1", "ipv4Ranges": [{"cidrIp": "0.0.0.0/0"}], "ipv6Ranges": [], "prefixListIds": [],
                 "userIdGroupPairs": [], "ipRanges": ["0.0.0.0/0"]}],
            "tags": [{"key": "Name", "value": "web"}], "vpcId": "vpc-0a1b2c3d4e5f60718"},
        "supplementaryConfiguration": {}, "tags": {"Name": "web"}, "configurationItemVersion": "1.3",
        "configurationItemCaptureTime": "2026-03-01T10:15:30.123Z", "configurationStateId": 1_772_360_130_123_i64,
        "awsAccountId": "111122223333", "configurationItemStatus": "ResourceDiscovered",
        "resourceType": "AWS::EC2::SecurityGroup", "resourceId": "sg-0aaaaaaaaaaaaaaaa", "resourceName": "web-sg",
        "ARN": "arn:aws:ec2:us-east-1:111122223333:security-group/sg-0aaaaaaaaaaaaaaaa", "awsRegion": "us-east-1",
        "availabilityZone": "Not Applicable", "configurationStateMd5Hash": "", "resourceCreationTime": null,
    });
    assert_eq!(item().notified(&location()), expected);
}

#[test]
fn the_api_uses_other_names_for_the_same_members() {
    let history = item().history(&location());
    assert_eq!(history["accountId"], "111122223333");
    assert_eq!(history["arn"], "arn:aws:ec2:us-east-1:111122223333:security-group/sg-0aaaaaaaaaaaaaaaa");
    assert_eq!(history["version"], "1.3");
    assert_eq!(history["configurationItemMD5Hash"], "");
    assert_eq!(history["configurationStateId"], "1772360130123");
    assert_eq!(history["configurationItemCaptureTime"], json!(1_772_360_130.123));
    assert_eq!(history["relationships"][0]["relationshipName"], "Is contained in Vpc");
    let configuration: Value = serde_json::from_str(history["configuration"].as_str().unwrap()).unwrap();
    assert_eq!(configuration, item().configuration);
    assert!(item().base(&location()).get("tags").is_none(), "a batch has no tags");
}

#[test]
fn a_summary_has_no_configuration() {
    let summary = item().summary(&location());
    assert_eq!(summary["changeType"], "CREATE");
    assert!(summary.get("configuration").is_none());
    assert!(summary.get("relationships").is_none());
}
