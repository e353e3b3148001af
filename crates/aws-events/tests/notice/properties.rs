//! Properties of reading, for any text, any JSON, and the samples written otherwise.
//!
//! `PROPTEST_CASES` sets the number of cases; the full test run asks for 10,000.

use std::collections::BTreeSet;

use aws_events::notice::{LONGEST, MOST_IDS, Notice};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use super::{SAMPLES, read, sample, through_sns};

/// Texts that mean something in some event.
const WORDS: [&str; 24] = [
    "sg-0aaaaaaaaaaaaaaaa",
    "pl-0aaaaaaaaaaaaaaaa",
    "acl-12345678",
    "i-12345678",
    "111122223333",
    "us-east-1",
    "ACTIVE",
    "AuthorizeSecurityGroupIngress",
    "ModifyManagedPrefixList",
    "Notification",
    "SubscriptionConfirmation",
    "FAILED",
    "NETWORK_REACHABILITY",
    "Inspector2 Finding",
    "Security Hub Findings - Imported",
    "Findings Imported V2",
    "TCP",
    "Security Hub Findings - Custom Action",
    "arn:aws:ec2:us-east-1:111122223333:security-group/sg-12345678",
    "arn:aws:securityhub:us-east-1:111122223333:action/custom/x",
    "EC2.19",
    "aws.inspector",
    "aws.inspector2",
    "true",
];

/// Keys of events.
const KEYS: [&str; 43] = [
    "detail",
    "detail-type",
    "source",
    "resources",
    "eventName",
    "eventSource",
    "errorCode",
    "requestParameters",
    "responseElements",
    "groupId",
    "prefixListId",
    "securityGroupRuleSet",
    "items",
    "isEgress",
    "Type",
    "TopicArn",
    "Message",
    "Records",
    "Sns",
    "findings",
    "Id",
    "Compliance",
    "Status",
    "SecurityControlId",
    "class_uid",
    "finding_info",
    "uid",
    "type",
    "status",
    "findingArn",
    "networkReachabilityDetails",
    "networkPath",
    "steps",
    "componentId",
    "openPortRange",
    "begin",
    "end",
    "protocol",
    "awsAccountId",
    "account",
    "region",
    "userIdentity",
    "eventTime",
];

fn any_text() -> BoxedStrategy<String> {
    prop_oneof![3 => select(&WORDS[..]).prop_map(str::to_owned), 1 => ".{0,20}"].boxed()
}

fn any_key() -> BoxedStrategy<String> {
    prop_oneof![9 => select(&KEYS[..]).prop_map(str::to_owned), 1 => ".{0,10}"].boxed()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => any_text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => (0..70_000i64).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::vec((any_key(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// What a notice is about.
fn ids(notice: &Notice) -> BTreeSet<&str> {
    let mut ids = BTreeSet::new();
    match notice {
        Notice::Call(call) => {
            ids.extend(call.group_ids.iter().map(String::as_str));
            ids.extend(call.prefix_list_ids.iter().map(String::as_str));
        }
        Notice::Reachable(finding) => {
            ids.extend(finding.group_ids.iter().map(String::as_str));
            ids.extend(finding.instance_ids.iter().map(String::as_str));
        }
        Notice::Findings(findings) => ids.extend(findings.groups.iter().map(|found| found.group_id.as_str())),
        Notice::Message(message) => ids.extend(message.group_ids.iter().map(String::as_str)),
    }
    ids
}

/// A notice is about something, and about nothing that its text does not contain.
fn assert_holds(body: &str) {
    let Ok(notice) = Notice::read(body) else { return };
    let ids = ids(&notice);
    assert!(!ids.is_empty() && ids.len() <= 2 * MOST_IDS, "{notice:?}");
    for id in ids {
        assert!(body.contains(id), "{id} is not in {body}");
    }
}

/// An event written otherwise: keys in another case, and a list of one as an object, or as `{"items": […]}`.
fn rewritten(value: &Value, choices: &mut impl Iterator<Item = u8>) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| {
                let key = match choices.next().unwrap_or_default() % 4 {
                    0 => key.to_lowercase(),
                    1 => key.to_uppercase(),
                    2 => key
                        .chars()
                        .enumerate()
                        .map(|(at, c)| if at % 2 == 0 { c.to_ascii_uppercase() } else { c })
                        .collect(),
                    _ => key.clone(),
                };
                (key, rewritten(value, choices))
            });
            Value::Object(members.collect())
        }
        Value::Array(values) => {
            let values: Vec<Value> = values.iter().map(|value| rewritten(value, choices)).collect();
            match (values.as_slice(), choices.next().unwrap_or_default() % 3) {
                ([one @ Value::Object(_)], 0) => one.clone(),
                (_, 1) => json!({"items": values}),
                _ => Value::Array(values),
            }
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,300}") {
        assert_holds(&text);
        assert_holds(&through_sns(&text).to_string());
    }

    #[test]
    fn any_json_is_read_or_refused(value in any_json(), outer in any_key()) {
        assert_holds(&value.to_string());
        assert_holds(&json!({"detail-type": "Inspector2 Finding", "detail": value}).to_string());
        assert_holds(&json!({outer: value}).to_string());
    }

    /// Half of a sample, or one with other characters in it, is read or refused.
    #[test]
    fn a_damaged_sample_is_read_or_refused(at in any::<Index>(), which in any::<Index>(), junk in ".{0,8}") {
        let text: Vec<char> = SAMPLES[which.index(SAMPLES.len())].chars().collect();
        let at = at.index(text.len());
        let start: String = text[..at].iter().collect();
        let rest: String = text[at..].iter().collect();
        assert_holds(&start);
        assert_holds(&format!("{start}{junk}{rest}"));
    }

    /// Case and nesting do not matter.
    #[test]
    fn an_event_means_the_same_however_it_is_written(
        which in any::<Index>(),
        choices in prop::collection::vec(any::<u8>(), 0..300),
        through_topic in any::<bool>(),
    ) {
        let text = SAMPLES[which.index(SAMPLES.len())];
        let expected = Notice::read(text).unwrap();
        let event = rewritten(&sample(text), &mut choices.into_iter());
        prop_assert_eq!(&read(&event).unwrap(), &expected, "{}", event);
        if through_topic && !matches!(expected, Notice::Message(_)) {
            prop_assert_eq!(&read(&through_sns(&event.to_string())).unwrap(), &expected);
        }
    }

    /// An id is found if and only if it is there, as a word of 8 to 17 digits.
    #[test]
    fn an_id_is_found_iff_it_is_there(
        digits in prop_oneof!["[0-9a-f]{6,20}", "[0-9a-fA-F]{8,17}"],
        before in "[ -~]{0,3}",
        after in "[ -~]{0,3}",
        as_json in any::<bool>(),
    ) {
        let id = format!("sg-{digits}");
        let text = format!("{before}{id}{after}");
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_there = (8..=17).contains(&digits.len())
            && !digits.contains(|c: char| c.is_ascii_uppercase())
            && !before.ends_with(is_word)
            && !after.starts_with(is_word);
        let body = if as_json { json!({"text": text}).to_string() } else { through_sns(&text).to_string() };
        let found = match Notice::read(&body) {
            Ok(Notice::Message(message)) => message.group_ids.contains(&id),
            Ok(other) => panic!("{other:?}"),
            Err(_) => false,
        };
        prop_assert_eq!(found, is_there, "{}", body);
    }

    #[test]
    fn a_longer_message_is_refused(length in LONGEST + 1..LONGEST + 1000) {
        let text = format!("sg-0aaaaaaaaaaaaaaaa{}", " ".repeat(length));
        prop_assert!(Notice::read(&text).is_err());
    }
}
