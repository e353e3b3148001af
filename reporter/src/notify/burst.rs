//! What waited for the end of a window is told in one message.
//!
//! INVARIANT: each delivery is stored as begun before the channel is told, and settled afterwards, as that of a single
//! message. What is not settled keeps waiting.

use std::collections::{BTreeMap, BTreeSet};

use aws_traits::sqs::SendMessages;
use channels::{Delivered, Occasion, Summary, SummaryEntry};
use findings::finding::{Due, Finding, FindingKey};
use findings::store::{FindingStore, Marks, Pace, Waiting};
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use plain_text::error_message;
use routing::{Channel, Delivery, Document};
use tokio::time::Instant;
use tracing::{info, warn};

use super::lease::{self, Lease};
use super::pace::is_paced;
use super::places::{Place, digest, places_of};
use super::{Begun, NO_TIME, Notified, Notifier, NotifyError, Outlets, Target, has_time};
use crate::SERVICE;
use crate::job::Job;
use crate::time::plus;

/// Most findings of a message. So many are begun and settled within seconds, and kept in memory meanwhile.
const MOST: usize = 1_000;
/// Calls of the store at once.
const AT_ONCE: usize = 16;

/// A finding that one message is about, with its delivery begun.
struct Member {
    finding: Finding,
    place: Place,
    due: Due,
}

/// What becomes of a burst.
#[derive(Default)]
struct Outcome {
    /// Whether something is to be tried again.
    notified: Notified,
    /// Findings that keep waiting.
    left: BTreeSet<FindingKey>,
    /// Whether a message was sent.
    has_told: bool,
    /// Whether more could be told at once, but for the time or the size of a message.
    has_more: bool,
    /// The first error of the store. It is one finding's, and holds up no other one.
    error: Option<NotifyError>,
}

impl Outcome {
    fn later(&mut self, finding: FindingKey, at: Timestamp) {
        self.left.insert(finding);
        self.notified = self.notified.and(Notified::Again(at));
    }

    fn failed(&mut self, finding: FindingKey, error: NotifyError) {
        warn!(service = SERVICE, finding = %finding, error = error_message(&error), "burst: finding left out");
        self.left.insert(finding);
        self.error.get_or_insert(error);
    }
}

impl<S: FindingStore + Pace + Marks, O: Outlets, Q: SendMessages> Notifier<S, O, Q> {
    /// Tells the channel of this name what waits for the end of a window, in one message for each recipient. No call of the
    /// channel begins that could last beyond `deadline`.
    ///
    /// # Errors
    ///
    /// If the store or the queue failed. What was not told keeps waiting.
    pub async fn burst(
        &self,
        document: &Document,
        channel: &str,
        window: Timestamp,
        deadline: Instant,
    ) -> Result<Notified, NotifyError> {
        let now = (self.now)();
        if now < window {
            self.jobs.add_for(Job::burst(channel, window), window, now).await?;
            return Ok(Notified::Done);
        }
        let configured = document.channels.get(channel).filter(|configured| configured.kind().has_summary());
        let Some(configured) = configured else {
            // Told one by one by now, or not at all.
            let waiting = self.store.waiting(channel, MOST).await?;
            self.store.forget(channel, &waiting).await?;
            return Ok(Notified::Done);
        };
        if let Some(at) = self.pauses.hold(channel, now) {
            return Ok(Notified::Again(at));
        }
        let taken = match lease::take(&self.store, lease::of_channel(channel, "burst"), now).await? {
            Lease::Taken(taken) => taken,
            Lease::Held(until) => return Ok(Notified::Again(until)),
        };
        let outcome = self.tell_waiting(document, channel, configured, deadline).await;
        lease::release(&self.store, taken, (self.now)()).await;
        outcome
    }

    async fn tell_waiting(
        &self,
        document: &Document,
        name: &str,
        channel: &Channel,
        deadline: Instant,
    ) -> Result<Notified, NotifyError> {
        let now = (self.now)();
        let waiting = self.store.waiting(name, MOST).await?;
        let has_more = waiting.last().is_some_and(|last| waiting.len() == MOST && last.until <= now);
        let waiting: Vec<Waiting> = waiting.into_iter().filter(|one| one.until <= now).collect();
        let mut outcome = Outcome { has_more, ..Outcome::default() };
        for (place, findings) in self.by_place(document, name, &waiting, &mut outcome).await {
            // The writes of many, before and after the call.
            if !has_time(deadline, 2) {
                outcome.has_more = true;
                outcome.left.extend(findings);
                continue;
            }
            self.tell_together(document, (name, channel), &place, findings, deadline, &mut outcome).await;
        }
        let told: Vec<Waiting> = waiting.into_iter().filter(|one| !outcome.left.contains(&one.finding)).collect();
        if !told.is_empty() {
            self.store.forget(name, &told).await?;
        }
        if let Some(error) = outcome.error {
            return Err(error);
        }
        let soon = plus((self.now)(), NO_TIME);
        if outcome.has_more && outcome.has_told {
            // Another job: this one would wear out by coming back for each message.
            self.jobs.add_for(Job::burst(name, now), soon, now).await?;
        }
        let rest = if outcome.has_more && !outcome.has_told { Notified::Again(soon) } else { Notified::Done };
        Ok(outcome.notified.and(rest))
    }

    /// The findings that are to be told now, by the name of the place that is to be told of them.
    async fn by_place(
        &self,
        document: &Document,
        channel: &str,
        waiting: &[Waiting],
        outcome: &mut Outcome,
    ) -> BTreeMap<String, BTreeSet<FindingKey>> {
        let keys: BTreeSet<&FindingKey> = waiting.iter().map(|one| &one.finding).collect();
        let read = |key: &FindingKey| {
            let key = key.clone();
            async move { (self.store.get(&key).await, key) }
        };
        let mut found = stream::iter(keys).map(read).buffer_unordered(AT_ONCE);
        let mut groups: BTreeMap<String, BTreeSet<FindingKey>> = BTreeMap::new();
        while let Some((finding, key)) = found.next().await {
            let finding = match finding {
                Ok(Some(finding)) => finding,
                Ok(None) => continue,
                Err(error) => {
                    outcome.failed(key, error.into());
                    continue;
                }
            };
            let now = (self.now)();
            for place in places_of(document, &finding, channel, now).0 {
                let Some(pending) = place.pending(&finding, now).filter(|pending| is_paced(&place, &pending.due))
                else {
                    continue;
                };
                match pending.not_before(now) {
                    Some(at) => outcome.later(key.clone(), at),
                    None => {
                        groups.entry(place.key.to_string()).or_default().insert(key.clone());
                    }
                }
            }
        }
        groups
    }

    /// Tells one place of several findings, or of one by an ordinary message.
    async fn tell_together(
        &self,
        document: &Document,
        (name, channel): (&str, &Channel),
        place: &str,
        findings: BTreeSet<FindingKey>,
        deadline: Instant,
        outcome: &mut Outcome,
    ) {
        if let (1, Some(key)) = (findings.len(), findings.first()) {
            match self.tell_single(document, (name, channel), place, key, deadline).await {
                Ok(Some(Notified::Done)) => {
                    outcome.has_told = true;
                    return;
                }
                Ok(Some(Notified::Again(at))) => return outcome.later(key.clone(), at),
                Ok(None) => {}
                Err(error) => return outcome.failed(key.clone(), error),
            }
        }
        // One message, and so one entry into the channel for all of them.
        if let Some(at) = self.pauses.enter(name, (self.now)()) {
            for finding in findings {
                outcome.later(finding, at);
            }
            return;
        }
        let enter =
            |key: FindingKey| async move { (self.begin_member(document, name, place, &key, deadline).await, key) };
        let mut begun = stream::iter(findings).map(enter).buffer_unordered(AT_ONCE);
        let mut members = Vec::new();
        while let Some((member, key)) = begun.next().await {
            match member {
                Ok(Ok(member)) => members.push(member),
                Ok(Err(Notified::Done)) => {}
                Ok(Err(Notified::Again(at))) => outcome.later(key, at),
                Err(error) => outcome.failed(key, error),
            }
        }
        drop(begun);
        members.sort_by(|one, other| one.finding.key().cmp(other.finding.key()));
        let Some(delivery) = delivery_of(&members) else { return };
        let (count, minutes) = (members.len(), document.burst.minutes);
        let entries = members.iter().map(|member| SummaryEntry::from(&member.finding)).collect();
        let id = id_of(&members);
        let summary = Summary::new(&id, Occasion::Burst { minutes }, None, &delivery, entries, (self.now)());
        let told = self.answer(name, Box::pin(self.outlets.summarise(channel, &summary))).await;
        outcome.has_told = true;
        match &told {
            Ok(_) => info!(service = SERVICE, channel = place, findings = count, "burst told"),
            Err(error) => warn!(service = SERVICE, channel = place, findings = count, %error, "burst not told"),
        }
        // The message is about all of them: none of them has it as its own, to be updated.
        let told = told.map(|_| Delivered::default());
        let settle = |Member { finding, place, due }: Member| {
            let told = told.clone();
            async move {
                let key = finding.key().clone();
                (self.settle(finding, &place, &due, told).await, key)
            }
        };
        let mut settled = stream::iter(members).map(settle).buffer_unordered(AT_ONCE);
        while let Some((settled, key)) = settled.next().await {
            match settled {
                Ok((_, Notified::Done)) => {}
                Ok((_, Notified::Again(at))) => outcome.later(key, at),
                Err(error) => outcome.failed(key, error),
            }
        }
    }

    /// Begins the delivery of a finding as part of a message about many.
    async fn begin_member(
        &self,
        document: &Document,
        channel: &str,
        place: &str,
        key: &FindingKey,
        deadline: Instant,
    ) -> Result<Result<Member, Notified>, NotifyError> {
        let Some(finding) = self.store.get(key).await? else { return Ok(Err(Notified::Done)) };
        let (places, _) = places_of(document, &finding, channel, (self.now)());
        let Some(place) = places.into_iter().find(|found| found.key.as_str() == place) else {
            return Ok(Err(Notified::Done));
        };
        Ok(match self.begin(finding, &place, deadline, true).await? {
            Begun::Nothing(_) => Err(Notified::Done),
            Begun::Later(_, at) => Err(Notified::Again(at)),
            Begun::Now(finding, due) => Ok(Member { finding, place, due }),
        })
    }

    /// Tells one place of one finding, which needs no summary; `None` if it has to be one all the same, since the place has
    /// got as many messages as it may.
    async fn tell_single(
        &self,
        document: &Document,
        (name, channel): (&str, &Channel),
        place: &str,
        key: &FindingKey,
        deadline: Instant,
    ) -> Result<Option<Notified>, NotifyError> {
        let now = (self.now)();
        let Some(finding) = self.store.get(key).await? else { return Ok(Some(Notified::Done)) };
        let (places, ownership) = places_of(document, &finding, name, now);
        let Some(place) = places.into_iter().find(|found| found.key.as_str() == place) else {
            return Ok(Some(Notified::Done));
        };
        if self.is_full(document, &finding, &place, now).await?.is_some() {
            return Ok(None);
        }
        let target = Target { place, channel, ownership: &ownership };
        Ok(Some(self.tell(finding, &target, deadline).await?.1))
    }
}

/// To whom the message goes: the recipient is the same for all. A place that only the outbox knows does not name it.
fn delivery_of(members: &[Member]) -> Option<Delivery> {
    let named = members.iter().find(|member| member.place.delivery.recipient.is_some());
    let delivery = named.or(members.first()).map(|member| member.place.delivery.clone())?;
    Some(Delivery { mentions: Vec::new(), ..delivery })
}

/// The same for a repetition, and another one for a message about others, or about later news of these.
fn id_of(members: &[Member]) -> String {
    let name = |Member { finding, .. }: &Member| format!("{} {}", finding.key(), finding.news_name());
    let names: Vec<String> = members.iter().map(name).collect();
    format!("burst {}", digest(&names.join("\n")))
}
