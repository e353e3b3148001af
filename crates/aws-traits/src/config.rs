//! AWS Config.

use aws_events::{ConfigurationItem, Evaluation, Summary};
use jiff::Timestamp;

use crate::error::AwsError;

/// The most evaluations that one `PutEvaluations` takes.
pub const EVALUATIONS_PER_CALL: usize = 100;

/// What became of a `PutEvaluations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// All evaluations were stored.
    Stored,
    /// The call succeeded, but these resources' evaluations were not stored.
    NotStored {
        /// Resource ids.
        resource_ids: Vec<String>,
    },
    /// The result token is no longer valid, or the rule is gone. No retry can help.
    Refused {
        /// What the service said.
        error: AwsError,
    },
}

/// Hands the verdicts to AWS Config.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Evaluations {
    /// `PutEvaluations`, for at most [`EVALUATIONS_PER_CALL`] evaluations. The token is never logged.
    ///
    /// # Errors
    ///
    /// When the call failed and may succeed later.
    async fn put_evaluations(
        &self,
        evaluations: &[Evaluation],
        result_token: &str,
        test_mode: bool,
    ) -> Result<Delivery, AwsError>;

    /// `GetComplianceDetailsByConfigRule`: the security groups for which the rule has a result, one page of them, and
    /// the token of the next page.
    ///
    /// # Errors
    ///
    /// When the call failed.
    async fn reported_groups(
        &self,
        rule_name: &str,
        next_token: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), AwsError>;
}

/// Reads what AWS Config has recorded.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait ConfigurationHistory {
    /// `GetResourceConfigHistory`: the configuration item that an oversized notification is about.
    ///
    /// # Errors
    ///
    /// When the call failed, or when the item cannot be read yet.
    async fn configuration_item(&self, summary: &Summary) -> Result<ConfigurationItem, AwsError>;
}

/// Reads the parameters of a rule.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait ConfigRules {
    /// `DescribeConfigRules`: the `InputParameters` of a rule, as JSON; `None` when it has none.
    ///
    /// # Errors
    ///
    /// When the call failed, or when there is no such rule.
    async fn input_parameters(&self, rule_name: &str) -> Result<Option<String>, AwsError>;
}

/// Keeps automatic remediation away from a group.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait RemediationExceptions {
    /// `PutRemediationExceptions` for one security group, until `expires`. Gives back why AWS Config did not take it, if
    /// it did not: it takes one only for a resource that is non-compliant at that moment, and for a rule with a
    /// remediation.
    ///
    /// # Errors
    ///
    /// When the call failed.
    async fn put_remediation_exception(
        &self,
        rule_name: &str,
        group_id: &str,
        message: &str,
        expires: Timestamp,
    ) -> Result<Option<String>, AwsError>;
}
