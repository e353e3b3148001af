#![doc = include_str!("../README.md")]

mod arn;
mod attachment;
mod compliance;
mod identity;
mod location;
mod not_scanned;
mod partition;
mod result;
mod rule_result;
mod severity;
mod totals;

pub use arn::{region_of_arn, security_group_arn};
pub use attachment::{AttachedTo, Context};
pub use compliance::{ComplianceType, Openness};
pub use location::Location;
pub use not_scanned::NotScanned;
pub use partition::partition;
pub use result::GroupResult;
pub use rule_result::{ExemptedExposure, FoundExposure, UnjudgedRule, reach_name};
pub use severity::Severity;
pub use totals::ScanTotals;
