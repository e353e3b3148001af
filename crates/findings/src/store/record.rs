//! How an observation gets into a store.

use super::{FindingStore, Put, StoreError};
use crate::finding::{Finding, FindingKey, Observation, Transition};

/// Attempts to write a finding that others write at the same time.
const ATTEMPTS: usize = 5;

/// A finding with an observation in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The finding as it is stored. What is due to the channels is asked of it, and not of the transition: a message that
    /// is delivered again, because the answer to the write was lost, has an empty transition.
    pub finding: Finding,
    /// The changes by this observation.
    pub transition: Transition,
}

/// Records an observation: reads the finding, applies the observation, and writes the finding and its history if they
/// changed. Two calls, and one for an observation that is known already.
///
/// After an error the same observation can be recorded again, whether it was written or not.
///
/// # Errors
///
/// If a call failed, or if other writers were faster at each attempt.
pub async fn record(
    store: &impl FindingStore,
    key: &FindingKey,
    observation: &Observation,
) -> Result<Recorded, StoreError> {
    for _ in 0..ATTEMPTS {
        let known = store.get(key).await?.unwrap_or_else(|| Finding::new(key.clone()));
        let mut finding = known.clone();
        let transition = finding.apply(observation);
        if finding == known {
            return Ok(Recorded { finding, transition });
        }
        match store.put(&finding, &transition.history).await? {
            Put::Stored(finding) => return Ok(Recorded { finding: *finding, transition }),
            Put::Changed => {}
        }
    }
    Err(StoreError::Contended(key.clone()))
}
