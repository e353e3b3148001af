//! The exemptions document in an SSM parameter.

use std::sync::Arc;

use aws_traits::AwsError;
use aws_traits::ssm::Parameters;
use exposure::{ExemptionError, Exemptions};
use jiff::{SignedDuration, Timestamp};

use crate::cache::Cache;

/// The exemptions are unknown. Without them, no group may be judged or closed.
#[derive(Debug, thiserror::Error)]
pub enum ExemptionsError {
    /// The parameter could not be read.
    #[error("the exemptions cannot be read")]
    Parameter(#[from] AwsError),
    /// The parameter does not contain a valid exemptions document.
    #[error("SSM parameter `{name}`")]
    Document {
        /// Name of the parameter.
        name: String,
        /// Defect of the document, with its position.
        #[source]
        problem: ExemptionError,
    },
}

/// Reads the exemptions in the SSM parameter `name`; empty without a name.
///
/// # Errors
///
/// If the parameter cannot be read, or does not contain a valid exemptions document.
pub async fn read_exemptions(ssm: &impl Parameters, name: Option<&str>) -> Result<Arc<Exemptions>, ExemptionsError> {
    let Some(name) = name else { return Ok(Arc::default()) };
    let document = ssm.parameter(name).await?;
    let exemptions = Exemptions::from_json(&document)
        .map_err(|problem| ExemptionsError::Document { name: name.to_owned(), problem })?;
    Ok(Arc::new(exemptions))
}

/// Reads exemptions documents, each at most once within its time to live.
#[derive(Debug)]
pub struct CachedExemptions {
    documents: Cache<Arc<Exemptions>>,
}

impl CachedExemptions {
    /// An empty cache. A document expires after `time_to_live`.
    #[must_use]
    pub fn new(time_to_live: SignedDuration) -> Self {
        Self { documents: Cache::new(time_to_live) }
    }

    /// As [`read_exemptions`], unless the document is cached, and was read at `since` or later.
    ///
    /// # Errors
    ///
    /// As [`read_exemptions`].
    pub async fn read(
        &self,
        ssm: &impl Parameters,
        name: Option<&str>,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Arc<Exemptions>, ExemptionsError> {
        let Some(name) = name else { return Ok(Arc::default()) };
        if let Some(exemptions) = self.documents.get(name, since, now) {
            return Ok(exemptions);
        }
        let exemptions = read_exemptions(ssm, Some(name)).await?;
        self.documents.put(name, Arc::clone(&exemptions), now);
        Ok(exemptions)
    }
}
