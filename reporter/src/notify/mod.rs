//! The duty *notify*: a channel is told of a finding.
//!
//! INVARIANT: a delivery is stored as begun before the channel is called, and as delivered after it has answered. Whoever
//! finds one that was begun and not settled knows that the channel may have taken it, and has the channel searched for it. So
//! no finding is lost, and no ticket is made twice, wherever this program ends.

mod places;
mod retry;

use std::time::Duration;

use channels::{Delivered, Failure, Notice};
use findings::finding::{Due, Finding, FindingKey, HistoryEntry, Manner, TooManyChannels};
use findings::store::{FindingStore, Put, StoreError};
use jiff::{SignedDuration, Timestamp};
use plain_text::error_message;
use routing::{Document, Ownership};
use tracing::{info, warn};

use self::places::{Place, places};
use crate::SERVICE;

/// Longest time that a channel may take.
const CHANNEL_LIMIT: Duration = Duration::from_secs(40);
/// A delivery that began longer ago than this has ended, one way or the other: longer than a function for it may run.
const LEASE: SignedDuration = SignedDuration::from_secs(90);
/// Attempts to write a finding that others write at the same time.
const ATTEMPTS: usize = 8;

/// The channels of a routing document, with their secrets and their way to the network.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Outlets {
    /// Whether the channel of this name is told of what is over already.
    fn manner(&self, channel: &str) -> Manner;

    /// Has the channel of this name told.
    ///
    /// # Errors
    ///
    /// If the channel did not take it, or may not have, or cannot be opened.
    async fn deliver(&self, channel: &str, notice: &Notice<'_>) -> Result<Delivered, Failure>;
}

/// What became of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notified {
    /// The channel was told all that it is to be told.
    Done,
    /// It has to be tried again, not before this time.
    Again(Timestamp),
}

/// A finding could not be looked at, or the outcome of a delivery could not be stored. To try again does no harm.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Tells channels of findings.
#[derive(Debug)]
pub struct Notifier<S, O> {
    store: S,
    outlets: O,
    now: fn() -> Timestamp,
}

impl<S: FindingStore, O: Outlets> Notifier<S, O> {
    /// A notifier. `now` is the clock.
    pub fn new(store: S, outlets: O, now: fn() -> Timestamp) -> Self {
        Self { store, outlets, now }
    }

    /// Tells the channel of this name, and everyone whom it reaches, of a finding.
    ///
    /// # Errors
    ///
    /// If the store failed.
    pub async fn notify(&self, document: &Document, key: &FindingKey, channel: &str) -> Result<Notified, NotifyError> {
        let Some(finding) = self.store.get(key).await? else { return Ok(Notified::Done) };
        let (places, ownership) = places(document, &finding, channel, (self.now)());
        let mut again: Option<Timestamp> = None;
        for place in places {
            if let Notified::Again(at) = self.tell(key, &place, &ownership).await? {
                again = Some(again.map_or(at, |other| other.min(at)));
            }
        }
        Ok(again.map_or(Notified::Done, Notified::Again))
    }

    /// Tells one place, if there is something to tell.
    async fn tell(&self, key: &FindingKey, place: &Place, ownership: &Ownership) -> Result<Notified, NotifyError> {
        let (finding, due) = match self.begin(key, place).await? {
            Begun::Nothing => return Ok(Notified::Done),
            Begun::Later(at) => return Ok(Notified::Again(at)),
            Begun::Now(finding, due) => (*finding, due),
        };
        let news = self.news(&finding, place).await;
        let now = (self.now)();
        let notice = Notice { finding: &finding, due: &due, delivery: &place.delivery, ownership, news: &news, now };
        let name = place.delivery.channel.as_str();
        let outcome = tokio::time::timeout(CHANNEL_LIMIT, self.outlets.deliver(name, &notice)).await;
        let outcome = outcome.unwrap_or_else(|_| {
            let error = format!("no answer within {} seconds", CHANNEL_LIMIT.as_secs());
            Err(Failure::Unanswered { error })
        });
        self.settle(finding, place, &due, outcome).await
    }

    /// Stores that the delivery begins.
    async fn begin(&self, key: &FindingKey, place: &Place) -> Result<Begun, NotifyError> {
        for _ in 0..ATTEMPTS {
            let Some(mut finding) = self.store.get(key).await? else { return Ok(Begun::Nothing) };
            let now = (self.now)();
            let manner = self.outlets.manner(&place.delivery.channel);
            let Some(pending) = finding.pending(&place.key, manner, now) else { return Ok(Begun::Nothing) };
            let known = finding.delivery(&place.key).cloned().unwrap_or_default();
            if let Some(at) = known.next_attempt.filter(|at| *at > now) {
                return Ok(Begun::Later(at));
            }
            // Another one may be at it.
            let free_at = known.began.and_then(|began| began.checked_add(LEASE).ok()).filter(|at| *at > now);
            if let Some(at) = free_at {
                return Ok(Begun::Later(at));
            }
            if let Err(error) = finding.begin(&place.key, now) {
                warn_of_too_many(key, &error);
                return Ok(Begun::Nothing);
            }
            if let Put::Stored(finding) = self.store.put(&finding, &[]).await? {
                return Ok(Begun::Now(finding, pending));
            }
        }
        Err(StoreError::Contended(key.clone()).into())
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
    ) -> Result<Notified, NotifyError> {
        let (key, channel) = (finding.key().clone(), place.key.as_str());
        for _ in 0..ATTEMPTS {
            let attempts = finding.delivery(&place.key).map_or(0, |delivery| delivery.attempts);
            let (added, notified) = match &outcome {
                Ok(Delivered { external_id }) => {
                    (finding.delivered(&place.key, due, external_id.clone()), Notified::Done)
                }
                Err(failure) => {
                    let (error, at) = (failure.to_string(), retry::at(failure, attempts, (self.now)()));
                    let is_known = !matches!(failure, Failure::Unanswered { .. });
                    let added = if is_known {
                        finding.failed(&place.key, &error, at)
                    } else {
                        finding.unanswered(&place.key, &error, at)
                    };
                    (added, Notified::Again(at))
                }
            };
            if let Err(error) = added {
                warn_of_too_many(&key, &error);
                return Ok(Notified::Done);
            }
            if let Put::Stored(_) = self.store.put(&finding, &[]).await? {
                if let Err(error) = &outcome {
                    warn!(service = SERVICE, finding = %key, channel, %error, "not delivered");
                } else {
                    info!(service = SERVICE, finding = %key, channel, revision = due.revision, "delivered");
                }
                return Ok(notified);
            }
            match self.store.get(&key).await? {
                Some(newer) => finding = newer,
                // Forgotten meanwhile.
                None => return Ok(Notified::Done),
            }
        }
        Err(StoreError::Contended(key).into())
    }
}

/// Whether a delivery begins.
enum Begun {
    /// There is nothing to tell.
    Nothing,
    /// Not before this time.
    Later(Timestamp),
    /// It is stored that it begins.
    Now(Box<Finding>, Due),
}

fn warn_of_too_many(key: &FindingKey, error: &TooManyChannels) {
    warn!(service = SERVICE, finding = %key, %error, "not delivered");
}
