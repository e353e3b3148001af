//! Whoever is to be told of a finding that was recorded gets a job in the queue of the duty *notify*.

use std::time::Duration;

use aws_traits::AwsError;
use aws_traits::sqs::{MESSAGES_PER_CALL, SendMessages};
use findings::finding::Finding;
use jiff::{SignedDuration, Timestamp};
use plain_text::error_message;
use tracing::warn;

use crate::SERVICE;
use crate::documents::Documents;
use crate::job::{Job, PendingJob, pending_jobs};
use crate::jobs::{DELAY_MAX, Jobs, until};

/// Queues jobs for findings.
#[derive(Debug)]
pub struct Announcer<D, Q> {
    documents: D,
    jobs: Jobs<Q>,
    wait: SignedDuration,
    now: fn() -> Timestamp,
}

impl<D: Documents, Q: SendMessages> Announcer<D, Q> {
    /// Queues what `documents` say of whom to tell. `now` is the clock.
    pub fn new(documents: D, jobs: Jobs<Q>, now: fn() -> Timestamp) -> Self {
        Self { documents, jobs, wait: SignedDuration::ZERO, now }
    }

    /// Has the first message about a group wait so long for what surrounds the group, which is looked up at the same time.
    #[must_use]
    pub fn waiting_for_context(self, wait: SignedDuration) -> Self {
        Self { wait, ..self }
    }

    /// Queues a job for each channel that is behind with one of the findings. Returns the findings, by index, of which a job
    /// may not be in the queue, each with the error. Without a document that can be used nothing is queued: the sweep does it.
    pub(crate) async fn announce(&self, findings: &[Finding]) -> Vec<(usize, AwsError)> {
        let document = match self.documents.document().await {
            Ok(Some(document)) => document,
            Ok(None) => return Vec::new(),
            Err(error) => {
                let error = error_message(&error);
                warn!(service = SERVICE, findings = findings.len(), error, "deliveries left to the sweep");
                return Vec::new();
            }
        };
        let now = (self.now)();
        let mut jobs: Vec<(usize, (Job, Duration))> = Vec::new();
        for (index, finding) in findings.iter().enumerate() {
            let waits = finding.waits(self.wait).map_or(Duration::ZERO, |end| until(end, now));
            for PendingJob { job, next_attempt, .. } in pending_jobs(&document, finding, now) {
                let delay = until(next_attempt, now).max(waits);
                // What is further away is queued by the sweep.
                if delay <= DELAY_MAX {
                    jobs.push((index, (job, delay)));
                }
            }
        }
        let mut failures = Vec::new();
        for chunk in jobs.chunks(MESSAGES_PER_CALL) {
            let (indexes, chunk): (Vec<usize>, Vec<(Job, Duration)>) = chunk.iter().cloned().unzip();
            if let Err(error) = self.jobs.add(&chunk).await {
                failures.extend(indexes.into_iter().map(|index| (index, error.clone())));
            }
        }
        failures
    }
}
