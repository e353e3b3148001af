//! Rules in the output of `aws ec2 describe-security-group-rules`, put together to groups.

use std::collections::BTreeMap;

use aws_events::Object;
use exposure::{IngressRule, SecurityGroup, Source, Traffic};
use findings::region_of_arn;
use serde::Deserialize;

use super::described_group::{Tag, Text, tags};
use super::record::Record;

/// A `SecurityGroupRule`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
pub(super) struct DescribedRule<'a> {
    security_group_rule_id: Option<Text<'a>>,
    security_group_rule_arn: Option<Text<'a>>,
    group_id: Option<Text<'a>>,
    group_owner_id: Option<Text<'a>>,
    is_egress: Option<bool>,
    ip_protocol: Option<Text<'a>>,
    from_port: Option<i64>,
    to_port: Option<i64>,
    cidr_ipv4: Option<Text<'a>>,
    cidr_ipv6: Option<Text<'a>>,
    prefix_list_id: Option<Text<'a>>,
    referenced_group_info: Option<Object<ReferencedGroup<'a>>>,
    description: Option<Text<'a>>,
    tags: Option<Vec<Object<Tag<'a>>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", bound(deserialize = "'de: 'a"))]
struct ReferencedGroup<'a> {
    group_id: Option<Text<'a>>,
    user_id: Option<Text<'a>>,
}

/// Maximum number of rules that are kept, in about 120 MB: as many as the default quotas of a region allow, 2,500 groups of
/// 60 rules each.
pub(super) const MOST_RULES: usize = 150_000;

/// Groups of the rules so far. A group is complete only at the end of the input, so all of them are kept.
#[derive(Debug, Default)]
pub(super) struct DescribedRules {
    groups: BTreeMap<String, Record>,
    count: usize,
}

impl DescribedRules {
    /// Whether the maximum number of rules is reached.
    pub(super) fn is_full(&self) -> bool {
        self.count >= MOST_RULES
    }

    /// Adds a rule to its group.
    pub(super) fn add(&mut self, rule: DescribedRule<'_>) -> Result<(), &'static str> {
        let group_id = rule
            .group_id
            .filter(|id| !id.0.is_empty())
            .ok_or("rule without `GroupId`: keep `GroupId` in the --query")?
            .into_owned();
        let is_egress = rule.is_egress.ok_or("rule without `IsEgress`: keep `IsEgress` in the --query")?;
        let record = self
            .groups
            .entry(group_id)
            .or_insert_with_key(|id| Record::new(SecurityGroup { id: id.clone(), ..SecurityGroup::default() }));
        if record.region.is_none() {
            record.region = rule.security_group_rule_arn.and_then(|arn| region_of_arn(&arn.0).map(str::to_owned));
        }
        if record.group.owner_id.is_none() {
            record.group.owner_id = rule.group_owner_id.map(Text::into_owned);
        }
        if is_egress {
            return Ok(());
        }
        let referenced = rule.referenced_group_info;
        let source = match (rule.cidr_ipv4, rule.cidr_ipv6, rule.prefix_list_id, referenced) {
            (Some(cidr), None, None, None) | (None, Some(cidr), None, None) => Source::from_cidr(&cidr.0),
            (None, None, Some(list), None) => Source::PrefixList(list.into_owned()),
            (None, None, None, Some(Object(group))) => {
                Source::of_group(group.group_id.map(Text::into_owned), group.user_id.map(Text::into_owned))
            }
            (None, None, None, None) => Source::not_told(),
            _ => Source::Unrecognized("more than one source".to_owned()),
        };
        let protocol = rule.ip_protocol.as_ref().map(|protocol| protocol.0.as_ref()).unwrap_or_default();
        self.count += 1;
        // Most groups have few rules: the default room for four would take more memory than all else.
        if record.group.ingress.len() < 4 {
            record.group.ingress.reserve_exact(1);
        }
        record.group.ingress.push(IngressRule {
            id: rule.security_group_rule_id.map(Text::into_owned),
            traffic: Traffic::parse(protocol, rule.from_port, rule.to_port),
            source,
            description: rule.description.map(Text::into_owned),
            tags: tags(rule.tags.unwrap_or_default()),
        });
        Ok(())
    }

    /// The groups, by id.
    pub(super) fn into_records(self) -> impl Iterator<Item = Record> {
        self.groups.into_values()
    }
}
