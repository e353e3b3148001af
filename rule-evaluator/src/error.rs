//! Errors of an invocation. Lambda retries the event twice, then sends it to the dead-letter queue.
//!
//! Source: AWS Lambda developer guide, [How Lambda handles errors and retries with asynchronous
//! invocation](https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).

use aws_events::config::{EventError, ItemError};
use aws_traits::AwsError;
use judgement::{ExemptionsError, PolicyError, UnjudgedError};
use lambda_runtime::Diagnostic;
use plain_text::error_message;

/// An invocation failed. A failure never reports a group as compliant.
#[derive(Debug, thiserror::Error)]
pub enum EvaluatorError {
    /// The payload is not an event of AWS Config.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The parameters of the rule or the exemptions document are invalid or could not be read.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The configuration item does not describe a security group.
    #[error(transparent)]
    ConfigurationItem(#[from] ItemError),
    /// The group cannot be judged.
    #[error(transparent)]
    Unjudged(#[from] UnjudgedError),
    /// Some groups of a scheduled evaluation could not be judged; all others were reported.
    #[error("{} of {evaluated} security groups cannot be judged: {}", errors.len(), first(errors))]
    SomeUnjudged {
        /// Number of groups in the evaluation.
        evaluated: usize,
        /// One error for each group that could not be judged.
        errors: Vec<UnjudgedError>,
    },
    /// The configuration history does not have the item of the notification yet.
    #[error("the configuration item of {resource_id} is not in the configuration history yet")]
    NotRecordedYet {
        /// The resource.
        resource_id: String,
    },
    /// AWS Config accepted the call, but did not store these evaluations.
    #[error("AWS Config did not store the evaluations of {}", resource_ids.join(", "))]
    NotStored {
        /// The resources.
        resource_ids: Vec<String>,
    },
    /// AWS Config refused the evaluations, most likely because the result token has expired.
    #[error("the verdict is lost, re-evaluate the rule: {0}")]
    Refused(AwsError),
    /// An AWS call failed, retries included.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

fn first(errors: &[UnjudgedError]) -> String {
    errors.first().map(ToString::to_string).unwrap_or_default()
}

impl From<ExemptionsError> for EvaluatorError {
    fn from(error: ExemptionsError) -> Self {
        Self::Policy(error.into())
    }
}

impl From<EvaluatorError> for Diagnostic {
    /// `errorType` is a stable name for alarms and log queries, not derived from a Rust type.
    fn from(error: EvaluatorError) -> Self {
        let error_type = match &error {
            EvaluatorError::Event(_) => "InvalidEvent",
            EvaluatorError::Policy(PolicyError::RuleParameters { .. }) => "InvalidRuleParameters",
            EvaluatorError::Policy(PolicyError::Exemptions(_)) => "ExemptionsUnavailable",
            EvaluatorError::ConfigurationItem(_) => "InvalidConfigurationItem",
            EvaluatorError::Unjudged(_) | EvaluatorError::SomeUnjudged { .. } => "CannotJudge",
            EvaluatorError::NotRecordedYet { .. } => "NotRecordedYet",
            EvaluatorError::NotStored { .. } => "EvaluationsNotStored",
            EvaluatorError::Refused(_) => "EvaluationsRefused",
            EvaluatorError::Aws(_) | EvaluatorError::Policy(PolicyError::Rule(_)) => "AwsCallFailed",
        };
        Self { error_type: error_type.to_owned(), error_message: error_message(&error) }
    }
}
