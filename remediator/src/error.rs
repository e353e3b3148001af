//! Why an invocation failed. The SSM document fails with it, so that AWS Config counts the attempt.

use aws::{AwsError, LookupError};
use config_rule::{ParameterError, UnjudgedError, error_message};
use lambda_runtime::Diagnostic;

use crate::request::RequestError;
use crate::response::{Response, Status};
use crate::snapshot::SnapshotError;

/// Why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum RemediatorError {
    /// The request is not understood. Nothing was changed.
    #[error("{0}")]
    Request(#[from] RequestError),
    /// The rule's parameters are not understood. Nothing was changed.
    #[error("AWS Config rule {rule_name}, nothing was changed: {problem}")]
    RuleParameters {
        /// The rule.
        rule_name: String,
        /// Which key, which token.
        #[source]
        problem: ParameterError,
    },
    /// It is not known who is exempt. Nothing was changed.
    #[error("nothing was changed: {0}")]
    Exemptions(#[from] LookupError),
    /// There is no exposure, but not everything could be judged. Nothing was changed.
    #[error("nothing was changed: {0}")]
    Unjudged(#[from] UnjudgedError),
    /// EC2 lists rules of a group that, it says, does not exist.
    #[error("nothing was changed: EC2 lists rules of {group_id} and says that it does not exist; run this again")]
    Contradiction {
        /// The group.
        group_id: String,
    },
    /// There is no such group to restore.
    #[error("nothing was changed: there is no security group {group_id} in this region")]
    NoGroup {
        /// The group.
        group_id: String,
    },
    /// What was there before could not be kept, or what was kept could not be read. Nothing was changed.
    #[error("nothing was changed: {0}")]
    Snapshot(#[from] SnapshotError),
    /// An AWS call failed before anything was changed.
    #[error("nothing was changed: {0}")]
    Aws(#[from] AwsError),
    /// Not everything was done.
    #[error("{}: {}", .0.status, .0.message)]
    Incomplete(Box<Response>),
}

impl From<RemediatorError> for Diagnostic {
    /// `errorType` is what alarms and log queries look for, so it is spelt out here and not derived from a Rust type.
    fn from(error: RemediatorError) -> Self {
        let error_type = match &error {
            RemediatorError::Request(_) => "InvalidRequest",
            RemediatorError::RuleParameters { .. } => "InvalidRuleParameters",
            RemediatorError::Exemptions(_) => "ExemptionsUnavailable",
            RemediatorError::Unjudged(_) => "CannotJudge",
            RemediatorError::NoGroup { .. } => "NoSuchSecurityGroup",
            RemediatorError::Snapshot(_) => "SnapshotUnavailable",
            RemediatorError::Aws(_) | RemediatorError::Contradiction { .. } => "AwsCallFailed",
            RemediatorError::Incomplete(response) if response.status == Status::Partial => "Partial",
            RemediatorError::Incomplete(_) => "Failed",
        };
        Self { error_type: error_type.to_owned(), error_message: error_message(&error) }
    }
}
