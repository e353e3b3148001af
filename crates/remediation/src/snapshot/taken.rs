//! What a closing took from a group, from its snapshots.

use exposure::{IngressRule, Undo};

use super::group::Snapshot;
use super::outcome::Outcome;
use super::rule_state::rules;

/// Changes to a group by a closing, or by several that count as one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Taken {
    /// Undoes these changes.
    pub(crate) undo: Undo,
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

    /// Returns true if the closing revoked nothing for certain. It may have paid what an earlier one owes.
    pub(super) fn took_nothing(&self) -> bool {
        match &self.outcome {
            Some(outcome) => outcome.revoked.is_empty(),
            None => self.snapshot.plan.revoke.is_empty(),
        }
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
    /// Combines the snapshots of closings that count as one. `live` are the rules of the group now.
    pub(super) fn new(newest_first: &[Entry], live: &[IngressRule]) -> Self {
        let later = newest_first.iter().map(|entry| rules(&entry.snapshot.security_group.ingress));
        let later = std::iter::once(live.to_vec()).chain(later);
        let revoked: Vec<_> = newest_first.iter().zip(later).map(|(entry, later)| entry.revoked(&later)).collect();
        // A rule that was planned, and is gone without these closings, may have been taken by another one: what it left stays.
        let known: Vec<_> = revoked.iter().flatten().chain(live).map(|rule| rule.id.clone()).collect();
        let is_undone = |planned: &IngressRule| known.contains(&planned.id);
        let records =
            newest_first.iter().zip(revoked).map(|(entry, revoked)| entry.snapshot.record(revoked, is_undone));
        let mut oldest_first: Vec<_> = records.collect();
        oldest_first.reverse();
        let uris = newest_first.iter().map(|entry| entry.uri.clone()).collect();
        Self { undo: oldest_first.into_iter().collect(), uris }
    }

    /// Returns true if a rule that was revoked is missing in `live`.
    pub(super) fn is_missing_in(&self, live: &[IngressRule]) -> bool {
        !self.undo.restoration(live).authorize.is_empty()
    }
}
