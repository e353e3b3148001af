//! Plans that restore the rules that a group had before it was closed.
//!
//! ```
//! use exposure::{ClosingRecord, IngressRule, Traffic, Undo};
//!
//! let ssh = |source: &str| IngressRule::new(Traffic::parse("tcp", Some(22), Some(22)), source.into());
//! let (before, added, later) = (ssh("0.0.0.0/0"), ssh("10.0.0.0/8"), ssh("192.0.2.7/32"));
//! let closing = ClosingRecord {
//!     before: vec![before.clone()],
//!     taken: vec![before.clone()],
//!     replacements: vec![added.clone()],
//!     ..ClosingRecord::default()
//! };
//! let restoration = Undo::from_iter([closing]).restoration(&[added.clone(), later.clone()]);
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
    /// Rules to revoke: rules that the closing added in place of those that it took.
    pub revoke: Vec<IngressRule>,
    /// Rules to keep: rules that were added after the closing, and payments of closings that are not undone.
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

/// What one closing did to a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClosingRecord {
    /// Rules of the group before the closing.
    pub before: Vec<IngressRule>,
    /// Rules of `before` that the closing revoked.
    pub taken: Vec<IngressRule>,
    /// Rules that the closing added, or planned to add, in place of rules that it planned to revoke.
    pub replacements: Vec<IngressRule>,
    /// Rules that the closing added, or planned to add, in place of rules that an earlier closing revoked, and for which the
    /// group had no room then. A rule may be a replacement and a payment.
    pub payments: Vec<IngressRule>,
}

/// Undoes a closing, or several in a row that count as one change. Collected from their records, oldest first.
///
/// Every rule that it revokes is in place of a rule that one of these closings was to revoke. A payment is in place of a rule
/// of an earlier closing, and is revoked only if that closing is undone as well: otherwise neither the rule nor what remains
/// of it would be admitted.
///
/// Two rules are the same if they [admit the same](IngressRule::admits_the_same_as): a rule that was revoked and
/// authorised again has another id, and its description may have been edited meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undo {
    before: Vec<IngressRule>,
    taken: Vec<IngressRule>,
    replacements: Vec<IngressRule>,
}

impl FromIterator<ClosingRecord> for Undo {
    fn from_iter<I: IntoIterator<Item = ClosingRecord>>(oldest_first: I) -> Self {
        let mut undo = Self::default();
        for closing in oldest_first {
            undo.add(closing);
        }
        undo
    }
}

impl Undo {
    /// Adds the next closing. Rules that others added since the last one count as rules before the change, and so do payments
    /// of other closings.
    fn add(&mut self, ClosingRecord { before, taken, replacements, payments }: ClosingRecord) {
        for rule in before {
            if !has(&self.before, &rule) && !self.replaces(&rule) {
                self.before.push(rule);
            }
        }
        for rule in taken {
            if !has(&self.taken, &rule) && !self.replaces(&rule) {
                self.taken.push(rule);
            }
        }
        for rule in replacements {
            // A payment for a closing of this change is among the replacements of that closing already.
            if !has(&payments, &rule) && !self.replaces(&rule) {
                self.replacements.push(rule);
            }
        }
    }

    /// Rules that the closings revoked.
    #[must_use]
    pub fn taken(&self) -> &[IngressRule] {
        &self.taken
    }

    /// Returns true if the rule replaces rules that these closings revoked, and no rule of another closing.
    #[must_use]
    pub fn replaces(&self, rule: &IngressRule) -> bool {
        has(&self.replacements, rule)
    }

    /// Plans the changes that give back what the closings took. `live` are the rules of the group now. A rule that someone
    /// else removed is not given back.
    #[must_use]
    pub fn restoration(&self, live: &[IngressRule]) -> Restoration {
        let missing = self.taken.iter().filter(|rule| !has(live, rule));
        let authorize = missing.map(|rule| IngressRule { id: None, ..rule.clone() }).collect();
        let since = live.iter().filter(|rule| !has(&self.before, rule)).cloned();
        let (revoke, leave) = since.partition(|rule| self.replaces(rule));
        Restoration { authorize, revoke, leave }
    }
}

fn has(rules: &[IngressRule], rule: &IngressRule) -> bool {
    rules.iter().any(|other| other.admits_the_same_as(rule))
}
