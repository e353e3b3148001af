//! A security group rule as JSON.

use std::collections::BTreeMap;

use exposure::{IngressRule, Source, Traffic};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// A rule with the field names of the EC2 API, so that an operator can restore it by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RuleState {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) security_group_rule_id: Option<String>,
    ip_protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_port: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_port: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr_ipv4: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr_ipv6: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix_list_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referenced_group: Option<ReferencedGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReferencedGroup {
    group_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
}

impl RuleState {
    /// Returns true if the rule has at most one source, and a valid one. A rule has none if its source was not
    /// recognised; EC2 refuses such a rule.
    fn has_one_source(&self) -> bool {
        let is = |cidr: &String, is_ipv4: bool| matches!(Source::from_cidr(cidr), Source::Cidr(network) if network.is_ipv4() == is_ipv4);
        let given = usize::from(self.cidr_ipv4.is_some())
            + usize::from(self.cidr_ipv6.is_some())
            + usize::from(self.prefix_list_id.is_some())
            + usize::from(self.referenced_group.is_some());
        given <= 1
            && self.cidr_ipv4.as_ref().is_none_or(|cidr| is(cidr, true))
            && self.cidr_ipv6.as_ref().is_none_or(|cidr| is(cidr, false))
    }
}

/// Reads rules to be added or revoked, and refuses one with several sources or an invalid one.
pub(super) fn rules_of_one_source<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RuleState>, D::Error> {
    let states = Vec::<RuleState>::deserialize(deserializer)?;
    match states.iter().find(|state| !state.has_one_source()) {
        None => Ok(states),
        Some(state) => {
            let id = state.security_group_rule_id.as_deref().unwrap_or("a new rule");
            Err(D::Error::custom(format!("`{id}` does not have exactly one valid source")))
        }
    }
}

/// As [`rules_of_one_source`], for a list that may be missing.
pub(super) fn some_rules_of_one_source<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<RuleState>>, D::Error> {
    rules_of_one_source(deserializer).map(Some)
}

impl From<&IngressRule> for RuleState {
    fn from(rule: &IngressRule) -> Self {
        let mut state = Self {
            security_group_rule_id: rule.id.clone(),
            ip_protocol: rule.traffic.protocol().into_owned(),
            from_port: rule.traffic.from_port(),
            to_port: rule.traffic.to_port(),
            cidr_ipv4: None,
            cidr_ipv6: None,
            prefix_list_id: None,
            referenced_group: None,
            description: rule.description.clone(),
            tags: rule.tags.clone(),
        };
        match &rule.source {
            Source::Cidr(network) if network.is_ipv4() => state.cidr_ipv4 = Some(network.to_string()),
            Source::Cidr(network) => state.cidr_ipv6 = Some(network.to_string()),
            Source::PrefixList(id) => state.prefix_list_id = Some(id.clone()),
            Source::SecurityGroup { id, account_id } => {
                state.referenced_group = Some(ReferencedGroup { group_id: id.clone(), user_id: account_id.clone() });
            }
            // Not one of the fields above; EC2 refuses a rule without a source.
            Source::Unrecognized(_) => {}
        }
        state
    }
}

impl From<&RuleState> for IngressRule {
    fn from(state: &RuleState) -> Self {
        let source = if let Some(cidr) = state.cidr_ipv4.as_ref().or(state.cidr_ipv6.as_ref()) {
            Source::from_cidr(cidr)
        } else if let Some(id) = &state.prefix_list_id {
            Source::PrefixList(id.clone())
        } else if let Some(group) = &state.referenced_group {
            Source::SecurityGroup { id: group.group_id.clone(), account_id: group.user_id.clone() }
        } else {
            Source::not_told()
        };
        Self {
            id: state.security_group_rule_id.clone(),
            traffic: Traffic::parse(&state.ip_protocol, state.from_port, state.to_port),
            source,
            description: state.description.clone(),
            tags: state.tags.clone(),
        }
    }
}

pub(super) fn states<'r>(rules: impl IntoIterator<Item = &'r IngressRule>) -> Vec<RuleState> {
    rules.into_iter().map(Into::into).collect()
}

pub(super) fn rules<'s>(states: impl IntoIterator<Item = &'s RuleState>) -> Vec<IngressRule> {
    states.into_iter().map(Into::into).collect()
}
