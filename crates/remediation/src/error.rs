//! Errors of requests. The SSM document fails with them, so that AWS Config counts the attempt.

use aws_traits::AwsError;
use aws_traits::object_store::StoreError;
use judgement::{PolicyError, UnjudgedError};

use crate::request::RequestError;
use crate::response::{Response, Status};
use crate::snapshot::SnapshotError;

/// A request failed.
#[derive(Debug, thiserror::Error)]
pub enum RemediationError {
    /// The request was refused. Nothing was changed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// An obstacle before the first change.
    #[error("nothing was changed")]
    Unchanged(#[source] Obstacle),
    /// Some or all of the changes could not be made.
    #[error("{}: {}", .0.status, .0.message)]
    Incomplete(Box<Response>),
}

/// An obstacle to a change, or to the verification of its result.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// The policy or the exemptions could not be read.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// There is no exposure, but a rule could not be judged.
    #[error(transparent)]
    Unjudged(#[from] UnjudgedError),
    /// EC2 lists rules of a group that it does not find.
    #[error("EC2 lists rules of {group_id} but does not find the group; run this again")]
    Contradiction {
        /// The group.
        group_id: String,
    },
    /// The group to restore does not exist.
    #[error("there is no security group {group_id} in this region")]
    NoGroup {
        /// The group.
        group_id: String,
    },
    /// A change of a prefix list takes longer than this function waits.
    #[error("the prefix list {id} is still being changed; run this again")]
    PrefixListChanging {
        /// The prefix list.
        id: String,
    },
    /// A snapshot could not be written or read.
    #[error(transparent)]
    Snapshot(SnapshotError),
    /// A hold could not be deleted.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be known whether this hour has room for another closing.
    #[error("the closings of this hour could not be counted; to close the group uncounted, set IgnorePace")]
    Uncounted(#[source] AwsError),
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
    /// Stable name of the failure, for alarms and log queries; not derived from a Rust type.
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
                Obstacle::PrefixListChanging { .. } => "PrefixListChanging",
                Obstacle::Uncounted(_) => "PaceUnavailable",
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
