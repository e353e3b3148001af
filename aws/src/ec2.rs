//! EC2: security groups, their rules, managed prefix lists.

use aws_sdk_ec2::types::{
    Filter, IpPermission, RevokedSecurityGroupRule, SecurityGroup as SdkGroup, SecurityGroupRule as SdkRule, Tag,
};
use aws_types::SdkConfig;
use exposure::{AddressSet, IngressRule, PrefixList, SecurityGroup, Source, Traffic};
use ipnetwork::IpNetwork;

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

/// Reads and revokes the rules of a group.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait SecurityGroupRules {
    /// `DescribeSecurityGroupRules`: the ingress rules of a group with their ids. Empty when there is no such group.
    ///
    /// # Errors
    ///
    /// When the call failed.
    async fn ingress_rules(&self, group_id: &str) -> Result<Vec<IngressRule>, AwsError>;

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

/// The adapter on the SDK.
#[derive(Debug, Clone)]
pub struct Ec2 {
    client: aws_sdk_ec2::Client,
}

impl Ec2 {
    /// An adapter with a client of its own; made once per process.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { client: aws_sdk_ec2::Client::new(sdk) }
    }
}

/// The largest page of rules: as many as a group can have.
const RULES_PER_PAGE: i32 = 1000;
/// A thousand large groups are megabytes of XML, more than a small function reads before its attempt times out.
const GROUPS_PER_PAGE: i32 = 100;

const DESCRIBE_GROUPS: &str = "ec2:DescribeSecurityGroups";

impl SecurityGroups for Ec2 {
    async fn security_groups(
        &self,
        next_token: Option<String>,
    ) -> Result<(Vec<SecurityGroup>, Option<String>), AwsError> {
        let output = self
            .client
            .describe_security_groups()
            .max_results(GROUPS_PER_PAGE)
            .set_next_token(next_token)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(DESCRIBE_GROUPS, "all groups", &error))?;
        let groups = output.security_groups.unwrap_or_default().into_iter().map(group).collect();
        Ok((groups, output.next_token.filter(|token| !token.is_empty())))
    }

    async fn security_group(&self, group_id: &str) -> Result<Option<SecurityGroup>, AwsError> {
        match self.client.describe_security_groups().group_ids(group_id).send().await {
            Ok(output) => Ok(output.security_groups.unwrap_or_default().into_iter().next().map(group)),
            Err(error) => {
                let error = AwsError::from_sdk(DESCRIBE_GROUPS, group_id, &error);
                if error.code() == Some("InvalidGroup.NotFound") { Ok(None) } else { Err(error) }
            }
        }
    }
}

impl SecurityGroupRules for Ec2 {
    async fn ingress_rules(&self, group_id: &str) -> Result<Vec<IngressRule>, AwsError> {
        let mut rules = Vec::new();
        let mut pages = self
            .client
            .describe_security_group_rules()
            .filters(Filter::builder().name("group-id").values(group_id).build())
            .max_results(RULES_PER_PAGE)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::from_sdk("ec2:DescribeSecurityGroupRules", group_id, &error))?;
            // No filter for the direction exists, so egress comes along.
            let ingress =
                page.security_group_rules.unwrap_or_default().into_iter().filter(|rule| rule.is_egress != Some(true));
            rules.extend(ingress.map(described_rule));
        }
        Ok(rules)
    }

    async fn revoke(&self, group_id: &str, rule_ids: &[String]) -> Result<Vec<IngressRule>, AwsError> {
        const OPERATION: &str = "ec2:RevokeSecurityGroupIngress";
        let output = self
            .client
            .revoke_security_group_ingress()
            .group_id(group_id)
            .set_security_group_rule_ids(Some(rule_ids.to_vec()))
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(OPERATION, group_id, &error))?;
        if output.r#return == Some(false) {
            return Err(AwsError::new(OPERATION, group_id, None, "EC2 answered `return: false`"));
        }
        Ok(output.revoked_security_group_rules.unwrap_or_default().into_iter().map(revoked_rule).collect())
    }
}

impl ManagedPrefixLists for Ec2 {
    async fn prefix_list(&self, id: &str) -> Result<PrefixList, AwsError> {
        const DESCRIBE: &str = "ec2:DescribeManagedPrefixLists";
        const ENTRIES: &str = "ec2:GetManagedPrefixListEntries";
        let described = self
            .client
            .describe_managed_prefix_lists()
            .prefix_list_ids(id)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(DESCRIBE, id, &error))?;
        let list = described.prefix_lists.unwrap_or_default().into_iter().next();
        let list = list.ok_or_else(|| AwsError::malformed(DESCRIBE, id, "it names no prefix list"))?;
        if list.owner_id.as_deref() == Some("AWS") {
            return Ok(PrefixList::AwsOwned);
        }
        let mut addresses = AddressSet::default();
        let mut pages = self.client.get_managed_prefix_list_entries().prefix_list_id(id).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::from_sdk(ENTRIES, id, &error))?;
            for entry in page.entries.unwrap_or_default() {
                let cidr = entry.cidr.unwrap_or_default();
                let network = cidr
                    .parse::<IpNetwork>()
                    .map_err(|_| AwsError::malformed(ENTRIES, id, &format!("entry `{cidr}` is not a CIDR")))?;
                addresses.insert(network);
            }
        }
        Ok(PrefixList::Entries(addresses))
    }
}

fn group(group: SdkGroup) -> SecurityGroup {
    SecurityGroup {
        id: group.group_id.unwrap_or_default(),
        name: group.group_name,
        vpc_id: group.vpc_id.filter(|id| !id.is_empty()),
        owner_id: group.owner_id,
        tags: tags(group.tags),
        ingress: group.ip_permissions.unwrap_or_default().into_iter().flat_map(permission).collect(),
    }
}

fn tags(tags: Option<Vec<Tag>>) -> std::collections::BTreeMap<String, String> {
    tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}

/// One rule per source of a permission.
fn permission(permission: IpPermission) -> Vec<IngressRule> {
    let traffic = traffic(permission.ip_protocol.as_deref(), permission.from_port, permission.to_port);
    let ipv4 = permission
        .ip_ranges
        .unwrap_or_default()
        .into_iter()
        .map(|range| (Source::from_cidr(&range.cidr_ip.unwrap_or_default()), range.description));
    let ipv6 = permission
        .ipv6_ranges
        .unwrap_or_default()
        .into_iter()
        .map(|range| (Source::from_cidr(&range.cidr_ipv6.unwrap_or_default()), range.description));
    let lists = permission
        .prefix_list_ids
        .unwrap_or_default()
        .into_iter()
        .map(|list| (Source::PrefixList(list.prefix_list_id.unwrap_or_default()), list.description));
    let groups =
        permission.user_id_group_pairs.unwrap_or_default().into_iter().map(|pair| {
            (Source::SecurityGroup(pair.group_id.or(pair.group_name).unwrap_or_default()), pair.description)
        });
    ipv4.chain(ipv6)
        .chain(lists)
        .chain(groups)
        .map(|(source, description)| IngressRule { description, ..IngressRule::new(traffic.clone(), source) })
        .collect()
}

fn described_rule(rule: SdkRule) -> IngressRule {
    let referenced = rule.referenced_group_info.map(|group| group.group_id.unwrap_or_default());
    IngressRule {
        id: rule.security_group_rule_id,
        traffic: traffic(rule.ip_protocol.as_deref(), rule.from_port, rule.to_port),
        source: source(rule.cidr_ipv4, rule.cidr_ipv6, rule.prefix_list_id, referenced),
        description: rule.description,
        tags: tags(rule.tags),
    }
}

fn revoked_rule(rule: RevokedSecurityGroupRule) -> IngressRule {
    IngressRule {
        id: rule.security_group_rule_id,
        traffic: traffic(rule.ip_protocol.as_deref(), rule.from_port, rule.to_port),
        source: source(rule.cidr_ipv4, rule.cidr_ipv6, rule.prefix_list_id, rule.referenced_group_id),
        description: rule.description,
        tags: std::collections::BTreeMap::new(),
    }
}

fn traffic(protocol: Option<&str>, from: Option<i32>, to: Option<i32>) -> Traffic {
    Traffic::parse(protocol.unwrap_or_default(), from.map(i64::from), to.map(i64::from))
}

fn source(ipv4: Option<String>, ipv6: Option<String>, list: Option<String>, group: Option<String>) -> Source {
    match (ipv4.or(ipv6), list, group) {
        (Some(cidr), _, _) => Source::from_cidr(&cidr),
        (None, Some(list), _) => Source::PrefixList(list),
        (None, None, Some(group)) => Source::SecurityGroup(group),
        (None, None, None) => Source::Unrecognized("no source".to_owned()),
    }
}
