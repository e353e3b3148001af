//! Events for the functions.

use serde_json::{Value, json};

/// Account of all resources.
pub const ACCOUNT: &str = "123456789012";

/// The security group of all events.
pub const GROUP: &str = "sg-0123456789abcdef0";

/// The parameters of the rule.
pub const POLICY: &str = r#"{"FocusOnPorts":"22,3389,tcp/5432,8000-8100"}"#;

/// Returns the event of AWS Config for a changed security group with this many permissions, of which the first is open.
#[must_use]
pub fn change(permissions: usize) -> Value {
    change_of(permissions, "0.0.0.0/0")
}

/// The same, of a group that is open to private addresses only.
#[must_use]
pub fn compliant_change(permissions: usize) -> Value {
    change_of(permissions, "10.255.0.0/16")
}

fn change_of(permissions: usize, first: &str) -> Value {
    let item = json!({
        "configurationItemVersion": "1.3",
        "configurationItemCaptureTime": "2026-11-20T10:15:30.123Z",
        "configurationItemStatus": "ResourceDiscovered",
        "configurationStateId": 1_795_169_730_123_u64,
        "awsAccountId": ACCOUNT,
        "resourceType": "AWS::EC2::SecurityGroup",
        "resourceId": GROUP,
        "resourceName": "web",
        "ARN": format!("arn:aws:ec2:eu-central-1:{ACCOUNT}:security-group/{GROUP}"),
        "awsRegion": "eu-central-1",
        "availabilityZone": "Not Applicable",
        "tags": {"Name": "web", "team": "platform"},
        "relatedEvents": [],
        "relationships": [
            {"resourceType": "AWS::EC2::VPC", "resourceId": "vpc-0a1b2c3d4e5f60718", "name": "Is contained in Vpc"}
        ],
        "configuration": configuration(permissions, first),
        "supplementaryConfiguration": {},
    });
    let invoking_event = json!({
        "configurationItemDiff": {"changeType": "UPDATE", "changedProperties": {}},
        "configurationItem": item,
        "notificationCreationTime": "2026-11-20T10:15:32.456Z",
        "messageType": "ConfigurationItemChangeNotification",
        "recordVersion": "1.3",
    });
    json!({
        "version": "1.0",
        "invokingEvent": invoking_event.to_string(),
        "ruleParameters": POLICY,
        "resultToken": "token",
        "eventLeftScope": false,
        "executionRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/config"),
        "configRuleArn": format!("arn:aws:config:eu-central-1:{ACCOUNT}:config-rule/config-rule-a1b2c3"),
        "configRuleName": "bench",
        "configRuleId": "config-rule-a1b2c3",
        "accountId": ACCOUNT,
    })
}

/// Returns a group as AWS Config records it.
fn configuration(permissions: usize, first: &str) -> Value {
    let permissions: Vec<Value> = (0..permissions)
        .map(|number| {
            let cidr =
                if number == 0 { first.to_owned() } else { format!("10.{}.{}.0/24", number / 256, number % 256) };
            json!({
                "ipProtocol": "tcp", "fromPort": 22, "toPort": 22 + number, "userIdGroupPairs": [],
                "ipv4Ranges": [{"cidrIp": cidr, "description": "office"}], "ipv6Ranges": [], "prefixListIds": [],
                "ipRanges": [cidr],
            })
        })
        .collect();
    json!({
        "groupId": GROUP, "groupName": "web", "description": "web tier", "ownerId": ACCOUNT,
        "vpcId": "vpc-0a1b2c3d4e5f60718", "tags": [{"key": "Name", "value": "web"}],
        "ipPermissions": permissions,
        "ipPermissionsEgress": [{
            "ipProtocol": "-1", "ipv4Ranges": [{"cidrIp": "0.0.0.0/0"}], "ipv6Ranges": [], "prefixListIds": [],
            "userIdGroupPairs": [], "ipRanges": ["0.0.0.0/0"],
        }],
    })
}

/// Returns the event of an open group, from the documentation.
///
/// # Errors
///
/// If the sample is not JSON.
pub fn assessment() -> serde_json::Result<Value> {
    serde_json::from_str(include_str!("../../../docs/events/assessment-open.json"))
}

/// Returns the event of SQS for these messages.
#[must_use]
pub fn queued(messages: &[Value]) -> Value {
    let arn = format!("arn:aws:sqs:eu-central-1:{ACCOUNT}:portcullis-findings");
    let records = messages.iter().enumerate().map(|(number, message)| {
        json!({
            "messageId": format!("059f36b4-87a3-44ab-83d2-{number:012}"),
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": message.to_string(),
            "attributes": {
                "ApproximateReceiveCount": "1", "SentTimestamp": "1795169733000", "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1795169733001",
            },
            "messageAttributes": {}, "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3", "eventSource": "aws:sqs",
            "eventSourceARN": arn, "awsRegion": "eu-central-1",
        })
    });
    json!({"Records": records.collect::<Vec<_>>()})
}

/// A call that CloudTrail recorded, as EventBridge puts it into the queue of the responder.
#[must_use]
pub fn recorded_call() -> Value {
    json!({
        "version": "0", "id": "6f1d2c3b-0000-0000-0000-000000000000", "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2", "account": ACCOUNT, "time": "2026-11-20T10:15:30Z", "region": "eu-central-1", "resources": [],
        "detail": {
            "eventVersion": "1.10", "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress",
            "eventTime": "2026-11-20T10:15:30Z", "awsRegion": "eu-central-1", "recipientAccountId": ACCOUNT,
            "userIdentity": {"type": "AssumedRole", "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/Dev/alice")},
            "requestParameters": {"groupId": GROUP},
            "responseElements": {"_return": true, "securityGroupRuleSet": {"items": [{
                "groupId": GROUP, "securityGroupRuleId": "sgr-0123456789abcdef0", "isEgress": false, "ipProtocol": "tcp",
                "fromPort": 443, "toPort": 443, "cidrIpv4": "0.0.0.0/0",
            }]}},
        },
    })
}

/// Returns the request of SSM Automation that closes the group.
#[must_use]
pub fn close() -> Value {
    json!({
        "action": "close", "securityGroupId": GROUP, "configRuleName": "bench", "strategy": "Revoke",
        "replacementCidrs": [], "dryRun": false, "executionId": "7b9a2f3c-1c2d-4e5f-8a9b-0c1d2e3f4a5b",
    })
}
