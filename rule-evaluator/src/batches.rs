//! Sends evaluations to AWS Config, in batches of the size that it accepts, and the events about those that it stored.

use aws_traits::config::{Delivery, EVALUATIONS_PER_CALL, Evaluation, Evaluations};
use aws_traits::events::Events;
use tracing::warn;

use crate::error::EvaluatorError;
use crate::outbox::{Announcement, Outbox};

/// Collects evaluations, and sends each full batch.
#[derive(Debug)]
pub(crate) struct Batches<'a, C, E> {
    config: &'a C,
    result_token: &'a str,
    test_mode: bool,
    batch: Vec<Evaluation>,
    /// Events about the batch, to be put once it is stored.
    announcements: Vec<Announcement>,
    outbox: Outbox<'a, E>,
    not_stored: Vec<String>,
    refused: bool,
}

impl<'a, C: Evaluations, E: Events> Batches<'a, C, E> {
    pub(crate) fn new(config: &'a C, events: &'a E, result_token: &'a str, test_mode: bool) -> Self {
        Self {
            config,
            result_token,
            test_mode,
            batch: Vec::new(),
            announcements: Vec::new(),
            outbox: Outbox::new(events),
            not_stored: Vec::new(),
            refused: false,
        }
    }

    /// Adds an evaluation and the event about it, and sends the batch if it is full.
    pub(crate) async fn add(
        &mut self,
        evaluation: Evaluation,
        announcement: Option<Announcement>,
    ) -> Result<(), EvaluatorError> {
        self.batch.push(evaluation);
        self.announcements.extend(announcement);
        if self.batch.len() == EVALUATIONS_PER_CALL { self.send().await } else { Ok(()) }
    }

    /// Adds an event about a group without an evaluation.
    pub(crate) async fn announce(&mut self, announcement: Option<Announcement>) {
        // A test stores no evaluation, and is no news.
        if let Some(announcement) = announcement.filter(|_| !self.test_mode) {
            self.outbox.add(announcement).await;
        }
    }

    /// Returns true if AWS Config accepts no more evaluations for this invocation, so that the rest can be skipped.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused
    }

    /// Sends the last batch, and puts the last events.
    ///
    /// # Errors
    ///
    /// If the call fails, or an evaluation of any batch was not stored.
    pub(crate) async fn finish(mut self) -> Result<(), EvaluatorError> {
        let sent = self.send().await;
        self.outbox.flush().await;
        sent?;
        if self.not_stored.is_empty() {
            Ok(())
        } else {
            Err(EvaluatorError::NotStored { resource_ids: self.not_stored })
        }
    }

    async fn send(&mut self) -> Result<(), EvaluatorError> {
        let batch = std::mem::take(&mut self.batch);
        let mut announcements = std::mem::take(&mut self.announcements);
        if batch.is_empty() || self.refused {
            return Ok(());
        }
        match self.config.put_evaluations(&batch, self.result_token, self.test_mode).await? {
            Delivery::Stored => {}
            Delivery::NotStored { resource_ids } => {
                announcements.retain(|announcement| !resource_ids.contains(&announcement.group_id));
                self.not_stored.extend(resource_ids);
            }
            // A deleted rule needs no result.
            Delivery::Refused { error } if error.code() == Some("NoSuchConfigRuleException") => {
                warn!(%error, evaluations = batch.len(), "evaluations refused: the rule is deleted");
                self.refused = true;
                announcements.clear();
            }
            // A retry would have the same token, but the event must not be lost: the group may be open, and count as
            // compliant.
            Delivery::Refused { error } => return Err(EvaluatorError::Refused(error)),
        }
        for announcement in announcements {
            self.announce(Some(announcement)).await;
        }
        Ok(())
    }
}
