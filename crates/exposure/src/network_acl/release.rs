//! The removal of a quarantine.

use std::fmt;

use super::entry::{AclAction, AclEntry, NetworkAcl};

/// What takes a quarantine away again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AclRelease {
    /// The entries that go, in the order in which they are to be deleted: all denies before all allows.
    pub remove: Vec<AclEntry>,
    /// The entries of the quarantine that are not there to be taken away, in the order in which they were given.
    pub left: Vec<AclLeft>,
}

impl AclRelease {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty()
    }

    /// The ACL as it will be once the release is carried out.
    #[must_use]
    pub fn apply(&self, acl: &NetworkAcl) -> NetworkAcl {
        let mut after = acl.clone();
        after.ingress.retain(|entry| !self.remove.contains(entry));
        after
    }
}

/// An entry of a quarantine that somebody has deleted or changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclLeft {
    /// The entry as it was made.
    pub entry: AclEntry,
    /// What has its number now, if anything has.
    pub found: Option<AclEntry>,
}

impl fmt::Display for AclLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            None => write!(f, "`{}` is not there any more", self.entry),
            Some(found) => write!(f, "`{}` has become `{found}`", self.entry),
        }
    }
}

/// What to take away from `acl` so that the entries that a quarantine `added` are gone. Entries that were deleted or
/// changed since are left and told, and entries of others are never touched.
#[must_use]
pub fn release(acl: &NetworkAcl, added: &[AclEntry]) -> AclRelease {
    let mut release = AclRelease::default();
    for entry in added {
        if !acl.ingress.contains(entry) {
            let found = acl.ingress.iter().find(|found| found.number == entry.number).cloned();
            release.left.push(AclLeft { entry: entry.clone(), found });
        } else if !release.remove.contains(entry) {
            release.remove.push(entry.clone());
        }
    }
    release.remove.reverse();
    release.remove.sort_by_key(|entry| entry.action == AclAction::Allow);
    release
}
