//! EC2: security groups, their rules, managed prefix lists.

use exposure::{IngressRule, PrefixList, SecurityGroup};

use crate::error::AwsError;

/// Reads whole groups.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait SecurityGroups {
    /// `DescribeSecurityGroups`: one page of all groups of the region, and the token of the next page.
    ///
    /// # Errors
    ///
    /// When the call failed.
    async fn security_groups(
        &self,
        next_token: Option<String>,
    ) -> Result<(Vec<SecurityGroup>, Option<String>), AwsError>;

    /// `DescribeSecurityGroups` of one group; `None` when there is no such group.
    ///
    /// # Errors
    ///
    /// When the call failed otherwise.
    async fn security_group(&self, group_id: &str) -> Result<Option<SecurityGroup>, AwsError>;
}

/// The rules of a group, as `DescribeSecurityGroupRules` lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupRules {
    /// The ingress rules, with their ids.
    pub ingress: Vec<IngressRule>,
    /// The egress rules, kept as evidence and never judged: their `source` is where they let traffic go.
    pub egress: Vec<IngressRule>,
}

/// Reads and changes the rules of a group.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait SecurityGroupRules {
    /// `DescribeSecurityGroupRules`: all rules of a group. None when there is no such group.
    ///
    /// # Errors
    ///
    /// When the call failed.
    async fn rules(&self, group_id: &str) -> Result<GroupRules, AwsError>;

    /// `AuthorizeSecurityGroupIngress`. Gives back the rules as EC2 has made them. EC2 makes all of them or none, and
    /// puts the same tags on each: those of the first.
    ///
    /// # Errors
    ///
    /// When the call failed.
    async fn authorize(&self, group_id: &str, rules: &[IngressRule]) -> Result<Vec<IngressRule>, AwsError>;

    /// `RevokeSecurityGroupIngress` by rule ids. Gives back the rules that EC2 says it revoked.
    ///
    /// # Errors
    ///
    /// When the call failed; whether some of the rules are gone nevertheless is not documented.
    async fn revoke(&self, group_id: &str, rule_ids: &[String]) -> Result<Vec<IngressRule>, AwsError>;
}

/// Reads managed prefix lists.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait ManagedPrefixLists {
    /// `DescribeManagedPrefixLists`, and `GetManagedPrefixListEntries` unless the list is owned by AWS.
    ///
    /// # Errors
    ///
    /// When a call failed, or when there is no such list.
    async fn prefix_list(&self, id: &str) -> Result<PrefixList, AwsError>;
}
