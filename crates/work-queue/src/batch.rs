//! Messages of a batch that go back to their queue.

use std::time::Duration;

use aws_events::sqs::{BatchItemFailure, BatchResponse, SqsMessage};
use aws_traits::sqs::{Hidden, MESSAGES_PER_CALL, Messages};
use plain_text::error_message;
use tokio::time::Instant;
use tracing::warn;

use crate::backoff::delay;

/// A message that goes back, and for how long nobody receives it.
#[derive(Debug)]
pub struct Back<'m> {
    /// The message.
    pub message: &'m SqsMessage,
    /// For how long.
    pub hide_for: Duration,
}

impl<'m> Back<'m> {
    /// A message that failed: it is hidden for a time that grows with its deliveries.
    #[must_use]
    pub fn later(message: &'m SqsMessage) -> Self {
        Self { message, hide_for: delay(message.deliveries()) }
    }
}

/// Hides the messages, and answers that they stay in the queue. If hiding fails, they come back when the queue shows them
/// again. `service` is the name of the function in its log.
pub async fn go_back(
    service: &'static str,
    queue: &impl Messages,
    back: &[Back<'_>],
    deadline: Instant,
) -> BatchResponse {
    for messages in back.chunks(MESSAGES_PER_CALL) {
        let Some(arn) = messages.first().map(|back| back.message.queue_arn.as_str()) else { break };
        let hidden = |back: &Back<'_>| Hidden { receipt: back.message.receipt_handle.clone(), hide_for: back.hide_for };
        let messages: Vec<_> = messages.iter().map(hidden).collect();
        match tokio::time::timeout_at(deadline, queue.hide(arn, &messages)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(service, error = error_message(&error), "next delivery not delayed"),
            Err(_) => warn!(service, error = "no time is left", "next delivery not delayed"),
        }
    }
    let failure = |back: &Back<'_>| BatchItemFailure { item_identifier: back.message.message_id.clone() };
    BatchResponse { batch_item_failures: back.iter().map(failure).collect() }
}
