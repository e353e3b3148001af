//! The outbox: what each channel was told of a finding, and what it has yet to be told.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Finding;
use super::content::State;
use super::text::Text;

/// Channels of a finding, each recipient counted.
pub const MAX_CHANNELS: usize = 40;

/// Name of a channel, such as `jira` or `slack-security`.
pub type Channel = Text<64>;

/// Whether a channel is told of what is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Manner {
    /// A ticket or an incident: begun for an open finding only, and ended when the finding is no longer open.
    Ticket,
    /// Messages: all news is told, also of a finding that was open for a minute.
    Messages,
}

/// What a channel was told last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Told {
    /// Nothing yet.
    #[default]
    Nothing,
    /// That the finding is open. So there is a ticket to close.
    Open,
    /// That the finding is closed or exempt.
    Ended,
}

/// What a channel was told, and the attempts since.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delivery {
    /// Revision that the channel was told last; 0 for none.
    pub revision: u64,
    /// What it was told.
    pub told: Told,
    /// Name of the ticket, the message or the incident in the channel.
    pub external_id: Option<Text<256>>,
    /// Attempts that failed since.
    pub attempts: u32,
    /// Error of the last attempt.
    pub last_error: Option<Text<200>>,
    /// Time before which there is no further attempt.
    pub next_attempt: Option<Timestamp>,
    /// When the attempt began whose outcome is awaited.
    pub began: Option<Timestamp>,
    /// When the first attempt began whose outcome will not be known: the channel may have taken it.
    pub unknown_since: Option<Timestamp>,
    /// When the last such attempt began.
    pub last_unknown: Option<Timestamp>,
    /// Whether the channel did not know or did not reach the recipient at the last attempt.
    #[serde(skip_serializing_if = "is_false")]
    pub misaddressed: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// A delivery that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Revision to deliver.
    pub revision: u64,
    /// What the channel will have been told: [`Told::Open`] or [`Told::Ended`].
    pub tells: Told,
    /// What the channel was told before.
    pub told: Told,
    /// Name of the ticket, the message or the incident, if there is one.
    pub external_id: Option<Text<256>>,
    /// When the first attempt began whose outcome is not known. The channel is searched for its effect before it is told
    /// again.
    pub unknown_since: Option<Timestamp>,
    /// When the last such attempt began. The search waits until the index of the channel has caught up with it.
    pub last_unknown: Option<Timestamp>,
}

/// A finding has deliveries for as many channels as it may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "channel `{0}` cannot be added to a finding with {MAX_CHANNELS} channels: remove channels from the routing document"
)]
pub struct TooManyChannels(Channel);

impl Delivery {
    /// The outcome of the attempt that is awaited will not be known.
    fn lose_outcome(&mut self) {
        let began = self.began.take();
        self.unknown_since = self.unknown_since.or(began);
        self.last_unknown = began.or(self.last_unknown);
    }

    /// Whether it may make room for another channel: it was told nothing, or that the finding is over, and nothing of what
    /// followed, such as an earlier owner.
    fn is_spare(&self, newest: u64) -> bool {
        let is_certain = self.began.is_none() && self.unknown_since.is_none();
        let has_nothing = match self.told {
            Told::Nothing => true,
            Told::Ended => self.revision < newest,
            Told::Open => false,
        };
        is_certain && has_nothing
    }
}

/// What each channel was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Deliveries(BTreeMap<Channel, Delivery>);

impl Deliveries {
    /// The delivery for `channel`. If there is no room for another one, the oldest spare one goes.
    fn of(&mut self, channel: &Channel, newest: u64) -> Result<&mut Delivery, TooManyChannels> {
        if let Some(spare) = self.makes_room(channel, newest)?.cloned() {
            self.0.remove(&spare);
        }
        Ok(self.0.entry(channel.clone()).or_default())
    }

    /// The channel that goes for `channel`: `None` if there is room for both.
    fn makes_room(&self, channel: &Channel, newest: u64) -> Result<Option<&Channel>, TooManyChannels> {
        if self.0.len() < MAX_CHANNELS || self.0.contains_key(channel) {
            return Ok(None);
        }
        let spare = self.0.iter().filter(|(_, known)| known.is_spare(newest));
        let oldest = spare.min_by_key(|(_, known)| known.revision).map(|(spare, _)| spare);
        oldest.map(Some).ok_or_else(|| TooManyChannels(channel.clone()))
    }
}

impl Finding {
    /// What `channel` was told; `None` before the first attempt.
    #[must_use]
    pub fn delivery(&self, channel: &Channel) -> Option<&Delivery> {
        self.deliveries.0.get(channel)
    }

    /// Channels with a delivery or an attempt, in the order of their names.
    pub fn channels(&self) -> impl Iterator<Item = (&Channel, &Delivery)> {
        self.deliveries.0.iter()
    }

    /// Whether there is room for a delivery to `channel`.
    ///
    /// # Errors
    ///
    /// If there is not: [`MAX_CHANNELS`] others may still have to be told of the end.
    pub fn admits(&self, channel: &Channel) -> Result<(), TooManyChannels> {
        self.deliveries.makes_room(channel, self.revision).map(|_| ())
    }

    /// The delivery for `channel` that is due at `now`: `None` if it was told all that it is to be told, or is to be tried
    /// again later only.
    #[must_use]
    pub fn due(&self, channel: &Channel, manner: Manner, now: Timestamp) -> Option<Due> {
        let due = self.pending(channel, manner, now)?;
        let next_attempt = self.delivery(channel).and_then(|delivery| delivery.next_attempt);
        next_attempt.is_none_or(|time| time <= now).then_some(due)
    }

    /// The delivery that `channel` is behind with at `now`, also if it is to be tried again later only.
    ///
    /// A muted or exempt finding is not sent. But the channel that was told that it is open is told when that ends, muted
    /// or not: otherwise its ticket would stay open.
    #[must_use]
    pub fn pending(&self, channel: &Channel, manner: Manner, now: Timestamp) -> Option<Due> {
        let unknown = Delivery::default();
        let known = self.delivery(channel).unwrap_or(&unknown);
        if known.revision >= self.revision {
            return None;
        }
        let unknown_since = known.unknown_since.or(known.began);
        let is_muted = self.mute(now).is_some();
        // An attempt whose outcome is not known may have told that it is open.
        let ends_what_was_told = known.told == Told::Open || unknown_since.is_some();
        let (is_due, tells) = match self.state() {
            State::NeverOpen => (false, Told::Nothing),
            State::Open => (!is_muted, Told::Open),
            State::Exempt => (ends_what_was_told, Told::Ended),
            State::Closed => {
                let is_news = manner == Manner::Messages && !is_muted;
                (ends_what_was_told || is_news, Told::Ended)
            }
        };
        is_due.then(|| Due {
            revision: self.revision,
            tells,
            told: known.told,
            external_id: known.external_id.clone(),
            unknown_since,
            last_unknown: known.began.or(known.last_unknown).or(unknown_since),
        })
    }

    /// Records that an attempt begins. The finding is stored before the channel is called: if the program ends in between,
    /// the next one knows that the channel may have taken the delivery.
    ///
    /// # Errors
    ///
    /// As [`Finding::admits`].
    pub fn begin(&mut self, channel: &Channel, now: Timestamp) -> Result<(), TooManyChannels> {
        let delivery = self.deliveries.of(channel, self.revision)?;
        delivery.lose_outcome();
        delivery.began = Some(now);
        Ok(())
    }

    /// Records that `channel` took a delivery, and under which name it has the ticket, message or incident. A confirmation
    /// that arrives after that of a later revision changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Finding::admits`].
    pub fn delivered(
        &mut self,
        channel: &Channel,
        due: &Due,
        external_id: Option<Text<256>>,
    ) -> Result<(), TooManyChannels> {
        let delivery = self.deliveries.of(channel, self.revision)?;
        if due.revision > delivery.revision {
            let external_id = external_id.or_else(|| delivery.external_id.take());
            *delivery = Delivery { revision: due.revision, told: due.tells, external_id, ..Delivery::default() };
        }
        Ok(())
    }

    /// Records that the channel refused a delivery, and when to try again.
    ///
    /// # Errors
    ///
    /// As [`Finding::admits`].
    pub fn failed(&mut self, channel: &Channel, error: &str, retry_at: Timestamp) -> Result<(), TooManyChannels> {
        self.deliveries.of(channel, self.revision)?.began = None;
        self.unanswered(channel, error, retry_at)
    }

    /// Records that the channel does not know or does not reach the recipient, and when to try again.
    ///
    /// # Errors
    ///
    /// As [`Finding::admits`].
    pub fn misaddressed(&mut self, channel: &Channel, error: &str, retry_at: Timestamp) -> Result<(), TooManyChannels> {
        self.failed(channel, error, retry_at)?;
        self.deliveries.of(channel, self.revision)?.misaddressed = true;
        Ok(())
    }

    /// Records that the outcome of an attempt will not be known, such as after a time-out, and when to try again. The
    /// channel may have taken the delivery.
    ///
    /// # Errors
    ///
    /// As [`Finding::admits`].
    pub fn unanswered(&mut self, channel: &Channel, error: &str, retry_at: Timestamp) -> Result<(), TooManyChannels> {
        let delivery = self.deliveries.of(channel, self.revision)?;
        delivery.lose_outcome();
        delivery.misaddressed = false;
        delivery.attempts = delivery.attempts.saturating_add(1);
        delivery.last_error = Some(error.into());
        delivery.next_attempt = Some(retry_at);
        Ok(())
    }
}
