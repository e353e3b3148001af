//! The time that a report is about.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The time after `since`, up to and including `until`. Periods that follow one another have each moment once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// The end of the period before.
    pub since: Timestamp,
    /// The end.
    pub until: Timestamp,
}

impl Period {
    /// Whether a moment is part of it.
    #[must_use]
    pub fn has(&self, moment: Timestamp) -> bool {
        self.since < moment && moment <= self.until
    }
}
