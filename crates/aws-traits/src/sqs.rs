//! Amazon SQS.

use std::time::Duration;

use crate::error::AwsError;

/// Most messages per call.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>
pub const MESSAGES_PER_CALL: usize = 10;

/// A received message, and for how long nobody is to receive it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// Receipt handle of the message.
    pub receipt: String,
    /// At most 12 hours after the message was received.
    pub hide_for: Duration,
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Body.
    pub body: String,
    /// For how long nobody receives it: at most 15 minutes.
    pub delay: Duration,
}

/// Sends messages.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait SendMessages {
    /// `SendMessageBatch` of 1 to [`MESSAGES_PER_CALL`] messages to the queue with this ARN. After an error, any of them may
    /// have been sent.
    ///
    /// # Errors
    ///
    /// If the call fails, or one of the messages was not taken.
    async fn send(&self, queue_arn: &str, messages: &[Outgoing]) -> Result<(), AwsError>;
}

/// Messages of a queue that are being processed.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Messages {
    /// `ChangeMessageVisibilityBatch` of 1 to [`MESSAGES_PER_CALL`] messages of the queue with this ARN.
    ///
    /// # Errors
    ///
    /// If the call fails, or one of the messages stays as it was.
    async fn hide(&self, queue_arn: &str, messages: &[Hidden]) -> Result<(), AwsError>;
}

impl<Q: SendMessages> SendMessages for &Q {
    async fn send(&self, queue_arn: &str, messages: &[Outgoing]) -> Result<(), AwsError> {
        (**self).send(queue_arn, messages).await
    }
}

impl<Q: Messages> Messages for &Q {
    async fn hide(&self, queue_arn: &str, messages: &[Hidden]) -> Result<(), AwsError> {
        (**self).hide(queue_arn, messages).await
    }
}
