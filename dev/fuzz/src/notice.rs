//! A message of a responder's queue: an event of EventBridge or CloudTrail, or a notification of SNS.

use std::collections::BTreeSet;

use aws_events::notice::{LONGEST, MOST_IDS, Notice, SnsMessage};
use serde_json::{Value, json};

/// Members of the envelopes of SNS, of which only the outermost is opened.
const ENVELOPES: [&str; 2] = ["Records", "TopicArn"];

/// A notice is about something that its message names, a call that failed is none, text without JSON names exactly the groups in
/// it, and a message means the same through a topic.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let result = Notice::read(text);
    let value = serde_json::from_str::<Value>(text).ok();
    if let Ok(notice) = &result {
        let ids = ids(notice);
        assert!(!ids.is_empty(), "a notice about nothing: {notice:?}");
        let mut texts = vec![text.to_owned()];
        decode(text, 3, &mut texts);
        for id in ids {
            assert!(is_id(id), "{id} is no id");
            assert!(texts.iter().any(|text| text.contains(id)), "{id} is not in the message");
        }
        if let (Notice::Call(_), Some(event)) = (notice, &value) {
            let calls = calls(event);
            assert!(
                calls.is_empty() || calls.into_iter().any(|call| !has_failed(call)),
                "a call that failed is a notice"
            );
        }
    }
    let looks_like_json = value.is_some() || text.starts_with(['{', '[', '"', ' ', '\t', '\r', '\n']);
    if !looks_like_json && text.len() <= LONGEST && !text.contains("FINDING_REPORTED") {
        let expected = groups(text);
        let found = match &result {
            Ok(Notice::Message(message)) => message.group_ids.iter().map(String::as_str).collect(),
            Ok(other) => panic!("text is taken for {other:?}"),
            Err(_) => BTreeSet::new(),
        };
        assert!(found == expected || expected.len() > MOST_IDS, "{found:?} instead of {expected:?}");
    }
    let is_envelope = value.as_ref().and_then(Value::as_object).is_some_and(|members| {
        members.keys().any(|key| ENVELOPES.iter().any(|envelope| key.eq_ignore_ascii_case(envelope)))
    });
    let wrapped = json!({
        "Type": "Notification", "TopicArn": "arn:aws:sns:us-east-1:111122223333:topic", "MessageId": "1", "Message": text,
    });
    let wrapped = wrapped.to_string();
    if !is_envelope && wrapped.len() <= LONGEST {
        let through_topic = match Notice::read(&wrapped) {
            Ok(Notice::Message(message)) => {
                assert!(message.topic_arn.is_some() && message.message_id.is_some(), "{message:?}");
                Ok(Notice::Message(SnsMessage { topic_arn: None, message_id: None, ..message }))
            }
            other => other,
        };
        assert_eq!(through_topic, result, "a message means something else through a topic");
    }
}

/// What a notice is about.
fn ids(notice: &Notice) -> Vec<&str> {
    let mut ids: Vec<&String> = Vec::new();
    match notice {
        Notice::Call(call) => ids.extend(call.group_ids.iter().chain(&call.prefix_list_ids)),
        Notice::Reachable(finding) => {
            assert!(finding.ports.start() <= finding.ports.end(), "a reversed range: {finding:?}");
            assert!(!finding.group_ids.is_empty() || !finding.instance_ids.is_empty(), "about nothing: {finding:?}");
            ids.extend(finding.group_ids.iter().chain(&finding.instance_ids).chain(&finding.network_acl_ids));
        }
        Notice::Findings(findings) => ids.extend(findings.groups.iter().map(|found| &found.group_id)),
        Notice::Message(message) => ids.extend(&message.group_ids),
    }
    ids.into_iter().map(String::as_str).collect()
}

/// The members `key` of an object, in any case.
fn members<'v>(value: &'v Value, key: &'v str) -> impl Iterator<Item = &'v Value> {
    let members = value.as_object().into_iter().flatten();
    members.filter(move |(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
}

/// What may be the call of an event.
fn calls(event: &Value) -> Vec<&Value> {
    let may_be = std::iter::once(event).chain(members(event, "detail"));
    may_be.filter(|call| members(call, "eventName").next().is_some()).collect()
}

fn has_failed(call: &Value) -> bool {
    members(call, "errorCode").any(|code| !code.is_null() && code != "")
}

fn is_id(id: &str) -> bool {
    ["sg-", "pl-", "acl-", "i-"].iter().filter_map(|prefix| id.strip_prefix(prefix)).any(|digits| {
        (8..=17).contains(&digits.len()) && digits.chars().all(|digit| matches!(digit, '0'..='9' | 'a'..='f'))
    })
}

/// The ids of groups in a text, found from their beginnings.
fn groups(text: &str) -> BTreeSet<&str> {
    let is_word = |character: char| character.is_alphanumeric() || character == '-' || character == '_';
    let found = text.match_indices("sg-").filter_map(|(start, _)| {
        let (before, rest) = text.split_at(start);
        let (id, _) = rest.split_at(rest.find(|character| !is_word(character)).unwrap_or(rest.len()));
        (!before.ends_with(is_word) && is_id(id)).then_some(id)
    });
    found.collect()
}

/// Adds the texts in a JSON text, and those in these texts, `depth` times.
fn decode(text: &str, depth: u32, texts: &mut Vec<String>) {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return };
    let mut values = vec![&value];
    while let Some(value) = values.pop() {
        match value {
            Value::String(inner) => {
                texts.push(inner.clone());
                if depth > 0 {
                    decode(inner, depth - 1, texts);
                }
            }
            Value::Array(inner) => values.extend(inner),
            Value::Object(members) => {
                texts.extend(members.keys().cloned());
                values.extend(members.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
