//! Notifications of SNS.

use std::collections::BTreeSet;

use serde_json::Value;

use super::refusal::{Refusal, quoted};
use super::{ids, refuse_too_many};
use crate::tolerant::{elements, member, text};

/// A notification of SNS that names security groups, such as `AWS-PublishSNSNotification` sends it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnsMessage {
    /// ARN of the topic; `None` if the topic delivers raw text.
    pub topic_arn: Option<String>,
    /// Id of the notification; `None` if the topic delivers raw text.
    pub message_id: Option<String>,
    /// The groups: at least one.
    pub group_ids: BTreeSet<String>,
}

impl SnsMessage {
    /// Finds ids in the text of a message. In JSON they are in its texts and keys, which may be written with escapes.
    pub(super) fn read(written: &str, value: Option<&Value>, delivery: Delivery) -> Result<Self, Refusal> {
        let mut group_ids = BTreeSet::new();
        match value {
            Some(value) => ids::find_groups_within(value, &mut group_ids),
            None if written.contains(FINDING_REPORTED) => return Err(inspector_classic()),
            None => ids::find_groups(written, &mut group_ids),
        }
        if group_ids.is_empty() {
            return Err(Refusal::strange(format!("no security group id in the message {}", quoted(written))));
        }
        refuse_too_many(group_ids.len())?;
        Ok(Self { topic_arn: delivery.topic_arn, message_id: delivery.message_id, group_ids })
    }
}

/// What a topic says about a message that it delivers.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    topic_arn: Option<String>,
    message_id: Option<String>,
}

/// The message that SNS wrapped for SQS or for Lambda; `None` for anything else.
///
/// Source: [Amazon SNS message formats](https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html).
pub(super) fn delivered(value: &Value) -> Result<Option<(&str, Delivery)>, Refusal> {
    if let Some(records) = member(value, "Records") {
        let [record] = elements(Some(records)) else {
            return Err(Refusal::strange("`Records` is not one notification of SNS"));
        };
        let notification = member(record, "Sns").and_then(unwrapped);
        return notification
            .unwrap_or_else(|| Err(Refusal::strange("a record that is no notification of SNS")))
            .map(Some);
    }
    unwrapped(value).transpose()
}

/// The message of a notification; `None` if `value` is none.
fn unwrapped(value: &Value) -> Option<Result<(&str, Delivery), Refusal>> {
    let (kind, topic) = (text(value, "Type")?, text(value, "TopicArn")?);
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    Some(match member(value, "Message").and_then(Value::as_str) {
        Some(message) if is("Notification") => {
            let message_id = text(value, "MessageId").map(str::to_owned);
            Ok((message, Delivery { topic_arn: Some(topic.to_owned()), message_id }))
        }
        _ if is("SubscriptionConfirmation") || is("UnsubscribeConfirmation") => {
            Err(Refusal::noise(format!("{} of the topic {}", quoted(kind), quoted(topic))))
        }
        _ => Err(Refusal::strange(format!("{} of the topic {} has no text", quoted(kind), quoted(topic)))),
    })
}

/// `event` in the notifications of Amazon Inspector Classic about a finding.
const FINDING_REPORTED: &str = "FINDING_REPORTED";

fn inspector_classic() -> Refusal {
    Refusal::strange(
        "a message of Amazon Inspector Classic, which does not say which port is open: use Amazon Inspector (inspector2)",
    )
}

/// Refuses what Amazon Inspector Classic sends: events, and the notifications of its topics.
///
/// Source: [Setting up an SNS topic for Amazon Inspector Classic](https://docs.aws.amazon.com/inspector/v1/userguide/inspector_assessments.html#sns-topic).
pub(super) fn refuse_inspector_classic(value: &Value) -> Result<(), Refusal> {
    let is_event = text(value, "source").is_some_and(|source| source.eq_ignore_ascii_case("aws.inspector"));
    let is_notification = text(value, "event").is_some_and(|event| {
        event.eq_ignore_ascii_case(FINDING_REPORTED) || event.to_ascii_uppercase().starts_with("ASSESSMENT_RUN_")
    });
    if is_event || is_notification { Err(inspector_classic()) } else { Ok(()) }
}
