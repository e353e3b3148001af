#![doc = include_str!("../README.md")]
#![recursion_limit = "256"]

mod acl_snapshot;
mod change;
mod close;
mod error;
mod judge;
mod quarantine;
mod remediator;
mod request;
mod response;
mod restore;
mod rounds;
mod snapshot;

pub use error::{Obstacle, RemediatorError};
pub use remediator::Remediator;
pub use request::{Close, NetworkAclRequest, Request, RequestError, Restore, StrategyName};
pub use response::{
    AclChange, AclEntryLeft, AclEntryRecord, Closed, Details, Quarantined, Remaining, Response, Restored, RuleRecord,
    Status,
};
pub use snapshot::SnapshotError;
