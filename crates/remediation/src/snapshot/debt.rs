//! Record of the rules that a closing still has to add.

use exposure::IngressRule;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::rule_state::{RuleState, rules, rules_of_one_source};

/// Time after which owed rules are no longer added: by then, the owner of the group has found another solution.
pub(super) const EXPIRES_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// Rules that a closing still has to add: their predecessors are revoked, but the group was full or EC2 did not answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Debt {
    pub(super) version: u32,
    pub(super) since: Timestamp,
    pub(super) snapshot: Option<String>,
    #[serde(deserialize_with = "rules_of_one_source")]
    pub(super) rules: Vec<RuleState>,
}

impl Debt {
    pub(crate) fn rules(&self) -> Vec<IngressRule> {
        rules(&self.rules)
    }

    /// URI of the snapshot taken before their predecessors were revoked.
    pub(crate) fn snapshot(&self) -> Option<&str> {
        self.snapshot.as_deref()
    }
}
