//! What triggers send to a responder: the samples, tables of what counts and what does not, and properties.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod calls;
mod properties;
mod reachability;
mod security_hub;
mod sns;

use aws_events::notice::{Notice, Refusal};
use rstest::rstest;
use serde_json::{Value, json};

const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";
const OTHER_GROUP: &str = "sg-0bbbbbbbbbbbbbbbb";
const ACCOUNT: &str = "111122223333";

/// The samples that a responder acts upon.
const SAMPLES: [&str; 6] = [
    include_str!("../samples/cloudtrail-authorize.json"),
    include_str!("../samples/cloudtrail-modify.json"),
    include_str!("../samples/inspector2-finding.json"),
    include_str!("../samples/securityhub-imported.json"),
    include_str!("../samples/securityhub-imported-v2.json"),
    include_str!("../samples/sns-blog-event.json"),
];

fn sample(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn read(event: &Value) -> Result<Notice, Refusal> {
    Notice::read(&event.to_string())
}

/// The JSON in which SNS wraps a message for SQS.
fn through_sns(message: &str) -> Value {
    json!({
        "Type": "Notification", "MessageId": "11111111-2222-3333-4444-555555555555",
        "TopicArn": "arn:aws:sns:eu-central-1:123456789012:findings", "Message": message,
        "Timestamp": "2026-03-01T10:20:00.000Z", "SignatureVersion": "1", "Signature": "c2ln",
        "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/cert.pem",
        "UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe",
    })
}

/// Puts a value at a JSON pointer, of which everything but the last part exists.
fn put(event: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    event.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(key.to_owned(), value);
}

#[rstest]
#[case::no_json_object("[]", "no security group id in the message `[]`")]
#[case::nothing("", "no security group id in the message ``")]
#[case::an_instance(
    r#"{"detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","detail":{"instance-id":"i-1"}}"#,
    "no trigger sends the event `EC2 Instance State-change Notification`"
)]
#[case::compliance(
    include_str!("../samples/eventbridge-compliance-change.json"),
    "no trigger sends the event `Config Rules Compliance Change`"
)]
#[case::inspector_classic(
    r#"{"detail-type":"Inspector Finding","source":"aws.inspector","detail":{"id":"sg-0aaaaaaaaaaaaaaaa"}}"#,
    "a message of Amazon Inspector Classic, which does not say which port is open: use Amazon Inspector (inspector2)"
)]
fn what_is_not_understood_is_no_noise(#[case] body: &str, #[case] reason: &str) {
    let refusal = Notice::read(body).unwrap_err();
    assert_eq!((refusal.to_string().as_str(), refusal.is_noise()), (reason, false));
    // It is not understood either if a topic delivers it.
    let refusal = read(&through_sns(body)).unwrap_err();
    assert_eq!((refusal.to_string().as_str(), refusal.is_noise()), (reason, false));
}

/// A reason is short, and nothing in it steers a terminal.
#[test]
fn a_reason_quotes_what_others_wrote() {
    let long = format!("\u{1b}[31m{}", "x".repeat(100_000));
    let reason = Notice::read(&long).unwrap_err().to_string();
    assert!(reason.len() < 200 && !reason.contains('\u{1b}'), "{reason}");
}

/// Messages are as long as SNS and EventBridge deliver them.
#[test]
fn a_message_is_at_most_256_kb() {
    let fits = format!("{GROUP}{}", " ".repeat(256 * 1024 - GROUP.len()));
    assert!(Notice::read(&fits).is_ok());
    let refusal = Notice::read(&format!("{fits} ")).unwrap_err();
    assert_eq!(refusal.to_string(), "a message of 262145 bytes, more than 262144");
    assert!(!refusal.is_noise());
}

#[rstest]
#[case::lists("[", "]")]
#[case::objects("{\"detail\":", "}")]
fn a_message_that_is_nested_deep_is_refused(#[case] open: &str, #[case] close: &str) {
    let nested = |depth: usize| format!("{}\"{GROUP}\"{}", open.repeat(depth), close.repeat(depth));
    assert!(Notice::read(&nested(100)).is_ok());
    for body in [nested(10_000), through_sns(&nested(10_000)).to_string()] {
        assert_eq!(Notice::read(&body).unwrap_err().to_string(), "a message of JSON that is nested too deep");
    }
}
