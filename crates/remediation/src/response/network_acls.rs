//! Network ACLs in a response.

use exposure::{AclEntry, AclLeft};
use serde::Serialize;

/// Details of a `quarantine` or a `release`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quarantined {
    /// By network ACL, sorted by id.
    pub network_acls: Vec<AclChange>,
}

/// Changes to one network ACL; in a dry run, the planned changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AclChange {
    /// `acl-…`.
    pub network_acl_id: String,
    /// The entries that were added.
    pub added: Vec<AclEntryRecord>,
    /// The entries that were removed.
    pub removed: Vec<AclEntryRecord>,
    /// The entries of a quarantine that were changed since, and that stay.
    pub left: Vec<AclEntryLeft>,
    /// URI of the snapshot taken before the change.
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
    /// Number of the entry. Of the entries that match, the one with the lowest number applies.
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

/// An entry that differs from the one that a quarantine made, and that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AclEntryLeft {
    /// The entry as the quarantine made it.
    #[serde(flatten)]
    pub entry: AclEntryRecord,
    /// The difference, and why the entry stays.
    pub reason: String,
}

impl AclEntryLeft {
    /// An entry that stays, because the quarantine of another group needs it.
    pub(crate) fn needed_by(entry: &AclEntry, group_id: &str) -> Self {
        Self { entry: entry.into(), reason: format!("`{entry}` is needed by the quarantine of {group_id}") }
    }
}

impl From<&AclLeft> for AclEntryLeft {
    fn from(left: &AclLeft) -> Self {
        Self { entry: (&left.entry).into(), reason: left.to_string() }
    }
}
