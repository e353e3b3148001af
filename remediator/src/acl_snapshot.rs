//! What is kept in the bucket of network ACLs: each as it was before a change, with the change.

use aws::s3::{Objects, Place};
use exposure::{AclAction, AclEntry, NetworkAcl, Source, Traffic};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::RemediatorError;
use crate::request::LATEST;
use crate::snapshot::{SnapshotError, VERSION, file_stem, get, has_json_extension, keep_new, named_key, to_json};

/// An ACL as it was before a change, with the change that was about to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AclSnapshot {
    version: u32,
    action: String,
    taken_at: Timestamp,
    execution_id: Option<String>,
    config_rule_name: String,
    account_id: String,
    region: String,
    network_acl: AclState,
    plan: AclPlanState,
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

/// An entry in EC2's own words.
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

/// Who changes an ACL, for the record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AclAuthor<'a> {
    pub(crate) action: &'static str,
    pub(crate) config_rule_name: &'a str,
    pub(crate) execution_id: Option<&'a str>,
}

/// The bucket, as far as network ACLs are concerned.
#[derive(Debug)]
pub(crate) struct AclVault<'a, S> {
    bucket: &'a S,
    now: fn() -> Timestamp,
}

impl<'a, S: Objects> AclVault<'a, S> {
    pub(crate) fn new(bucket: &'a S, now: fn() -> Timestamp) -> Self {
        Self { bucket, now }
    }

    fn prefix(&self, acl_id: &str) -> String {
        let Place { account_id, region, .. } = self.bucket.place();
        format!("network-acls/{account_id}/{region}/{acl_id}/")
    }

    fn uri(&self, key: &str) -> String {
        self.bucket.place().uri(key)
    }

    /// Keeps the ACL as it is, before entries are added and removed. Gives back where.
    pub(crate) async fn keep(
        &self,
        author: AclAuthor<'_>,
        vpc_id: &str,
        acl: &NetworkAcl,
        add: &[AclEntry],
        remove: &[AclEntry],
    ) -> Result<String, SnapshotError> {
        let taken_at = (self.now)();
        let Place { account_id, region, .. } = self.bucket.place();
        let states = |entries: &[AclEntry]| entries.iter().map(Into::into).collect();
        let snapshot = AclSnapshot {
            version: VERSION,
            action: author.action.to_owned(),
            taken_at,
            execution_id: author.execution_id.map(str::to_owned),
            config_rule_name: author.config_rule_name.to_owned(),
            account_id: account_id.clone(),
            region: region.clone(),
            network_acl: AclState {
                network_acl_id: acl.id.clone(),
                vpc_id: vpc_id.to_owned(),
                ingress: states(&acl.ingress),
            },
            plan: AclPlanState { add: states(add), remove: states(remove) },
        };
        let stem = format!("{}{}", self.prefix(&acl.id), file_stem(taken_at, author.execution_id));
        keep_new(self.bucket, &stem, &to_json(&snapshot)).await.map(|key| self.uri(&key))
    }

    /// The entries that quarantines have added to an ACL: all of them, or those of one snapshot.
    pub(crate) async fn added(&self, acl_id: &str, name: &str) -> Result<Vec<AclEntry>, RemediatorError> {
        let prefix = self.prefix(acl_id);
        let keys = if name == LATEST {
            self.bucket.list(&prefix).await.map_err(SnapshotError::NotRead)?
        } else {
            vec![named_key(self.bucket.place(), &prefix, name, acl_id, (self.now)())?]
        };
        let mut added: Vec<AclEntry> = Vec::new();
        for key in keys.iter().filter(|key| has_json_extension(key)) {
            let snapshot: Option<AclSnapshot> = get(self.bucket, key).await?;
            let snapshot = snapshot.ok_or_else(|| SnapshotError::None(self.uri(key)))?;
            if snapshot.network_acl.network_acl_id != acl_id {
                let problem = format!("it is not a snapshot of {acl_id}");
                return Err(SnapshotError::Malformed { uri: self.uri(key), problem }.into());
            }
            for entry in snapshot.plan.add.iter().map(AclEntry::from) {
                if !added.contains(&entry) {
                    added.push(entry);
                }
            }
        }
        Ok(added)
    }
}
