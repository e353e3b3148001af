//! Back to the rules that a group had before it was closed.

use crate::group::IngressRule;

/// The changes that bring rules back, whatever has become of the group since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restoration {
    /// Rules of before that are missing now.
    pub authorize: Vec<IngressRule>,
    /// Rules that only the closing has added.
    pub revoke: Vec<IngressRule>,
    /// Rules that somebody else has added since. They are left alone.
    pub leave: Vec<IngressRule>,
}

impl Restoration {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.authorize.is_empty() && self.revoke.is_empty()
    }

    /// The rules as they will be once this is carried out.
    #[must_use]
    pub fn apply(&self, live: &[IngressRule]) -> Vec<IngressRule> {
        live.iter().filter(|rule| !self.revoke.contains(rule)).chain(&self.authorize).cloned().collect()
    }
}

/// What brings back the rules of `before`, when the closing has added the rules of `added` and the group has the rules of
/// `live` now. Two rules are the same when they let the same traffic in from the same source: ids change, and somebody may
/// have reworded a description.
#[must_use]
pub fn restoration(before: &[IngressRule], added: &[IngressRule], live: &[IngressRule]) -> Restoration {
    let has = |rules: &[IngressRule], rule: &IngressRule| rules.iter().any(|other| other.admits_the_same_as(rule));
    let mut authorize: Vec<IngressRule> = Vec::new();
    for rule in before {
        if !has(live, rule) && !has(&authorize, rule) {
            authorize.push(IngressRule { id: None, ..rule.clone() });
        }
    }
    let (revoke, leave) = live.iter().filter(|rule| !has(before, rule)).cloned().partition(|rule| has(added, rule));
    Restoration { authorize, revoke, leave }
}
