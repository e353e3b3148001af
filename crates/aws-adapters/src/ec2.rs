//! EC2: security groups and their rules.

mod prefix_lists;
mod selected;

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, RevokedSecurityGroupRule,
    SecurityGroup as SdkGroup, SecurityGroupRule as SdkRule, Tag, TagSpecification, UserIdGroupPair,
};
use aws_smithy_types::retry::RetryMode;
use aws_traits::AwsError;
use aws_traits::ec2::{GroupRules, GroupsById, Revocation, SecurityGroupRules, SecurityGroups};
use aws_types::SdkConfig;
use exposure::{IngressRule, SecurityGroup, Source, Traffic};
use ipnetwork::IpNetwork;

use crate::error::FromSdk;
use crate::once::OnlyIfThrottled;
use crate::sdk::patient_retry_config;

/// Client of Amazon EC2.
#[derive(Debug, Clone)]
pub struct Ec2 {
    pub(crate) client: aws_sdk_ec2::Client,
    /// For changes of security groups, whose requests are sent once.
    changes: aws_sdk_ec2::Client,
}

impl Ec2 {
    /// Creates the adapter and its client. Call it once per process.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        let mut once = aws_sdk_ec2::config::Builder::from(sdk).retry_classifier(OnlyIfThrottled);
        if sdk.retry_config().is_some_and(|config| config.mode() == RetryMode::Adaptive) {
            once = once.retry_config(patient_retry_config());
        }
        let once = once.build();
        Self { client: aws_sdk_ec2::Client::new(sdk), changes: aws_sdk_ec2::Client::from_conf(once) }
    }
}

/// Largest page of rules, and the most rules that a group can have.
const RULES_PER_PAGE: i32 = 1000;
/// Page size for groups. A thousand large groups are megabytes of XML, more than a small function reads before the attempt
/// times out.
const GROUPS_PER_PAGE: i32 = 100;

/// Most values that a filter accepts.
pub(crate) const VALUES_PER_FILTER: usize = 200;

const DESCRIBE_GROUPS: &str = "ec2:DescribeSecurityGroups";
const DESCRIBE_RULES: &str = "ec2:DescribeSecurityGroupRules";
const DESCRIBE_LISTS: &str = "ec2:DescribeManagedPrefixLists";

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

impl GroupsById for Ec2 {
    async fn groups_with_ids(&self, ids: &[&str]) -> Result<Vec<SecurityGroup>, AwsError> {
        let mut groups = Vec::new();
        let request = self.client.describe_security_groups().filters(of_groups(ids.iter().copied()));
        let mut pages = request.max_results(GROUPS_PER_PAGE).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::from_sdk(DESCRIBE_GROUPS, &ids.join(", "), &error))?;
            groups.extend(page.security_groups.unwrap_or_default().into_iter().map(group));
        }
        Ok(groups)
    }

    async fn ingress_rules(&self, group_ids: &[&str]) -> Result<BTreeMap<String, Vec<IngressRule>>, AwsError> {
        let mut rules: BTreeMap<String, Vec<IngressRule>> = BTreeMap::new();
        let request = self.client.describe_security_group_rules().filters(of_groups(group_ids.iter().copied()));
        let mut pages = request.max_results(RULES_PER_PAGE).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::from_sdk(DESCRIBE_RULES, &group_ids.join(", "), &error))?;
            let ingress =
                page.security_group_rules.unwrap_or_default().into_iter().filter(|rule| rule.is_egress != Some(true));
            for rule in ingress {
                let of_group = rule.group_id.clone().unwrap_or_default();
                rules.entry(of_group).or_default().push(described_rule(rule));
            }
        }
        Ok(rules)
    }
}

impl SecurityGroupRules for Ec2 {
    async fn rules(&self, group_id: &str) -> Result<GroupRules, AwsError> {
        let mut rules = GroupRules::default();
        let mut pages = self
            .client
            .describe_security_group_rules()
            .filters(of_groups([group_id]))
            .max_results(RULES_PER_PAGE)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::from_sdk(DESCRIBE_RULES, group_id, &error))?;
            // There is no filter for the direction, so the page contains egress rules, too.
            for rule in page.security_group_rules.unwrap_or_default() {
                let direction = if rule.is_egress == Some(true) { &mut rules.egress } else { &mut rules.ingress };
                direction.push(described_rule(rule));
            }
        }
        Ok(rules)
    }

    async fn authorize(&self, group_id: &str, rules: &[IngressRule]) -> Result<Vec<IngressRule>, AwsError> {
        const OPERATION: &str = "ec2:AuthorizeSecurityGroupIngress";
        let permissions = to_permissions(OPERATION, group_id, rules)?;
        let output = self
            .changes
            .authorize_security_group_ingress()
            .group_id(group_id)
            .set_ip_permissions(Some(permissions))
            .set_tag_specifications(rules.first().and_then(tag_specification).map(|tags| vec![tags]))
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(OPERATION, group_id, &error))?;
        if output.r#return == Some(false) {
            return Err(AwsError::new(OPERATION, group_id, None, "EC2 answered `return: false`"));
        }
        Ok(output.security_group_rules.unwrap_or_default().into_iter().map(described_rule).collect())
    }

    async fn revoke(&self, group_id: &str, rules: &[IngressRule]) -> Result<Revocation, AwsError> {
        const OPERATION: &str = "ec2:RevokeSecurityGroupIngress";
        // Without descriptions: EC2 does not need them, and the owner may have edited them.
        let rules: Vec<_> = rules.iter().map(|rule| IngressRule { description: None, ..rule.clone() }).collect();
        let permissions = to_permissions(OPERATION, group_id, &rules)?;
        let output = self
            .changes
            .revoke_security_group_ingress()
            .group_id(group_id)
            .set_ip_permissions(Some(permissions))
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(OPERATION, group_id, &error))?;
        if output.r#return == Some(false) {
            return Err(AwsError::new(OPERATION, group_id, None, "EC2 answered `return: false`"));
        }
        Ok(Revocation {
            revoked: output.revoked_security_group_rules.unwrap_or_default().into_iter().map(revoked_rule).collect(),
            absent: output.unknown_ip_permissions.unwrap_or_default().into_iter().flat_map(permission).collect(),
        })
    }
}

/// Filter that selects by security group id.
pub(crate) fn of_groups<'i>(ids: impl IntoIterator<Item = &'i str>) -> Filter {
    let ids = ids.into_iter().map(str::to_owned).collect();
    Filter::builder().name("group-id").set_values(Some(ids)).build()
}

pub(crate) fn group(group: SdkGroup) -> SecurityGroup {
    SecurityGroup {
        id: group.group_id.unwrap_or_default(),
        resource: None,
        name: group.group_name,
        vpc_id: group.vpc_id.filter(|id| !id.is_empty()),
        owner_id: group.owner_id,
        tags: tags(group.tags),
        ingress: group.ip_permissions.unwrap_or_default().into_iter().flat_map(permission).collect(),
    }
}

fn tags(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}

/// Splits a permission into one rule per source.
fn permission(permission: IpPermission) -> Vec<IngressRule> {
    let traffic = traffic(permission.ip_protocol.as_deref(), permission.from_port, permission.to_port);
    if permission.ip_ranges.is_none()
        && permission.ipv6_ranges.is_none()
        && permission.prefix_list_ids.is_none()
        && permission.user_id_group_pairs.is_none()
    {
        // EC2 always lists all four kinds: the permission has a kind of source that this release does not know.
        return vec![IngressRule::new(traffic, Source::not_told())];
    }
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
    let groups = permission
        .user_id_group_pairs
        .unwrap_or_default()
        .into_iter()
        .map(|pair| (Source::of_group(pair.group_id.or(pair.group_name), pair.user_id), pair.description));
    ipv4.chain(ipv6)
        .chain(lists)
        .chain(groups)
        .map(|(source, description)| IngressRule { description, ..IngressRule::new(traffic.clone(), source) })
        .collect()
}

pub(crate) fn described_rule(rule: SdkRule) -> IngressRule {
    let referenced = rule.referenced_group_info.map(|group| Source::of_group(group.group_id, group.user_id));
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
        source: source(
            rule.cidr_ipv4,
            rule.cidr_ipv6,
            rule.prefix_list_id,
            rule.referenced_group_id.map(|id| Source::of_group(Some(id), None)),
        ),
        description: rule.description,
        tags: BTreeMap::new(),
    }
}

fn traffic(protocol: Option<&str>, from: Option<i32>, to: Option<i32>) -> Traffic {
    Traffic::parse(protocol.unwrap_or_default(), from.map(i64::from), to.map(i64::from))
}

fn source(ipv4: Option<String>, ipv6: Option<String>, list: Option<String>, group: Option<Source>) -> Source {
    match (ipv4.or(ipv6), list, group) {
        (Some(cidr), _, _) => Source::from_cidr(&cidr),
        (None, Some(list), _) => Source::PrefixList(list),
        (None, None, Some(group)) => group,
        (None, None, None) => Source::not_told(),
    }
}

fn to_permissions(
    operation: &'static str,
    group_id: &str,
    rules: &[IngressRule],
) -> Result<Vec<IpPermission>, AwsError> {
    let permission = |rule| to_permission(rule).map_err(|problem| AwsError::new(operation, group_id, None, &problem));
    rules.iter().map(permission).collect()
}

/// Converts a rule to a permission with one source.
fn to_permission(rule: &IngressRule) -> Result<IpPermission, String> {
    let port = |port: Option<i64>| port.map(i32::try_from).transpose().map_err(|error| error.to_string());
    let (from, to) = match &rule.traffic {
        // EC2 allows all traffic of such a protocol whatever the ports are, but requires the fields.
        Traffic::Other(_) => (Some(-1), Some(-1)),
        Traffic::Unrecognized { .. } => return Err(format!("{} is not understood", rule.traffic)),
        Traffic::All | Traffic::Ports { .. } | Traffic::Icmp { .. } => {
            (port(rule.traffic.from_port())?, port(rule.traffic.to_port())?)
        }
    };
    let permission = IpPermission::builder().ip_protocol(rule.traffic.protocol()).set_from_port(from).set_to_port(to);
    let description = rule.description.clone().filter(|description| !description.is_empty());
    Ok(match &rule.source {
        Source::Cidr(network @ IpNetwork::V4(_)) => {
            permission.ip_ranges(IpRange::builder().cidr_ip(network.to_string()).set_description(description).build())
        }
        Source::Cidr(network @ IpNetwork::V6(_)) => permission
            .ipv6_ranges(Ipv6Range::builder().cidr_ipv6(network.to_string()).set_description(description).build()),
        Source::PrefixList(id) => {
            permission.prefix_list_ids(PrefixListId::builder().prefix_list_id(id).set_description(description).build())
        }
        Source::SecurityGroup { id, account_id } => permission.user_id_group_pairs(
            UserIdGroupPair::builder()
                .group_id(id)
                .set_user_id(account_id.clone())
                .set_description(description)
                .build(),
        ),
        Source::Unrecognized(_) => return Err(format!("source {} is not understood", rule.source)),
    }
    .build())
}

/// Tags of a rule to create, without those that begin with `aws:`, which only AWS can set.
fn tag_specification(rule: &IngressRule) -> Option<TagSpecification> {
    let tags: Vec<Tag> = rule
        .tags
        .iter()
        .filter(|(key, _)| !key.starts_with("aws:"))
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    (!tags.is_empty()).then(|| {
        TagSpecification::builder().resource_type(ResourceType::SecurityGroupRule).set_tags(Some(tags)).build()
    })
}
