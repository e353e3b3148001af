//! The changes of a restore, in a group that may be full.

use aws_traits::AwsError;
use exposure::{IngressRule, Restoration};

use super::Restoring;
use crate::gate::Open;
use crate::rounds::ROUNDS;
use crate::rule_changes::{OnFull, is_quota, stands_for};
use crate::services::RemediationServices;

type Failed = Vec<(IngressRule, AwsError)>;

impl<S: RemediationServices> Restoring<'_, S> {
    /// Adds the rules that are missing, then revokes those that the closing put in their place. In a group without room, a rule
    /// changes places with those that stand for it. A rule stays until all that it stands for are back. Returns true if there is
    /// nothing left to retry.
    pub(super) async fn change(&mut self, whole: &Restoration, round: usize) -> bool {
        let missing = self.open.authorize.clone();
        let (transient, failed) = of_kind(self.add(&missing).await, AwsError::is_transient);
        if round < ROUNDS && !transient.is_empty() {
            return false;
        }
        let (full, refused) = of_kind(failed, is_quota);
        self.refused.extend(refused.into_iter().chain(transient));
        let heirs: Vec<_> = whole.revoke.iter().filter(|heir| !self.changes.is_gone(heir)).cloned().collect();
        let free: Vec<_> = heirs.iter().filter(|heir| self.is_replaced(heir, &[])).cloned().collect();
        self.remove(&free).await;
        let full = self.add_from(full).await;
        let full = self.exchange(full, &heirs).await;
        let full = self.add_from(full).await;
        self.refused.extend(full);
        let left = self.open.revoke.iter().filter(|heir| !self.stands_for_refused(heir));
        left.into_iter().all(|rule| self.changes.is_gone(rule))
    }

    async fn add(&mut self, rules: &[IngressRule]) -> Failed {
        let (ec2, group_id) = (self.environment.ec2(), self.group_id());
        self.changes.authorize(ec2, group_id, rules, OnFull::AddSome, &mut Open).await.unwrap_or_default()
    }

    /// Adds rules for which there was no room before. Returns those for which there is none now.
    async fn add_from(&mut self, full: Failed) -> Failed {
        let rules: Vec<_> = full.into_iter().map(|(rule, _)| rule).collect();
        if rules.is_empty() { Vec::new() } else { self.add(&rules).await }
    }

    async fn remove(&mut self, rules: &[IngressRule]) {
        let (ec2, group_id) = (self.environment.ec2(), self.group_id());
        // A restore is not held back.
        let _ = self.changes.revoke(ec2, group_id, rules, &mut Open).await;
    }

    /// Revokes the rules that stand for rules in `full` only, and adds these in the room that becomes free. If that fails, the
    /// former are added again. Returns the rules that are still missing.
    async fn exchange(&mut self, full: Failed, heirs: &[IngressRule]) -> Failed {
        let parents: Vec<_> = full.iter().map(|(rule, _)| rule.clone()).collect();
        let may_go = |heir: &&IngressRule| !self.changes.is_gone(heir) && self.is_replaced(heir, &parents);
        let going: Vec<_> = heirs.iter().filter(may_go).cloned().collect();
        let has_room = |(rule, _): &(IngressRule, AwsError)| going.iter().any(|heir| stands_for(heir, rule));
        let (exchanged, waiting): (Failed, Failed) = full.into_iter().partition(has_room);
        if exchanged.is_empty() {
            return waiting;
        }
        self.remove(&going).await;
        let failed = self.add_from(exchanged).await;
        let is_needed = |heir: &&IngressRule| failed.iter().any(|(rule, _)| stands_for(heir, rule));
        let needed: Vec<_> =
            going.iter().filter(is_needed).map(|heir| IngressRule { id: None, ..heir.clone() }).collect();
        if !needed.is_empty() {
            self.changes.forget_added(&needed);
            let lost = self.add(&needed).await;
            self.refused.extend(lost);
        }
        failed.into_iter().chain(waiting).collect()
    }

    /// Returns true if every rule for which `heir` stands is back, or one of `coming`.
    fn is_replaced(&self, heir: &IngressRule, coming: &[IngressRule]) -> bool {
        let is_missing =
            |rule: &IngressRule| self.open.authorize.iter().any(|missing| missing.admits_the_same_as(rule));
        let is_coming = |rule: &IngressRule| coming.iter().any(|coming| coming.admits_the_same_as(rule));
        let mut parents = self.taken.undo.taken().iter().filter(|rule| stands_for(heir, rule));
        parents
            .all(|rule| !(is_missing(rule) || self.is_refused(rule)) || self.changes.is_added(rule) || is_coming(rule))
    }

    pub(super) fn is_refused(&self, rule: &IngressRule) -> bool {
        self.refused.iter().any(|(refused, _)| refused.admits_the_same_as(rule))
    }

    /// Returns true if the rule is the only remainder of one that cannot be restored.
    pub(super) fn stands_for_refused(&self, heir: &IngressRule) -> bool {
        self.refused.iter().any(|(rule, _)| stands_for(heir, rule))
    }
}

/// Splits failures into those with such an error, and the others.
fn of_kind(failed: Failed, is_one: impl Fn(&AwsError) -> bool) -> (Failed, Failed) {
    failed.into_iter().partition(|(_, error)| is_one(error))
}
