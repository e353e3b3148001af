//! What triggers send to a responder: events of CloudTrail, Amazon Inspector and Security Hub, and notifications of SNS.
//!
//! A notice says what to look at and who is behind it. It never says what a security group permits: that is read from EC2.
//! Reading is tolerant of case and nesting, because the senders differ in both, and strict in what an event has to mean: what is
//! not understood is refused. An event means the same however it was delivered: by EventBridge, through a topic, or to Lambda.

mod api_call;
mod ids;
mod reachability;
mod refusal;
mod security_hub;
mod sns;

pub use api_call::{ApiCall, EventName};
pub use reachability::{FindingStatus, Reachability};
pub use refusal::Refusal;
pub use security_hub::{CONTROLS, CustomAction, SecurityFinding, SecurityFindings};
pub use sns::SnsMessage;

use serde_json::Value;

use crate::tolerant::{member, text};
use refusal::quoted;
use sns::Delivery;

/// Longest message in bytes: the most that SNS and EventBridge deliver.
///
/// Source: [Amazon SNS quotas](https://docs.aws.amazon.com/general/latest/gr/sns.html), 256 KB.
pub const LONGEST: usize = 256 * 1024;

/// Most resources of one message that are looked at. No sender names as many; each of them costs calls of EC2.
pub const MOST_IDS: usize = 100;

/// What a message of the queue says.
///
/// ```
/// use aws_events::notice::Notice;
///
/// let Ok(Notice::Message(message)) = Notice::read(r#"{ "sg-0aaaaaaaaaaaaaaaa"}"#) else { unreachable!() };
/// assert!(message.group_ids.contains("sg-0aaaaaaaaaaaaaaaa"));
/// assert!(Notice::read("all is well").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A call that may have opened a security group.
    Call(Box<ApiCall>),
    /// A finding of Amazon Inspector about a port that the internet reaches.
    Reachable(Reachability),
    /// Findings of Security Hub about security groups.
    Findings(SecurityFindings),
    /// A notification of SNS that names security groups.
    Message(SnsMessage),
}

impl Notice {
    /// Reads a message: an event as EventBridge writes it, an event of CloudTrail alone, or a notification of SNS, which is wrapped
    /// in the JSON that SNS sends to SQS or to Lambda, or is raw text.
    ///
    /// # Errors
    ///
    /// If there is nothing to look at. [`Refusal::is_noise`] tells what is expected from what is not understood.
    pub fn read(body: &str) -> Result<Self, Refusal> {
        if body.len() > LONGEST {
            return Err(Refusal::strange(format!("a message of {} bytes, more than {LONGEST}", body.len())));
        }
        let Some(value) = json(body)? else {
            return SnsMessage::read(body, None, Delivery::default()).map(Self::Message);
        };
        match sns::delivered(&value)? {
            None => Self::of_json(body, &value, Delivery::default()),
            Some((message, delivery)) => match json(message)? {
                None => SnsMessage::read(message, None, delivery).map(Self::Message),
                Some(value) => Self::of_json(message, &value, delivery),
            },
        }
    }

    /// Reads `value`, which was written as `written`.
    fn of_json(written: &str, value: &Value, delivery: Delivery) -> Result<Self, Refusal> {
        sns::refuse_inspector_classic(value)?;
        if let Some(detail) = member(value, "detail").filter(|detail| detail.is_object()) {
            if text(detail, "eventName").is_some() {
                return ApiCall::read(value, detail).map(|call| Self::Call(Box::new(call)));
            }
            if let Some(detail_type) = text(value, "detail-type") {
                return Self::of_event(detail_type, value, detail);
            }
        }
        if text(value, "eventName").is_some() {
            return ApiCall::read(value, value).map(|call| Self::Call(Box::new(call)));
        }
        SnsMessage::read(written, Some(value), delivery).map(Self::Message)
    }

    /// Reads an event of EventBridge.
    fn of_event(detail_type: &str, event: &Value, detail: &Value) -> Result<Self, Refusal> {
        let is = |name: &str| detail_type.eq_ignore_ascii_case(name);
        if is("Inspector2 Finding") {
            return Reachability::read(event, detail).map(Self::Reachable);
        }
        let action = if is("Security Hub Findings - Imported") || is("Findings Imported V2") {
            None
        } else if is("Security Hub Findings - Custom Action") {
            Some(CustomAction::read(event, detail)?)
        } else {
            return Err(Refusal::strange(format!("no trigger sends the event {}", quoted(detail_type))));
        };
        SecurityFindings::read(event, detail, action).map(Self::Findings)
    }
}

/// Reads JSON; `None` for other text.
///
/// # Errors
///
/// If the text is JSON that is nested deeper than any event is: no id in it would be in a place that means anything.
fn json(text: &str) -> Result<Option<Value>, Refusal> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.to_string().starts_with("recursion limit exceeded") => {
            Err(Refusal::strange("a message of JSON that is nested too deep"))
        }
        Err(_) => Ok(None),
    }
}

/// Refuses more than [`MOST_IDS`] resources.
fn refuse_too_many(count: usize) -> Result<(), Refusal> {
    if count > MOST_IDS {
        return Err(Refusal::strange(format!("a message that names {count} resources, more than {MOST_IDS}")));
    }
    Ok(())
}
