//! An action as something that can be cut off.

use crate::error::RemediationError;
use crate::response::{Response, Status};

/// An action that can be cut off at any await, since it can be run again, and that can report how far it came.
pub(crate) trait Task {
    /// Runs it.
    async fn run(&mut self) -> Result<Response, RemediationError>;

    /// How far it came, when there is no time to finish.
    fn interrupted(&mut self) -> RemediationError;
}

/// Status and text of a task that was cut off. `begun`: a call that changes something was made, with whatever result.
pub(crate) fn out_of_time(begun: bool) -> (Status, &'static str) {
    if begun {
        (Status::Partial, "out of time before the function's deadline: run this again to finish")
    } else {
        (Status::Failed, "out of time before the function's deadline: nothing was changed; run this again")
    }
}
