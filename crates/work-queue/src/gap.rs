//! Steps that stay undone.

use aws_traits::AwsError;
use tokio::time::{Instant, timeout_at};

/// Why a step stays undone.
#[derive(Debug, thiserror::Error)]
pub enum Gap {
    /// A call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The function has to answer before.
    #[error("no time is left")]
    NoTime,
}

impl Gap {
    /// Returns true if the same step may succeed later.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Aws(error) => error.is_transient(),
            Self::NoTime => true,
        }
    }
}

/// The answer to a call, if it comes before `end`.
///
/// # Errors
///
/// If the call fails, or does not answer in time.
pub async fn in_time<V>(end: Instant, call: impl Future<Output = Result<V, AwsError>>) -> Result<V, Gap> {
    timeout_at(end, call).await.map_err(|_| Gap::NoTime)?.map_err(Gap::from)
}
