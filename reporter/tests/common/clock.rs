//! A clock that a test sets, for each thread.

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};

thread_local! {
    /// Seconds since the beginning.
    pub(crate) static CLOCK: Cell<i64> = const { Cell::new(0) };
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_796_000_000 + CLOCK.get()).unwrap()
}

pub(crate) fn pass(time: SignedDuration) {
    CLOCK.set(CLOCK.get() + time.as_secs());
}
