//! The time of the services.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// A clock that a test can stop and advance, so that no test waits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    stopped: Option<Timestamp>,
    ahead: SignedDuration,
}

/// A change of the clock, as the control interface takes it.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// Stops the clock at a time.
    #[serde(default)]
    stopped_at: Option<Timestamp>,
    /// Advances it, whether it is stopped or not.
    #[serde(default)]
    advance_seconds: i64,
}

impl Clock {
    /// A clock that stands still.
    #[must_use]
    pub fn stopped(at: Timestamp) -> Self {
        Self { stopped: Some(at), ahead: SignedDuration::ZERO }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let now = self.stopped.unwrap_or_else(Timestamp::now);
        now.checked_add(self.ahead).unwrap_or(now)
    }

    /// Changes the time.
    pub fn change(&mut self, change: Change) {
        if let Some(at) = change.stopped_at {
            *self = Self::stopped(at);
        }
        self.advance(SignedDuration::from_secs(change.advance_seconds));
    }

    /// Advances the time.
    pub fn advance(&mut self, by: SignedDuration) {
        self.ahead = self.ahead.saturating_add(by);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_clock_stands_still_and_is_advanced() {
        let mut clock = Clock::default();
        let before = Timestamp::now();
        assert!(clock.now() >= before);
        clock.change(serde_json::from_str(r#"{"stoppedAt": "2026-12-01T09:00:00Z"}"#).unwrap());
        assert_eq!(clock.now().to_string(), "2026-12-01T09:00:00Z");
        clock.change(serde_json::from_str(r#"{"advanceSeconds": 90}"#).unwrap());
        assert_eq!(clock.now().to_string(), "2026-12-01T09:01:30Z");
    }
}
