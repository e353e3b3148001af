//! Snapshots of network ACLs, each with the planned change, and records of complete releases.

use std::collections::BTreeMap;

use aws_traits::object_store::{ObjectStore, StoreLocation};
use exposure::{AclAction, AclEntry, NetworkAcl, Source, Traffic};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::document::{VERSION, get, keep_new, keys_below, to_json};
use super::error::SnapshotError;
use super::key::{file_stem, named_key};
use crate::request::LATEST;

/// Action of the record that a release is complete: no entry of the quarantines remains.
pub(crate) const RELEASED: &str = "released";

/// Longest run of a Lambda function. A change that is planned and not made within this time is never made.
///
/// Source: AWS Lambda developer guide, [Lambda quotas](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
const LONGEST_RUN: SignedDuration = SignedDuration::from_mins(15);

/// An ACL before a change, and the planned change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AclSnapshot {
    version: u32,
    action: String,
    taken_at: Timestamp,
    execution_id: Option<String>,
    config_rule_name: String,
    /// The group of the quarantine; `None` in records of version 0.1.
    #[serde(default)]
    security_group_id: Option<String>,
    account_id: String,
    region: String,
    network_acl: AclState,
    plan: AclPlanState,
    /// Entries of quarantines of other groups on which this quarantine relies.
    #[serde(default)]
    shares: Vec<EntryState>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AclState {
    network_acl_id: String,
    vpc_id: String,
    ingress: Vec<EntryState>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AclPlanState {
    add: Vec<EntryState>,
    remove: Vec<EntryState>,
}

impl AclSnapshot {
    /// Entries that the quarantine added or shares.
    fn entries(&self) -> impl Iterator<Item = AclEntry> {
        self.plan.add.iter().chain(&self.shares).map(AclEntry::from)
    }
}

/// An entry with the field names of the EC2 API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EntryState {
    rule_number: u16,
    rule_action: String,
    protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_port: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_port: Option<i64>,
    cidr: String,
}

impl From<&AclEntry> for EntryState {
    fn from(entry: &AclEntry) -> Self {
        Self {
            rule_number: entry.number,
            rule_action: match &entry.action {
                AclAction::Allow => "allow".to_owned(),
                AclAction::Deny => "deny".to_owned(),
                AclAction::Unrecognized(text) => text.clone(),
            },
            protocol: entry.protocol().into_owned(),
            from_port: entry.traffic.from_port(),
            to_port: entry.traffic.to_port(),
            cidr: match &entry.source {
                Source::Cidr(network) => network.to_string(),
                other => other.to_string(),
            },
        }
    }
}

impl From<&EntryState> for AclEntry {
    fn from(state: &EntryState) -> Self {
        Self {
            number: state.rule_number,
            action: AclAction::parse(&state.rule_action),
            traffic: Traffic::parse(&state.protocol, state.from_port, state.to_port),
            source: Source::from_cidr(&state.cidr),
        }
    }
}

/// Action and cause of a change, for the record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AclAuthor<'a> {
    pub(crate) action: &'static str,
    pub(crate) security_group_id: &'a str,
    pub(crate) config_rule_name: &'a str,
    pub(crate) execution_id: Option<&'a str>,
}

/// Planned change of an ACL.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AclPlan<'a> {
    pub(crate) add: &'a [AclEntry],
    pub(crate) remove: &'a [AclEntry],
    /// Entries of quarantines of other groups on which the change relies.
    pub(crate) shares: &'a [AclEntry],
}

/// Entries of quarantines in an ACL.
#[derive(Debug, Default)]
pub(crate) struct Added {
    /// The entries that quarantines of the group have added or share, those of the oldest quarantine first.
    pub(crate) entries: Vec<AclEntry>,
    /// The entries that quarantines of other groups have added or share, with the group.
    pub(crate) of_others: Vec<(AclEntry, String)>,
    /// Whether the release is to be recorded once they are gone.
    pub(crate) is_to_be_recorded: bool,
}

impl Added {
    /// Another group whose quarantine needs the entry.
    pub(crate) fn other_owner(&self, entry: &AclEntry) -> Option<&str> {
        self.of_others.iter().find(|(other, _)| other == entry).map(|(_, group_id)| group_id.as_str())
    }
}

/// Store for the snapshots of network ACLs.
#[derive(Debug)]
pub(crate) struct AclVault<'a, S> {
    store: &'a S,
    now: fn() -> Timestamp,
}

impl<'a, S: ObjectStore> AclVault<'a, S> {
    pub(crate) fn new(store: &'a S, now: fn() -> Timestamp) -> Self {
        Self { store, now }
    }

    fn prefix(&self, acl_id: &str) -> String {
        let StoreLocation { account_id, region, .. } = self.store.location();
        format!("network-acls/{account_id}/{region}/{acl_id}/")
    }

    fn uri(&self, key: &str) -> String {
        self.store.location().uri(key)
    }

    /// Writes a snapshot of the ACL before a change, and returns its URI.
    pub(crate) async fn keep(
        &self,
        author: AclAuthor<'_>,
        vpc_id: &str,
        acl: &NetworkAcl,
        plan: &AclPlan<'_>,
    ) -> Result<String, SnapshotError> {
        let taken_at = (self.now)();
        let StoreLocation { account_id, region, .. } = self.store.location();
        let states = |entries: &[AclEntry]| entries.iter().map(Into::into).collect();
        let snapshot = AclSnapshot {
            version: VERSION,
            action: author.action.to_owned(),
            taken_at,
            execution_id: author.execution_id.map(str::to_owned),
            config_rule_name: author.config_rule_name.to_owned(),
            security_group_id: Some(author.security_group_id.to_owned()),
            account_id: account_id.clone(),
            region: region.clone(),
            network_acl: AclState {
                network_acl_id: acl.id.clone(),
                vpc_id: vpc_id.to_owned(),
                ingress: states(&acl.ingress),
            },
            plan: AclPlanState { add: states(plan.add), remove: states(plan.remove) },
            shares: states(plan.shares),
        };
        let stem = format!("{}{}", self.prefix(&acl.id), file_stem(taken_at, author.execution_id));
        keep_new(self.store, &stem, &to_json(&snapshot)).await.map(|key| self.uri(&key))
    }

    /// Entries of the quarantines of a group in an ACL: of all of them, or of that with the snapshot `name`; and the entries of
    /// other groups, which a release of this group leaves in place.
    pub(crate) async fn added(&self, acl_id: &str, group_id: &str, name: &str) -> Result<Added, SnapshotError> {
        let prefix = self.prefix(acl_id);
        let mut keys = keys_below(self.store, &prefix).await?;
        let mut newest_first: Vec<(AclSnapshot, bool)> = Vec::new();
        // End of the quarantines by group; of all groups, in records of version 0.1.
        let mut released: BTreeMap<Option<String>, Timestamp> = BTreeMap::new();
        while let Some(key) = keys.pop() {
            let snapshot = self.read(acl_id, &key).await?;
            // A quarantine that was planned shortly before the release may have added its entries afterwards.
            let is_over = |owner: &Option<String>| {
                released.get(owner).is_some_and(|at| at.duration_since(snapshot.taken_at) > LONGEST_RUN)
            };
            if is_over(&None) {
                break;
            }
            if is_over(&snapshot.security_group_id) {
                continue;
            }
            let is_released = released.contains_key(&snapshot.security_group_id) || released.contains_key(&None);
            if snapshot.action == RELEASED {
                released.entry(snapshot.security_group_id.clone()).or_insert(snapshot.taken_at);
            }
            newest_first.push((snapshot, is_released));
        }
        let mut added = Added::default();
        for (snapshot, is_released) in newest_first.iter().rev() {
            // A record without a group may be of any.
            let other = snapshot.security_group_id.as_ref().filter(|owner| *owner != group_id);
            if other.is_none() {
                added.is_to_be_recorded = snapshot.action != RELEASED;
            }
            for entry in snapshot.entries() {
                match other {
                    Some(_) if *is_released => {}
                    Some(owner) => added.of_others.push((entry, owner.clone())),
                    None if added.entries.contains(&entry) => {}
                    None => added.entries.push(entry),
                }
            }
        }
        if name != LATEST {
            let key = named_key(self.store.location(), &prefix, name, acl_id, (self.now)())?;
            added.entries = self.read(acl_id, &key).await?.entries().collect();
            added.is_to_be_recorded = false;
        }
        Ok(added)
    }

    async fn read(&self, acl_id: &str, key: &str) -> Result<AclSnapshot, SnapshotError> {
        let snapshot: AclSnapshot = get(self.store, key).await?.ok_or_else(|| SnapshotError::None(self.uri(key)))?;
        if snapshot.network_acl.network_acl_id != acl_id {
            let problem = format!("it is not a snapshot of {acl_id}");
            return Err(SnapshotError::Malformed { uri: self.uri(key), problem });
        }
        Ok(snapshot)
    }
}
