//! The request to the remediator: close, restore, quarantine, release.

use remediation::{Payload, RemediationError};
use serde_json::{Value, json};

use crate::account::{GROUP, SNAPSHOTS, State, account, remediate, rule};

/// A rejected request and a dry run change nothing, and no request changes a group that it does not name.
pub fn check(data: &[u8]) {
    let Ok(request) = serde_json::from_slice::<Value>(data) else { return };
    // As the function reads it. Of a key that is repeated, `request` has the last value.
    let Ok(payload) = serde_json::from_slice::<Payload>(data) else { panic!("{request} is JSON, and no payload") };
    let aws = account();
    aws.account().objects.insert(format!("{SNAPSHOTS}20261120T000000.000Z_8a1b.json"), snapshot().as_str().into());
    let before = State::of(&aws);
    let result = remediate(&aws, payload);
    let after = State::of(&aws);
    let wants = ["dryRun", "dry_run", "DryRun"].iter().any(|key| {
        let value = &request[*key];
        *value == json!(true) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
    });
    let is_refused = match &result {
        Ok(_) | Err(RemediationError::Incomplete(_)) => false,
        Err(error) => {
            assert!(error.to_string().contains("nothing was changed"), "{error}");
            true
        }
    };
    if is_refused || wants {
        assert_eq!(before, after, "{result:?}");
    }
    let named = request["securityGroupId"].as_str();
    for (id, group) in &before.groups {
        assert!(named == Some(id) || after.groups.get(id) == Some(group), "{id} was changed, {named:?} was named");
    }
    if result.is_ok() {
        assert!(request.is_object(), "a request that is not an object is accepted");
        assert!(["close", "restore", "quarantine", "release"].iter().any(|action| request["action"] == *action));
    }
}

/// Returns a hand-written snapshot of the group with one more rule.
fn snapshot() -> String {
    let rule = rule("9", 3389, "0.0.0.0/0");
    json!({
        "version": 1, "action": "close", "takenAt": "2026-11-20T00:00:00Z", "executionId": "8a1b",
        "configRuleName": "portcullis", "accountId": "111122223333", "region": "us-east-1",
        "securityGroup": {"groupId": GROUP, "groupName": "web", "vpcId": "vpc-0a1b2c3d", "egress": [], "ingress": [
            {"securityGroupRuleId": rule.id, "ipProtocol": "tcp", "fromPort": 3389, "toPort": 3389,
                "cidrIpv4": "0.0.0.0/0"}]},
        "plan": {"strategy": "Revoke", "revoke": ["sgr-9"], "authorize": []}, "continues": null,
    })
    .to_string()
}
