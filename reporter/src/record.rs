//! The duty *record*: events of a queue become observations in the store.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_events::sqs::{BatchItemFailure, BatchResponse, SqsEvent, SqsMessage};
use aws_traits::sqs::{Hidden, MESSAGES_PER_CALL, Messages};
use findings::finding::FindingKey;
use findings::intake::{Executions, Intake, IntakeError, Lookup, LookupError, Statement, read};
use findings::store::{FindingStore, StoreError, record};
use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use plain_text::error_message;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::SERVICE;
use crate::backoff::delay;
use crate::metrics::Metrics;

/// Findings that are written at once.
const AT_ONCE: usize = 8;
/// Time that is left for the answer when the deadline of the function comes.
const MARGIN: Duration = Duration::from_secs(2);

/// Records what events say of findings.
#[derive(Debug)]
pub struct Recorder<S, X, Q> {
    store: S,
    executions: X,
    queue: Q,
    default_rule: Option<String>,
    metrics: Metrics,
}

/// Why an event is not recorded. It stays in the queue, and ends in the dead-letter queue.
#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error(transparent)]
    Event(#[from] IntakeError),
    #[error(transparent)]
    Lookup(#[from] LookupError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no time is left: the event is recorded at its next delivery")]
    NoTime,
}

/// Messages that are processed in their order: those about one finding.
type Group<'m> = Vec<(&'m SqsMessage, Intake)>;

impl<S: FindingStore, X: Executions, Q: Messages> Recorder<S, X, Q> {
    /// A recorder. `default_rule` is the rule of the stack: an execution that was started by hand may name none.
    pub fn new(store: S, executions: X, queue: Q, default_rule: Option<String>) -> Self {
        Self { store, executions, queue, default_rule, metrics: Metrics::default() }
    }

    /// Has metrics written to the log, too.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Records the events of a batch before `deadline`. The answer has the messages that stay in the queue.
    pub async fn handle(&self, event: SqsEvent, deadline: Instant) -> BatchResponse {
        let (groups, mut failures) = by_finding(&event.messages);
        let end = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let mut outcomes = stream::iter(groups).map(|group| self.record_all(group, end)).buffer_unordered(AT_ONCE);
        while let Some(of_group) = outcomes.next().await {
            failures.extend(of_group);
        }
        drop(outcomes);
        for (message, error) in &failures {
            let (id, error) = (message.message_id.as_str(), error_message(error));
            warn!(service = SERVICE, message.id = id, deliveries = message.deliveries(), error, "event not recorded");
        }
        let failed: Vec<&SqsMessage> = failures.iter().map(|(message, _)| *message).collect();
        self.hide(&failed, deadline).await;
        let failure = |message: &&SqsMessage| BatchItemFailure { item_identifier: message.message_id.clone() };
        BatchResponse { batch_item_failures: failed.iter().map(failure).collect() }
    }

    async fn record_all<'m>(&self, group: Group<'m>, end: Instant) -> Vec<(&'m SqsMessage, RecordError)> {
        let mut failures = Vec::new();
        for (message, intake) in group {
            let outcome = tokio::time::timeout_at(end, self.record(intake)).await;
            failures.extend(outcome.unwrap_or(Err(RecordError::NoTime)).err().map(|error| (message, error)));
        }
        failures
    }

    async fn record(&self, intake: Intake) -> Result<(), RecordError> {
        let intake = match intake {
            Intake::Lookup(lookup) => self.look_up(&lookup).await?,
            known => known,
        };
        match intake {
            Intake::Observed(statement) => {
                let Statement { key, observation } = *statement;
                let recorded = record(&self.store, &key, &observation).await?;
                self.metrics.changed(&recorded.finding, &recorded.transition, Timestamp::now());
                let news: Vec<_> = recorded.transition.history.iter().map(|entry| entry.sentence.as_str()).collect();
                let (revision, state) = (recorded.finding.revision(), recorded.finding.state().as_str());
                info!(service = SERVICE, finding = %key, revision, state, ?news, "event recorded");
            }
            Intake::Ignored(reason) => debug!(service = SERVICE, %reason, "event ignored"),
            // An execution that is looked up is observed or ignored.
            Intake::Lookup(_) => {}
        }
        Ok(())
    }

    async fn look_up(&self, lookup: &Lookup) -> Result<Intake, RecordError> {
        // Systems Manager forgets an execution after 30 days. What is known of it names no group.
        let execution = self.executions.execution(&lookup.execution_id).await?.unwrap_or_default();
        Ok(lookup.read(&execution, self.default_rule.as_deref())?)
    }

    /// Delays the next delivery of messages that failed. If that fails, they come back when the queue shows them again.
    async fn hide(&self, failed: &[&SqsMessage], deadline: Instant) {
        for messages in failed.chunks(MESSAGES_PER_CALL) {
            let Some(queue) = messages.first().map(|message| message.queue_arn.as_str()) else { return };
            let hidden = |message: &&SqsMessage| Hidden {
                receipt: message.receipt_handle.clone(),
                hide_for: delay(message.deliveries()),
            };
            let messages: Vec<_> = messages.iter().map(hidden).collect();
            match tokio::time::timeout_at(deadline, self.queue.hide(queue, &messages)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(service = SERVICE, error = error_message(&error), "next delivery not delayed"),
                Err(_) => warn!(service = SERVICE, error = "no time is left", "next delivery not delayed"),
            }
        }
    }
}

/// Reads the messages. Those about one finding are recorded one after the other: at once, they would get in one another's
/// way.
fn by_finding(messages: &[SqsMessage]) -> (Vec<Group<'_>>, Vec<(&SqsMessage, RecordError)>) {
    let (mut groups, mut others, mut failures) = (BTreeMap::<FindingKey, Group<'_>>::new(), Vec::new(), Vec::new());
    for message in messages {
        match read(message.body.as_bytes()) {
            Ok(Intake::Observed(statement)) => {
                let group = groups.entry(statement.key.clone()).or_default();
                group.push((message, Intake::Observed(statement)));
            }
            Ok(intake) => others.push(vec![(message, intake)]),
            Err(error) => failures.push((message, error.into())),
        }
    }
    others.extend(groups.into_values());
    (others, failures)
}
