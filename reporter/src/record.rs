//! The duty *record*: events of a queue become observations in the store.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_events::sqs::{BatchResponse, SqsEvent, SqsMessage};
use aws_traits::AwsError;
use aws_traits::sqs::{Messages, SendMessages};
use findings::finding::{Finding, FindingKey};
use findings::intake::{Executions, Intake, IntakeError, Lookup, LookupError, Statement, read};
use findings::store::{FindingStore, StoreError, record};
use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use plain_text::error_message;
use tokio::time::Instant;
use tracing::{debug, info, warn};
use work_queue::{Back, go_back};

use crate::SERVICE;
use crate::announce::Announcer;
use crate::documents::Documents;
use crate::metrics::Metrics;

/// Findings that are written at once.
const AT_ONCE: usize = 8;
/// Time that is left for the answer when the deadline of the function comes.
const MARGIN: Duration = Duration::from_secs(2);
/// Time that is left for queueing who is to be told, before that.
const ANNOUNCEMENT: Duration = Duration::from_secs(4);

/// Records what events say of findings, and then has it queued who is to be told. If that fails, an event stays in the queue
/// although it is recorded: recorded again, it changes nothing, and the finding still says what is to be told.
#[derive(Debug)]
pub struct Recorder<S, X, Q, D, J> {
    store: S,
    executions: X,
    queue: Q,
    default_rule: Option<String>,
    announcer: Option<Announcer<D, J>>,
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
    #[error("it is recorded, and its delivery is not queued")]
    NotQueued(#[from] AwsError),
    #[error("no time is left: the event is recorded at its next delivery")]
    NoTime,
}

/// Messages that are processed in their order: those about one finding.
type Group<'m> = Vec<(&'m SqsMessage, Intake)>;

/// A message, and what it is recorded in; `None` if it says nothing of a finding.
type Outcome<'m> = (&'m SqsMessage, Result<Option<Finding>, RecordError>);

impl<S: FindingStore, X: Executions, Q: Messages, D: Documents, J: SendMessages> Recorder<S, X, Q, D, J> {
    /// A recorder. `default_rule` is the rule of the stack: an execution that was started by hand may name none. Without an
    /// announcer nobody is told of anything.
    pub fn new(
        store: S,
        executions: X,
        queue: Q,
        default_rule: Option<String>,
        announcer: Option<Announcer<D, J>>,
    ) -> Self {
        Self { store, executions, queue, default_rule, announcer, metrics: Metrics::default() }
    }

    /// Has metrics written to the log, too.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Records the events of a batch before `deadline`. The answer has the messages that stay in the queue.
    pub async fn handle(&self, event: SqsEvent, deadline: Instant) -> BatchResponse {
        let (groups, mut failures) = by_finding(&event.messages);
        let answer_at = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let end = answer_at.checked_sub(ANNOUNCEMENT).filter(|_| self.announcer.is_some()).unwrap_or(answer_at);
        let mut recorded = BTreeMap::<FindingKey, (Finding, Vec<&SqsMessage>)>::new();
        let mut outcomes = stream::iter(groups).map(|group| self.record_all(group, end)).buffer_unordered(AT_ONCE);
        while let Some(of_group) = outcomes.next().await {
            for (message, outcome) in of_group {
                match outcome {
                    // The last one of a finding is the newest.
                    Ok(Some(finding)) => {
                        let place =
                            recorded.entry(finding.key().clone()).or_insert_with(|| (finding.clone(), Vec::new()));
                        if place.0.version() < finding.version() {
                            place.0 = finding;
                        }
                        place.1.push(message);
                    }
                    Ok(None) => {}
                    Err(error) => failures.push((message, error)),
                }
            }
        }
        drop(outcomes);
        failures.extend(self.announce(recorded, answer_at).await);
        for (message, error) in &failures {
            let (id, error) = (message.message_id.as_str(), error_message(error));
            warn!(service = SERVICE, message.id = id, deliveries = message.deliveries(), error, "event not recorded");
        }
        let back: Vec<Back<'_>> = failures.iter().map(|(message, _)| Back::later(message)).collect();
        go_back(SERVICE, &self.queue, &back, deadline).await
    }

    async fn record_all<'m>(&self, group: Group<'m>, end: Instant) -> Vec<Outcome<'m>> {
        let mut outcomes = Vec::new();
        for (message, intake) in group {
            let outcome = tokio::time::timeout_at(end, self.record(intake)).await;
            outcomes.push((message, outcome.unwrap_or(Err(RecordError::NoTime))));
        }
        outcomes
    }

    async fn record(&self, intake: Intake) -> Result<Option<Finding>, RecordError> {
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
                Ok(Some(recorded.finding))
            }
            Intake::Ignored(reason) => {
                debug!(service = SERVICE, %reason, "event ignored");
                Ok(None)
            }
            // An execution that is looked up is observed or ignored.
            Intake::Lookup(_) => Ok(None),
        }
    }

    /// Has it queued who is to be told. Returns the messages of which that failed.
    async fn announce<'m>(
        &self,
        recorded: BTreeMap<FindingKey, (Finding, Vec<&'m SqsMessage>)>,
        end: Instant,
    ) -> Vec<(&'m SqsMessage, RecordError)> {
        let Some(announcer) = self.announcer.as_ref().filter(|_| !recorded.is_empty()) else { return Vec::new() };
        let (findings, messages): (Vec<Finding>, Vec<Vec<&SqsMessage>>) = recorded.into_values().unzip();
        let Ok(failed) = tokio::time::timeout_at(end, announcer.announce(&findings)).await else {
            return messages.into_iter().flatten().map(|message| (message, RecordError::NoTime)).collect();
        };
        let mut failures = Vec::new();
        for (index, messages) in messages.iter().enumerate() {
            if let Some((_, error)) = failed.iter().find(|(failed, _)| *failed == index) {
                failures.extend(messages.iter().map(|message| (*message, RecordError::NotQueued(error.clone()))));
            }
        }
        failures
    }

    async fn look_up(&self, lookup: &Lookup) -> Result<Intake, RecordError> {
        // Systems Manager forgets an execution after 30 days. What is known of it names no group.
        let execution = self.executions.execution(&lookup.execution_id).await?.unwrap_or_default();
        Ok(lookup.read(&execution, self.default_rule.as_deref())?)
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
