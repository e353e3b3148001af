//! Virtual time: that of the timers of the runtime, which is paused and goes on when all wait.

use std::cell::Cell;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// 2026-12-01T09:00:00Z.
const BEGINNING: i64 = 1_796_115_600;

thread_local! {
    static START: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Begins to count.
pub(crate) fn begin() {
    START.set(Some(Instant::now()));
}

/// Time since the beginning.
pub(crate) fn elapsed() -> Duration {
    START.get().map(|start| start.elapsed()).unwrap_or_default()
}

/// The clock of the programs and the services.
pub(crate) fn now() -> Timestamp {
    let passed = SignedDuration::try_from(elapsed()).unwrap();
    Timestamp::from_second(BEGINNING).unwrap() + passed
}

/// Random numbers that are the same in each run: `SplitMix64`.
#[derive(Debug, Default)]
pub(crate) struct Chance(Cell<u64>);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// A number below `end`.
    pub(crate) fn below(&self, end: usize) -> usize {
        self.0.set(self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15));
        let mut bits = self.0.get();
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((bits ^ (bits >> 31)) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// Whether one of so many cases is this one.
    pub(crate) fn one_in(&self, cases: usize) -> bool {
        self.below(cases) == 0
    }
}
