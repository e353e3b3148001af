//! Steps that stay undone.

use aws_traits::AwsError;
use tokio::time::{Instant, timeout_at};

/// Why a step stays undone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Gap {
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error("no time is left")]
    NoTime,
}

impl Gap {
    /// Returns true if the same step may succeed later.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Aws(error) => error.is_transient(),
            Self::NoTime => true,
        }
    }
}

/// The answer to a call, if it comes before `end`.
pub(crate) async fn in_time<V>(end: Instant, call: impl Future<Output = Result<V, AwsError>>) -> Result<V, Gap> {
    timeout_at(end, call).await.map_err(|_| Gap::NoTime)?.map_err(Gap::from)
}
