//! The duty *notify*: a channel is told of a finding.
//!
//! INVARIANT: a delivery is stored as begun before the channel is called, and as delivered after it has answered. Whoever
//! finds one that was begun and not settled knows that the channel may have taken it, and has the channel searched for it. So
//! no finding is lost, and no ticket is made twice, wherever this program ends.

mod burst;
mod digest;
mod handler;
mod lease;
mod pace;
mod pauses;
mod places;
mod retry;

use std::time::Duration;

use aws_traits::AwsError;
use aws_traits::sqs::SendMessages;
use channels::{Delivered, Failure, Notice, Retry, Summary};
use findings::finding::{Due, Finding, FindingKey, HistoryEntry, TooManyChannels};
use findings::store::{FindingStore, Marks, Pace, Put, StoreError};
use jiff::{SignedDuration, Timestamp};
use plain_text::error_message;
use routing::{Address, Channel, Document, Ownership};
use tokio::time::Instant;
use tracing::{info, warn};

pub(crate) use self::digest::{Day, LATE, has_digest};
pub use self::handler::NotifyHandler;
use self::pauses::Pauses;
use self::places::places_of;
pub(crate) use self::places::{NamedBy, Pending, Place, pending};
use crate::SERVICE;
use crate::jobs::Jobs;
use crate::metrics::{Metric, Metrics};
use crate::time::plus;

/// Longest time that a channel may take.
const CHANNEL_LIMIT: Duration = Duration::from_secs(40);
/// Time for the writes before and after the call of a channel.
const WRITES: Duration = Duration::from_secs(5);
/// Pause of a delivery for which no time was left.
const NO_TIME: SignedDuration = SignedDuration::from_secs(5);
/// Attempts to write a finding that others write at the same time.
const ATTEMPTS: usize = 8;

/// The way to the channels of a routing document, with their secrets and the network.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Outlets {
    /// Has a channel told of a finding.
    ///
    /// # Errors
    ///
    /// If the channel did not take it, or may not have, or cannot be opened.
    async fn deliver(&self, channel: &Channel, notice: &Notice<'_>) -> Result<Delivered, Failure>;

    /// Has a channel told of many findings in one message: one of which [`routing::ChannelKind::has_summary`] is true.
    ///
    /// # Errors
    ///
    /// If the channel did not take it, or may not have, or cannot be opened, or has no summary.
    async fn summarise(&self, channel: &Channel, summary: &Summary<'_>) -> Result<Delivered, Failure>;
}

impl<O: Outlets> Outlets for &O {
    async fn deliver(&self, channel: &Channel, notice: &Notice<'_>) -> Result<Delivered, Failure> {
        (**self).deliver(channel, notice).await
    }

    async fn summarise(&self, channel: &Channel, summary: &Summary<'_>) -> Result<Delivered, Failure> {
        (**self).summarise(channel, summary).await
    }
}

/// What became of a notification.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Notified {
    /// The channel was told all that it is to be told.
    #[default]
    Done,
    /// It has to be tried again, not before this time.
    Again(Timestamp),
}

impl Notified {
    /// What became of this and another one together: what is to be tried again first says when.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Again(one), Self::Again(other)) => Self::Again(one.min(other)),
            (Self::Done, again) | (again, Self::Done) => again,
        }
    }
}

/// A finding could not be looked at, or the outcome of a delivery could not be stored. To try again does no harm.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A job could not be queued.
    #[error(transparent)]
    Queue(#[from] AwsError),
}

/// Tells channels of findings.
#[derive(Debug)]
pub struct Notifier<S, O, Q> {
    store: S,
    outlets: O,
    jobs: Jobs<Q>,
    pauses: Pauses,
    now: fn() -> Timestamp,
    metrics: Metrics,
}

/// A place in a channel that is to be told, and who owns the finding.
struct Target<'d> {
    place: Place,
    channel: &'d Channel,
    ownership: &'d Ownership,
}

impl<S: FindingStore + Pace + Marks, O: Outlets, Q: SendMessages> Notifier<S, O, Q> {
    /// A notifier, which queues what is to be told later. `now` is the clock.
    pub fn new(store: S, outlets: O, jobs: Jobs<Q>, now: fn() -> Timestamp) -> Self {
        Self { store, outlets, jobs, pauses: Pauses::default(), now, metrics: Metrics::default() }
    }

    /// Has metrics written to the log, too.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Tells the channel of this name, and everyone whom it reaches, of a finding. No call of the channel begins that could
    /// last beyond `deadline`.
    ///
    /// # Errors
    ///
    /// If the store failed.
    pub async fn notify(
        &self,
        document: &Document,
        key: &FindingKey,
        channel: &str,
        deadline: Instant,
    ) -> Result<Notified, NotifyError> {
        if let Some(at) = self.pauses.hold(channel, (self.now)()) {
            return Ok(Notified::Again(at));
        }
        let Some(mut finding) = self.store.get(key).await? else { return Ok(Notified::Done) };
        let Some(configured) = document.channels.get(channel) else {
            if places::has_open(&finding, channel) {
                let remedy = "add it to the routing document again, or end its ticket or incident by hand";
                warn!(service = SERVICE, finding = %key, channel, remedy, "channel removed that was told of the finding");
            }
            return Ok(Notified::Done);
        };
        let (places, ownership) = places_of(document, &finding, channel, (self.now)());
        let mut notified = Notified::Done;
        for place in places {
            if !self.is_admitted(document, &finding, &place).await? {
                continue;
            }
            let target = Target { place, channel: configured, ownership: &ownership };
            let (known, told) = self.tell(finding, &target, deadline).await?;
            notified = notified.and(told);
            // Forgotten meanwhile.
            let Some(known) = known else { break };
            finding = known;
        }
        Ok(notified)
    }

    /// Tells one place, if there is something to tell. Returns the finding as it is afterwards.
    async fn tell(
        &self,
        finding: Finding,
        target: &Target<'_>,
        deadline: Instant,
    ) -> Result<(Option<Finding>, Notified), NotifyError> {
        let place = &target.place;
        let (finding, due) = match self.begin(finding, place, deadline, false).await? {
            Begun::Nothing(finding) => return Ok((finding, Notified::Done)),
            Begun::Later(finding, at) => return Ok((Some(finding), Notified::Again(at))),
            Begun::Now(finding, due) => (finding, due),
        };
        let news = self.news(&finding, place).await;
        let (delivery, ownership, now) = (&place.delivery, target.ownership, (self.now)());
        let notice = Notice { finding: &finding, due: &due, delivery, ownership, news: &news, now };
        let outcome = self.answer(&delivery.channel, Box::pin(self.outlets.deliver(target.channel, &notice))).await;
        let outcome = match outcome {
            // Nobody is there any more who could be told of the end.
            Err(failure) if place.named_by == NamedBy::Message && is_misaddressed(&failure) => {
                let channel = place.key.as_str();
                info!(service = SERVICE, finding = %finding.key(), channel, %failure, "earlier owner not reached: given up");
                Ok(Delivered::default())
            }
            outcome => outcome,
        };
        self.settle(finding, place, &due, outcome).await
    }

    /// What the channel of this name answers, within the time that it has.
    async fn answer(
        &self,
        channel: &str,
        call: impl Future<Output = Result<Delivered, Failure>>,
    ) -> Result<Delivered, Failure> {
        let outcome = tokio::time::timeout(CHANNEL_LIMIT, call).await.unwrap_or_else(|_| {
            let error = format!("no answer within {} seconds", CHANNEL_LIMIT.as_secs());
            Err(Failure::Unanswered { error, wait: None })
        });
        self.pauses.learn(channel, outcome.as_ref().err(), (self.now)());
        outcome
    }

    /// Stores that the delivery begins, in a channel that is entered by it unless it `is_entered` already.
    async fn begin(
        &self,
        mut finding: Finding,
        place: &Place,
        deadline: Instant,
        is_entered: bool,
    ) -> Result<Begun, NotifyError> {
        let key = finding.key().clone();
        for _ in 0..ATTEMPTS {
            let now = (self.now)();
            let Some(pending) = place.pending(&finding, now) else { return Ok(Begun::Nothing(Some(finding))) };
            if let Some(at) = pending.not_before(now) {
                return Ok(Begun::Later(finding, at));
            }
            if !has_time(deadline, 1) {
                return Ok(Begun::Later(finding, plus(now, NO_TIME)));
            }
            if !is_entered && let Some(at) = self.pauses.enter(&place.delivery.channel, now) {
                return Ok(Begun::Later(finding, at));
            }
            if let Err(error) = finding.begin(&place.key, now) {
                warn_of_too_many(&key, &error);
                return Ok(Begun::Nothing(Some(finding)));
            }
            if let Put::Stored(finding) = self.store.put(&finding, &[]).await? {
                return Ok(Begun::Now(*finding, pending.due));
            }
            match self.store.get(&key).await? {
                Some(newer) => finding = newer,
                None => return Ok(Begun::Nothing(None)),
            }
        }
        Err(StoreError::Contended(key).into())
    }

    /// What was news since the place was told last. A history that cannot be read holds nothing up.
    async fn news(&self, finding: &Finding, place: &Place) -> Vec<HistoryEntry> {
        let told = finding.delivery(&place.key).map_or(0, |delivery| delivery.revision);
        match self.store.history(finding.key()).await {
            Ok(history) => {
                let is_news = |entry: &HistoryEntry| entry.revision > told && entry.news.raises_revision();
                history.into_iter().filter(is_news).collect()
            }
            Err(error) => {
                warn!(service = SERVICE, finding = %finding.key(), error = error_message(&error), "history not read");
                Vec::new()
            }
        }
    }

    /// Stores the outcome. If another writer was faster, it is added to what that one has written.
    async fn settle(
        &self,
        mut finding: Finding,
        place: &Place,
        due: &Due,
        outcome: Result<Delivered, Failure>,
    ) -> Result<(Option<Finding>, Notified), NotifyError> {
        let (key, channel) = (finding.key().clone(), place.key.as_str());
        for _ in 0..ATTEMPTS {
            let attempts = finding.delivery(&place.key).map_or(0, |delivery| delivery.attempts);
            let (added, notified) = match &outcome {
                Ok(Delivered { external_id }) => {
                    (finding.delivered(&place.key, due, external_id.clone()), Notified::Done)
                }
                Err(failure) => {
                    let at = retry::at(failure, attempts, (self.now)());
                    let added = match (failure, &place.delivery.recipient) {
                        (Failure::Unanswered { error, .. }, _) => finding.unanswered(&place.key, error, at),
                        // The name of the place does not say whom.
                        (_, Some(Address { value, .. })) if is_misaddressed(failure) => {
                            finding.misaddressed(&place.key, &format!("to `{value}`: {failure}"), at)
                        }
                        _ => finding.failed(&place.key, &failure.to_string(), at),
                    };
                    (added, Notified::Again(at))
                }
            };
            if let Err(error) = added {
                warn_of_too_many(&key, &error);
                return Ok((Some(finding), Notified::Done));
            }
            if let Put::Stored(stored) = self.store.put(&finding, &[]).await? {
                let metric = if outcome.is_ok() { Metric::Delivered } else { Metric::NotDelivered };
                self.metrics.write(&[(metric, 1.0)], (self.now)());
                if let Err(error) = &outcome {
                    let recipient = place.delivery.recipient.as_ref().map(|address| address.value.as_str());
                    warn!(service = SERVICE, finding = %key, channel, recipient, %error, "not delivered");
                } else {
                    info!(service = SERVICE, finding = %key, channel, revision = due.revision, "delivered");
                }
                return Ok((Some(*stored), notified));
            }
            match self.store.get(&key).await? {
                Some(newer) => finding = newer,
                // Forgotten meanwhile.
                None => return Ok((None, Notified::Done)),
            }
        }
        Err(StoreError::Contended(key).into())
    }
}

/// Whether a delivery begins.
enum Begun {
    /// There is nothing to tell. `None` if the finding is forgotten.
    Nothing(Option<Finding>),
    /// Not before this time.
    Later(Finding, Timestamp),
    /// It is stored that it begins.
    Now(Finding, Due),
}

/// Whether a call of a channel that begins now ends before `deadline`, with so many times the usual writes around it.
fn has_time(deadline: Instant, writes: u32) -> bool {
    deadline >= Instant::now() + CHANNEL_LIMIT + writes * WRITES
}

/// Whether the channel works, and does not know or does not reach the recipient.
fn is_misaddressed(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused { retry: Retry::OtherRecipient, .. })
}

fn warn_of_too_many(key: &FindingKey, error: &TooManyChannels) {
    warn!(service = SERVICE, finding = %key, %error, "not delivered");
}
