//! Security group rules in a response.

use std::fmt;

use exposure::{IngressRule, Unjudged};
use serde::Serialize;

/// A rule, as evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleRecord {
    /// `sgr-…`.
    pub security_group_rule_id: Option<String>,
    /// `tcp`, `udp`, `-1` …
    pub protocol: String,
    /// First port.
    pub from_port: Option<i64>,
    /// Last port, inclusive.
    pub to_port: Option<i64>,
    /// CIDR, prefix list or security group.
    pub source: String,
}

impl From<&IngressRule> for RuleRecord {
    fn from(rule: &IngressRule) -> Self {
        Self {
            security_group_rule_id: rule.id.clone(),
            protocol: rule.traffic.protocol().into_owned(),
            from_port: rule.traffic.from_port(),
            to_port: rule.traffic.to_port(),
            source: rule.source.to_string(),
        }
    }
}

/// Records of `rules`.
pub(crate) fn records<'r>(rules: impl IntoIterator<Item = &'r IngressRule>) -> Vec<RuleRecord> {
    rules.into_iter().map(Into::into).collect()
}

/// A rule that could not be changed or judged, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Remaining {
    /// The rule.
    #[serde(flatten)]
    pub rule: RuleRecord,
    /// Why the rule still exists, or is missing.
    pub reason: String,
}

impl Remaining {
    pub(crate) fn new(rule: &IngressRule, reason: impl fmt::Display) -> Self {
        Self { rule: rule.into(), reason: reason.to_string() }
    }
}

impl From<&Unjudged<'_>> for Remaining {
    fn from(unjudged: &Unjudged<'_>) -> Self {
        Self::new(unjudged.rule, &unjudged.cause)
    }
}

impl fmt::Display for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RuleRecord { security_group_rule_id, source, protocol, from_port, to_port } = &self.rule;
        if let Some(id) = security_group_rule_id {
            write!(f, "{id} ")?;
        }
        write!(f, "({protocol}")?;
        if let (Some(from), Some(to)) = (from_port, to_port) {
            write!(f, "/{from}-{to}")?;
        }
        write!(f, " from {source}): {}", self.reason)
    }
}

/// `1 rule`, `2 rules`.
pub(crate) fn count(rules: usize) -> String {
    plain_text::counted(rules, "rule")
}
