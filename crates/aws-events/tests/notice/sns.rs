//! Notifications of SNS.

use aws_events::notice::{Notice, SnsMessage};
use rstest::rstest;
use serde_json::{Value, json};

use super::{GROUP, OTHER_GROUP, SAMPLES, put, read, sample, through_sns};

const BLOG: &str = include_str!("../samples/sns-blog-event.json");

fn message(event: &Value) -> SnsMessage {
    let Notice::Message(message) = read(event).unwrap() else { panic!("not a message") };
    message
}

fn groups(message: &SnsMessage) -> Vec<&str> {
    message.group_ids.iter().map(String::as_str).collect()
}

/// The message of the blog is no JSON.
#[test]
fn the_message_of_the_blog_names_a_group() {
    let message = message(&sample(BLOG));
    assert_eq!(groups(&message), [GROUP]);
    assert_eq!(message.topic_arn.as_deref(), Some("arn:aws:sns:eu-central-1:123456789012:findings"));
    assert_eq!(message.message_id.as_deref(), Some("11111111-2222-3333-4444-555555555555"));
}

/// A topic delivers to Lambda, to SQS in its JSON, and to SQS as raw text.
#[rstest]
#[case::id(GROUP, &[GROUP])]
#[case::quoted("\"sg-0aaaaaaaaaaaaaaaa\"", &[GROUP])]
#[case::blog("{ \"sg-0aaaaaaaaaaaaaaaa\"}", &[GROUP])]
#[case::json("{\"resourceId\": \"sg-0aaaaaaaaaaaaaaaa\", \"rule\": 7}", &[GROUP])]
#[case::key("{\"sg-0aaaaaaaaaaaaaaaa\": null}", &[GROUP])]
#[case::several("[\"sg-0bbbbbbbbbbbbbbbb\", \"sg-0aaaaaaaaaaaaaaaa\", \"sg-0bbbbbbbbbbbbbbbb\"]", &[GROUP, OTHER_GROUP])]
#[case::sentence("Please close sg-0aaaaaaaaaaaaaaaa, and sg-0bbbbbbbbbbbbbbbb.", &[GROUP, OTHER_GROUP])]
#[case::escaped("{\"text\": \"groups:\\nsg-0aaaaaaaaaaaaaaaa\\t\\u0073g-0bbbbbbbbbbbbbbbb\"}", &[GROUP, OTHER_GROUP])]
#[case::detail("{\"detail\": {\"group\": \"sg-0aaaaaaaaaaaaaaaa\"}}", &[GROUP])]
fn a_message_is_read_however_it_is_delivered(#[case] text: &str, #[case] expected: &[&str]) {
    let mut record = sample(BLOG);
    put(&mut record, "/Records/0/Sns/Message", json!(text));
    let to_lambda = message(&record);
    assert_eq!(groups(&to_lambda), expected);
    assert_eq!(to_lambda, message(&through_sns(text)));
    let Notice::Message(raw) = Notice::read(text).unwrap() else { panic!("not a message") };
    assert_eq!(raw, SnsMessage { topic_arn: None, message_id: None, ..to_lambda });
}

#[rstest]
#[case::nothing("")]
#[case::no_id("the group web is open")]
#[case::a_digit_too_many("sg-0aaaaaaaaaaaaaaaaa")]
#[case::another_word("xsg-0aaaaaaaaaaaaaaaa my-sg-0aaaaaaaaaaaaaaaa")]
#[case::upper_case("SG-0AAAAAAAAAAAAAAAA")]
#[case::number("7")]
#[case::json("{\"resourceId\": \"vpc-0a1b2c3d\"}")]
fn a_message_without_an_id_is_refused(#[case] text: &str) {
    for body in [text.to_owned(), through_sns(text).to_string()] {
        let refusal = Notice::read(&body).unwrap_err();
        assert_eq!(refusal.to_string(), format!("no security group id in the message `{text}`"));
        assert!(!refusal.is_noise());
    }
}

#[test]
fn a_message_names_at_most_a_hundred_groups() {
    let text = |count: usize| (0..count).map(|number| format!("sg-{number:08x}")).collect::<Vec<_>>().join(" ");
    assert_eq!(groups(&message(&through_sns(&text(100)))).len(), 100);
    let refusal = read(&through_sns(&text(101))).unwrap_err();
    assert_eq!(refusal.to_string(), "a message that names 101 resources, more than 100");
    assert!(!refusal.is_noise());
}

/// SNS asks an endpoint whether it wants the messages of a topic. Its text has a link, no group.
#[rstest]
#[case("SubscriptionConfirmation")]
#[case("UnsubscribeConfirmation")]
fn a_confirmation_is_noise(#[case] kind: &str) {
    let mut event = through_sns("You have chosen to subscribe to the topic");
    put(&mut event, "/Type", json!(kind));
    let refusal = read(&event).unwrap_err();
    let expected = format!("{kind} of the topic `arn:aws:sns:eu-central-1:123456789012:findings`");
    assert_eq!(refusal.to_string().replace(&format!("`{kind}`"), kind), expected);
    assert!(refusal.is_noise());
}

#[rstest]
#[case::other_type(json!("Other"), json!(GROUP))]
#[case::no_text(json!("Notification"), json!({"group": GROUP}))]
#[case::nothing(json!("Notification"), json!(null))]
fn a_notification_without_text_is_refused(#[case] kind: Value, #[case] text: Value) {
    let mut event = through_sns("");
    put(&mut event, "/Type", kind);
    put(&mut event, "/Message", text);
    let refusal = read(&event).unwrap_err();
    assert!(refusal.to_string().ends_with("has no text"), "{refusal}");
    assert!(!refusal.is_noise());
}

#[rstest]
#[case::two(json!([{"Sns": {}}, {"Sns": {}}]), "`Records` is not one notification of SNS")]
#[case::none(json!([]), "`Records` is not one notification of SNS")]
#[case::of_s3(json!([{"s3": {"object": {"key": GROUP}}}]), "a record that is no notification of SNS")]
#[case::no_topic(json!([{"Sns": {"Message": GROUP}}]), "a record that is no notification of SNS")]
fn other_records_are_refused(#[case] records: Value, #[case] reason: &str) {
    let refusal = read(&json!({"Records": records})).unwrap_err();
    assert_eq!((refusal.to_string().as_str(), refusal.is_noise()), (reason, false));
}

/// Only one envelope is opened: what is in the next one is text.
#[test]
fn an_envelope_within_an_envelope_is_text() {
    let inner = through_sns(GROUP).to_string();
    assert_eq!(groups(&message(&through_sns(&inner))), [GROUP]);
}

/// Amazon Inspector Classic tells a topic about a finding, without saying what it is about.
#[rstest]
#[case::finding(json!({"template": "arn:aws:inspector:us-east-1:111122223333:target/0-a/template/0-b", "event": "FINDING_REPORTED", "finding": "arn:aws:inspector:us-east-1:111122223333:target/0-a/template/0-b/run/0-c/finding/0-d", "group": GROUP}).to_string())]
#[case::run(json!({"event": "ASSESSMENT_RUN_COMPLETED", "group": GROUP}).to_string())]
#[case::text(format!("event=FINDING_REPORTED, group={GROUP}"))]
fn inspector_classic_is_refused(#[case] text: String) {
    for body in [text.clone(), through_sns(&text).to_string()] {
        let refusal = Notice::read(&body).unwrap_err();
        assert!(refusal.to_string().ends_with("use Amazon Inspector (inspector2)"), "{refusal}");
        assert!(!refusal.is_noise());
    }
}

/// A rule of EventBridge may have a topic as its target.
#[test]
fn an_event_means_the_same_through_a_topic() {
    for text in SAMPLES.into_iter().filter(|text| *text != BLOG) {
        assert_eq!(read(&through_sns(text)).unwrap(), Notice::read(text).unwrap());
    }
}
