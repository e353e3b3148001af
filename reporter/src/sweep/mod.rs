//! The duty *sweep*: what was to be told and was not is queued again.
//!
//! The outbox of a finding says what is pending. So whatever became of a message, such as one that was dropped, ended in a
//! dead-letter queue or was never sent, the next sweep sends another one. It also drives what becomes due by the clock: a mute
//! that ends, and daily summaries.

mod complaint;
mod cursor;
mod digests;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_traits::AwsError;
use aws_traits::sqs::{MESSAGES_PER_CALL, SendMessages};
use findings::Severity;
use findings::finding::{Finding, FindingKey, State};
use findings::store::{FindingStore, Marks, Pace, StoreError};
use jiff::{SignedDuration, Timestamp};
use plain_text::error_message;
use routing::Document;
use serde::Serialize;
use tokio::time::Instant;
use tracing::{info, warn};

pub use self::complaint::Complaint;
pub(crate) use self::complaint::needs_person;
use self::cursor::Cursor;
use crate::SERVICE;
use crate::documents::{DocumentUnavailable, Documents};
use crate::job::{Job, jobs_of};
use crate::jobs::{DELAY_MAX, Jobs, until};
use crate::metrics::{Metric, Metrics};
use crate::notify::pending;
use crate::time::plus;

/// What is due so much later is queued by this sweep, and what is due after that by the next one: a quarter of an hour is the
/// longest for which a queue hides a new message, and another one the longest for which the notifier hides one again.
const AHEAD: SignedDuration = SignedDuration::from_mins(30);
/// Time that is left for the last writes when the deadline of the function comes.
const MARGIN: Duration = Duration::from_secs(10);
/// Messages that are visible within one second.
const PER_SECOND: u64 = 2;
/// Findings that wait for a burst and are looked at.
const WAITING: usize = 20_000;
/// A job that has not told what waits so long after the end of the window is lost.
const BURST_LOST: SignedDuration = SignedDuration::from_mins(5);

/// Queues again what was to be told and was not.
#[derive(Debug)]
pub struct Sweeper<S, D, Q> {
    store: S,
    documents: D,
    jobs: Jobs<Q>,
    now: fn() -> Timestamp,
    metrics: Metrics,
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Swept {
    /// Findings that were read.
    pub findings: usize,
    /// Jobs that were queued.
    pub queued: usize,
    /// Findings, pages and messages that failed. The next sweep tries them again.
    pub failed: usize,
    /// Whether all findings were read. Otherwise the next sweep begins where this one ended.
    pub is_complete: bool,
}

/// A sweep could not do anything, or has found what needs a person. To try again does no harm.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// It is not known who is to be told.
    #[error(transparent)]
    Document(#[from] DocumentUnavailable),
    /// Nothing could be read.
    #[error("no finding could be read")]
    Store(#[source] StoreError),
    /// Nothing could be queued.
    #[error("nothing could be queued")]
    Queue(#[source] AwsError),
    /// Channels take nothing. All else was done.
    #[error("{0}")]
    Complaint(Complaint),
}

/// What a sweep has done so far.
#[derive(Default)]
struct Run {
    swept: Swept,
    /// Jobs to queue, less than a call takes.
    jobs: Vec<(Job, Duration)>,
    /// Jobs until now, queued or not.
    count: u64,
    /// Findings that a job for a burst will tell, by channel.
    waiting: BTreeMap<String, BTreeSet<FindingKey>>,
    complaint: Complaint,
    /// Open findings by severity, and their number.
    open: BTreeMap<Severity, u32>,
    store_error: Option<StoreError>,
    queue_error: Option<AwsError>,
}

impl<S: FindingStore + Pace + Marks, D: Documents, Q: SendMessages> Sweeper<S, D, Q> {
    /// A sweeper, which queues what `documents` say of whom to tell. `now` is the clock.
    pub fn new(store: S, documents: D, jobs: Jobs<Q>, now: fn() -> Timestamp) -> Self {
        Self { store, documents, jobs, now, metrics: Metrics::default() }
    }

    /// Has the open findings counted in the log, too.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Reads all findings, and queues what is pending. Ends before `deadline`; the next sweep goes on from there.
    ///
    /// # Errors
    ///
    /// If there is no document that can be used, if nothing at all could be read or queued, or if channels take nothing.
    pub async fn sweep(&self, deadline: Instant) -> Result<Swept, SweepError> {
        let Some(document) = self.documents.document().await? else {
            info!(service = SERVICE, "no routing document: nobody is told");
            return Ok(Swept { is_complete: true, ..Swept::default() });
        };
        let document = document.as_ref();
        let end = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let mut run = Run::default();
        self.queue_digests(document, &mut run).await;
        self.queue_bursts(document, &mut run).await;
        let (known, start) = self.read_cursor().await;
        let next = self.read_all(document, &start, end, &mut run).await;
        self.flush(&mut run, true).await;
        run.swept.is_complete = next.is_none();
        self.write_cursor(known, next.as_ref()).await;
        let Swept { findings, queued, failed, is_complete } = run.swept;
        let stopped_at = next.map(|cursor| cursor.to_string());
        info!(service = SERVICE, findings, queued, failed, is_complete, stopped_at, "findings swept");
        // Of a part of the findings the number says nothing.
        if is_complete && start == Cursor::start(State::Open) {
            let severities = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];
            let count = |severity| f64::from(run.open.get(&severity).copied().unwrap_or_default());
            self.metrics.write(&severities.map(|severity| (Metric::Open(severity), count(severity))), (self.now)());
        }
        match (run.store_error, run.queue_error) {
            (Some(error), _) if findings == 0 => Err(SweepError::Store(error)),
            (_, Some(error)) if queued == 0 => Err(SweepError::Queue(error)),
            _ if !run.complaint.is_empty() => Err(SweepError::Complaint(run.complaint)),
            _ => Ok(run.swept),
        }
    }

    /// Notes what waits for a burst, and queues the jobs again that should have told it by now.
    async fn queue_bursts(&self, document: &Document, run: &mut Run) {
        let now = (self.now)();
        let summarised = document.channels.iter().filter(|(_, configured)| configured.kind().has_summary());
        for (channel, _) in summarised {
            let waiting = match self.store.waiting(channel, WAITING).await {
                Ok(waiting) => waiting,
                Err(error) => {
                    // They are queued one by one, and wait once more.
                    warn!(service = SERVICE, channel, error = error_message(&error), "what waits in a burst not read");
                    run.swept.failed += 1;
                    continue;
                }
            };
            let is_lost = |until: Timestamp| plus(until, BURST_LOST) <= now;
            if let Some(window) = waiting.iter().map(|one| one.until).filter(|until| is_lost(*until)).max() {
                self.queue(run, Job::burst(channel, window), now).await;
            }
            run.waiting.insert(channel.clone(), waiting.into_iter().map(|one| one.finding).collect());
        }
    }

    /// Queues what a finding waits for.
    async fn sweep_finding(&self, document: &Document, finding: &Finding, run: &mut Run) {
        let now = (self.now)();
        let ahead = plus(now, AHEAD);
        if let Some(severity) = finding.severity() {
            *run.open.entry(severity).or_default() += 1;
        }
        let behind = pending(document, finding, now);
        let known = behind.iter().filter_map(|(place, _)| Some((place, finding.delivery(&place.key)?)));
        run.complaint.count(known, now);
        let without_room = behind.iter().find_map(|(place, _)| Some((place, finding.admits(&place.key).err()?)));
        if let Some((place, error)) = without_room {
            run.complaint.count_refused(&place.delivery.channel, &error.to_string());
        }
        for pending in jobs_of(finding, behind, now) {
            let Job::Finding { channel, finding } = &pending.job else { continue };
            let waits = run.waiting.get(channel).is_some_and(|waiting| waiting.contains(finding));
            if !pending.is_leased && !waits && pending.next_attempt <= ahead {
                self.queue(run, pending.job, pending.next_attempt).await;
            }
        }
    }

    /// Queues a job for a time, with all others spread over a quarter of an hour: a thousand at once would only be throttled.
    async fn queue(&self, run: &mut Run, job: Job, at: Timestamp) {
        let spread = Duration::from_secs((run.count / PER_SECOND) % (DELAY_MAX.as_secs() + 1));
        run.count += 1;
        run.jobs.push((job, until(at, (self.now)()).max(spread)));
        self.flush(run, false).await;
    }

    /// Sends the jobs if they fill a call, or if `all` are to be sent.
    async fn flush(&self, run: &mut Run, all: bool) {
        if run.jobs.is_empty() || (run.jobs.len() < MESSAGES_PER_CALL && !all) {
            return;
        }
        let jobs = std::mem::take(&mut run.jobs);
        match self.jobs.add(&jobs).await {
            Ok(()) => run.swept.queued += jobs.len(),
            Err(error) => {
                warn!(service = SERVICE, jobs = jobs.len(), error = error_message(&error), "jobs not queued");
                run.swept.failed += jobs.len();
                run.queue_error = Some(error);
            }
        }
    }
}
