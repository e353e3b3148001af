//! When a delivery that failed is tried again.

use std::time::Duration;

use channels::{Failure, Retry};
use jiff::{SignedDuration, Timestamp};
use work_queue::delay;

use crate::time::plus;

/// Pause after a failure that somebody has to repair.
const REPAIR: Duration = Duration::from_hours(1);
/// Shortest pause after an unknown outcome: what was carried out becomes visible.
pub(super) const UNKNOWN: Duration = Duration::from_mins(1);
/// Longest pause that a channel can ask for. One that asks for more is not silenced for a day by a single answer. No message of
/// the queue waits for it: what is longer than the queue hides one is left to the sweep.
pub(super) const LONGEST: Duration = Duration::from_hours(6);

/// The time of the next attempt, after `attempts` that failed before this one.
pub(super) fn at(failure: &Failure, attempts: u32, now: Timestamp) -> Timestamp {
    let growing = delay(attempts.saturating_add(1));
    let pause = match failure {
        Failure::NotBefore(time) => return (*time).max(now),
        Failure::Unanswered { wait, .. } => wait.unwrap_or(growing).min(LONGEST).max(UNKNOWN),
        Failure::Refused { retry: Retry::Later(asked), .. } => asked.unwrap_or(growing).min(LONGEST),
        Failure::Refused { .. } => REPAIR,
    };
    after(now, pause)
}

/// The time after a pause.
pub(super) fn after(now: Timestamp, pause: Duration) -> Timestamp {
    let pause = SignedDuration::try_from(pause).unwrap_or(SignedDuration::from_hours(1));
    plus(now, pause)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use rstest::rstest;

    use super::*;

    fn unanswered(wait: Option<Duration>) -> Failure {
        Failure::Unanswered { error: "answered 503".to_owned(), wait }
    }

    fn refused(wait: Option<Duration>) -> Failure {
        Failure::Refused { error: "answered 429".to_owned(), retry: Retry::Later(wait) }
    }

    #[rstest]
    #[case::refused(refused(Some(Duration::from_hours(1))), 3_600)]
    #[case::unknown(unanswered(Some(Duration::from_hours(1))), 3_600)]
    // What was carried out becomes visible, whatever the receiver asks for.
    #[case::soon(unanswered(Some(Duration::from_secs(1))), 60)]
    #[case::not_asked(unanswered(None), 60)]
    #[case::too_long(refused(Some(Duration::from_hours(24))), 6 * 3_600)]
    #[case::unknown_too_long(unanswered(Some(Duration::from_hours(24))), 6 * 3_600)]
    fn the_wait_that_a_receiver_asks_for_is_obeyed(#[case] failure: Failure, #[case] seconds: i64) {
        let now: Timestamp = "2026-12-01T09:00:00Z".parse().unwrap();
        assert_eq!(at(&failure, 0, now).duration_since(now).as_secs(), seconds);
    }
}
