//! The parameters of the Config rule, as the operator wrote them.

use serde_json::{Map, Value};

use crate::account::{account, compliant, evaluate};
use crate::event::around;

/// A group that is open to the world on every port, over IPv4 and IPv6. It violates every policy.
const OPEN: &str = r#"{"messageType":"ConfigurationItemChangeNotification","configurationItem":{
    "resourceType":"AWS::EC2::SecurityGroup","resourceId":"sg-0aaaaaaaaaaaaaaaa","configurationItemStatus":"OK",
    "configurationItemCaptureTime":"2026-03-01T10:15:30.123Z","tags":{"Name":"web"},
    "configuration":{"groupId":"sg-0aaaaaaaaaaaaaaaa","ipPermissions":[{"ipProtocol":"-1",
        "ipv4Ranges":[{"cidrIp":"0.0.0.0/0"}],"ipv6Ranges":[{"cidrIpv6":"::/0"}]}]}}}"#;

const KEYS: [&str; 10] = [
    "FocusOnPorts",
    "SourceScope",
    "AuthorizedCidrs",
    "ExemptionsParameter",
    "ExemptionTagKey",
    "blockedPort1",
    "blockedPort2",
    "blockedPort3",
    "blockedPort4",
    "blockedPort5",
];

/// Invalid parameters make no group compliant. A group that is open on every port is compliant only if the world is
/// authorised or the group is exempt by its tag.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut event = around(OPEN);
    event.insert("ruleParameters".to_owned(), text.into());
    let aws = account();
    let outcome = evaluate(&aws, event);
    let Ok(outcome) = outcome else {
        assert!(aws.account().evaluations.is_empty(), "an evaluation was reported although the parameters are invalid");
        return;
    };
    let parameters: Map<String, Value> =
        serde_json::from_str(text).expect("parameters that are not an object are accepted");
    let unknown = parameters.keys().find(|key| !KEYS.contains(&key.as_str()));
    assert_eq!(unknown, None, "an unknown key is accepted");
    assert!(parameters.keys().any(|key| key.contains("Port")), "a verdict without a focus port");
    if outcome.compliant > 0 {
        let is_exempt = parameters.get("ExemptionTagKey").and_then(Value::as_str).map(str::trim) == Some("Name");
        let authorized = parameters.get("AuthorizedCidrs").map(Value::to_string).unwrap_or_default();
        let is_authorized = authorized.contains('.') && authorized.contains(':');
        assert!(is_exempt || is_authorized, "an open group is compliant: {:?}", compliant(&aws));
    }
}
