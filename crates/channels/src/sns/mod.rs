//! A topic of SNS: one publication with a body for each kind of subscriber.
//!
//! | Subscriber | Body |
//! |---|---|
//! | `default`: SQS, Lambda, Firehose, HTTP | the document `portcullis.notice/1` |
//! | `email` | text |
//! | `sms` | the title |
//! | `https` | a custom notification for Amazon Q, which subscribes by HTTPS and drops all else silently |
//!
//! All bodies together have less than the 256 KB that SNS takes, since the parts of each are of a bounded length.
//!
//! Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>,
//! <https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html>

mod amazon_q;
mod email;

use findings::finding::{Finding, State};
use serde_json::json;

use crate::aws::AwsCallError;
use crate::channel::{Channel, Delivered, Failure};
use crate::document::{delivery_id, of_finding, of_summary, summary_id};
use crate::notice::Notice;
use crate::summary::{Summarise, Summary};
use crate::text::ascii;
use crate::words;

/// Longest subject, in ASCII characters.
const SUBJECT_MAX: usize = 100;
/// Characters of a short message to a phone.
const SMS_MAX: usize = 140;

/// A call of `sns:Publish`, with `MessageStructure` `json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// ARN of the topic.
    pub topic_arn: String,
    /// `Subject`: at most 100 characters of ASCII.
    pub subject: String,
    /// `Message`: a JSON object with a text for each protocol.
    pub message: String,
    /// `MessageAttributes`, all of type `String`, for filter policies.
    pub attributes: Vec<(&'static str, String)>,
    /// `MessageGroupId` and `MessageDeduplicationId`, for a FIFO topic only.
    pub fifo: Option<Fifo>,
}

/// What a FIFO topic orders and recognises messages by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fifo {
    /// Messages of one group are delivered in order.
    pub group_id: String,
    /// A second message with this id within five minutes is not delivered.
    pub deduplication_id: String,
}

/// Publishes messages.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Publish {
    /// Calls `sns:Publish`.
    ///
    /// # Errors
    ///
    /// If SNS did not take the message, or may not have.
    async fn publish(&self, publication: &Publication) -> Result<(), AwsCallError>;
}

impl<P: Publish> Publish for &P {
    async fn publish(&self, publication: &Publication) -> Result<(), AwsCallError> {
        (**self).publish(publication).await
    }
}

/// A topic. A standard topic recognises no repetition, so after an unknown outcome it is told again; the id in the document
/// is the same.
#[derive(Debug)]
pub struct Sns<P> {
    sns: P,
    topic_arn: String,
}

impl<P: Publish> Sns<P> {
    /// The topic with this ARN.
    #[must_use]
    pub fn new(sns: P, topic_arn: &str) -> Self {
        Self { sns, topic_arn: topic_arn.to_owned() }
    }

    fn publication(
        &self,
        title: &str,
        message: String,
        attributes: Vec<(&'static str, String)>,
        fifo: Fifo,
    ) -> Publication {
        Publication {
            topic_arn: self.topic_arn.clone(),
            subject: ascii(title, SUBJECT_MAX),
            message,
            attributes,
            fifo: (self.topic_arn.rsplit('.').next() == Some("fifo")).then_some(fifo),
        }
    }
}

impl<P: Publish> Channel for Sns<P> {
    async fn deliver(&self, notice: &Notice<'_>) -> Result<Delivered, Failure> {
        let title = words::title(notice.finding);
        let (email, chat) = (email::of_finding(notice), amazon_q::of_finding(notice));
        let message = message(&of_finding(notice), &email, &title, &chat);
        let fifo = Fifo { group_id: notice.finding.key().label(), deduplication_id: delivery_id(notice) };
        let publication = self.publication(&title, message, attributes(notice.finding), fifo);
        self.sns.publish(&publication).await?;
        Ok(Delivered::default())
    }
}

impl<P: Publish> Summarise for Sns<P> {
    async fn summarise(&self, summary: &Summary<'_>) -> Result<Delivered, Failure> {
        let title = words::summary_title(summary);
        let (email, chat) = (email::of_summary(summary), amazon_q::of_summary(summary));
        let message = message(&of_summary(summary), &email, &title, &chat);
        let worst = summary.entries().first().and_then(|entry| entry.severity);
        let attributes = vec![
            ("kind", "summary".to_owned()),
            ("severity", worst.map_or("none", findings::Severity::as_str).to_owned()),
        ];
        let id = summary_id(summary);
        let fifo = Fifo { group_id: "portcullis-summary".to_owned(), deduplication_id: id };
        self.sns.publish(&self.publication(&title, message, attributes, fifo)).await?;
        Ok(Delivered::default())
    }
}

/// The message with a text for each protocol.
fn message(default: &str, email: &str, title: &str, chat: &str) -> String {
    json!({"default": default, "email": email, "sms": ascii(title, SMS_MAX), "https": chat}).to_string()
}

/// What subscribers filter by. Values are never empty, as SNS requires.
fn attributes(finding: &Finding) -> Vec<(&'static str, String)> {
    let key = finding.key();
    let state = match finding.state() {
        State::NeverOpen => "never_open",
        State::Open => "open",
        State::Exempt => "exempt",
        State::Closed => "closed",
    };
    vec![
        ("kind", "finding".to_owned()),
        ("severity", finding.severity().map_or("none", findings::Severity::as_str).to_owned()),
        ("state", state.to_owned()),
        ("account", key.account().to_owned()),
        ("region", key.region().to_owned()),
        ("rule", key.rule().to_owned()),
    ]
}
