//! EventBridge Scheduler.

use jiff::Timestamp;

use crate::error::AwsError;

/// Longest name of a schedule, in characters: letters, digits, `-`, `_` and `.`.
///
/// Source: <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>
pub const NAME_MAX_CHARS: usize = 64;

/// An invocation of this function at a time, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Name, of at most [`NAME_MAX_CHARS`] characters. It is unique in account and region.
    pub name: String,
    /// The second in which the function is invoked, or up to a minute later.
    pub at: Timestamp,
    /// Payload, a JSON object as text.
    pub payload: String,
}

/// Invokes this function later.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Schedules {
    /// `CreateSchedule`. The schedule is deleted after its time. Not an error if there is one with this name.
    ///
    /// # Errors
    ///
    /// If the call fails for another reason.
    async fn schedule(&self, schedule: &Schedule) -> Result<(), AwsError>;
}
