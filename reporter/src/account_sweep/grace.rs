//! When automatic mode closes a group, as the sweep of the remediator has written it down.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// Kind of the records in the state table.
pub(super) const KIND: &str = "grace";
/// Days before a closing for which there is a reminder, the last one first.
const REMINDERS: [u8; 2] = [1, 7];

/// What of a record says when the group is closed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Grace {
    /// Days from when an exposure was first seen.
    grace_days: u16,
    /// When the first exposure is closed.
    #[serde(default)]
    pub(super) closes: Option<Timestamp>,
}

impl Grace {
    /// Whether the days are those that the stack has now.
    pub(super) fn is_by(&self, grace_days: u16) -> bool {
        self.grace_days == grace_days
    }

    /// The number of days of the reminder for which it is time. None for as many days as there were at first: whoever has three
    /// days was told so when they began.
    pub(super) fn reminder_days(&self, now: Timestamp) -> Option<u8> {
        let left = self.closes?.duration_since(now);
        let is_time =
            |days: &u8| u16::from(*days) < self.grace_days && left <= SignedDuration::from_hours(24 * i64::from(*days));
        REMINDERS.into_iter().find(is_time)
    }
}
