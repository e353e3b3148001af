#![doc = include_str!("../README.md")]

mod arn;
mod identity;
mod partition;
mod result;

pub use arn::{region_of_arn, security_group_arn};
pub use partition::partition;
pub use result::{
    AttachedTo, ComplianceType, Context, ExemptedExposure, FoundExposure, GroupResult, Location, NotScanned, Openness,
    ScanTotals, Severity, UnjudgedRule, reach_name,
};
