//! AWS Config.

use std::fmt;

use aws_events::config::{ConfigurationItem, ItemSummary};
use jiff::Timestamp;
use plain_text::one_line;

use crate::error::AwsError;

/// Most evaluations in one call of `PutEvaluations`.
///
/// Source: AWS Config API reference, [PutEvaluations](https://docs.aws.amazon.com/config/latest/APIReference/API_PutEvaluations.html).
pub const EVALUATIONS_PER_CALL: usize = 100;

/// Characters, not bytes, of the longest annotation that AWS Config accepts.
///
/// Source: AWS Config API reference, [Evaluation](https://docs.aws.amazon.com/config/latest/APIReference/API_Evaluation.html).
pub const ANNOTATION_MAX_CHARS: usize = 256;

/// A text of 1 to [`ANNOTATION_MAX_CHARS`] characters on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation(String);

impl Annotation {
    /// An annotation from any text, cut if it is too long. Line breaks and marks that change the writing direction
    /// become spaces, because part of the text may come from tags and documents.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let text = one_line(text, ANNOTATION_MAX_CHARS);
        Self(if text.trim().is_empty() { "no details".to_owned() } else { text })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Annotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `ComplianceType`, without `INSUFFICIENT_DATA`, which `PutEvaluations` refuses.
///
/// Source: AWS Config API reference, [Evaluation](https://docs.aws.amazon.com/config/latest/APIReference/API_Evaluation.html).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compliance {
    /// `COMPLIANT`.
    Compliant,
    /// `NON_COMPLIANT`.
    NonCompliant,
    /// `NOT_APPLICABLE`: also withdraws an earlier result.
    NotApplicable,
}

/// Result for one resource, in the form of `PutEvaluations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// `ComplianceResourceType`.
    pub resource_type: String,
    /// `ComplianceResourceId`.
    pub resource_id: String,
    /// `ComplianceType`.
    pub compliance: Compliance,
    /// `Annotation`.
    pub annotation: Annotation,
    /// `OrderingTimestamp`: the capture time of the configuration item, or the creation time of the scheduled
    /// notification. Never the current time, with which a slow retry would outrank a newer item.
    pub ordering_timestamp: Timestamp,
}

impl Evaluation {
    /// Evaluation of a resource that the rule does not judge, or no longer.
    #[must_use]
    pub fn not_applicable(resource_type: &str, resource_id: &str, reason: &str, ordering_timestamp: Timestamp) -> Self {
        Self {
            resource_type: resource_type.to_owned(),
            resource_id: resource_id.to_owned(),
            compliance: Compliance::NotApplicable,
            annotation: Annotation::new(reason),
            ordering_timestamp,
        }
    }
}

/// Answer to `PutEvaluations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// All evaluations were stored.
    Stored,
    /// The call succeeded, but these resources' evaluations were not stored.
    NotStored {
        /// Resource ids.
        resource_ids: Vec<String>,
    },
    /// The result token has expired, or the rule no longer exists. A retry does not help.
    Refused {
        /// Answer of the service.
        error: AwsError,
    },
}

/// Sends evaluations to AWS Config.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Evaluations {
    /// `PutEvaluations`, for at most [`EVALUATIONS_PER_CALL`] evaluations. The token is never logged.
    ///
    /// # Errors
    ///
    /// If the call fails and may succeed later.
    async fn put_evaluations(
        &self,
        evaluations: &[Evaluation],
        result_token: &str,
        test_mode: bool,
    ) -> Result<Delivery, AwsError>;
}

/// The result that a rule has for a security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupResult {
    /// Id of the group.
    pub group_id: String,
    /// `ComplianceType`.
    pub compliance: ResultType,
    /// `OrderingTimestamp` of the evaluation.
    pub ordering: Timestamp,
    /// `ResultRecordedTime`.
    pub recorded: Timestamp,
}

/// `ComplianceType` of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultType {
    /// `COMPLIANT`.
    Compliant,
    /// `NON_COMPLIANT`.
    NonCompliant,
    /// `NOT_APPLICABLE`: the group was deleted, or is out of scope.
    NotApplicable,
    /// `INSUFFICIENT_DATA`, or a type that this version does not know.
    Unknown,
}

/// Reads the results of a rule.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait RuleResults {
    /// `GetComplianceDetailsByConfigRule`: the results of the rule for security groups, one page of them, and the token of
    /// the next page.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn rule_results(
        &self,
        rule_name: &str,
        next_token: Option<String>,
    ) -> Result<(Vec<GroupResult>, Option<String>), AwsError>;
}

/// Reads the configuration items that AWS Config has recorded.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait ConfigurationHistory {
    /// `GetResourceConfigHistory`: the configuration item of an oversized notification.
    ///
    /// # Errors
    ///
    /// If the call fails, or the item cannot be read yet.
    async fn configuration_item(&self, summary: &ItemSummary) -> Result<ConfigurationItem, AwsError>;
}

/// Reads the parameters of a rule.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait ConfigRules {
    /// `DescribeConfigRules`: the `InputParameters` of a rule, as JSON; `None` when it has none.
    ///
    /// # Errors
    ///
    /// If the call fails, or there is no such rule.
    async fn input_parameters(&self, rule_name: &str) -> Result<Option<String>, AwsError>;
}

/// An exception, which keeps automatic remediation from closing a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemediationException {
    /// Id of the group.
    pub group_id: String,
    /// Its message: ours, an operator's, or that of AWS Config.
    pub message: Option<String>,
    /// Its end; `None` until it is deleted.
    pub expires: Option<Timestamp>,
}

impl RemediationException {
    /// Beginning of the messages of exceptions that Portcullis puts.
    pub const OURS: &str = "Portcullis: ";
    /// Beginnings of the messages in version 0.1.
    const OURS_BEFORE: [&str; 2] = ["restored by ", "on hold until "];

    /// Returns true if it has not ended.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }

    /// Returns true if Portcullis put the exception, and not an operator or AWS Config itself.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        let message = self.message.as_deref().unwrap_or_default();
        message.starts_with(Self::OURS) || Self::OURS_BEFORE.iter().any(|beginning| message.starts_with(beginning))
    }
}

/// Keeps automatic remediation from closing a group.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait RemediationExceptions {
    /// `PutRemediationExceptions` for one security group, until `expires`. Returns the reason if AWS Config refused it:
    /// it accepts one only for a resource that is non-compliant at that moment, and for a rule with a remediation.
    ///
    /// Source: AWS Config API reference, [PutRemediationExceptions](https://docs.aws.amazon.com/config/latest/APIReference/API_PutRemediationExceptions.html).
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn put_remediation_exception(
        &self,
        rule_name: &str,
        group_id: &str,
        message: &str,
        expires: Timestamp,
    ) -> Result<Option<String>, AwsError>;

    /// `DescribeRemediationExceptions`: the exceptions of a rule for one group, or for all groups.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn remediation_exceptions(
        &self,
        rule_name: &str,
        group_id: Option<&str>,
    ) -> Result<Vec<RemediationException>, AwsError>;

    /// `DeleteRemediationExceptions` for one security group; not an error if there is none.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn delete_remediation_exception(&self, rule_name: &str, group_id: &str) -> Result<(), AwsError>;
}

/// A result that AWS Config has stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredResult {
    /// Whether it is `NON_COMPLIANT`.
    pub is_non_compliant: bool,
    /// `ResultRecordedTime`.
    pub recorded: Timestamp,
}

/// Has AWS Config evaluate a rule again.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Reevaluations {
    /// `GetComplianceDetailsByResource`: the result of a rule for one security group; `None` if it has none.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn stored_result(&self, rule_name: &str, group_id: &str) -> Result<Option<StoredResult>, AwsError>;

    /// `StartConfigRulesEvaluation`, which evaluates all resources of the rule. Returns false if AWS Config refused it: it
    /// accepts one call a minute, and none while an evaluation runs.
    ///
    /// Source: AWS Config API reference, [StartConfigRulesEvaluation](https://docs.aws.amazon.com/config/latest/APIReference/API_StartConfigRulesEvaluation.html).
    ///
    /// # Errors
    ///
    /// If the call fails for another reason.
    async fn start_evaluation(&self, rule_name: &str) -> Result<bool, AwsError>;
}
