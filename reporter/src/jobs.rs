//! The queue of jobs, for whoever adds to it.

use std::time::Duration;

use aws_traits::AwsError;
use aws_traits::sqs::{MESSAGES_PER_CALL, Outgoing, SendMessages};
use jiff::Timestamp;

use crate::job::Job;

/// Longest time for which a queue hides a new message.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html>
pub(crate) const DELAY_MAX: Duration = Duration::from_mins(15);

/// The queue of jobs.
#[derive(Debug)]
pub struct Jobs<Q> {
    queue: Q,
    arn: String,
}

impl<Q: SendMessages> Jobs<Q> {
    /// The queue with this ARN.
    pub fn new(queue: Q, arn: String) -> Self {
        Self { queue, arn }
    }

    /// Adds jobs, each of which is hidden for a time, but for no more than 15 minutes.
    ///
    /// # Errors
    ///
    /// If a call failed. Any of the jobs may be in the queue.
    pub(crate) async fn add(&self, jobs: &[(Job, Duration)]) -> Result<(), AwsError> {
        for chunk in jobs.chunks(MESSAGES_PER_CALL) {
            let message =
                |(job, delay): &(Job, Duration)| Outgoing { body: job.body(), delay: (*delay).min(DELAY_MAX) };
            let messages: Vec<_> = chunk.iter().map(message).collect();
            self.queue.send(&self.arn, &messages).await?;
        }
        Ok(())
    }

    /// Adds a job that is for a later time. What is further away than the queue can hide it comes back and is added again.
    pub(crate) async fn add_for(&self, job: Job, at: Timestamp, now: Timestamp) -> Result<(), AwsError> {
        self.add(&[(job, until(at, now))]).await
    }
}

/// The time until `at`, which may have come.
pub(crate) fn until(at: Timestamp, now: Timestamp) -> Duration {
    // Rounded up: what comes early goes back once more.
    Duration::try_from(at.duration_since(now)).map_or(Duration::ZERO, |left| {
        Duration::from_secs(left.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX))
    })
}
