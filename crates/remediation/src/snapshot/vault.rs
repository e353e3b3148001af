//! Documents of one security group: snapshots, the hold, the record of owed rules.

use std::collections::{BTreeMap, BTreeSet};

use aws_traits::object_store::{ObjectStore, StoreError, StoreLocation};
use exposure::{IngressRule, Plan, SecurityGroup};
use jiff::Timestamp;
use plain_text::error_chain;

use super::debt::Debt;
use super::document::{VERSION, find, find_head, get, keep_new, keys_below, to_json};
use super::error::SnapshotError;
use super::group::{Action, Author, GroupState, PlanState, Snapshot};
use super::hold::{self, Hold, HoldDocument, HoldState};
use super::key::{file_stem, has_json_extension, named_key, run_name, run_of};
use super::outcome::{Outcome, outcome_key};
use super::rule_state::states;
use super::taken::{Entry, Taken};
use crate::request::LATEST;

/// Most snapshots that `latest` reads. An older one has to be named.
const MOST_SNAPSHOTS: usize = 100;

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

    /// Writes a snapshot of the group before `plan` is carried out and `payments` of earlier closings are added, and returns
    /// its URI.
    pub(crate) async fn keep(
        &self,
        author: Author<'_>,
        group: &SecurityGroup,
        egress: &[IngressRule],
        plan: &Plan,
        payments: &[IngressRule],
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
                payments: states(payments),
            },
            continues,
        };
        let prefix = match author.action {
            Action::Close => "security-groups",
            Action::Restore => "restores",
        };
        let stem = format!("{}/{}", self.key(prefix), file_stem(taken_at, author.execution_id));
        let kept = keep_new(self.store, &stem, &to_json(&snapshot)).await;
        if matches!(kept, Err(SnapshotError::NotWritten(_))) && author.action == Action::Close {
            // The snapshot exists nevertheless if only the answer is lost. A restore must not take its plan for what was revoked.
            let _ = self.put_outcome(&self.uri(&format!("{stem}.json")), &[]).await;
        }
        kept.map(|key| self.uri(&key))
    }

    /// Records the rules that the closing with the snapshot `uri` revoked, if they are not all that it planned.
    pub(crate) async fn put_outcome(&self, uri: &str, revoked: &[IngressRule]) -> Result<(), StoreError> {
        let Some(key) = self.store.location().key(uri) else { return Ok(()) };
        let outcome = Outcome { version: VERSION, revoked: states(revoked) };
        self.store.put(&outcome_key(key), to_json(&outcome), BTreeMap::new()).await
    }

    /// What the closing that `name` names took from the group, by a snapshot or by its execution id. `latest` is the last
    /// one that took a rule that is missing in `live`, together with those that it finished; those that took nothing do not
    /// come between. A closing that a restore has undone in whole counts as well, so that a restore can be repeated; `None` if there is no such closing.
    pub(crate) async fn taken(&self, name: &str, live: &[IngressRule]) -> Result<Option<Taken>, SnapshotError> {
        let prefix = format!("{}/", self.key("security-groups"));
        let mut keys = self.store.list(&prefix).await.map_err(SnapshotError::NotRead)?;
        let outcomes: BTreeSet<String> = keys.iter().filter(|key| !has_json_extension(key)).cloned().collect();
        keys.retain(|key| has_json_extension(key));
        if name != LATEST {
            if let Some(run) = run_name(name) {
                let of_run = keys.iter().rev().filter(|key| run_of(key) == Some(run));
                let mut newest_first = Vec::new();
                for key in of_run {
                    newest_first.push(self.read(key, &outcomes).await?);
                }
                if !newest_first.is_empty() {
                    return Ok(Some(Taken::new(&newest_first, live)));
                }
            }
            let key = named_key(self.store.location(), &prefix, name, self.group_id, (self.now)())?;
            return Ok(Some(Taken::new(&[self.read(&key, &outcomes).await?], live)));
        }
        if keys.is_empty() {
            return Err(SnapshotError::None(self.uri(&prefix)));
        }
        let mut keys = keys.iter().rev().take(MOST_SNAPSHOTS);
        let mut next = match keys.next() {
            Some(key) => Some(self.read(key, &outcomes).await?),
            None => None,
        };
        while let Some(newest) = next.take() {
            let mut newest_first = vec![newest];
            for earlier in keys.by_ref() {
                let entry = self.read(earlier, &outcomes).await?;
                if newest_first.iter().any(|later| later.finishes(&entry)) {
                    newest_first.push(entry);
                } else if !entry.took_nothing() {
                    next = Some(entry);
                    break;
                }
            }
            let taken = Taken::new(&newest_first, live);
            let took_something = !taken.undo.taken().is_empty();
            if taken.is_missing_in(live) || (took_something && self.is_restored(&taken).await?) {
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }

    async fn read(&self, key: &str, outcomes: &BTreeSet<String>) -> Result<Entry, SnapshotError> {
        let snapshot: Snapshot = get(self.store, key).await?.ok_or_else(|| SnapshotError::None(self.uri(key)))?;
        if snapshot.security_group.group_id != self.group_id || snapshot.action != Action::Close {
            let problem = format!("it is not the snapshot of a closing of {}", self.group_id);
            return Err(SnapshotError::Malformed { uri: self.uri(key), problem });
        }
        let key_of_outcome = outcome_key(key);
        let outcome: Option<Outcome> =
            if outcomes.contains(&key_of_outcome) { get(self.store, &key_of_outcome).await? } else { None };
        Ok(Entry { uri: self.uri(key), snapshot, outcome })
    }

    /// Returns true if the last restore was of this closing.
    async fn is_restored(&self, taken: &Taken) -> Result<bool, SnapshotError> {
        let prefix = format!("{}/", self.key("restores"));
        let Some(latest) = keys_below(self.store, &prefix).await?.pop() else { return Ok(false) };
        let restore: Option<Snapshot> = get(self.store, &latest).await?;
        let restored = restore.and_then(|restore| restore.continues);
        Ok(restored.is_some_and(|uri| taken.uris.contains(&uri)))
    }

    /// Rules that an earlier closing still has to add.
    pub(crate) async fn debt(&self) -> Result<Option<Debt>, SnapshotError> {
        let debt: Option<Debt> = find(self.store, &self.debt_key()).await?;
        Ok(debt.filter(|debt| !debt.has_ended((self.now)())))
    }

    /// Records rules that are still to be added to a group with the rules `ingress`, replacing an earlier record.
    pub(crate) async fn put_debt(
        &self,
        rules: &[IngressRule],
        ingress: &[IngressRule],
        snapshot: Option<String>,
    ) -> Result<(), StoreError> {
        let debt = Debt::new(VERSION, (self.now)(), snapshot, rules, ingress);
        self.store.put(&self.debt_key(), to_json(&debt), BTreeMap::new()).await
    }

    pub(crate) async fn delete_debt(&self) -> Result<(), StoreError> {
        self.store.delete(&self.debt_key()).await
    }

    fn debt_key(&self) -> String {
        format!("{}.json", self.key("owed"))
    }

    /// The hold on this group, if it is in force.
    pub(crate) async fn hold(&self) -> Result<Option<Hold>, SnapshotError> {
        match self.hold_state().await? {
            HoldState::Active(hold) => Ok(Some(hold)),
            HoldState::None | HoldState::Ended => Ok(None),
        }
    }

    /// The state of the hold on this group. Its end is read before its content, which may be encrypted with a key that the
    /// stack no longer has.
    pub(crate) async fn hold_state(&self) -> Result<HoldState, SnapshotError> {
        let key = self.hold_key();
        let Some(head) = find_head(self.store, &key).await? else { return Ok(HoldState::None) };
        let now = (self.now)();
        let known = hold::end(&head.metadata);
        if known.is_some_and(|until| until <= now) {
            return Ok(HoldState::Ended);
        }
        match (get::<HoldDocument>(self.store, &key).await, known) {
            (Ok(None), _) => Ok(HoldState::None),
            (Ok(Some(hold)), known) => {
                let until = known.unwrap_or(hold.until);
                let hold = Hold { until, execution_id: hold.execution_id, unreadable: None };
                Ok(if now < until { HoldState::Active(hold) } else { HoldState::Ended })
            }
            (Err(error), Some(until)) => {
                let unreadable = Some(error_chain(&error.with_key(head.kms_key)));
                Ok(HoldState::Active(Hold { until, execution_id: None, unreadable }))
            }
            (Err(error), None) => Err(error.with_key(head.kms_key)),
        }
    }

    pub(crate) async fn put_hold(
        &self,
        until: Timestamp,
        execution_id: Option<&str>,
        config_rule_name: &str,
    ) -> Result<(), StoreError> {
        let hold = HoldDocument {
            version: VERSION,
            until,
            execution_id: execution_id.map(str::to_owned),
            config_rule_name: config_rule_name.to_owned(),
        };
        self.store.put(&self.hold_key(), to_json(&hold), hold::metadata(until)).await
    }

    pub(crate) async fn delete_hold(&self) -> Result<(), StoreError> {
        self.store.delete(&self.hold_key()).await
    }

    fn hold_key(&self) -> String {
        format!("{}.json", self.key("holds"))
    }
}
