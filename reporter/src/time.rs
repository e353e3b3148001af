//! Arithmetic with times, which ends at the ends of time.

use jiff::{SignedDuration, Timestamp};

/// The time so much later.
pub(crate) fn plus(time: Timestamp, by: SignedDuration) -> Timestamp {
    // It fails for units of a calendar only, of which this has none.
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// The time so much earlier.
pub(crate) fn minus(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_sub(by).unwrap_or(Timestamp::MIN)
}
