//! Planning a quarantine.

use std::fmt;

use super::LAST_NUMBER;
use super::entry::{AclEntry, NetworkAcl};
use super::lane::Lane;
use super::search::{Candidates, Search};
use crate::address::{AddressSet, Family};
use crate::port::PortSet;

/// Entries that block some ports of an ACL to the internet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AclPlan {
    /// Entries to add, in the order in which they must be created: allows before denies, so that a kept address stays
    /// admitted even if the change stops halfway.
    pub add: Vec<AclEntry>,
}

impl AclPlan {
    /// Returns true if there is no entry to add.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.add.is_empty()
    }

    /// Returns the ACL as it will be after the plan is applied.
    #[must_use]
    pub fn apply(&self, acl: &NetworkAcl) -> NetworkAcl {
        let mut after = acl.clone();
        after.ingress.extend(self.add.iter().cloned());
        after
    }
}

/// Entries of one address family that would exceed the quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AclShortage {
    /// Address family.
    pub family: Family,
    /// Number of entries to add.
    pub needed: usize,
    /// Number of entries in the ACL, including the final deny.
    pub present: usize,
    /// Quota, including the final deny.
    pub limit: usize,
}

impl fmt::Display for AclShortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { family, needed, present, limit } = self;
        write!(f, "{family} entries needed: {needed}, present: {present} with the final deny, allowed: {limit}")
    }
}

/// Error from planning a quarantine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    /// An entry that may decide about the ports has an unrecognised action, protocol, port range or source.
    #[error(
        "network ACL {acl}: entry `{entry}` has an unrecognised action, protocol, port range or source: block the ports \
         by hand"
    )]
    NotUnderstood {
        /// Id of the ACL, `acl-…`.
        acl: String,
        /// The entry.
        entry: Box<AclEntry>,
    },
    /// The entries would exceed the quota.
    #[error("network ACL {acl} is full: {}", shortages.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Quota {
        /// Id of the ACL, `acl-…`.
        acl: String,
        /// Address families that exceed the quota.
        shortages: Vec<AclShortage>,
    },
    /// Too few rule numbers are free ahead of an entry that admits the internet.
    #[error("network ACL {acl} has no room ahead of `{entry}`: rule numbers needed: {needed}, free: {free}")]
    NoRoom {
        /// Id of the ACL, `acl-…`.
        acl: String,
        /// The first entry that admits the internet.
        entry: Box<AclEntry>,
        /// Number of entries that must precede it.
        needed: usize,
        /// Number of free rule numbers below it.
        free: usize,
    },
}

/// Plans the entries that block `ports` of `acl` to all addresses outside `keep`.
///
/// An address in `keep` stays admitted to `ports` if it was admitted before, and stays blocked otherwise. All other
/// traffic is decided as before. A port that is already closed to all addresses outside `keep` gets no entry, so the
/// plan for a quarantined ACL is empty. `limit` is the quota of entries per address family, including the final deny;
/// see [`DEFAULT_ACL_QUOTA`](crate::DEFAULT_ACL_QUOTA).
///
/// # Errors
///
/// If an entry that may decide about the ports is not recognised, if the entries would exceed the quota, or if too few
/// rule numbers are free ahead of an entry that admits the internet.
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
