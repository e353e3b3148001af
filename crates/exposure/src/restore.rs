//! Plans that restore the rules that a group had before it was closed.
//!
//! ```
//! use exposure::{IngressRule, Traffic, restoration};
//!
//! let ssh = |source: &str| IngressRule::new(Traffic::parse("tcp", Some(22), Some(22)), source.into());
//! let (before, added, later) = (ssh("0.0.0.0/0"), ssh("10.0.0.0/8"), ssh("192.0.2.7/32"));
//! let restoration = restoration(&[before.clone()], &[before.clone()], &[added.clone()], &[added.clone(), later.clone()]);
//! assert_eq!(restoration.authorize, [before]);
//! assert_eq!(restoration.revoke, [added]);
//! assert_eq!(restoration.leave, [later]);
//! ```

use crate::group::IngressRule;

/// Changes that restore the rules of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restoration {
    /// Rules to authorise: rules that the closing took, and that are missing now.
    pub authorize: Vec<IngressRule>,
    /// Rules to revoke: rules that the closing added.
    pub revoke: Vec<IngressRule>,
    /// Rules to keep: rules that were added after the closing.
    pub leave: Vec<IngressRule>,
}

impl Restoration {
    /// Returns true if there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.authorize.is_empty() && self.revoke.is_empty()
    }

    /// Returns the rules as they will be after the restoration, given the rules of the group now.
    #[must_use]
    pub fn apply(&self, live: &[IngressRule]) -> Vec<IngressRule> {
        live.iter().filter(|rule| !self.revoke.contains(rule)).chain(&self.authorize).cloned().collect()
    }
}

/// Plans the changes that give back what a closing took. `before` are the rules of the group before the closing, `taken`
/// those of them that it revoked, `added` the rules that it added, and `live` the rules of the group now. A rule of
/// `before` that someone else removed is not given back.
///
/// Two rules are the same if they [admit the same](IngressRule::admits_the_same_as): a rule that was revoked and
/// authorised again has another id, and its description may have been edited meanwhile.
#[must_use]
pub fn restoration(
    before: &[IngressRule],
    taken: &[IngressRule],
    added: &[IngressRule],
    live: &[IngressRule],
) -> Restoration {
    let has = |rules: &[IngressRule], rule: &IngressRule| rules.iter().any(|other| other.admits_the_same_as(rule));
    let mut authorize: Vec<IngressRule> = Vec::new();
    for rule in taken {
        if !has(live, rule) && !has(&authorize, rule) {
            authorize.push(IngressRule { id: None, ..rule.clone() });
        }
    }
    let (revoke, leave) = live.iter().filter(|rule| !has(before, rule)).cloned().partition(|rule| has(added, rule));
    Restoration { authorize, revoke, leave }
}
