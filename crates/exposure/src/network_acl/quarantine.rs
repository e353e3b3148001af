//! The plan of a quarantine.

use std::fmt;

use super::LAST_NUMBER;
use super::entry::{AclEntry, NetworkAcl};
use super::lane::Lane;
use super::search::{Candidates, Search};
use crate::address::{AddressSet, Family};
use crate::port::PortSet;

/// The entries that put some ports of an ACL into quarantine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AclPlan {
    /// The entries that come, in the order in which they are to be made: all allows before all denies, so that nobody
    /// who is kept is shut out meanwhile, wherever it stops.
    pub add: Vec<AclEntry>,
}

impl AclPlan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.add.is_empty()
    }

    /// The ACL as it will be once the plan is carried out.
    #[must_use]
    pub fn apply(&self, acl: &NetworkAcl) -> NetworkAcl {
        let mut after = acl.clone();
        after.ingress.extend(self.add.iter().cloned());
        after
    }
}

/// How far the entries of one family are above the quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AclShortage {
    /// Which family.
    pub family: Family,
    /// How many entries are to be added.
    pub needed: usize,
    /// How many there are, the final deny included.
    pub present: usize,
    /// How many there may be, the final deny included.
    pub limit: usize,
}

impl fmt::Display for AclShortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, needed, present, limit } = self;
        write!(f, "{family} entries needed: {needed}, present: {present} with the final deny, allowed: {limit}")
    }
}

/// Why a quarantine cannot be planned. Nothing has been changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    /// An entry that could decide about the ports is not understood.
    #[error("network ACL {acl}: cannot tell whom it lets in, since its entry `{entry}` is not understood")]
    NotUnderstood {
        /// `acl-…`.
        acl: String,
        /// The entry.
        entry: Box<AclEntry>,
    },
    /// There would be more entries than AWS allows.
    #[error("network ACL {acl} is full: {}", shortages.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Quota {
        /// `acl-…`.
        acl: String,
        /// The families that are short, with their numbers.
        shortages: Vec<AclShortage>,
    },
    /// Too few rule numbers are free ahead of an entry that lets the internet in.
    #[error("network ACL {acl} has no room ahead of `{entry}`: rule numbers needed: {needed}, free: {free}")]
    NoRoom {
        /// `acl-…`.
        acl: String,
        /// The entry that has to be beaten.
        entry: Box<AclEntry>,
        /// How many entries have to come before it.
        needed: usize,
        /// How many rule numbers below it are free.
        free: usize,
    },
}

/// The entries to add to `acl` so that nobody outside of `keep` is admitted to any of `ports`.
///
/// Whoever is in `keep` is admitted to `ports` exactly if they were before, and all other traffic is decided as before.
/// Ports that are closed to everybody outside of `keep` get no entry, so the plan of a plan's result is empty. `limit` is
/// the quota of entries per family, the final deny included.
///
/// # Errors
///
/// When an entry that could decide about the ports is not understood, when the quota does not suffice, or when there are
/// too few free rule numbers ahead of an entry that lets the internet in.
pub fn quarantine(acl: &NetworkAcl, ports: &PortSet, keep: &AddressSet, limit: usize) -> Result<AclPlan, AclError> {
    let mut entries: Vec<&AclEntry> = acl.ingress.iter().filter(|entry| entry.number <= LAST_NUMBER).collect();
    entries.sort_by_key(|entry| entry.number);
    let [v4, v6] = Family::ALL.map(|family| Lane::new(&entries, ports, keep, family));

    let unjudged = [v4.not_understood, v6.not_understood].into_iter().flatten().min_by_key(|entry| entry.number);
    if let Some(entry) = unjudged {
        return Err(AclError::NotUnderstood { acl: acl.id.clone(), entry: Box::new(entry.clone()) });
    }

    let used = entries.iter().map(|entry| entry.number).collect();
    Search { acl, used, limit, v4: Candidates::new(&v4), v6: Candidates::new(&v6) }.run()
}
