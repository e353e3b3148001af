//! A snapshot in the bucket that a restore uses.

use exposure::{IngressRule, Source, Traffic};
use remediation::RemediationError;
use serde_json::{Value, json};

use crate::account::{GROUP, RULE, SNAPSHOTS, State, account, network, remediate};

const NAME: &str = "20261120T000000.000Z_8a1b.json";

/// A restore authorises only rules in the snapshot, revokes only rules that the closing added according to it, and
/// changes nothing if the document is not a snapshot.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for name in ["latest", NAME] {
        check_named(name, text);
    }
}

fn check_named(name: &str, text: &str) {
    let aws = account();
    aws.account().objects.insert(format!("{SNAPSHOTS}{NAME}"), text.into());
    let before = State::of(&aws);
    let request = json!({"action": "restore", "securityGroupId": GROUP, "configRuleName": RULE, "snapshot": name});
    let result = remediate(&aws, request);
    let after = State::of(&aws);
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    if !is_snapshot(&document) {
        assert!(result.is_err(), "restored from a document that is not a snapshot");
    }
    if !matches!(result, Ok(_) | Err(RemediationError::Incomplete(_))) {
        assert_eq!(before, after, "{result:?}");
    }
    let list = |pointer: &str| document.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let (given, added) = (list("/securityGroup/ingress"), list("/plan/authorize"));
    for rule in after.rules().iter().filter(|rule| !before.rules().contains(rule)) {
        assert!(given.iter().any(|state| says(state, rule)), "{rule:?} is not in the snapshot");
    }
    for rule in before.rules().iter().filter(|rule| !after.rules().contains(rule)) {
        assert!(added.iter().any(|state| says(state, rule)), "{rule:?} was revoked");
    }
    for (id, group) in before.groups.iter().filter(|(id, _)| *id != GROUP) {
        assert_eq!(after.groups.get(id), Some(group), "another group was changed");
    }
}

/// Returns true if a document has the minimal content of a snapshot of a closing of the group.
fn is_snapshot(document: &Value) -> bool {
    document["version"] == 1
        && document["action"] == "close"
        && document["securityGroup"]["groupId"] == GROUP
        && document["securityGroup"]["ingress"].is_array()
        && document["plan"]["authorize"].is_array()
}

/// Returns true if a rule in a snapshot has exactly one source, and equals `rule`.
fn says(state: &Value, rule: &IngressRule) -> bool {
    let text = |key: &str| state[key].as_str();
    let number = |key: &str| state[key].as_i64();
    let keys = ["cidrIpv4", "cidrIpv6", "prefixListId", "referencedGroup"];
    let given: Vec<&str> = keys.into_iter().filter(|key| !state[*key].is_null()).collect();
    let source = match (given.as_slice(), &rule.source) {
        (["cidrIpv4"], Source::Cidr(found)) => found.is_ipv4() && is_network(text("cidrIpv4"), found),
        (["cidrIpv6"], Source::Cidr(found)) => found.is_ipv6() && is_network(text("cidrIpv6"), found),
        (["prefixListId"], Source::PrefixList(id)) => text("prefixListId") == Some(id),
        (["referencedGroup"], Source::SecurityGroup { id, .. }) => state["referencedGroup"]["groupId"] == **id,
        _ => false,
    };
    let traffic = Traffic::parse(text("ipProtocol").unwrap_or_default(), number("fromPort"), number("toPort"));
    state.is_object() && source && traffic == rule.traffic
}

fn is_network(text: Option<&str>, found: &ipnetwork::IpNetwork) -> bool {
    text.is_some_and(|text| text.parse::<ipnetwork::IpNetwork>().is_ok())
        && text.map(network).is_some_and(|given| given.network() == found.ip() && given.prefix() == found.prefix())
}
