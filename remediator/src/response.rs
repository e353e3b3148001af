//! What the remediator did.

use std::fmt;

use exposure::{IngressRule, Unjudged};
use serde::Serialize;

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Every exposure is closed.
    Closed,
    /// There was no exposure.
    NothingToDo,
    /// There is an exposure, and an exemption covers it.
    Exempt,
    /// A dry run: this would be done.
    Planned,
    /// Some exposures are closed, others remain. Fails the invocation.
    Partial,
    /// Nothing could be closed. Fails the invocation.
    Failed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "CLOSED",
            Self::NothingToDo => "NOTHING_TO_DO",
            Self::Exempt => "EXEMPT",
            Self::Planned => "PLANNED",
            Self::Partial => "PARTIAL",
            Self::Failed => "FAILED",
        })
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The outcome.
    pub status: Status,
    /// The group.
    pub security_group_id: String,
    /// The rules that were revoked; in a dry run, those that would be.
    pub revoked: Vec<RuleRecord>,
    /// The rules that were added.
    pub authorized: Vec<RuleRecord>,
    /// The rules that were to be revoked, but that somebody else had removed.
    pub already_absent: Vec<RuleRecord>,
    /// The rules that still expose the group, or that could not be judged, and why.
    pub remaining: Vec<Remaining>,
    /// Where the group as it was before is kept.
    pub snapshot: Option<String>,
    /// The outcome in a sentence.
    pub message: String,
}

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

/// A rule that is still there, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Remaining {
    /// The rule.
    #[serde(flatten)]
    pub rule: RuleRecord,
    /// Why it is still there.
    pub reason: String,
}

impl Remaining {
    /// A rule that could not be revoked.
    pub(crate) fn new(rule: &IngressRule, reason: &str) -> Self {
        Self { rule: rule.into(), reason: reason.to_owned() }
    }
}

impl From<&Unjudged<'_>> for Remaining {
    fn from(unjudged: &Unjudged<'_>) -> Self {
        Self::new(unjudged.rule, &unjudged.cause.to_string())
    }
}

impl fmt::Display for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RuleRecord { security_group_rule_id, source, protocol, from_port, to_port } = &self.rule;
        let id = security_group_rule_id.as_deref().unwrap_or("a rule without id");
        write!(f, "{id} ({protocol}")?;
        if let (Some(from), Some(to)) = (from_port, to_port) {
            write!(f, "/{from}-{to}")?;
        }
        write!(f, " from {source}): {}", self.reason)
    }
}
