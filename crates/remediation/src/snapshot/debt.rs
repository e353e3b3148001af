//! Record of the rules that a closing still has to add.

use exposure::IngressRule;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::rule_state::{RuleState, rules, rules_of_one_source, some_rules_of_one_source, states};

/// Time after which owed rules are no longer added: by then, the owner of the group has found another solution.
const EXPIRES_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Rules that a closing still has to add: their predecessors are revoked, but the group was full or EC2 did not answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Debt {
    pub(super) version: u32,
    pub(super) since: Timestamp,
    /// End of the debt; `None` in records of version 0.1, which end after a day as well.
    #[serde(default)]
    until: Option<Timestamp>,
    pub(super) snapshot: Option<String>,
    #[serde(deserialize_with = "rules_of_one_source")]
    pub(super) rules: Vec<RuleState>,
    /// The other rules of the group from the same sources; `None` in records of version 0.1.
    #[serde(default, deserialize_with = "some_rules_of_one_source")]
    beside: Option<Vec<RuleState>>,
}

impl Debt {
    /// Record of `rules` in a group that has the rules `ingress` otherwise.
    pub(super) fn new(
        version: u32,
        since: Timestamp,
        snapshot: Option<String>,
        rules: &[IngressRule],
        ingress: &[IngressRule],
    ) -> Self {
        let beside = ingress.iter().filter(|known| is_from_a_source_of(rules, known) && !has(rules, known));
        let until = since.checked_add(EXPIRES_AFTER).ok();
        Self { version, since, until, snapshot, rules: states(rules), beside: Some(states(beside)) }
    }

    /// Returns true if the debt has ended at `now`.
    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        let until = self.until.or_else(|| self.since.checked_add(EXPIRES_AFTER).ok());
        until.is_some_and(|until| until <= now)
    }

    pub(crate) fn rules(&self) -> Vec<IngressRule> {
        rules(&self.rules)
    }

    /// URI of the snapshot taken before their predecessors were revoked.
    pub(crate) fn snapshot(&self) -> Option<&str> {
        self.snapshot.as_deref()
    }

    /// Returns true if the rules of `live` from the sources of the owed rules are the ones at the time of the record.
    /// Otherwise the owner of the group has decided on these sources since, and the owed rules are moot. `planned` are rules
    /// that a closing revokes, and that may still be there.
    pub(crate) fn is_current(&self, live: &[IngressRule], planned: &[IngressRule]) -> bool {
        let Some(beside) = &self.beside else { return true };
        let (owed, beside) = (self.rules(), rules(beside));
        let counts = |rule: &&IngressRule| is_from_a_source_of(&owed, rule) && !has(&owed, rule) && !has(planned, rule);
        live.iter().filter(counts).all(|rule| has(&beside, rule)) && beside.iter().all(|rule| has(live, rule))
    }
}

fn has(rules: &[IngressRule], rule: &IngressRule) -> bool {
    rules.iter().any(|other| other.admits_the_same_as(rule))
}

fn is_from_a_source_of(rules: &[IngressRule], rule: &IngressRule) -> bool {
    rules.iter().any(|other| other.source == rule.source)
}
