//! The daily summary: once a day for each channel and recipient, what is open, what was closed since, and what will not be
//! exempt for much longer.
//!
//! INVARIANT: for each recipient it is noted that a summary begins before the channel is called, and that it was told
//! afterwards, both on the condition that no other function was faster. So two jobs for one day tell it once, and only one
//! whose outcome is not known is told twice.

use std::collections::{BTreeMap, BTreeSet};

use aws_traits::sqs::SendMessages;
use channels::{Failure, Occasion, Summary, SummaryEntry};
use findings::finding::{ExemptionFacts, Finding, State, Text};
use findings::store::{FindingStore, Listing, Mark, MarkName, Marks, Pace, StoreError};
use jiff::{SignedDuration, Timestamp};
use routing::{Address, Channel, Delivery, Document, Subject, Timing, resolve};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::{info, warn};

use super::lease::of_channel;
use super::places::{LEASE, NamedBy, digest};
use super::{NO_TIME, Notified, Notifier, NotifyError, Outlets, has_time, is_misaddressed, retry};
use crate::SERVICE;
use crate::job::Job;
use crate::sweep::needs_person;
use crate::time::{minus, plus};

/// A summary that could not be told so long after its time is given up: the next one is near.
pub(crate) const LATE: SignedDuration = SignedDuration::from_hours(12);
/// Exemptions that end within this time are part of the summary.
const SOON: SignedDuration = SignedDuration::from_hours(3 * 24);
/// A closing may be recorded so late. One that is younger is part of the next summary, so that each is part of one.
const LAG: SignedDuration = SignedDuration::from_mins(15);
/// What a recipient is told of who was told nothing yet.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Closings that are older are told to nobody.
const OLDEST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// For how long it is remembered that a summary was told.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Pause of a summary for which there was not even the time to read the findings.
const NOT_READ: SignedDuration = SignedDuration::from_mins(5);

/// What is remembered of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Day {
    /// The newest summary that all recipients were told, or that was given up, by its time.
    pub(crate) done: Option<Timestamp>,
    /// Why the newest one is not told, if that needs a person.
    pub(crate) error: Option<Text<200>>,
}

impl Day {
    /// Name of the mark.
    pub(crate) fn name(channel: &str) -> MarkName {
        of_channel(channel, "digest")
    }

    /// Reads the mark. One that is not understood says nothing.
    pub(crate) fn read(mark: &Mark) -> Self {
        serde_json::from_str(&mark.content).unwrap_or_default()
    }
}

/// What is remembered of a recipient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Sent {
    /// The newest summary that was told, by its time.
    told: Option<Timestamp>,
    /// Until when another function may be at it.
    leased_until: Option<Timestamp>,
    attempts: u32,
    next_attempt: Option<Timestamp>,
}

/// What one recipient is told.
struct Group {
    delivery: Delivery,
    owners: BTreeSet<String>,
    /// Whether nothing but tags names the recipient.
    is_by_tag: bool,
    /// The findings; of a closed one, when it was closed.
    entries: Vec<(Option<Timestamp>, SummaryEntry)>,
}

/// The recipients, by address.
type Groups = BTreeMap<Option<Address>, Group>;

impl<S: FindingStore + Pace + Marks, O: Outlets, Q: SendMessages> Notifier<S, O, Q> {
    /// Sends the daily summary that is due at `at` to everyone whom the channel of this name reaches. No call of the channel
    /// begins that could last beyond `deadline`.
    ///
    /// # Errors
    ///
    /// If the store or the queue failed. To try again does no harm.
    pub async fn digest(
        &self,
        document: &Document,
        channel: &str,
        at: Timestamp,
        deadline: Instant,
    ) -> Result<Notified, NotifyError> {
        let now = (self.now)();
        if now < at {
            self.jobs.add_for(Job::digest(channel, at), at, now).await?;
            return Ok(Notified::Done);
        }
        let Some(configured) = document.channels.get(channel).filter(|_| has_digest(document, channel)) else {
            return Ok(Notified::Done);
        };
        let name = Day::name(channel);
        let mark = self.store.read_mark(&name).await?;
        let day = Day::read(&mark);
        if day.done >= Some(at) {
            return Ok(Notified::Done);
        }
        let mut error = None;
        if plus(at, LATE) <= now {
            warn!(service = SERVICE, channel, summary.at = %at, "daily summary given up: the next one tells what is open");
            error.clone_from(&day.error);
        } else {
            if let Some(paused) = self.pauses.hold(channel, now) {
                return Ok(Notified::Again(paused));
            }
            let Some(groups) = self.groups(document, channel, at, deadline).await? else {
                warn!(service = SERVICE, channel, summary.at = %at, "no time to read all findings for the daily summary");
                return Ok(Notified::Again(plus(now, NOT_READ)));
            };
            let mut notified = Notified::Done;
            for (recipient, group) in groups {
                let (told, failure) =
                    self.tell_group((channel, configured), recipient.as_ref(), group, at, deadline).await?;
                error = error.or(failure);
                notified = notified.and(told);
            }
            if notified != Notified::Done {
                if error.is_some() && error != day.error {
                    self.write(&name, &mark, &Day { error, ..day }).await?;
                }
                return Ok(notified);
            }
        }
        // If another one was faster, it has done the same.
        self.write(&name, &mark, &Day { done: Some(at), error }).await?;
        Ok(Notified::Done)
    }

    /// Reads what each recipient is told; `None` if the time is too short.
    async fn groups(
        &self,
        document: &Document,
        channel: &str,
        at: Timestamp,
        deadline: Instant,
    ) -> Result<Option<Groups>, NotifyError> {
        let mut groups = Groups::new();
        let oldest = minus(minus(at, OLDEST), LAG);
        for listing in [Listing::State(State::Open), Listing::State(State::Exempt), Listing::ClosedSince(oldest)] {
            let mut from = None;
            loop {
                if !has_time(deadline, 1) {
                    return Ok(None);
                }
                let page = self.store.list(&listing, from.as_deref()).await?;
                for problem in &page.unreadable {
                    warn!(service = SERVICE, channel, problem, "finding left out of the daily summary");
                }
                for finding in page.findings.iter().filter(|finding| is_told(finding, at)) {
                    add(&mut groups, document, channel, finding, (self.now)());
                }
                from = page.next;
                if from.is_none() {
                    break;
                }
            }
        }
        Ok(Some(groups))
    }

    /// Tells one recipient, unless it was told, or there is nothing to tell. Returns the error, too, if it needs a person.
    async fn tell_group(
        &self,
        (name, channel): (&str, &Channel),
        recipient: Option<&Address>,
        group: Group,
        at: Timestamp,
        deadline: Instant,
    ) -> Result<(Notified, Option<Text<200>>), NotifyError> {
        let address = recipient.map(|address| address.value.as_str()).unwrap_or_default();
        let mark_name = of_channel(name, &format!("digest/{}", digest(address)));
        let mark = self.store.read_mark(&mark_name).await?;
        let sent: Sent = serde_json::from_str(&mark.content).unwrap_or_default();
        if sent.told >= Some(at) {
            return Ok((Notified::Done, None));
        }
        let since = sent.told.unwrap_or_else(|| minus(at, DAY));
        let is_new = |closed: Timestamp| minus(since, LAG) < closed && closed <= minus(at, LAG);
        let entries = group.entries.into_iter().filter(|(closed, _)| closed.is_none_or(is_new));
        let entries: Vec<SummaryEntry> = entries.map(|(_, entry)| entry).collect();
        let now = (self.now)();
        if entries.is_empty() {
            return Ok((Notified::Done, None));
        }
        let not_before = sent.next_attempt.max(sent.leased_until).filter(|time| *time > now);
        if let Some(time) = not_before {
            return Ok((Notified::Again(time), None));
        }
        if !has_time(deadline, 1) {
            return Ok((Notified::Again(plus(now, NO_TIME)), None));
        }
        if let Some(time) = self.pauses.enter(name, now) {
            return Ok((Notified::Again(time), None));
        }
        let begun = Sent { leased_until: Some(plus(now, LEASE)), ..sent };
        let Some(mark) = self.write(&mark_name, &mark, &begun).await? else {
            return Ok((Notified::Again(plus(now, NO_TIME)), None));
        };
        let owner = group.owners.first().filter(|_| group.owners.len() == 1).map(String::as_str);
        let (id, count) = (format!("digest {at}"), entries.len());
        let summary = Summary::new(&id, Occasion::Digest, owner, &group.delivery, entries, now);
        let told = self.answer(name, Box::pin(self.outlets.summarise(channel, &summary))).await;
        let (sent, notified) = match &told {
            Ok(_) => (Sent { told: Some(at), ..Sent::default() }, Notified::Done),
            Err(failure) => {
                let next = retry::at(failure, sent.attempts, (self.now)());
                let attempts = sent.attempts.saturating_add(1);
                let sent = Sent { told: sent.told, leased_until: None, attempts, next_attempt: Some(next) };
                (sent, Notified::Again(next))
            }
        };
        let failure = told.err();
        log(name, address, count, failure.as_ref());
        self.write(&mark_name, &mark, &sent).await?;
        // As of a single message: whom only a tag names, and the channel does not know, is nobody's to repair.
        let is_nobody = |failure: &Failure| group.is_by_tag && is_misaddressed(failure);
        let failure = failure
            .filter(|failure| !is_nobody(failure) && needs_person(sent.attempts, sent.next_attempt, (self.now)()));
        Ok((notified, failure.map(|failure| failure.to_string().as_str().into())))
    }

    async fn write<T: Serialize>(
        &self,
        name: &MarkName,
        known: &Mark,
        content: &T,
    ) -> Result<Option<Mark>, StoreError> {
        let content = serde_json::to_string(content).map_err(|error| StoreError::Other(error.into()))?;
        self.store.write_mark(name, known, content, plus((self.now)(), KEPT)).await
    }
}

/// Whether a channel has a daily summary.
pub(crate) fn has_digest(document: &Document, channel: &str) -> bool {
    let is_summarised = document.channels.get(channel).is_some_and(|configured| configured.kind().has_summary());
    is_summarised
        && document.routes.iter().any(|route| route.digest && route.channels.iter().any(|name| name == channel))
}

/// Whether a finding is part of the summary of some recipient.
fn is_told(finding: &Finding, at: Timestamp) -> bool {
    match finding.state() {
        State::Open => true,
        State::Exempt => finding.exemption().and_then(ExemptionFacts::ends).is_some_and(|end| end <= plus(at, SOON)),
        State::Closed => finding.closing().is_some_and(|closing| closing.at <= minus(at, LAG)),
        State::NeverOpen => false,
    }
}

/// Adds a finding to what the recipients of a channel are told.
fn add(groups: &mut Groups, document: &Document, channel: &str, finding: &Finding, now: Timestamp) {
    let mut subject = Subject::new(document, finding, now);
    // Routes do not know exempt findings. This one will be open soon, if nobody does anything.
    if subject.state == State::Exempt {
        subject.state = State::Open;
    }
    let resolution = resolve(document, &subject);
    let wanted = |delivery: &Delivery| delivery.channel == channel && delivery.timing == Timing::Digest;
    for delivery in resolution.deliveries.into_iter().filter(wanted) {
        let is_by_tag = NamedBy::of(document, &resolution.ownership, &delivery) == NamedBy::Tag;
        let group = groups.entry(delivery.recipient.clone()).or_insert_with(|| Group {
            // In a summary nobody is mentioned: it would be everybody, every day.
            delivery: Delivery { mentions: Vec::new(), ..delivery },
            owners: BTreeSet::new(),
            is_by_tag: true,
            entries: Vec::new(),
        });
        group.is_by_tag &= is_by_tag;
        group.owners.extend(resolution.ownership.owners.iter().map(|owner| owner.value.clone()));
        let closed = finding.closing().map(|closing| closing.at);
        group.entries.push((closed, SummaryEntry::from(finding)));
    }
}

fn log(channel: &str, recipient: &str, findings: usize, failure: Option<&Failure>) {
    match failure {
        None => info!(service = SERVICE, channel, recipient, findings, "daily summary told"),
        Some(error) => warn!(service = SERVICE, channel, recipient, findings, %error, "daily summary not told"),
    }
}
