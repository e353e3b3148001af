//! The payload of the rule evaluator: an event of AWS Config, or the `invokingEvent` of one.

use serde_json::{Map, Value, json};

use crate::account::{RULE_PARAMETERS, account, compliant, evaluate};
use crate::oracle;

/// Only an active group that the event names becomes compliant: no other group does, and no group after an invalid
/// event.
pub fn check(data: &[u8]) {
    let Ok(Value::Object(payload)) = serde_json::from_slice(data) else { return };
    // An input may also be `invokingEvent` alone, because a mutator rarely changes JSON within JSON in a useful way.
    let payload = if payload.contains_key("messageType") { around(&String::from_utf8_lossy(data)) } else { payload };
    let invoking = payload.get("invokingEvent").and_then(Value::as_str).unwrap_or_default().to_owned();
    let event = payload.clone();
    let aws = account();
    let outcome = evaluate(&aws, payload);
    let compliant = compliant(&aws);
    if let Ok(outcome) = &outcome {
        assert_eq!(outcome.compliant, compliant.len(), "the outcome counts the reported evaluations");
    }
    if compliant.is_empty() {
        return;
    }
    let invoking = oracle::parsed(&invoking);
    if invoking["messageType"] == "ScheduledNotification" {
        // Both groups of the account are open, but other parameters may name other ports.
        assert_ne!(event["ruleParameters"], RULE_PARAMETERS, "{compliant:?}");
        return;
    }
    let flag = |key: &str| event.get(key).is_some_and(|value| value != &json!(false) && !value.is_null());
    assert!(!flag("eventLeftScope"), "a group that left the scope is compliant");
    let [evaluation] = compliant.as_slice() else { panic!("more than one group is compliant: {compliant:?}") };
    match invoking["messageType"].as_str() {
        Some("ConfigurationItemChangeNotification") => {
            let item = &invoking["configurationItem"];
            assert_eq!(item["resourceId"], *evaluation.resource_id, "another group is compliant");
            assert_eq!(oracle::not_an_active_group(item), None);
            if event["ruleParameters"] == RULE_PARAMETERS {
                assert_eq!(oracle::objection(item), None);
            }
        }
        Some("OversizedConfigurationItemChangeNotification") => {
            let item = &invoking["configurationItemSummary"];
            assert_eq!(item["resourceId"], *evaluation.resource_id, "another group is compliant");
            assert_eq!(item["resourceType"], "AWS::EC2::SecurityGroup");
            assert!(["OK", "ResourceDiscovered"].iter().any(|status| item["configurationItemStatus"] == *status));
        }
        other => panic!("a message of type {other:?} has a compliant group"),
    }
}

/// Returns a whole event with this `invokingEvent`.
pub(crate) fn around(invoking_event: &str) -> Map<String, Value> {
    let event = json!({
        "accountId": "111122223333", "configRuleName": "portcullis", "eventLeftScope": false, "resultToken": "token",
        "ruleParameters": RULE_PARAMETERS, "invokingEvent": invoking_event,
    });
    serde_json::from_value(event).expect("an object")
}
