//! Documents in the store: snapshots of groups and network ACLs, holds, and records of owed rules.

mod debt;
mod document;
mod error;
mod group;
mod hold;
mod key;
mod list;
mod network_acl;
mod outcome;
mod rule_state;
mod taken;
mod vault;

pub use self::error::SnapshotError;
pub(crate) use self::group::{Action, Author};
pub(crate) use self::hold::{Hold, HoldState};
pub use self::list::{ClosingDetails, ClosingSnapshot, closing_details, closings};
pub(crate) use self::network_acl::{AclAuthor, AclPlan, AclVault, Added, RELEASED};
pub(crate) use self::taken::Taken;
pub(crate) use self::vault::Vault;
