//! What became of a call of AWS that a channel made.

use plain_text::one_line;

use crate::channel::{Failure, Retry};

/// A call of AWS failed. Retries of the SDK are over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AwsCallError {
    /// AWS is throttling requests, or is not available. Nothing was carried out.
    #[error("{0}")]
    Passing(String),
    /// AWS refused the request. Nothing was carried out, and a repetition would not be either.
    #[error("{0}")]
    Refused(String),
    /// The call may have been carried out: no answer in time, or the connection ended.
    #[error("{0}")]
    Unanswered(String),
}

impl From<AwsCallError> for Failure {
    fn from(error: AwsCallError) -> Self {
        let text = |text: String| one_line(&text, 400);
        match error {
            AwsCallError::Passing(error) => Self::Refused { error: text(error), retry: Retry::Later(None) },
            AwsCallError::Refused(error) => Self::Refused { error: text(error), retry: Retry::AfterRepair },
            AwsCallError::Unanswered(error) => Self::Unanswered { error: text(error), wait: None },
        }
    }
}
