//! Documents of one security group: snapshots, the hold, the record of owed rules.

use aws_traits::object_store::{ObjectStore, StoreError, StoreLocation};
use exposure::{IngressRule, Plan, SecurityGroup};
use jiff::Timestamp;

use super::debt::{Debt, EXPIRES_AFTER};
use super::document::{VERSION, find, get, keep_new, keys_below, to_json};
use super::error::SnapshotError;
use super::group::{Action, Author, GroupState, PlanState, Snapshot};
use super::hold::Hold;
use super::key::{file_stem, named_key};
use super::rule_state::{rules, states};
use crate::request::LATEST;

/// Changes to a group by a closing, or by several in a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Taken {
    /// Rules before the change.
    pub(crate) before: Vec<IngressRule>,
    /// Rules that the closing planned to add.
    pub(crate) added: Vec<IngressRule>,
    /// URIs of the snapshots, newest first.
    pub(crate) uris: Vec<String>,
}

/// Store for the documents of one group.
#[derive(Debug)]
pub(crate) struct Vault<'a, S> {
    store: &'a S,
    group_id: &'a str,
    now: fn() -> Timestamp,
}

impl<'a, S: ObjectStore> Vault<'a, S> {
    pub(crate) fn new(store: &'a S, group_id: &'a str, now: fn() -> Timestamp) -> Self {
        Self { store, group_id, now }
    }

    fn key(&self, prefix: &str) -> String {
        let StoreLocation { account_id, region, .. } = self.store.location();
        format!("{prefix}/{account_id}/{region}/{}", self.group_id)
    }

    fn uri(&self, key: &str) -> String {
        self.store.location().uri(key)
    }

    /// Writes a snapshot of the group before `plan` is carried out, and returns its URI.
    pub(crate) async fn keep(
        &self,
        author: Author<'_>,
        group: &SecurityGroup,
        egress: &[IngressRule],
        plan: &Plan,
        continues: Option<String>,
    ) -> Result<String, SnapshotError> {
        let taken_at = (self.now)();
        let StoreLocation { account_id, region, .. } = self.store.location();
        let snapshot = Snapshot {
            version: VERSION,
            action: author.action,
            taken_at,
            execution_id: author.execution_id.map(str::to_owned),
            config_rule_name: author.config_rule_name.to_owned(),
            account_id: account_id.clone(),
            region: region.clone(),
            security_group: GroupState {
                group_id: self.group_id.to_owned(),
                group_name: group.name.clone(),
                vpc_id: group.vpc_id.clone(),
                ingress: states(&group.ingress),
                egress: states(egress),
            },
            plan: PlanState {
                strategy: author.strategy,
                revoke: plan.revoke.iter().filter_map(|rule| rule.id.clone()).collect(),
                authorize: states(&plan.authorize),
            },
            continues,
        };
        let prefix = match author.action {
            Action::Close => "security-groups",
            Action::Restore => "restores",
        };
        let stem = format!("{}/{}", self.key(prefix), file_stem(taken_at, author.execution_id));
        keep_new(self.store, &stem, &to_json(&snapshot)).await.map(|key| self.uri(&key))
    }

    /// Changes of the closing that `name` names, or of the latest one together with those that it finished.
    pub(crate) async fn taken(&self, name: &str) -> Result<Taken, SnapshotError> {
        let prefix = format!("{}/", self.key("security-groups"));
        if name != LATEST {
            let key = named_key(self.store.location(), &prefix, name, self.group_id, (self.now)())?;
            let snapshot = self.read(&key).await?;
            return Ok(chain(&[(self.uri(&key), snapshot)]));
        }
        let mut keys = keys_below(self.store, &prefix).await?;
        let Some(latest) = keys.pop() else { return Err(SnapshotError::None(self.uri(&prefix))) };
        let mut newest_first = vec![(self.uri(&latest), self.read(&latest).await?)];
        while let (Some(earlier), Some((_, later))) = (keys.pop(), newest_first.last()) {
            let snapshot = self.read(&earlier).await?;
            let uri = self.uri(&earlier);
            if !later.finishes(&snapshot, &uri) {
                break;
            }
            newest_first.push((uri, snapshot));
        }
        Ok(chain(&newest_first))
    }

    async fn read(&self, key: &str) -> Result<Snapshot, SnapshotError> {
        let snapshot: Snapshot = get(self.store, key).await?.ok_or_else(|| SnapshotError::None(self.uri(key)))?;
        if snapshot.security_group.group_id != self.group_id || snapshot.action != Action::Close {
            let problem = format!("it is not the snapshot of a closing of {}", self.group_id);
            return Err(SnapshotError::Malformed { uri: self.uri(key), problem });
        }
        Ok(snapshot)
    }

    /// Rules that an earlier closing still has to add.
    pub(crate) async fn debt(&self) -> Result<Option<Debt>, SnapshotError> {
        let debt: Option<Debt> = find(self.store, &self.debt_key()).await?;
        Ok(debt.filter(|debt| (self.now)().duration_since(debt.since) < EXPIRES_AFTER))
    }

    /// Records rules that are still to be added, replacing an earlier record.
    pub(crate) async fn put_debt(&self, rules: &[IngressRule], snapshot: Option<String>) -> Result<(), StoreError> {
        let debt = Debt { version: VERSION, since: (self.now)(), snapshot, rules: states(rules) };
        self.store.put(&self.debt_key(), to_json(&debt)).await
    }

    pub(crate) async fn delete_debt(&self) -> Result<(), StoreError> {
        self.store.delete(&self.debt_key()).await
    }

    fn debt_key(&self) -> String {
        format!("{}.json", self.key("owed"))
    }

    /// The hold on this group, unless it has ended.
    pub(crate) async fn hold(&self) -> Result<Option<Hold>, SnapshotError> {
        let hold: Option<Hold> = find(self.store, &self.hold_key()).await?;
        Ok(hold.filter(|hold| (self.now)() < hold.until))
    }

    pub(crate) async fn put_hold(
        &self,
        until: Timestamp,
        execution_id: Option<&str>,
        config_rule_name: &str,
    ) -> Result<(), StoreError> {
        let hold = Hold {
            version: VERSION,
            until,
            execution_id: execution_id.map(str::to_owned),
            config_rule_name: config_rule_name.to_owned(),
        };
        self.store.put(&self.hold_key(), to_json(&hold)).await
    }

    pub(crate) async fn delete_hold(&self) -> Result<(), StoreError> {
        self.store.delete(&self.hold_key()).await
    }

    fn hold_key(&self) -> String {
        format!("{}.json", self.key("holds"))
    }
}

/// Combines several closings in a row. Rules that others added between them count as rules before the change.
fn chain(newest_first: &[(String, Snapshot)]) -> Taken {
    let mut taken = Taken::default();
    for (uri, snapshot) in newest_first.iter().rev() {
        let has = |rules: &[IngressRule], rule: &IngressRule| rules.iter().any(|other| other.admits_the_same_as(rule));
        for rule in rules(&snapshot.security_group.ingress) {
            if !has(&taken.before, &rule) && !has(&taken.added, &rule) {
                taken.before.push(rule);
            }
        }
        taken.added.extend(rules(&snapshot.plan.authorize));
        taken.uris.insert(0, uri.clone());
    }
    taken
}
