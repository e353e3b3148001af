//! From exposures to the changes that close them.

use crate::assess::Assessment;
use crate::group::{IngressRule, SecurityGroup};

/// How an exposing rule is closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Exactly that rule (one source) goes; every other rule stays.
    #[default]
    Revoke,
}

/// The changes that close every exposure of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The rules that go, in the order of the exposures, each once.
    pub revoke: Vec<IngressRule>,
    /// The rules that come.
    pub authorize: Vec<IngressRule>,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.revoke.is_empty() && self.authorize.is_empty()
    }

    /// The group as it will be once the plan is carried out.
    #[must_use]
    pub fn apply(&self, group: &SecurityGroup) -> SecurityGroup {
        let mut after = group.clone();
        after.ingress.retain(|rule| !self.revoke.contains(rule));
        after.ingress.extend(self.authorize.iter().cloned());
        after
    }
}

/// The changes that close every exposure of `assessment`. Exempted and unjudged rules are left alone.
#[must_use]
pub fn plan(assessment: &Assessment<'_>, strategy: Strategy) -> Plan {
    match strategy {
        Strategy::Revoke => {
            let mut revoke: Vec<IngressRule> = Vec::new();
            for exposure in &assessment.exposures {
                // A rule may be exposing twice: for the world on one port, and partly on another.
                if !revoke.contains(exposure.rule) {
                    revoke.push(exposure.rule.clone());
                }
            }
            Plan { revoke, authorize: Vec::new() }
        }
    }
}
