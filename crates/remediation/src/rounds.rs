//! Rounds of reading and changing: the group may change meanwhile, and EC2 lists its changes with a delay.

use std::time::Duration;

use plain_text::error_chain;

use crate::error::RemediationError;
use crate::response::Response;

/// Most rounds for a group or a network ACL.
pub(crate) const ROUNDS: usize = 4;
/// First delay for a change to show in a describe. Doubles every round.
///
/// Source: EC2 developer guide, [Eventual consistency](https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html).
const PROPAGATION: Duration = Duration::from_millis(100);

/// Result of a round.
pub(crate) enum Progress {
    /// The action is complete.
    Done(Box<Response>),
    /// Every change was made; the next round verifies them.
    Settled,
    /// A change was not made, or EC2 does not list it yet.
    Unsettled,
}

/// A change in rounds. Each round begins with a read.
pub(crate) trait Rounds {
    /// Runs one round, counted from 1.
    async fn round(&mut self, round: usize) -> Result<Progress, RemediationError>;

    /// Returns true if a call that changes something was made, successful or not.
    fn has_begun(&self) -> bool;

    /// The changes so far, as a partial outcome.
    fn so_far(&self) -> Response;
}

/// Waits, before a read, for changes that the previous round did not see.
pub(crate) async fn pause(round: usize) {
    tokio::time::sleep(PROPAGATION * (1 << round)).await;
}

/// Runs rounds until the task is complete.
pub(crate) async fn run(task: &mut impl Rounds) -> Result<Response, RemediationError> {
    let mut settled = true;
    let mut round = 0;
    loop {
        round += 1;
        // Never between judgement and change: the group must be changed in the state in which it was judged.
        if !settled {
            pause(round).await;
        }
        match task.round(round).await {
            Ok(Progress::Done(response)) => return Ok(*response),
            Ok(progress) => settled = matches!(progress, Progress::Settled),
            // After a change, the obstacle prevents the verification.
            Err(RemediationError::Unchanged(obstacle)) if task.has_begun() => {
                let mut response = task.so_far();
                response.message =
                    format!("{}; the result could not be verified: {}", response.message, error_chain(&obstacle));
                return Err(RemediationError::Incomplete(Box::new(response)));
            }
            Err(error) => return Err(error),
        }
    }
}
