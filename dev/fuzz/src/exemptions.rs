//! The exemptions document, in the SSM parameter that the rule names.

use serde_json::{Map, Value};

use crate::account::{EXEMPTIONS_PARAMETER, account, compliant, evaluate};
use crate::event::around;

const OPEN: &str = r#"{"messageType":"ConfigurationItemChangeNotification","configurationItem":{
    "resourceType":"AWS::EC2::SecurityGroup","resourceId":"sg-0aaaaaaaaaaaaaaaa","configurationItemStatus":"OK",
    "configurationItemCaptureTime":"2026-03-01T10:15:30.123Z","awsAccountId":"111122223333",
    "configuration":{"groupId":"sg-0aaaaaaaaaaaaaaaa","groupName":"web","vpcId":"vpc-0a1b2c3d","ipPermissions":[
        {"ipProtocol":"tcp","fromPort":22,"toPort":22,"ipv4Ranges":[{"cidrIp":"0.0.0.0/0"}]}]}}}"#;

/// An invalid document exempts no group, and a valid one exempts only the groups that it names.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut event = around(OPEN);
    let parameters = format!(r#"{{"FocusOnPorts":"22","ExemptionsParameter":"{EXEMPTIONS_PARAMETER}"}}"#);
    event.insert("ruleParameters".to_owned(), parameters.into());
    let aws = account();
    aws.account().parameters.insert(EXEMPTIONS_PARAMETER.to_owned(), text.to_owned());
    let Ok(outcome) = evaluate(&aws, event) else {
        assert!(aws.account().evaluations.is_empty(), "an evaluation was reported although the exemptions are unknown");
        return;
    };
    let document: Map<String, Value> =
        serde_json::from_str(text).expect("a document that is not an object is accepted");
    if outcome.compliant > 0 {
        let names = |text: &str| names(&Value::Object(document.clone()), text);
        let by_name = names("web") && names("vpc-0a1b2c3d") || names("vpc-0a1b2c3d:web");
        assert!(
            names("sg-0aaaaaaaaaaaaaaaa") || by_name,
            "a group is exempt that the document does not name: {:?}",
            compliant(&aws)
        );
        let is_ours = document.contains_key("exemptions");
        assert!(!is_ours || document.get("version") == Some(&1.into()), "a document of another version is accepted");
        let is_hammers = document.contains_key("secgrp_unrestricted_access");
        assert!(!(is_ours && is_hammers), "a document with two lists is accepted, of which one counts for nothing");
    }
}

/// Returns true if `text` is one of the texts in `value`.
fn names(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Array(values) => values.iter().any(|value| names(value, text)),
        Value::Object(fields) => fields.values().any(|value| names(value, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
