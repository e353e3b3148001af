//! Actions that can be interrupted.

use crate::error::RemediationError;
use crate::response::{Response, Status};

/// An action that can be interrupted at any await and run again, and that reports its progress.
pub(crate) trait Task {
    /// Runs the action.
    async fn run(&mut self) -> Result<Response, RemediationError>;

    /// Records how the action ended, also if it ran out of time.
    async fn conclude(&mut self) {}

    /// The error for an action that ran out of time, with its changes so far.
    fn interrupted(&mut self) -> RemediationError;
}

/// Status and text for a task that ran out of time. `begun`: a call that changes something was made, successful or not.
pub(crate) fn out_of_time(begun: bool) -> (Status, &'static str) {
    if begun {
        (Status::Partial, "out of time before the function's deadline: run this again to finish")
    } else {
        (Status::Failed, "out of time before the function's deadline: nothing was changed; run this again")
    }
}
