//! What a channel is to be told.

use findings::finding::{Due, Finding, HistoryEntry};
use jiff::Timestamp;
use routing::{Delivery, Ownership};

use crate::words::{self, Fact};

/// A finding that a channel is to be told of.
#[derive(Debug, Clone, Copy)]
pub struct Notice<'a> {
    /// The finding, as it is now.
    pub finding: &'a Finding,
    /// What is due: which revision, what the channel was told before, and under which name it has the finding.
    pub due: &'a Due,
    /// Recipient, mentions, fields of the ticket.
    pub delivery: &'a Delivery,
    /// Who owns the finding.
    pub ownership: &'a Ownership,
    /// What was news since the channel was told last, the oldest first. It may be empty: a history is lost before a finding.
    pub news: &'a [HistoryEntry],
    /// The time.
    pub now: Timestamp,
}

impl Notice<'_> {
    /// What is known of the finding, the most important facts first.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        words::facts(self.finding, Some(self.ownership), self.now)
    }
}
