//! What the remediator did.

use std::fmt;

use exposure::{AclEntry, AclLeft, IngressRule, Unjudged};
use jiff::Timestamp;
use serde::Serialize;

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Every exposure is closed.
    Closed,
    /// The group has again what a closing took.
    Restored,
    /// The network ACLs keep the internet away.
    Quarantined,
    /// What a quarantine added is gone.
    Released,
    /// There was nothing to do.
    NothingToDo,
    /// There is an exposure, and it is to be left: an exemption covers it, or the group was restored lately.
    Exempt,
    /// A dry run: this would be done.
    Planned,
    /// Some of it is done, some is not. Fails the invocation.
    Partial,
    /// Nothing could be done. Fails the invocation.
    Failed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "CLOSED",
            Self::Restored => "RESTORED",
            Self::Quarantined => "QUARANTINED",
            Self::Released => "RELEASED",
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
    /// What was done to what.
    #[serde(flatten)]
    pub details: Details,
    /// Where that which was changed is kept as it was before.
    pub snapshot: Option<String>,
    /// The outcome in a sentence.
    pub message: String,
}

/// What was done to what, by action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Details {
    /// Of a `close`.
    Close(Closed),
    /// Of a `restore`.
    Restore(Restored),
    /// Of a `quarantine` or a `release`.
    Quarantine(Quarantined),
}

/// What a `quarantine` or a `release` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantined {
    /// By network ACL, sorted by id.
    pub network_acls: Vec<AclChange>,
}

/// What was done to one network ACL; in a dry run, what would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AclChange {
    /// `acl-…`.
    pub network_acl_id: String,
    /// The entries that were added.
    pub added: Vec<AclEntryRecord>,
    /// The entries that were removed.
    pub removed: Vec<AclEntryRecord>,
    /// The entries that a quarantine had added, and that somebody has changed since.
    pub left: Vec<AclEntryLeft>,
    /// Where the ACL as it was before is kept.
    pub snapshot: Option<String>,
}

impl AclChange {
    pub(crate) fn of(network_acl_id: &str) -> Self {
        Self { network_acl_id: network_acl_id.to_owned(), ..Self::default() }
    }
}

/// An ingress entry of a network ACL, as evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AclEntryRecord {
    /// The lowest number that matches decides.
    pub rule_number: u16,
    /// `allow` or `deny`.
    pub rule_action: String,
    /// `tcp`, `udp`, `-1` …
    pub protocol: String,
    /// First port.
    pub from_port: Option<i64>,
    /// Last port, inclusive.
    pub to_port: Option<i64>,
    /// CIDR.
    pub source: String,
}

impl From<&AclEntry> for AclEntryRecord {
    fn from(entry: &AclEntry) -> Self {
        Self {
            rule_number: entry.number,
            rule_action: entry.action.to_string(),
            protocol: entry.traffic.protocol().into_owned(),
            from_port: entry.traffic.from_port(),
            to_port: entry.traffic.to_port(),
            source: entry.source.to_string(),
        }
    }
}

/// An entry that is not as a quarantine made it, and why it is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AclEntryLeft {
    /// The entry as the quarantine made it.
    #[serde(flatten)]
    pub entry: AclEntryRecord,
    /// What is there instead.
    pub reason: String,
}

impl From<&AclLeft> for AclEntryLeft {
    fn from(left: &AclLeft) -> Self {
        Self { entry: (&left.entry).into(), reason: left.to_string() }
    }
}

/// What a `close` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Closed {
    /// The rules that were revoked; in a dry run, those that would be.
    pub revoked: Vec<RuleRecord>,
    /// The rules that were added in their place; in a dry run, those that would be.
    pub authorized: Vec<RuleRecord>,
    /// The rules that were to be revoked, but that somebody else had removed.
    pub already_absent: Vec<RuleRecord>,
    /// The rules that should have been added and could not be, and why.
    pub not_authorized: Vec<Remaining>,
    /// The rules that still expose the group, or that could not be judged, and why.
    pub remaining: Vec<Remaining>,
    /// The group is open, and left alone until then, since it was restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
}

/// What a `restore` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// The rules that were given back; in a dry run, those that would be.
    pub authorized: Vec<RuleRecord>,
    /// The rules that the closing had added, and that were taken away again; in a dry run, those that would be.
    pub revoked: Vec<RuleRecord>,
    /// The rules that somebody else has added since, and that stay.
    pub left: Vec<RuleRecord>,
    /// The rules that could not be given back, or not be taken away, and why.
    pub remaining: Vec<Remaining>,
    /// The snapshots that the rules were taken from, newest first.
    pub restored_from: Vec<String>,
    /// Until when the group is left alone.
    pub exception_until: Option<Timestamp>,
}

impl Response {
    /// What a `close` did; nothing for another action.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        match &self.details {
            Details::Close(closed) => Some(closed),
            Details::Restore(_) | Details::Quarantine(_) => None,
        }
    }

    /// What a `restore` did; nothing for another action.
    #[must_use]
    pub fn restored(&self) -> Option<&Restored> {
        match &self.details {
            Details::Restore(restored) => Some(restored),
            Details::Close(_) | Details::Quarantine(_) => None,
        }
    }
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

/// These rules as evidence.
pub(crate) fn records<'r>(rules: impl IntoIterator<Item = &'r IngressRule>) -> Vec<RuleRecord> {
    rules.into_iter().map(Into::into).collect()
}

/// A rule that is not as it should be, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Remaining {
    /// The rule.
    #[serde(flatten)]
    pub rule: RuleRecord,
    /// Why it is still there, or not there yet.
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
    if rules == 1 { "1 rule".to_owned() } else { format!("{rules} rules") }
}
