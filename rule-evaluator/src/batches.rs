//! Sends evaluations to AWS Config, in batches of the size that it accepts.

use aws_traits::config::{Delivery, EVALUATIONS_PER_CALL, Evaluation, Evaluations};
use tracing::warn;

use crate::error::EvaluatorError;

/// Collects evaluations, and sends each full batch.
#[derive(Debug)]
pub(crate) struct Batches<'a, C> {
    config: &'a C,
    result_token: &'a str,
    test_mode: bool,
    batch: Vec<Evaluation>,
    not_stored: Vec<String>,
    refused: bool,
}

impl<'a, C: Evaluations> Batches<'a, C> {
    pub(crate) fn new(config: &'a C, result_token: &'a str, test_mode: bool) -> Self {
        Self { config, result_token, test_mode, batch: Vec::new(), not_stored: Vec::new(), refused: false }
    }

    /// Adds an evaluation, and sends the batch if it is full.
    pub(crate) async fn add(&mut self, evaluation: Evaluation) -> Result<(), EvaluatorError> {
        self.batch.push(evaluation);
        if self.batch.len() == EVALUATIONS_PER_CALL { self.send().await } else { Ok(()) }
    }

    /// Returns true if AWS Config accepts no more evaluations for this invocation, so that the rest can be skipped.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused
    }

    /// Sends the last batch.
    ///
    /// # Errors
    ///
    /// If the call fails, or an evaluation of any batch was not stored.
    pub(crate) async fn finish(mut self) -> Result<(), EvaluatorError> {
        self.send().await?;
        if self.not_stored.is_empty() {
            Ok(())
        } else {
            Err(EvaluatorError::NotStored { resource_ids: self.not_stored })
        }
    }

    async fn send(&mut self) -> Result<(), EvaluatorError> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() || self.refused {
            return Ok(());
        }
        match self.config.put_evaluations(&batch, self.result_token, self.test_mode).await? {
            Delivery::Stored => {}
            Delivery::NotStored { resource_ids } => self.not_stored.extend(resource_ids),
            // A deleted rule needs no result.
            Delivery::Refused { error } if error.code() == Some("NoSuchConfigRuleException") => {
                warn!(%error, evaluations = batch.len(), "evaluations refused: the rule is deleted");
                self.refused = true;
            }
            // A retry would have the same token, but the event must not be lost: the group may be open, and count as
            // compliant.
            Delivery::Refused { error } => return Err(EvaluatorError::Refused(error)),
        }
        Ok(())
    }
}
