//! The event for the function of a rule, and the result token in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::item::Item;
use super::rule::Rule;
use crate::clock;
use crate::cloud::Location;

/// Returns `invokingEvent` of a change as text; an oversized notification if it is too large.
pub(crate) fn change(
    location: &Location,
    item: &Item,
    diff: &Value,
    now: Timestamp,
    threshold: usize,
    bucket: &str,
) -> String {
    let event = json!({
        "configurationItemDiff": diff,
        "configurationItem": item.notified(location),
        "notificationCreationTime": clock::iso(now),
        "messageType": "ConfigurationItemChangeNotification",
        "recordVersion": "1.3",
    })
    .to_string();
    if event.len() <= threshold {
        return event;
    }
    let day = item.captured.strftime("%Y/%-m/%-d");
    let bucket_location = format!(
        "{bucket}/AWSLogs/{account}/Config/{region}/{day}/OversizedChangeNotification/AWS::EC2::SecurityGroup/{id}/\
         {account}_Config_{region}_ChangeNotification_AWS::EC2::SecurityGroup_{id}_{state}.json.gz",
        account = location.account,
        region = location.region,
        id = item.resource_id,
        state = item.state_id(),
    );
    json!({
        "configurationItemSummary": item.summary(location),
        "s3DeliverySummary": {"errorCode": null, "errorMessage": null, "s3BucketLocation": bucket_location},
        "notificationCreationTime": clock::iso(now),
        "messageType": "OversizedConfigurationItemChangeNotification",
        "recordVersion": "1.0",
    })
    .to_string()
}

/// Returns `invokingEvent` of a scheduled notification as text.
pub(crate) fn scheduled(location: &Location, now: Timestamp) -> String {
    json!({
        "awsAccountId": location.account,
        "notificationCreationTime": clock::iso(now),
        "messageType": "ScheduledNotification",
        "recordVersion": "1.0",
    })
    .to_string()
}

/// Returns the whole event.
pub(crate) fn envelope(location: &Location, rule: &Rule, invoking_event: &str, token: &str, left_scope: bool) -> Value {
    let mut event = json!({
        "version": "1.0",
        "invokingEvent": invoking_event,
        "resultToken": token,
        "eventLeftScope": left_scope,
        "executionRoleArn": format!(
            "arn:aws:iam::{}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig", location.account),
        "configRuleArn": rule.arn,
        "configRuleName": rule.name,
        "configRuleId": rule.id,
        "accountId": location.account,
        "evaluationMode": "DETECTIVE",
    });
    if let (Some(parameters), Some(event)) = (&rule.definition.input_parameters, event.as_object_mut()) {
        event.insert("ruleParameters".to_owned(), json!(parameters));
    }
    event
}

/// Creates a result token as long and opaque as those of AWS: about 5 KB for a change, 2 KB for a scheduled
/// notification.
pub(crate) fn token(scheduled: bool) -> String {
    let blob = |bytes: usize| -> String {
        let blocks = std::iter::repeat_with(|| *uuid::Uuid::new_v4().as_bytes());
        STANDARD.encode(blocks.flatten().take(bytes).collect::<Vec<u8>>())
    };
    let sealed = json!({
        "encryptedData": blob(if scheduled { 1050 } else { 2750 }),
        "materialSetSerialNumber": 1,
        "ivParameterSpec": {"iv": blob(16)},
    });
    STANDARD.encode(sealed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::recorder::History;

    fn sample() -> (Location, Item) {
        let location = Location { account: "111122223333".to_owned(), region: "us-east-1".to_owned() };
        let group = json!({"GroupId": "sg-0aaaaaaaaaaaaaaaa", "GroupName": "web", "Description": "d",
                           "OwnerId": "111122223333", "VpcId": "vpc-1", "IpPermissions": []});
        let items = History::default().record(&[group], &[], clock::from_millis(1_772_360_130_123));
        (location, Item::clone(&items[0]))
    }

    #[test]
    fn a_large_change_becomes_an_oversized_notification() {
        let (location, item) = sample();
        let small = change(&location, &item, &Value::Null, clock::now(), 262_144, "bucket");
        assert!(small.contains("ConfigurationItemChangeNotification") && small.contains("ipPermissions"));
        let large: Value =
            serde_json::from_str(&change(&location, &item, &Value::Null, clock::now(), 100, "bucket")).unwrap();
        assert_eq!(large["messageType"], "OversizedConfigurationItemChangeNotification");
        assert_eq!(large["configurationItemSummary"]["configurationStateId"], 1_772_360_130_123_i64);
        assert!(large.get("configurationItem").is_none());
    }

    #[test]
    fn tokens_are_as_long_as_those_of_aws_and_unique() {
        assert!((4500..6000).contains(&token(false).len()), "{}", token(false).len());
        assert!((1500..2500).contains(&token(true).len()), "{}", token(true).len());
        assert_ne!(token(true), token(true));
    }
}
