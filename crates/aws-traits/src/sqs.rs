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
