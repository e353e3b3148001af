//! Why a request failed. The SSM document fails with it, so that AWS Config counts the attempt.

use aws_traits::AwsError;
use aws_traits::object_store::StoreError;
use judgement::{PolicyError, UnjudgedError};

use crate::request::RequestError;
use crate::response::{Response, Status};
use crate::snapshot::SnapshotError;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum RemediationError {
    /// The request is not understood, or asks for what is refused. Nothing was changed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// An obstacle before anything was changed.
    #[error("nothing was changed")]
    Unchanged(#[source] Obstacle),
    /// Not everything was done.
    #[error("{}: {}", .0.status, .0.message)]
    Incomplete(Box<Response>),
}

/// What prevents a change, or the verification of its result.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// It is not known what is blocked, or which groups are exempt.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// There is no exposure, but not everything could be judged.
    #[error(transparent)]
    Unjudged(#[from] UnjudgedError),
    /// EC2 lists rules of a group that, it says, does not exist.
    #[error("EC2 lists rules of {group_id} and says that it does not exist; run this again")]
    Contradiction {
        /// The group.
        group_id: String,
    },
    /// There is no such group to restore.
    #[error("there is no security group {group_id} in this region")]
    NoGroup {
        /// The group.
        group_id: String,
    },
    /// A snapshot could not be written or read.
    #[error(transparent)]
    Snapshot(SnapshotError),
    /// A hold could not be ended.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An AWS call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl<E: Into<Obstacle>> From<E> for RemediationError {
    fn from(error: E) -> Self {
        Self::Unchanged(error.into())
    }
}

impl From<SnapshotError> for RemediationError {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Name(error) => Self::Request(error),
            error => Self::Unchanged(Obstacle::Snapshot(error)),
        }
    }
}

impl RemediationError {
    /// Name of the kind of failure. Alarms and log queries look for it, so it is spelt out here and not derived from a Rust
    /// type.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Request(_) => "InvalidRequest",
            Self::Unchanged(obstacle) => match obstacle {
                Obstacle::Policy(PolicyError::RuleParameters { .. }) => "InvalidRuleParameters",
                Obstacle::Policy(PolicyError::Exemptions(_)) => "ExemptionsUnavailable",
                Obstacle::Unjudged(_) => "CannotJudge",
                Obstacle::NoGroup { .. } => "NoSuchSecurityGroup",
                Obstacle::Snapshot(_) => "SnapshotUnavailable",
                Obstacle::Aws(_)
                | Obstacle::Policy(PolicyError::Rule(_))
                | Obstacle::Store(_)
                | Obstacle::Contradiction { .. } => "AwsCallFailed",
            },
            Self::Incomplete(response) if response.status == Status::Partial => "Partial",
            Self::Incomplete(_) => "Failed",
        }
    }
}
