//! Requests as written by the SSM documents and by operators.

use ipnetwork::IpNetwork;
use plain_text::error_chain;
use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use proptest::{prop_assert, prop_assert_eq};
use remediation::{Close, NetworkAclRequest, Payload, Request, Restore, StrategyName};
use rstest::rstest;
use serde_json::{Value, json};

use crate::account::GROUP;

/// The required fields of a request, and `fields`.
fn payload(action: &str, fields: &Value) -> Value {
    let mut payload = json!({"action": action, "securityGroupId": GROUP, "configRuleName": "portcullis"});
    payload.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    payload
}

fn read(action: &str, fields: &Value) -> Request {
    Request::from_payload(payload(action, fields)).unwrap()
}

fn close() -> Close {
    Close {
        security_group_id: GROUP.into(),
        config_rule_name: "portcullis".into(),
        strategy: StrategyName::Revoke,
        replacement_cidrs: Vec::new(),
        dry_run: false,
        ignore_hold: false,
        ignore_pace: false,
        only_due: false,
        execution_id: None,
    }
}

fn restore() -> Restore {
    Restore {
        security_group_id: GROUP.into(),
        config_rule_name: "portcullis".into(),
        snapshot: "latest".into(),
        exception_hours: 24,
        dry_run: false,
        execution_id: None,
    }
}

fn acls() -> NetworkAclRequest {
    NetworkAclRequest {
        security_group_id: GROUP.into(),
        config_rule_name: "portcullis".into(),
        ports: None,
        network_acl_ids: Vec::new(),
        snapshot: "latest".into(),
        dry_run: false,
        execution_id: None,
    }
}

#[rstest]
#[case(json!({}), close())]
#[case(json!({"strategy": "Carve"}), Close { strategy: StrategyName::Carve, ..close() })]
#[case(json!({"strategy": "Replace"}), Close { strategy: StrategyName::Replace, ..close() })]
#[case(json!({"replacementCidrs": ["10.0.0.0/8", "fd00::/8"]}), Close { replacement_cidrs: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()], ..close() })]
#[case(json!({"replacementCidrs": "[\"10.0.0.0/8\"]"}), Close { replacement_cidrs: vec!["10.0.0.0/8".parse().unwrap()], ..close() })]
#[case(json!({"replacementCidrs": [""]}), close())]
#[case(json!({"replacementCidrs": ["10.0.0.1/8"]}), Close { replacement_cidrs: vec!["10.0.0.0/8".parse().unwrap()], ..close() })]
#[case(json!({"replacementCidrs": "10.0.0.0/8"}), Close { replacement_cidrs: vec!["10.0.0.0/8".parse().unwrap()], ..close() })]
#[case(json!({"dryRun": "TRUE", "ignoreHold": "fALSE"}), Close { dry_run: true, ..close() })]
#[case(json!({"executionId": "4105a4fc-f944-11e6-9d32-8fb2db27a909"}), Close { execution_id: Some("4105a4fc-f944-11e6-9d32-8fb2db27a909".into()), ..close() })]
#[case(json!({"executionId": "a".repeat(64)}), Close { execution_id: Some("a".repeat(64)), ..close() })]
#[case(json!({"configRuleName": "é".repeat(128)}), Close { config_rule_name: "é".repeat(128), ..close() })]
#[case(json!({"ignoreHold": "true"}), Close { ignore_hold: true, ..close() })]
#[case(json!({"ignorePace": "true"}), Close { ignore_pace: true, ..close() })]
#[case(json!({"ignorePace": "False", "ignoreHold": true}), Close { ignore_hold: true, ..close() })]
#[case(json!({"ignoreHold": false, "dryRun": "True"}), Close { dry_run: true, ..close() })]
#[case(json!({"executionId": "8a1b"}), Close { execution_id: Some("8a1b".into()), ..close() })]
#[case(json!({"executionId": ""}), close())]
#[case(json!({"executionId": null}), close())]
fn a_close_is_read(#[case] fields: Value, #[case] expected: Close) {
    assert_eq!(read("close", &fields), Request::Close(expected));
}

#[rstest]
#[case(json!({}), restore())]
#[case(json!({"snapshot": "latest", "exceptionHours": "24", "dryRun": "false", "executionId": "9c2d"}), Restore { execution_id: Some("9c2d".into()), ..restore() })]
#[case(json!({"snapshot": "s3://b/k.json"}), Restore { snapshot: "s3://b/k.json".into(), ..restore() })]
#[case(json!({"exceptionHours": 0}), Restore { exception_hours: 0, ..restore() })]
#[case(json!({"exceptionHours": " 48 "}), Restore { exception_hours: 48, ..restore() })]
#[case(json!({"exceptionHours": 8760}), Restore { exception_hours: 8760, ..restore() })]
#[case(json!({"dryRun": true}), Restore { dry_run: true, ..restore() })]
#[case(json!({"dryRun": "true"}), Restore { dry_run: true, ..restore() })]
#[case(json!({"executionId": ""}), restore())]
fn a_restore_is_read(#[case] fields: Value, #[case] expected: Restore) {
    assert_eq!(read("restore", &fields), Request::Restore(expected));
}

/// The SSM document sends every field with both actions.
#[rstest]
#[case(json!({}), acls())]
#[case(json!({"ports": "", "networkAclIds": [], "snapshot": "latest", "dryRun": "false", "executionId": ""}), acls())]
#[case(json!({"ports": null}), acls())]
#[case(json!({"ports": " "}), acls())]
#[case(json!({"ports": "22, tcp/8000-8100"}), NetworkAclRequest { ports: Some("22, tcp/8000-8100".parse().unwrap()), ..acls() })]
#[case(json!({"networkAclIds": ["acl-0a1b2c3d"]}), NetworkAclRequest { network_acl_ids: vec!["acl-0a1b2c3d".into()], ..acls() })]
#[case(json!({"networkAclIds": "[\"acl-0a1b2c3d\", \"acl-0123456789abcdef0\"]"}), NetworkAclRequest { network_acl_ids: vec!["acl-0a1b2c3d".into(), "acl-0123456789abcdef0".into()], ..acls() })]
#[case(json!({"networkAclIds": ""}), acls())]
#[case(json!({"networkAclIds": "[]"}), acls())]
#[case(json!({"snapshot": "20261121T000000.000Z_7e3f.json"}), NetworkAclRequest { snapshot: "20261121T000000.000Z_7e3f.json".into(), ..acls() })]
#[case(json!({"dryRun": "true", "executionId": "7e3f"}), NetworkAclRequest { dry_run: true, execution_id: Some("7e3f".into()), ..acls() })]
fn a_quarantine_and_a_release_are_read(#[case] fields: Value, #[case] expected: NetworkAclRequest) {
    assert_eq!(read("quarantine", &fields), Request::Quarantine(expected.clone()));
    assert_eq!(read("release", &fields), Request::Release(expected));
}

/// The error names the field and the problem, and no Rust type.
#[rstest]
#[case("close", json!({"strategy": ""}), "`strategy`: unknown variant ``, expected one of `Revoke`, `Carve`, `Replace`")]
#[case("close", json!({"strategy": "revoke"}), "`strategy`: unknown variant `revoke`, expected one of `Revoke`, `Carve`, `Replace`")]
#[case("close", json!({"replacementCidrs": 10}), "`replacementCidrs`: `10` is not a list of CIDRs")]
#[case("close", json!({"replacementCidrs": [10]}), "`replacementCidrs`: `[10]` is not a list of CIDRs")]
#[case("close", json!({"replacementCidrs": "10.0.0.0/8 fd00::/8"}), "`replacementCidrs`: `10.0.0.0/8 fd00::/8` is not a list of CIDRs")]
#[case("close", json!({"replacementCidrs": "[10.0.0.0/8"}), "`replacementCidrs`: `[10.0.0.0/8` is not a list of CIDRs")]
#[case("close", json!({"replacementCidrs": ["10.0.0.0/8", ""]}), "`replacementCidrs`: `[\"10.0.0.0/8\",\"\"]` is not a list of CIDRs")]
#[case("close", json!({"replacementCidrs": ["10.0.0.0/33"]}), "`replacementCidrs`: `10.0.0.0/33` is not a CIDR such as 10.0.0.0/8 or fd00::/8, with a prefix above /0")]
#[case("close", json!({"replacementCidrs": vec!["10.0.0.0/8"; 26]}), "`replacementCidrs`: 26 CIDRs exceed the limit of 25")]
#[case("close", json!({"ignoreHold": ""}), "`ignoreHold`: `` is neither true nor false")]
#[case("close", json!({"executionId": "a".repeat(65)}), "`executionId`: `")]
#[case("close", json!({"executionId": "a".repeat(1_000_000)}), "`executionId`: `")]
#[case("close", json!({"executionId": "../x"}), "`executionId`: `../x` is not the id of an execution, which has at most 64 letters, digits and hyphens")]
#[case("restore", json!({"executionId": "８a1b"}), "`executionId`: `８a1b` is not the id of an execution")]
#[case("quarantine", json!({"executionId": "8a1b "}), "`executionId`: `8a1b ` is not the id of an execution")]
#[case("close", json!({"executionId": 7}), "`executionId`: invalid type: integer `7`, expected a string")]
#[case("restore", json!({"exceptionHours": ""}), "`exceptionHours`: `` is not a number of hours")]
#[case("restore", json!({"exceptionHours": "a day"}), "`exceptionHours`: `a day` is not a number of hours")]
#[case("restore", json!({"exceptionHours": "-1"}), "`exceptionHours`: `-1` is not a number of hours")]
#[case("restore", json!({"exceptionHours": 1.5}), "`exceptionHours`: `1.5` is not a number of hours")]
#[case("restore", json!({"exceptionHours": null}), "`exceptionHours`: `null` is not a number of hours")]
#[case("restore", json!({"exceptionHours": "8761"}), "`exceptionHours` is 8761; give 0 to 8760 hours, a year")]
#[case("restore", json!({"snapshot": 5}), "`snapshot`: invalid type: integer `5`, expected a string")]
#[case("restore", json!({"dryRun": 1}), "`dryRun`: `1` is neither true nor false")]
#[case("restore", json!({"dryRun": null}), "`dryRun`: `null` is neither true nor false")]
#[case("restore", json!({"dryRun": ""}), "`dryRun`: `` is neither true nor false")]
#[case("restore", json!({"securityGroupId": ""}), "`securityGroupId` `` is not of the form sg-0123456789abcdef0")]
#[case("restore", json!({"securityGroupId": ["sg-0aaaaaaaaaaaaaaaa"]}), "`securityGroupId`: invalid type: sequence, expected a string")]
#[case("restore", json!({"configRuleName": ""}), "`configRuleName` is empty")]
#[case("restore", json!({"configRuleName": "r".repeat(129)}), "`configRuleName` `rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr…` has more than 128 characters")]
#[case("restore", json!({"configRuleName": 5}), "`configRuleName`: invalid type: integer `5`, expected a string")]
#[case("quarantine", json!({"ports": "ssh"}), "`ports`: `ssh` is not a port")]
#[case("quarantine", json!({"ports": "22-20"}), "`ports`: ")]
#[case("quarantine", json!({"ports": 22}), "`ports`: invalid type: integer `22`, expected a string")]
#[case("release", json!({"networkAclIds": ["acl-1"]}), "`networkAclIds`: `acl-1` is not of the form acl-0123456789abcdef0")]
#[case("release", json!({"networkAclIds": ["{{ NetworkAclIds }}"]}), "`networkAclIds`: `{{ NetworkAclIds }}` is not of the form")]
#[case("release", json!({"networkAclIds": {}}), "`networkAclIds`: `{}` is not a list of network ACL ids")]
#[case("release", json!({"dryRun": "ja"}), "`dryRun`: `ja` is neither true nor false")]
#[case("", json!({}), "`action`: unknown variant ``, expected one of `close`, `restore`, `quarantine`, `release`")]
fn garbage_is_refused_by_field(#[case] action: &str, #[case] fields: Value, #[case] expected: &str) {
    let error = error_chain(&Request::from_payload(payload(action, &fields)).unwrap_err());
    let problem = error.strip_prefix("the request is refused, nothing was changed: ").unwrap();
    assert!(problem.starts_with(expected), "{problem}");
}

/// Each action has its own fields: one of another action is a mistake.
#[rstest]
#[case("close", "exceptionHours")]
#[case("close", "snapshot")]
#[case("close", "ports")]
#[case("restore", "strategy")]
#[case("restore", "ignoreHold")]
#[case("restore", "dry_run")]
#[case("quarantine", "exceptionHours")]
#[case("release", "strategy")]
#[case("release", "networkAclId")]
fn an_unknown_field_is_refused(#[case] action: &str, #[case] field: &str) {
    let error = error_chain(&Request::from_payload(payload(action, &json!({field: ""}))).unwrap_err());
    assert!(error.contains(&format!("unknown field `{field}`, expected one of `securityGroupId`")), "{error}");
}

#[rstest]
fn a_missing_field_is_named(
    #[values("close", "restore", "quarantine", "release")] action: &str,
    #[values("action", "securityGroupId", "configRuleName")] field: &str,
) {
    let mut payload = payload(action, &json!({}));
    payload.as_object_mut().unwrap().remove(field);
    let error = error_chain(&Request::from_payload(payload).unwrap_err());
    assert_eq!(error, format!("the request is refused, nothing was changed: missing field `{field}`"));
}

/// A repeated key is refused, whatever its values and spelling, and wherever it is: one of the values may be a mistake.
#[rstest]
#[case(r#""dryRun":true,"dryRun":false"#, "dryRun")]
#[case(r#""dryRun":false,"dryRun":true"#, "dryRun")]
#[case(r#""dryRun":true,"dryRun":true"#, "dryRun")]
#[case(r#""dryRun":true,"dry\u0052un":false"#, "dryRun")]
#[case(r#""securityGroupId":"sg-0bbbbbbbbbbbbbbbb""#, "securityGroupId")]
#[case(r#""action":"restore""#, "action")]
#[case(r#""replacementCidrs":[{"a":1,"a":1}]"#, "a")]
#[case(r#""unknown":{"b":[[{"":null,"":0.5}]]}"#, "")]
fn a_repeated_key_is_refused(#[case] fields: &str, #[case] key: &str) {
    let text = format!(r#"{{"action":"close","securityGroupId":"{GROUP}","configRuleName":"portcullis",{fields}}}"#);
    let payload: Payload = serde_json::from_str(&text).unwrap();
    let error = error_chain(&Request::from_payload(payload).unwrap_err());
    let expected = format!("the request is refused, nothing was changed: `{key}` is given more than once");
    assert!(error.starts_with(&expected), "{error}");
}

/// Without a repeated key a payload is the JSON that `serde_json` reads.
#[test]
fn a_payload_is_its_json() {
    let text = r#"{"a":[null,true,-1,1.5,18446744073709551615,"é\n",{"a":{"a":[]}}],"b":{}}"#;
    let payload: Payload = serde_json::from_str(text).unwrap();
    assert_eq!(payload, serde_json::from_str::<Value>(text).unwrap().into());
    assert!(serde_json::from_str::<Payload>("{").is_err());
}

/// The template and `scripts/deploy` accept and refuse the same values.
#[test]
fn replacements_are_those_of_the_table() {
    let table: Value = serde_json::from_str(include_str!("../../../../tests/replacement_cidrs.json")).unwrap();
    for (text, cidrs) in table["accepted"].as_object().unwrap() {
        let Request::Close(close) = read("close", &json!({"replacementCidrs": text})) else { panic!("{text}") };
        let read: Vec<IpNetwork> =
            cidrs.as_array().unwrap().iter().map(|cidr| cidr.as_str().unwrap().parse().unwrap()).collect();
        assert_eq!(close.replacement_cidrs, read, "{text}");
    }
    for text in table["refused"].as_array().unwrap() {
        let request = Request::from_payload(payload("close", &json!({"replacementCidrs": text})));
        assert!(request.is_err(), "{text}: {request:?}");
    }
}

/// Lambda accepts requests of 6 MB. A list with too many CIDRs is refused.
#[test]
fn a_flood_of_values_is_refused() {
    let cidrs: Vec<String> =
        (0..400_000).map(|number| format!("10.{}.{}.0/24", number / 256 % 256, number % 256)).collect();
    let error = error_chain(&Request::from_payload(payload("close", &json!({"replacementCidrs": cidrs}))).unwrap_err());
    assert!(error.contains("400000 CIDRs exceed the limit of 1000"), "{error}");
}

/// Values that are not a number of hours.
#[rstest]
#[case("18446744073709551616")]
#[case("4294967296")]
#[case("-0")]
#[case("-1")]
#[case("1e400")]
#[case("24.0")]
#[case("24.5")]
fn odd_hours_are_refused(#[case] hours: &str) {
    let as_text = Request::from_payload(payload("restore", &json!({"exceptionHours": hours}))).unwrap_err();
    assert!(error_chain(&as_text).contains("is not a number of hours"), "{as_text}");
    if let Ok(hours) = serde_json::from_str::<Value>(hours) {
        let as_number = Request::from_payload(payload("restore", &json!({"exceptionHours": hours}))).unwrap_err();
        assert!(error_chain(&as_number).contains("is not a number of hours"), "{as_number}");
    }
}

/// Every way in which SSM may write a list.
fn spellings(members: &[String]) -> Vec<Value> {
    let joined = |separator: &str, quote: &str| {
        members.iter().map(|member| format!("{quote}{member}{quote}")).collect::<Vec<_>>().join(separator)
    };
    let json = Value::from(members);
    vec![
        json!(json.to_string()),
        json!(serde_json::to_string_pretty(&json).unwrap()),
        json,
        json!(joined(",", "")),
        json!(joined(", ", "")),
        json!(format!("[{}]", joined(",", ""))),
        json!(format!("[{}]", joined(", ", ""))),
        json!(format!("[{}]", joined(", ", "'"))),
        json!(format!(" [ {} ] ", joined(" , ", "\""))),
    ]
}

proptest! {
    /// A list is the same in every spelling.
    #[test]
    fn lists_are_read_in_every_spelling(
        networks in vec((any::<std::net::IpAddr>(), 1..=32_u8), 0..=25),
        acls in vec("acl-[0-9a-f]{8,17}", 0..40),
    ) {
        let networks: Vec<IpNetwork> =
            networks.into_iter().map(|(address, prefix)| IpNetwork::new(address, prefix).unwrap()).collect();
        let cidrs: Vec<String> = networks.iter().map(ToString::to_string).collect();
        let masked: Vec<IpNetwork> =
            networks.iter().map(|one| IpNetwork::new(one.network(), one.prefix()).unwrap()).collect();
        for spelling in spellings(&cidrs) {
            // A mapped IPv4 address is written with dots, which the template does not accept.
            if cidrs.iter().any(|cidr| cidr.contains(':') && cidr.contains('.')) {
                continue;
            }
            let Request::Close(close) = read("close", &json!({"replacementCidrs": spelling})) else { panic!() };
            prop_assert_eq!(&close.replacement_cidrs, &masked, "{}", spelling);
        }
        for spelling in spellings(&acls) {
            let Request::Release(release) = read("release", &json!({"networkAclIds": spelling})) else { panic!() };
            prop_assert_eq!(&release.network_acl_ids, &acls, "{}", spelling);
        }
    }

    /// Whatever a text is, nothing is read that it does not name.
    #[test]
    fn a_list_contains_only_what_its_text_names(text in r#"(acl-[0-9a-f]{8}|[\[\]'", \\{}0-9a-f-]){0,12}"#) {
        if let Ok(Request::Release(release)) =
            Request::from_payload(payload("release", &json!({"networkAclIds": text})))
        {
            prop_assert!(release.network_acl_ids.iter().all(|id| text.contains(id.as_str())), "{:?}", text);
            prop_assert_eq!(release.network_acl_ids.len(), text.matches("acl-").count(), "{:?}", text);
        }
    }
}

/// What the schedules of the stack send.
#[test]
fn the_sweep_and_the_comparison_are_read_as_narrowly_as_a_request() {
    let payload = |json: serde_json::Value| remediation::Payload::from(json);
    let sweep = payload(json!({"action": "sweep", "configRuleName": "r", "at": "2026-12-01T00:15:00Z"}));
    let request = sweep.sweep().unwrap().unwrap();
    assert_eq!((request.config_rule_name.as_str(), request.at), ("r", "2026-12-01T00:15:00Z".parse().ok()));
    // As the stack before this version sends it.
    assert_eq!(payload(json!({"action": "sweep", "configRuleName": "r"})).sweep().unwrap().unwrap().at, None);
    payload(json!({"action": "sweep", "configRuleName": "r", "dryRun": true})).sweep().unwrap().unwrap_err();
    payload(json!({"action": "sweep", "configRuleName": "r", "at": "soon"})).sweep().unwrap().unwrap_err();
    assert!(payload(json!({"action": "close", "configRuleName": "r"})).sweep().is_none());
    let compare = payload(json!({"action": "compare", "configRuleName": "r", "groups": ["sg-1"]}));
    assert_eq!(compare.comparison().unwrap().unwrap().groups, Some(vec!["sg-1".to_owned()]));
    payload(json!({"action": "compare", "groups": []})).comparison().unwrap().unwrap_err();
}
