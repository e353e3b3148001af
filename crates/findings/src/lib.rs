#![doc = include_str!("../README.md")]

mod arn;
mod attachment;
mod breadth;
mod compliance;
pub mod event;
pub mod finding;
mod identity;
mod location;
mod not_scanned;
mod opener;
mod partition;
mod result;
mod rule_result;
mod scan_policy;
mod scan_record;
mod scan_targets;
mod severity;
mod snippet;
pub mod store;
mod totals;

pub use arn::{region_of_arn, security_group_arn};
pub use attachment::{AttachedTo, Context};
pub use breadth::Breadth;
pub use compliance::{ComplianceType, Openness};
pub use location::Location;
pub use not_scanned::NotScanned;
pub use opener::opened_by;
pub use partition::{dns_suffix, partition};
pub use result::GroupResult;
pub use rule_result::{ExemptedExposure, FoundExposure, UnjudgedRule, reach_name};
pub use scan_policy::{PolicyOptions, ScanPolicy, kept_sentence, policy_sentence, ports_list, scope_name};
pub use scan_record::{ScanRecord, ScanTarget};
pub use scan_targets::ScanTargets;
pub use severity::Severity;
pub use snippet::{Snippet, SnippetLine};
pub use totals::ScanTotals;
