#![doc = include_str!("../README.md")]

mod all_groups;
mod close;
mod comparison;
mod environment;
mod error;
mod exception;
mod fingerprint;
mod gate;
mod grace;
mod inputs;
mod live_group;
mod network_acl_changes;
mod pace;
mod quarantine;
mod reevaluation;
mod release;
mod remediation;
mod request;
mod response;
mod restore;
mod room;
mod rounds;
mod rule_changes;
mod services;
mod snapshot;
mod sweep;
mod task;

pub use comparison::Compared;
pub use error::{Obstacle, RemediationError};
pub use grace::Graces;
pub use inputs::Reevaluated;
pub use pace::{ClosingsPerHour, Deferral};
pub use reevaluation::ReevaluationLimits;
pub use remediation::Remediation;
pub use request::{
    Close, Compare, NetworkAclRequest, Payload, Reevaluate, Request, RequestError, RequestSubject, Restore,
    StrategyName, SweepRequest, replacement_cidr,
};
pub use response::{
    AclChange, AclEntryLeft, AclEntryRecord, Closed, ClosingFacts, Details, Quarantined, Remaining, Response, Restored,
    RuleRecord, Status,
};
pub use services::{ComparisonServices, InputServices, RemediationServices};
pub use snapshot::{ClosingDetails, ClosingSnapshot, SnapshotError, closing_details, closings};
pub use sweep::Sweep;
