//! Channels that are left alone for a while: one that throttles or does not answer would cost the others the time of the
//! function. What is remembered lasts as long as the process.

use std::cell::RefCell;
use std::collections::BTreeMap;

use channels::{Failure, Retry};
use jiff::Timestamp;

use super::retry::{LONGEST, UNKNOWN, after};
use crate::backoff::delay;

/// Doublings of the first pause: shorter ones are not worth the receipt of the messages.
const DOUBLINGS: u32 = 3;
/// Pause after refused credentials: with each further attempt the receiver may lock the user out.
const CREDENTIALS: std::time::Duration = std::time::Duration::from_mins(5);

/// The channels, by name, that failed last.
#[derive(Debug, Default)]
pub(super) struct Pauses(RefCell<BTreeMap<String, Pause>>);

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Timestamp,
    failures: u32,
}

impl Pauses {
    /// The time before which the channel is left alone; `None` if it need not be.
    pub(super) fn until(&self, channel: &str, now: Timestamp) -> Option<Timestamp> {
        self.0.borrow().get(channel).map(|pause| pause.until).filter(|until| *until > now)
    }

    /// Learns what became of a delivery.
    pub(super) fn learn(&self, channel: &str, failure: Option<&Failure>, now: Timestamp) {
        let mut pauses = self.0.borrow_mut();
        let Some(failure) = failure else {
            pauses.remove(channel);
            return;
        };
        let failures = pauses.get(channel).map_or(0, |pause| pause.failures).saturating_add(1);
        let growing = delay(failures.saturating_add(DOUBLINGS));
        let pause = match failure {
            Failure::Refused { retry: Retry::Later(asked), .. } => asked.unwrap_or(growing).min(LONGEST),
            Failure::Refused { retry: Retry::AfterNewCredentials, .. } => CREDENTIALS,
            Failure::Unanswered { .. } => growing.max(UNKNOWN),
            // These are about one finding.
            Failure::Refused { retry: Retry::AfterRepair, .. } | Failure::NotBefore(_) => return,
        };
        let until = after(now, pause);
        // Of deliveries at once, the longest pause counts.
        let until = pauses.get(channel).map_or(until, |known| known.until.max(until));
        pauses.insert(channel.to_owned(), Pause { until, failures });
    }
}
