//! Snapshot of a security group.

use exposure::{ClosingRecord, IngressRule};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::rule_state::{RuleState, rules, rules_of_one_source};
use crate::request::StrategyName;
use crate::rule_changes::stands_for;

/// A group before a change, and the planned change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Snapshot {
    pub(super) version: u32,
    pub(super) action: Action,
    pub(super) taken_at: Timestamp,
    pub(super) execution_id: Option<String>,
    pub(super) config_rule_name: String,
    pub(super) account_id: String,
    pub(super) region: String,
    pub(super) security_group: GroupState,
    pub(super) plan: PlanState,
    /// URI of the preceding snapshot of the same change.
    pub(super) continues: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Action {
    Close,
    Restore,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GroupState {
    pub(super) group_id: String,
    pub(super) group_name: Option<String>,
    pub(super) vpc_id: Option<String>,
    #[serde(deserialize_with = "rules_of_one_source")]
    pub(super) ingress: Vec<RuleState>,
    pub(super) egress: Vec<RuleState>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PlanState {
    pub(super) strategy: Option<StrategyName>,
    /// Rule ids.
    pub(super) revoke: Vec<String>,
    /// Rules in place of those that are revoked.
    #[serde(deserialize_with = "rules_of_one_source")]
    pub(super) authorize: Vec<RuleState>,
    /// Rules in place of those that an earlier closing revoked, for which the group had no room. They are among `authorize`
    /// in snapshots of version 0.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "rules_of_one_source")]
    pub(super) payments: Vec<RuleState>,
}

/// Action and cause of a change, for the record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Author<'a> {
    pub(crate) action: Action,
    pub(crate) strategy: Option<StrategyName>,
    pub(crate) config_rule_name: &'a str,
    pub(crate) execution_id: Option<&'a str>,
}

impl Snapshot {
    /// Rules that the closing planned to revoke.
    pub(super) fn planned(&self) -> Vec<IngressRule> {
        let is_planned =
            |rule: &&RuleState| rule.security_group_rule_id.as_ref().is_some_and(|id| self.plan.revoke.contains(id));
        rules(self.security_group.ingress.iter().filter(is_planned))
    }

    /// What the closing did, if it revoked `taken`. A rule that is in place of none for which `is_undone` returns true counts as
    /// a payment.
    pub(super) fn record(&self, taken: Vec<IngressRule>, is_undone: impl Fn(&IngressRule) -> bool) -> ClosingRecord {
        let mut planned = self.planned();
        planned.retain(is_undone);
        let (replacements, mut payments): (Vec<_>, Vec<_>) = rules(&self.plan.authorize)
            .into_iter()
            .partition(|heir| planned.iter().any(|predecessor| stands_for(heir, predecessor)));
        payments.extend(rules(&self.plan.payments));
        ClosingRecord { before: rules(&self.security_group.ingress), taken, replacements, payments }
    }

    /// Returns true if this snapshot belongs to the same change as `earlier`, or to a later run that finishes it.
    pub(super) fn finishes(&self, earlier: &Self, earlier_uri: &str) -> bool {
        let is_same_run = self.execution_id.is_some() && self.execution_id == earlier.execution_id;
        // Rule ids are never reused, so a rule that `earlier` planned to revoke still existed.
        let was_left_over = |id: &String| {
            self.security_group.ingress.iter().any(|rule| rule.security_group_rule_id.as_ref() == Some(id))
        };
        is_same_run || self.continues.as_deref() == Some(earlier_uri) || earlier.plan.revoke.iter().any(was_left_over)
    }
}
