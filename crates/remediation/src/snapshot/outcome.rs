//! Record of the rules that a closing really revoked.

use exposure::IngressRule;
use serde::{Deserialize, Serialize};

use super::rule_state::{RuleState, rules, rules_of_one_source};

/// Rules that a closing revoked, if they are not all of those that its snapshot plans: others had vanished before, had been
/// changed by their owner, or could not be revoked. Without such a record the plan counts, since the closing may have been
/// killed right after the revocation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Outcome {
    pub(super) version: u32,
    #[serde(deserialize_with = "rules_of_one_source")]
    pub(super) revoked: Vec<RuleState>,
}

impl Outcome {
    pub(super) fn revoked(&self) -> Vec<IngressRule> {
        rules(&self.revoked)
    }
}

/// Key of the outcome of the closing with the snapshot `key`. It does not end in `.json`, and so is no snapshot itself.
pub(super) fn outcome_key(key: &str) -> String {
    format!("{}.outcome", key.strip_suffix(".json").unwrap_or(key))
}
