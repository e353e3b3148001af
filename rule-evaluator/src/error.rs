//! Why an invocation failed. Lambda retries it twice, then it goes to the dead-letter queue.

use aws_events::config::{EventError, ItemError};
use aws_traits::AwsError;
use judgement::{ExemptionsError, PolicyError, UnjudgedError};
use lambda_runtime::Diagnostic;
use plain_text::error_message;

/// Why an invocation failed. Nothing was reported as compliant because of it.
#[derive(Debug, thiserror::Error)]
pub enum EvaluatorError {
    /// The payload is not an event of AWS Config.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The operator has to fix the rule's parameters or the exemptions document.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The configuration item does not describe a security group.
    #[error(transparent)]
    ConfigurationItem(#[from] ItemError),
    /// Something about the group cannot be judged.
    #[error(transparent)]
    Unjudged(#[from] UnjudgedError),
    /// In a scheduled evaluation, some groups could not be judged; all others were reported.
    #[error("{} of {evaluated} security groups cannot be judged: {}", errors.len(), first(errors))]
    SomeUnjudged {
        /// How many groups there are.
        evaluated: usize,
        /// One error for each.
        errors: Vec<UnjudgedError>,
    },
    /// The history does not have the item of the notification yet.
    #[error("the configuration item of {resource_id} that the notification is about is not in the history yet")]
    NotRecordedYet {
        /// The resource.
        resource_id: String,
    },
    /// AWS Config accepted the call, but not these evaluations.
    #[error("AWS Config did not store the evaluations of {}", resource_ids.join(", "))]
    NotStored {
        /// The resources.
        resource_ids: Vec<String>,
    },
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
    /// `errorType` is what alarms and log queries look for, so it is spelt out here and not derived from a Rust type.
    fn from(error: EvaluatorError) -> Self {
        let error_type = match &error {
            EvaluatorError::Event(_) => "InvalidEvent",
            EvaluatorError::Policy(PolicyError::RuleParameters { .. }) => "InvalidRuleParameters",
            EvaluatorError::Policy(PolicyError::Exemptions(_)) => "ExemptionsUnavailable",
            EvaluatorError::ConfigurationItem(_) => "InvalidConfigurationItem",
            EvaluatorError::Unjudged(_) | EvaluatorError::SomeUnjudged { .. } => "CannotJudge",
            EvaluatorError::NotRecordedYet { .. } => "NotRecordedYet",
            EvaluatorError::NotStored { .. } => "EvaluationsNotStored",
            EvaluatorError::Aws(_) | EvaluatorError::Policy(PolicyError::Rule(_)) => "AwsCallFailed",
        };
        Self { error_type: error_type.to_owned(), error_message: error_message(&error) }
    }
}
