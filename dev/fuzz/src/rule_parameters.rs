//! The parameters of the Config rule, as the operator wrote them.

use serde_json::{Map, Value};

use crate::account::{account, compliant, evaluate};
use crate::event::around;

/// Open to the world on every port, over IPv4 and IPv6. There is no policy that it satisfies.
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

/// Parameters that are garbage make nothing compliant, and a group that is open on every port never is, but where the
/// world is authorised or the group is exempt by its tag.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut event = around(OPEN);
    event.insert("ruleParameters".to_owned(), text.into());
    let aws = account();
    let outcome = evaluate(&aws, event);
    let Ok(outcome) = outcome else {
        assert!(aws.account().evaluations.is_empty(), "something was reported although the parameters were refused");
        return;
    };
    let parameters: Map<String, Value> =
        serde_json::from_str(text).expect("parameters that are no object are accepted");
    let unknown = parameters.keys().find(|key| !KEYS.contains(&key.as_str()));
    assert_eq!(unknown, None, "an unknown key is accepted");
    assert!(parameters.keys().any(|key| key.contains("Port")), "nothing is blocked, and yet there is a verdict");
    if outcome.compliant > 0 {
        let is_exempt = parameters.get("ExemptionTagKey").and_then(Value::as_str).map(str::trim) == Some("Name");
        let authorized = parameters.get("AuthorizedCidrs").map(Value::to_string).unwrap_or_default();
        let is_authorized = authorized.contains('.') && authorized.contains(':');
        assert!(is_exempt || is_authorized, "an open group is compliant: {:?}", compliant(&aws));
    }
}
