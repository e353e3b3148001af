//! Reading, changing and reading again, in case somebody else is at work, or EC2 does not show yet what it did.

use std::time::Duration;

use crate::error::RemediatorError;
use crate::response::Response;

/// How often a group or a network ACL is read and changed.
pub(crate) const ROUNDS: usize = 4;
/// How long a change may take to show in a describe; EC2 is eventually consistent. Doubles every round.
const PROPAGATION: Duration = Duration::from_millis(100);

/// What a round came to.
pub(crate) enum Progress {
    /// That is the outcome.
    Done(Box<Response>),
    /// All was done; whether it shows is for the next round to see.
    Settled,
    /// Not all was done, or it does not show yet.
    Unsettled,
}

/// A change in rounds, each of which begins with a read.
pub(crate) trait Rounds {
    /// One round, counted from 1.
    async fn round(&mut self, round: usize) -> Result<Progress, RemediatorError>;

    /// Whether a call that changes something was made, whatever became of it.
    fn has_begun(&self) -> bool;

    /// What was done so far, as a partial outcome.
    fn so_far(&self) -> Response;
}

/// Waits before a read for what the round before did not show.
pub(crate) async fn pause(round: usize) {
    tokio::time::sleep(PROPAGATION * (1 << round)).await;
}

/// Does one round after the other.
pub(crate) async fn run(task: &mut impl Rounds) -> Result<Response, RemediatorError> {
    let mut settled = true;
    let mut round = 0;
    loop {
        round += 1;
        // Never between judgement and change: what is judged has to be what is there.
        if !settled {
            pause(round).await;
        }
        match task.round(round).await {
            Ok(Progress::Done(response)) => return Ok(*response),
            Ok(progress) => settled = matches!(progress, Progress::Settled),
            // After a change it is the result that cannot be seen.
            Err(RemediatorError::Unchanged(obstacle)) if task.has_begun() => {
                let mut response = task.so_far();
                response.message = format!("{}; the result could not be verified: {obstacle}", response.message);
                return Err(RemediatorError::Incomplete(Box::new(response)));
            }
            Err(error) => return Err(error),
        }
    }
}
