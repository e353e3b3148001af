//! Rules that a closing owes: their predecessors are revoked, and they are still to be added.

use aws_traits::AwsError;
use aws_traits::object_store::StoreError;
use exposure::{IngressRule, Strategy};
use plain_text::error_message;
use tracing::warn;

use super::Closing;
use crate::error::RemediationError;
use crate::live_group::LiveGroup;
use crate::rule_changes::{is_quota, stands_for};
use crate::services::RemediationServices;
use crate::snapshot::SnapshotError;

/// Owed rules, each with the error of the latest attempt to add it.
#[derive(Debug, Default)]
pub(super) struct Due {
    rules: Vec<(IngressRule, Option<AwsError>)>,
    /// Whether the store has a record of owed rules.
    is_recorded: bool,
}

impl Due {
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(super) fn rules(&self) -> Vec<IngressRule> {
        self.rules.iter().map(|(rule, _)| rule.clone()).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(IngressRule, Option<AwsError>)> {
        self.rules.iter()
    }

    pub(super) fn add(&mut self, rule: IngressRule, error: Option<AwsError>) {
        self.rules.retain(|(known, _)| !known.admits_the_same_as(&rule));
        self.rules.push((rule, error));
    }

    /// Keeps the rules that `ingress` does not have.
    pub(super) fn retain_missing(&mut self, ingress: &[IngressRule]) {
        self.rules.retain(|(rule, _)| !ingress.iter().any(|known| known.admits_the_same_as(rule)));
    }

    /// Replaces the rules by those that could not be added.
    pub(super) fn replace(&mut self, failed: Vec<(IngressRule, AwsError)>) {
        self.rules = failed.into_iter().map(|(rule, error)| (rule, Some(error))).collect();
    }

    /// Returns true if a retry does not help: there is no rule left, or the group is full.
    pub(super) fn is_hopeless(&self) -> bool {
        self.rules.iter().all(|(_, error)| error.as_ref().is_some_and(|error| !error.is_transient()))
    }

    /// Returns true if the quota of rules is the reason for one of them.
    pub(super) fn is_for_want_of_room(&self) -> bool {
        self.rules.iter().any(|(_, error)| error.as_ref().is_some_and(is_quota))
    }

    /// Returns true if nothing is owed any more, and the store still says so.
    pub(super) fn is_settled(&self) -> bool {
        self.is_recorded && self.rules.is_empty()
    }
}

impl<S: RemediationServices> Closing<'_, S> {
    /// Reads the rules that an earlier closing owes. A debt ends when the owner of the group has changed the rules of its
    /// sources since. A rule that the policy forbids by now, or that cannot be judged, is no longer owed.
    pub(super) async fn read_debt(&mut self, live: &LiveGroup) -> Result<(), RemediationError> {
        // Only strategies that add rules can owe rules.
        if self.strategy == Strategy::Revoke {
            return Ok(());
        }
        let debt = match self.vault.debt().await {
            Ok(Some(debt)) => debt,
            Ok(None) => return Ok(()),
            // Closing has priority: without the key of an earlier stack, the group could not be closed before the record
            // expires.
            Err(SnapshotError::Encrypted { key, problem: StoreError::Aws(problem) }) if problem.is_denied() => {
                warn!(security_group.id = self.group_id(), key, error = %problem, "owed rules unreadable");
                return Ok(());
            }
            Err(problem) => return Err(problem.into()),
        };
        self.due.is_recorded = true;
        let group = &live.judged.group;
        let assessment = live.judged.assess();
        let exposing: Vec<_> = assessment.exposures.iter().map(|exposure| exposure.rule.clone()).collect();
        if !debt.is_current(&group.ingress, &exposing) {
            warn!(
                security_group.id = self.group_id(),
                "owed rules dropped: the rules of their sources were changed since"
            );
            return Ok(());
        }
        for rule in debt.rules() {
            self.due.add(rule, None);
        }
        self.due.retain_missing(&group.ingress);
        if self.due.is_empty() {
            return Ok(());
        }
        let with_due = self.with_due(group);
        let criteria = &live.judged.criteria;
        let after = criteria.judge(with_due, self.environment.ec2(), &self.environment.prefix_lists).await;
        let assessment = after.assess();
        let forbidden = assessment.exposures.iter().map(|exposure| exposure.rule);
        let forbidden: Vec<_> = forbidden.chain(assessment.unjudged.iter().map(|unjudged| unjudged.rule)).collect();
        self.due.rules.retain(|(rule, _)| {
            let is_forbidden = forbidden.iter().any(|forbidden| forbidden.admits_the_same_as(rule));
            if is_forbidden {
                warn!(protocol = %rule.traffic, source = %rule.source, "owed rule dropped: the policy forbids it by now");
            }
            !is_forbidden
        });
        // Rules added now belong to the change that began with that snapshot.
        if !self.due.is_empty() {
            self.continues = debt.snapshot().map(str::to_owned);
        }
        Ok(())
    }

    /// Drops the rules whose predecessors could not be revoked: while these stay, nothing is owed. Otherwise their successors
    /// would be added after someone else has removed them.
    pub(super) async fn drop_premature_debt(&mut self, live: &LiveGroup, open: &[IngressRule]) {
        let stays = |rule: &&IngressRule| !self.changes.is_gone(rule) && !self.changes.may_have_revoked(rule);
        let stays: Vec<_> = open.iter().filter(stays).collect();
        let owed = self.due.rules.len();
        self.due.rules.retain(|(rule, _)| !stays.iter().any(|predecessor| stands_for(rule, predecessor)));
        if self.due.rules.len() == owed {
            return;
        }
        if self.due.is_empty() { self.delete_debt().await } else { self.record_debt(live, open).await }
    }

    pub(super) async fn delete_debt(&self) {
        self.vault.delete_debt().await.unwrap_or_else(|error| {
            // The record expires, and a rule that exists is not added twice.
            warn!(
                security_group.id = self.group_id(),
                error = error_message(&error),
                "record of owed rules not deleted"
            );
        });
    }

    /// Records the owed rules, so that the next run adds them if this one ends too early.
    pub(super) async fn record_debt(&mut self, live: &LiveGroup, open: &[IngressRule]) {
        let rules = self.due.rules();
        let snapshot = self.kept.last().map(|kept| kept.uri.clone());
        let is_open = |rule: &IngressRule| open.iter().any(|open| open.admits_the_same_as(rule));
        let stays = live.judged.group.ingress.iter().filter(|rule| !is_open(rule));
        let ingress: Vec<_> = stays.chain(&self.changes.authorized).cloned().collect();
        match self.vault.put_debt(&rules, &ingress, snapshot).await {
            Ok(()) => self.due.is_recorded = true,
            // The snapshot has them as well. Closing has priority.
            Err(error) => {
                warn!(security_group.id = self.group_id(), error = error_message(&error), "owed rules not recorded");
            }
        }
    }
}
