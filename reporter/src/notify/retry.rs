//! When a delivery that failed is tried again.

use std::time::Duration;

use channels::{Failure, Retry};
use jiff::{SignedDuration, Timestamp};

use crate::backoff::delay;
use crate::time::plus;

/// Pause after a failure that somebody has to repair.
const REPAIR: Duration = Duration::from_hours(1);
/// Shortest pause after an unknown outcome: what was carried out becomes visible.
pub(super) const UNKNOWN: Duration = Duration::from_mins(1);
/// Longest pause that a channel can ask for.
pub(super) const LONGEST: Duration = Duration::from_hours(6);

/// The time of the next attempt, after `attempts` that failed before this one.
pub(super) fn at(failure: &Failure, attempts: u32, now: Timestamp) -> Timestamp {
    let growing = delay(attempts.saturating_add(1));
    let pause = match failure {
        Failure::NotBefore(time) => return (*time).max(now),
        Failure::Unanswered { .. } => growing.max(UNKNOWN),
        Failure::Refused { retry: Retry::AfterRepair | Retry::AfterNewCredentials, .. } => REPAIR,
        Failure::Refused { retry: Retry::Later(asked), .. } => asked.unwrap_or(growing).min(LONGEST),
    };
    after(now, pause)
}

/// The time after a pause.
pub(super) fn after(now: Timestamp, pause: Duration) -> Timestamp {
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::from_hours(1));
    plus(now, pause)
}
