//! What a sweep complains of: channels that take nothing. A person has to look at them, so the run of the function fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use findings::finding::Delivery;
use jiff::{SignedDuration, Timestamp};
use plain_text::counted;

use crate::notify::{NamedBy, Place};

/// A delivery that failed so often needs a person, whatever the channel says.
const ATTEMPTS: u32 = 10;
/// A longer pause than that is one until somebody has repaired something, or one that the channel asks for.
const PAUSE: SignedDuration = SignedDuration::from_mins(10);
/// Channels that are named.
const NAMED: usize = 5;

/// Channels that take nothing, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Complaint(BTreeMap<String, Refusals>);

/// What a channel does not take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Refusals {
    findings: u32,
    /// Whether its daily summary is not taken.
    is_digest: bool,
    /// The newest error that was seen.
    error: String,
}

/// Whether an attempt that failed needs a person.
pub(crate) fn needs_person(attempts: u32, next_attempt: Option<Timestamp>, now: Timestamp) -> bool {
    attempts >= ATTEMPTS || next_attempt.is_some_and(|next| next.duration_since(now) > PAUSE)
}

impl Complaint {
    /// Counts the deliveries of a finding that are pending and need a person, once for each channel.
    ///
    /// An owner whom the channel does not know, and whom only a tag names, is none of them: everyone who may tag could have the
    /// alarm ring, and nobody may be able to repair the tag of a group that is gone.
    pub(super) fn count<'d>(&mut self, pending: impl IntoIterator<Item = (&'d Place, &'d Delivery)>, now: Timestamp) {
        let mut counted = BTreeSet::new();
        for (place, known) in pending {
            let Some(error) = &known.last_error else { continue };
            if known.misaddressed && place.named_by != NamedBy::Document {
                continue;
            }
            let channel = place.delivery.channel.as_str();
            if needs_person(known.attempts, known.next_attempt, now) && counted.insert(channel) {
                let recipient = place.delivery.recipient.as_ref().filter(|_| !known.misaddressed);
                let recipient = recipient.map(|address| format!("to `{}`: ", address.value));
                self.count_refused(channel, &format!("{}{error}", recipient.unwrap_or_default()));
            }
        }
    }

    /// Counts a delivery for which the finding has no room.
    pub(super) fn count_refused(&mut self, channel: &str, error: &str) {
        let refusals = self.0.entry(channel.to_owned()).or_default();
        refusals.findings = refusals.findings.saturating_add(1);
        error.clone_into(&mut refusals.error);
    }

    /// Counts a daily summary.
    pub(super) fn count_digest(&mut self, channel: &str, error: &str) {
        let refusals = self.0.entry(channel.to_owned()).or_default();
        refusals.is_digest = true;
        error.clone_into(&mut refusals.error);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.findings, self.is_digest) {
            (0, _) => f.write_str("the daily summary"),
            (findings, false) => f.write_str(&counted(findings, "finding")),
            (findings, true) => write!(f, "{} and the daily summary", counted(findings, "finding")),
        }?;
        write!(f, ", last error: {}", self.error)
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channels do not take what they are told: ")?;
        for (index, (channel, refusals)) in self.0.iter().take(NAMED).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}`{channel}`: {refusals}")?;
        }
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}
