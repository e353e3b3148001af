//! EC2: security groups, their rules, managed prefix lists.

use std::collections::BTreeMap;

use exposure::{IngressRule, PrefixList, SecurityGroup};

use crate::error::AwsError;

/// Reads whole groups.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait SecurityGroups {
    /// `DescribeSecurityGroups`: one page of all groups of the region, and the token of the next page.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn security_groups(
        &self,
        next_token: Option<String>,
    ) -> Result<(Vec<SecurityGroup>, Option<String>), AwsError>;

    /// `DescribeSecurityGroups` of one group; `None` when there is no such group.
    ///
    /// # Errors
    ///
    /// If the call fails for another reason.
    async fn security_group(&self, group_id: &str) -> Result<Option<SecurityGroup>, AwsError>;
}

/// Most groups per call of [`GroupsById`]: the values that a filter takes.
///
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html>
pub const GROUPS_PER_CALL: usize = 200;

/// Reads several groups at once, by id.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait GroupsById {
    /// `DescribeSecurityGroups` of 1 to [`GROUPS_PER_CALL`] groups by id: those that exist.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn groups_with_ids(&self, ids: &[&str]) -> Result<Vec<SecurityGroup>, AwsError>;

    /// `DescribeSecurityGroupRules` of 1 to [`GROUPS_PER_CALL`] groups: their ingress rules with ids, by group.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn ingress_rules(&self, group_ids: &[&str]) -> Result<BTreeMap<String, Vec<IngressRule>>, AwsError>;
}

/// The rules of a group, as `DescribeSecurityGroupRules` lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupRules {
    /// The ingress rules, with their ids.
    pub ingress: Vec<IngressRule>,
    /// The egress rules, kept as evidence and never judged. Their `source` is the destination of the traffic.
    pub egress: Vec<IngressRule>,
}

/// Answer to a revocation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revocation {
    /// Rules that EC2 revoked, with their ids at that moment.
    pub revoked: Vec<IngressRule>,
    /// Rules that the group did not have in this form.
    pub absent: Vec<IngressRule>,
}

/// Reads and changes the rules of a group.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait SecurityGroupRules {
    /// `DescribeSecurityGroupRules`: all rules of a group; empty if there is no such group.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn rules(&self, group_id: &str) -> Result<GroupRules, AwsError>;

    /// `AuthorizeSecurityGroupIngress`. Returns the rules that EC2 added. EC2 adds all of them or none, and applies the
    /// same tags to each: those of the first.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn authorize(&self, group_id: &str, rules: &[IngressRule]) -> Result<Vec<IngressRule>, AwsError>;

    /// `RevokeSecurityGroupIngress` by content: protocol, ports and source of each rule. A rule whose owner has changed it
    /// since no longer has that content, and stays. The request is sent once: a second one could revoke an equal rule that
    /// was added meanwhile.
    ///
    /// Outside the default VPC, EC2 refuses a call with a rule that the group does not have, and revokes none of its rules.
    ///
    /// Source: Amazon EC2 API reference, [RevokeSecurityGroupIngress](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html).
    ///
    /// # Errors
    ///
    /// If the call fails. Without an answer, the rules may be revoked nevertheless.
    async fn revoke(&self, group_id: &str, rules: &[IngressRule]) -> Result<Revocation, AwsError>;
}

/// Reads managed prefix lists.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait ManagedPrefixLists {
    /// `DescribeManagedPrefixLists`, and `GetManagedPrefixListEntries` unless the list is owned by AWS.
    ///
    /// # Errors
    ///
    /// If a call fails, or there is no such list.
    async fn prefix_list(&self, id: &str) -> Result<PrefixList, AwsError>;
}

/// What security groups have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection<'s> {
    /// They admit the addresses of the prefix list with this id.
    AdmitsPrefixList(&'s str),
    /// They have a tag with this key, whatever its value is.
    HasTag(&'s str),
}

/// Finds groups by what they have in common.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait SelectedGroups {
    /// `DescribeSecurityGroups` with filters: one page of the groups that the account `owner_id` owns, and the token of the
    /// next page. A page may be empty although more follow.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn selected_groups(
        &self,
        owner_id: &str,
        selection: Selection<'_>,
        next_token: Option<String>,
    ) -> Result<(Vec<SecurityGroup>, Option<String>), AwsError>;
}

/// Reads whether prefix lists are being changed.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait PrefixListChanges {
    /// `DescribeManagedPrefixLists`: true while a change of the list is being applied, during which EC2 still gives the old
    /// entries. False for a list that does not exist.
    ///
    /// Source: Amazon EC2 API reference, [ManagedPrefixList](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ManagedPrefixList.html).
    ///
    /// # Errors
    ///
    /// If the call fails for another reason.
    async fn is_changing(&self, prefix_list_id: &str) -> Result<bool, AwsError>;
}
