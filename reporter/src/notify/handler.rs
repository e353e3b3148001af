//! Messages of the queue become notifications.
//!
//! INVARIANT: a message is deleted only if there is nothing to tell, or if the finding itself says that there is: then the next
//! sweep sends another one. So nothing is lost, and no message wears out by being received again and again.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_events::sqs::{BatchResponse, SqsEvent, SqsMessage};
use aws_traits::sqs::{Messages, SendMessages};
use findings::store::{FindingStore, Marks, Pace};
use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use plain_text::error_message;
use routing::Document;
use tokio::time::Instant;
use tracing::{debug, info, warn};
use work_queue::{Back, delay, go_back};

use super::{Notified, Notifier, NotifyError, Outlets};
use crate::SERVICE;
use crate::documents::{DocumentUnavailable, Documents};
use crate::job::Job;
use crate::jobs::until;

/// Findings that are told at once.
const AT_ONCE: usize = 8;
/// Time that is left for the answer when the deadline of the function comes.
const MARGIN: Duration = Duration::from_secs(2);
/// Longest time for which a message is hidden. What is to be tried again later is left to the sweep: to be received again and
/// again would bring a message into the dead-letter queue. SQS hides one for 12 hours at most.
const HIDDEN_MAX: Duration = Duration::from_mins(15);
/// Receipts of a message after which its job is left to the sweep. The redrive policy of the queue allows more.
const RECEIPTS_MAX: u32 = 10;
/// Pause of a job that the deadline cut off.
const CUT_OFF: Duration = Duration::from_secs(5);

/// Tells channels what the messages of a queue say.
#[derive(Debug)]
pub struct NotifyHandler<S, O, D, Q> {
    notifier: Notifier<S, O, Q>,
    documents: D,
    queue: Q,
    now: fn() -> Timestamp,
}

/// Jobs that are done one after the other.
type Group<'m> = Vec<(&'m SqsMessage, Job)>;

impl<S, O, D, Q> NotifyHandler<S, O, D, Q>
where
    S: FindingStore + Pace + Marks,
    O: Outlets,
    D: Documents,
    Q: Messages + SendMessages,
{
    /// A handler of messages of `queue`. `now` is the clock.
    pub fn new(notifier: Notifier<S, O, Q>, documents: D, queue: Q, now: fn() -> Timestamp) -> Self {
        Self { notifier, documents, queue, now }
    }

    /// Does the jobs of a batch before `deadline`. The answer has the messages that stay in the queue.
    pub async fn handle(&self, event: SqsEvent, deadline: Instant) -> BatchResponse {
        let (groups, mut back) = read(&event.messages);
        let end = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let document = tokio::time::timeout_at(end, self.documents.document()).await;
        let no_time = |_| Err(DocumentUnavailable::new("ROUTING_DOCUMENT", "no time is left to read it"));
        match document.unwrap_or_else(no_time) {
            Ok(Some(document)) => {
                let mut outcomes =
                    stream::iter(groups).map(|group| self.do_all(&document, group, end)).buffer_unordered(AT_ONCE);
                while let Some(of_group) = outcomes.next().await {
                    back.extend(of_group);
                }
            }
            Ok(None) => info!(service = SERVICE, jobs = event.messages.len(), "no routing document: nobody is told"),
            Err(error) => {
                let error = error_message(&error);
                warn!(service = SERVICE, jobs = event.messages.len(), error, "nobody is told");
                back.extend(groups.into_iter().flatten().map(|(message, _)| Back::later(message)));
            }
        }
        go_back(SERVICE, &self.queue, &back, deadline).await
    }

    async fn do_all<'m>(&self, document: &Rc<Document>, group: Group<'m>, end: Instant) -> Vec<Back<'m>> {
        let mut back = Vec::new();
        let mut seen: Vec<Job> = Vec::new();
        for (message, job) in group {
            // The first of them goes back if it is to be tried again.
            if seen.contains(&job) {
                debug!(service = SERVICE, job = job.body(), "job is in the batch already");
                continue;
            }
            let outcome = tokio::time::timeout_at(end, Box::pin(self.do_one(document, &job, end))).await;
            back.extend(match outcome {
                Ok(Ok(Notified::Done)) => None,
                Ok(Ok(Notified::Again(at))) => self.again(message, &job, at),
                Ok(Err(error)) => {
                    let (job, error) = (job.body(), error_message(&error));
                    warn!(service = SERVICE, job, deliveries = message.deliveries(), error, "job not done");
                    Some(Back::later(message))
                }
                // As if the function had ended: the outbox says what may have been carried out.
                Err(_) => {
                    warn!(service = SERVICE, job = job.body(), error = "no time is left", "job not done");
                    Some(Back { message, hide_for: CUT_OFF })
                }
            });
            seen.push(job);
        }
        back
    }

    async fn do_one(&self, document: &Document, job: &Job, end: Instant) -> Result<Notified, NotifyError> {
        match job {
            Job::Finding { finding, channel } => self.notifier.notify(document, finding, channel, end).await,
            Job::Burst { channel, window, .. } => self.notifier.burst(document, channel, *window, end).await,
            Job::Digest { channel, at, .. } => self.notifier.digest(document, channel, *at, end).await,
        }
    }

    /// A job that is to be tried again: by this message, or by one of the sweep.
    fn again<'m>(&self, message: &'m SqsMessage, job: &Job, at: Timestamp) -> Option<Back<'m>> {
        // With each receipt for longer: a thousand jobs for a channel that takes one in a second do not wear out on it.
        let hide_for = until(at, (self.now)()).max(delay(message.deliveries()));
        if hide_for > HIDDEN_MAX || message.deliveries() >= RECEIPTS_MAX {
            let (job, not_before) = (job.body(), at.to_string());
            info!(service = SERVICE, job, deliveries = message.deliveries(), not_before, "job left to the sweep");
            return None;
        }
        Some(Back { message, hide_for })
    }
}

/// Reads the messages. Jobs of one finding, and those of one channel, are done one after the other: at once, they would get in
/// one another's way. What is not understood goes back, until the redrive policy moves it to the dead-letter queue.
fn read(messages: &[SqsMessage]) -> (Vec<Group<'_>>, Vec<Back<'_>>) {
    let (mut groups, mut back) = (BTreeMap::<String, Group<'_>>::new(), Vec::new());
    for message in messages {
        match Job::read(&message.body) {
            Ok(job) => groups.entry(job.subject()).or_default().push((message, job)),
            Err(error) => {
                let (id, error) = (message.message_id.as_str(), error_message(&error));
                let deliveries = message.deliveries();
                warn!(service = SERVICE, message.id = id, deliveries, error, "message not understood");
                back.push(Back::later(message));
            }
        }
    }
    (groups.into_values().collect(), back)
}
