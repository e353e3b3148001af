//! Rule parameters, good and bad.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use exposure::{AddressSet, SourceScope};
use ipnetwork::IpNetwork;
use judgement::RuleParameters;
use plain_text::error_chain;
use rstest::rstest;

fn ports(json: &str) -> String {
    RuleParameters::from_json(Some(json)).unwrap().policy.focus_ports.to_string()
}

/// `FocusOnPorts` is a list as text; a JSON number or list is accepted too. `blockedPort1…blockedPort5` are accepted as
/// a migration aid.
#[rstest]
#[case(r#"{"FocusOnPorts":"22, 80,3389"}"#, "tcp/22, tcp/80, tcp/3389, udp/22, udp/80, udp/3389")]
#[case(r#"{"FocusOnPorts":22}"#, "tcp/22, udp/22")]
#[case(r#"{"FocusOnPorts":[22,"tcp/3000-3001","udp/53, udp/123"]}"#, "tcp/22, tcp/3000-3001, udp/22, udp/53, udp/123")]
#[case(r#"{"blockedPort1":"20","blockedPort2":21,"blockedPort5":"4333"}"#, "tcp/20-21, tcp/4333, udp/20-21, udp/4333")]
#[case(r#"{"FocusOnPorts":"tcp/22","blockedPort1":"20"}"#, "tcp/20, tcp/22, udp/20")]
fn ports_are_read(#[case] json: &str, #[case] expected: &str) {
    assert_eq!(ports(json), expected);
}

#[test]
fn the_other_parameters_are_read() {
    let json = r#"{"FocusOnPorts":"22","SourceScope":"Public","AuthorizedCidrs":"192.0.2.0/24, 2a00::/16",
        "ExemptionsParameter":"/portcullis/exemptions","ExemptionTagKey":"PortcullisExempt"}"#;
    let parameters = RuleParameters::from_json(Some(json)).unwrap();
    assert_eq!(parameters.policy.scope, SourceScope::Public);
    assert_eq!(parameters.exemptions_parameter.as_deref(), Some("/portcullis/exemptions"));
    assert_eq!(parameters.policy.exemption_tag_key.as_deref(), Some("PortcullisExempt"));
    let authorized: AddressSet = ["2a00::/16"].iter().map(|cidr| cidr.parse::<IpNetwork>().unwrap()).collect();
    assert!(parameters.policy.internet.reached_by(&authorized).is_empty());
}

#[test]
fn the_scope_may_be_the_default_and_in_any_case() {
    for scope in ["World", "WORLD", "world"] {
        let json = format!(r#"{{"FocusOnPorts":"22","SourceScope":"{scope}"}}"#);
        assert_eq!(RuleParameters::from_json(Some(&json)).unwrap().policy.scope, SourceScope::World);
    }
}

#[rstest]
#[case(r#""AuthorizedCidrs":"""#)]
#[case(r#""AuthorizedCidrs":[]"#)]
#[case(r#""AuthorizedCidrs":["192.0.2.0/24"]"#)]
#[case(r#""AuthorizedCidrs":"192.0.2.1""#)]
fn authorized_cidrs_may_be_a_list_or_empty(#[case] field: &str) {
    assert!(RuleParameters::from_json(Some(&format!(r#"{{"FocusOnPorts":"22",{field}}}"#))).is_ok());
}

/// A bad parameter names key and token.
#[rstest]
#[case("", "rule parameter `FocusOnPorts` is missing: name the ports to keep closed, such as \"22,3389\"")]
#[case("{}", "rule parameter `FocusOnPorts` is missing: name the ports to keep closed, such as \"22,3389\"")]
#[case(r#"{"FocusOnPorts":""}"#, "rule parameter `FocusOnPorts`: empty port list")]
#[case(r#"{"FocusOnPorts":[]}"#, "rule parameter `FocusOnPorts`: empty port list")]
#[case(r#"{"FocusOnPorts":"22,ssh"}"#, "rule parameter `FocusOnPorts`: `ssh` is not a port")]
#[case(r#"{"FocusOnPorts":"65536"}"#, "rule parameter `FocusOnPorts`: `65536` is out of range")]
#[case(r#"{"FocusOnPorts":-1}"#, "rule parameter `FocusOnPorts`: `-1` is not a port")]
#[case(r#"{"FocusOnPorts":22.5}"#, "rule parameter `FocusOnPorts`: `22.5` is not a port")]
#[case(r#"{"FocusOnPorts":"80-22"}"#, "rule parameter `FocusOnPorts`: `80-22` is reversed")]
#[case(r#"{"FocusOnPorts":true}"#, "rule parameter `FocusOnPorts`: `true` is not a port, a range of ports")]
#[case(r#"{"FocusOnPorts":[[22]]}"#, "rule parameter `FocusOnPorts`: `[22]` is not a port, a range of ports")]
#[case(r#"{"FocusOnPorts":null}"#, "rule parameter `FocusOnPorts`: `null` is not a port")]
#[case(
    r#"{"FocusOnPorts":"22","focusOnPorts":"23"}"#,
    "unknown rule parameter `focusOnPorts`: the known parameters are FocusOnPorts,"
)]
#[case(r#"{"FocusOnPorts":"22","FocusOnPorts":"23"}"#, "rule parameter `FocusOnPorts` is given twice")]
#[case(r#"{"FocusOnPorts":"22","blockedPort6":"23"}"#, "unknown rule parameter `blockedPort6`")]
#[case(
    r#"{"FocusOnPorts":"22","SourceScope":"Internet"}"#,
    "rule parameter `SourceScope`: `Internet` is neither `World` nor `Public`"
)]
#[case(
    r#"{"FocusOnPorts":"22","AuthorizedCidrs":"192.0.2.0/33"}"#,
    "rule parameter `AuthorizedCidrs`: `192.0.2.0/33` is not a CIDR"
)]
#[case(
    r#"{"FocusOnPorts":"22","AuthorizedCidrs":"192.0.2.0/24,"}"#,
    "rule parameter `AuthorizedCidrs`: `` is not a CIDR"
)]
#[case(r#"{"FocusOnPorts":"22","AuthorizedCidrs":[10]}"#, "rule parameter `AuthorizedCidrs`: `10` is not a CIDR")]
#[case(
    r#"{"FocusOnPorts":"22","ExemptionsParameter":" "}"#,
    "rule parameter `ExemptionsParameter`: `\" \"` is not the name of an SSM parameter"
)]
#[case(r#"{"FocusOnPorts":"22","ExemptionTagKey":7}"#, "rule parameter `ExemptionTagKey`: `7` is not a tag key")]
#[case("22,3389", "the rule parameters are not a JSON object")]
#[case(
    r#"["22"]"#,
    "the rule parameters are not a JSON object such as {\"FocusOnPorts\":\"22,3389\"}: invalid type: sequence, expected a JSON object"
)]
#[case(r#"{"FocusOnPorts":"22","AuthorizedCidrs":10}"#, "rule parameter `AuthorizedCidrs`: `10` is not a CIDR")]
#[case(r#"{"FocusOnPorts":"22""#, "the rule parameters are not a JSON object")]
fn bad_parameters_are_refused_by_key_and_token(#[case] json: &str, #[case] expected: &str) {
    let error = error_chain(&RuleParameters::from_json(Some(json)).unwrap_err());
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn no_parameters_at_all_is_an_error() {
    assert!(RuleParameters::from_json(None).is_err());
}

#[rstest]
#[case::ports(r#"{"FocusOnPorts":"22"}"#, true)]
#[case::malformed_ports(r#"{"FocusOnPorts":"ssh"}"#, true)]
#[case::of_the_managed_rule(r#"{"blockedPort3":"22","ExemptionsParameter":"/portcullis/exemptions"}"#, true)]
#[case::of_another_rule(r#"{"maxAge":"90"}"#, false)]
#[case::no_object("[]", false)]
#[case::no_json("{", false)]
fn our_rules_are_known_by_their_keys(#[case] json: &str, #[case] expected: bool) {
    assert_eq!(RuleParameters::are_ours(Some(json)), expected);
}

#[test]
fn a_rule_without_parameters_is_not_ours() {
    assert!(!RuleParameters::are_ours(None));
}
