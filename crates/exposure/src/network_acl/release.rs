//! Planning the removal of a quarantine.

use std::fmt;

use super::entry::{AclAction, AclEntry, NetworkAcl};

/// Entries whose deletion ends a quarantine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AclRelease {
    /// Entries to delete, in the order in which they must be deleted: denies before allows, so that a kept address
    /// stays admitted even if the change stops halfway.
    pub remove: Vec<AclEntry>,
    /// Entries of the quarantine that were deleted or changed since, in the order in which they were passed.
    pub left: Vec<AclLeft>,
}

impl AclRelease {
    /// Returns true if there is no entry to delete.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty()
    }

    /// Returns the ACL as it will be after the release.
    #[must_use]
    pub fn apply(&self, acl: &NetworkAcl) -> NetworkAcl {
        let mut after = acl.clone();
        after.ingress.retain(|entry| !self.remove.contains(entry));
        after
    }
}

/// An entry of a quarantine that was deleted or changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclLeft {
    /// The entry as it was created.
    pub entry: AclEntry,
    /// The entry that has its rule number now; `None` if the number is free.
    pub found: Option<AclEntry>,
}

impl fmt::Display for AclLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            None => write!(f, "`{}` was deleted", self.entry),
            Some(found) => write!(f, "`{}` was changed to `{found}`", self.entry),
        }
    }
}

/// Plans the deletion of the entries that a quarantine `added` to `acl`.
///
/// An entry that was deleted or changed since is reported in [`AclRelease::left`], and not deleted. No entry outside
/// `added` is deleted.
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
