//! What a closing took from a group, from its snapshots.

use exposure::{IngressRule, restoration};

use super::group::Snapshot;
use super::outcome::Outcome;
use super::rule_state::rules;

/// Changes to a group by a closing, or by several in a row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Taken {
    /// Rules before the change.
    pub(crate) before: Vec<IngressRule>,
    /// Rules that the closing revoked.
    pub(crate) revoked: Vec<IngressRule>,
    /// Rules that the closing planned to add.
    pub(crate) added: Vec<IngressRule>,
    /// URIs of the snapshots, newest first.
    pub(crate) uris: Vec<String>,
}

/// A snapshot, and the outcome of its closing if it differs from the plan.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) uri: String,
    pub(super) snapshot: Snapshot,
    pub(super) outcome: Option<Outcome>,
}

impl Entry {
    /// Returns true if this snapshot belongs to the same change as `earlier`, or to a later run that finishes it.
    pub(super) fn finishes(&self, earlier: &Self) -> bool {
        self.snapshot.finishes(&earlier.snapshot, &earlier.uri)
    }

    /// Rules that were revoked. `later` are the rules that the group had afterwards: EC2 never uses an id again, so a rule
    /// whose id is still there was not revoked, whatever its owner has made of it.
    fn revoked(&self, later: &[IngressRule]) -> Vec<IngressRule> {
        if let Some(outcome) = &self.outcome {
            return outcome.revoked();
        }
        let mut planned = self.snapshot.planned();
        planned.retain(|rule| !later.iter().any(|known| known.id == rule.id));
        planned
    }
}

impl Taken {
    /// Combines the snapshots of several closings in a row. Rules that others added between them count as rules before the
    /// change. `live` are the rules of the group now.
    pub(super) fn new(newest_first: &[Entry], live: &[IngressRule]) -> Self {
        let has = |rules: &[IngressRule], rule: &IngressRule| rules.iter().any(|other| other.admits_the_same_as(rule));
        let mut taken = Self::default();
        let mut entries = newest_first.iter().rev().peekable();
        while let Some(entry) = entries.next() {
            let ingress = |entry: &Entry| rules(&entry.snapshot.security_group.ingress);
            for rule in ingress(entry) {
                if !has(&taken.before, &rule) && !has(&taken.added, &rule) {
                    taken.before.push(rule);
                }
            }
            let later = entries.peek().map_or_else(|| live.to_vec(), |later| ingress(later));
            for rule in entry.revoked(&later) {
                if !has(&taken.revoked, &rule) && !has(&taken.added, &rule) {
                    taken.revoked.push(rule);
                }
            }
            taken.added.extend(rules(&entry.snapshot.plan.authorize));
            taken.uris.insert(0, entry.uri.clone());
        }
        taken
    }

    /// Returns true if a rule that was revoked is missing in `live`.
    pub(super) fn is_missing_in(&self, live: &[IngressRule]) -> bool {
        !restoration(&self.before, &self.revoked, &self.added, live).authorize.is_empty()
    }
}
