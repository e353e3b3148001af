//! Reading, changing and reading again: the group may change meanwhile, and EC2 may not show yet what it did.

use std::time::Duration;

use plain_text::error_chain;

use crate::error::RemediationError;
use crate::response::Response;

/// How often a group or a network ACL is read and changed.
pub(crate) const ROUNDS: usize = 4;
/// How long a change may take to show in a describe. Doubles every round.
///
/// Source: EC2 developer guide, [Eventual consistency](https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html).
const PROPAGATION: Duration = Duration::from_millis(100);

/// Result of a round.
pub(crate) enum Progress {
    /// The action is over.
    Done(Box<Response>),
    /// Everything was done; the next round sees whether it shows.
    Settled,
    /// Not everything was done, or it does not show yet.
    Unsettled,
}

/// A change in rounds, each of which begins with a read.
pub(crate) trait Rounds {
    /// One round, counted from 1.
    async fn round(&mut self, round: usize) -> Result<Progress, RemediationError>;

    /// Whether a call that changes something was made, with whatever result.
    fn has_begun(&self) -> bool;

    /// What was done so far, as a partial outcome.
    fn so_far(&self) -> Response;
}

/// Waits, before a read, for a change that did not show in the round before.
pub(crate) async fn pause(round: usize) {
    tokio::time::sleep(PROPAGATION * (1 << round)).await;
}

/// Does one round after the other.
pub(crate) async fn run(task: &mut impl Rounds) -> Result<Response, RemediationError> {
    let mut settled = true;
    let mut round = 0;
    loop {
        round += 1;
        // Never between judgement and change: the group that is changed has to be the one that was judged.
        if !settled {
            pause(round).await;
        }
        match task.round(round).await {
            Ok(Progress::Done(response)) => return Ok(*response),
            Ok(progress) => settled = matches!(progress, Progress::Settled),
            // After a change, it is the result that cannot be read.
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
