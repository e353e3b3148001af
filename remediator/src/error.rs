//! Why an invocation failed. The SSM document fails with it, so that AWS Config counts the attempt.

use aws_events::{ParameterError, UnjudgedError};
use aws_traits::{AwsError, LookupError};
use lambda_runtime::Diagnostic;
use plain_text::error_message;

use crate::request::RequestError;
use crate::response::{Response, Status};
use crate::snapshot::SnapshotError;

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum RemediatorError {
    /// The request is not understood, or asks for what is refused. Nothing was changed.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Something was in the way before anything was changed.
    #[error("nothing was changed")]
    Unchanged(#[source] Obstacle),
    /// Not everything was done.
    #[error("{}: {}", .0.status, .0.message)]
    Incomplete(Box<Response>),
}

/// What is in the way of a change, or of seeing what came of it.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// The rule's parameters are not understood.
    #[error("AWS Config rule {rule_name}")]
    RuleParameters {
        /// The rule.
        rule_name: String,
        /// Which key, which token.
        #[source]
        problem: ParameterError,
    },
    /// It is not known who is exempt.
    #[error(transparent)]
    Exemptions(#[from] LookupError),
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
    /// What was there before could not be kept, or what was kept could not be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// An AWS call failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl<E: Into<Obstacle>> From<E> for RemediatorError {
    fn from(error: E) -> Self {
        Self::Unchanged(error.into())
    }
}

impl From<RemediatorError> for Diagnostic {
    /// `errorType` is what alarms and log queries look for, so it is spelt out here and not derived from a Rust type.
    fn from(error: RemediatorError) -> Self {
        let error_type = match &error {
            RemediatorError::Request(_) => "InvalidRequest",
            RemediatorError::Unchanged(obstacle) => match obstacle {
                Obstacle::RuleParameters { .. } => "InvalidRuleParameters",
                Obstacle::Exemptions(_) => "ExemptionsUnavailable",
                Obstacle::Unjudged(_) => "CannotJudge",
                Obstacle::NoGroup { .. } => "NoSuchSecurityGroup",
                Obstacle::Snapshot(_) => "SnapshotUnavailable",
                Obstacle::Aws(_) | Obstacle::Contradiction { .. } => "AwsCallFailed",
            },
            RemediatorError::Incomplete(response) if response.status == Status::Partial => "Partial",
            RemediatorError::Incomplete(_) => "Failed",
        };
        Self { error_type: error_type.to_owned(), error_message: error_message(&error) }
    }
}
