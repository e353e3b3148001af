#![doc = include_str!("../README.md")]

pub mod annotation;
mod cache;
mod criteria;
mod evaluation;
mod exemptions;
mod grace;
mod parameters;
mod policy;
mod prefix_lists;
mod unjudged;

pub use cache::{COPIES_LAST, Cache};
pub use criteria::{Criteria, JudgedGroup};
pub use evaluation::evaluation;
pub use exemptions::{CachedExemptions, ExemptionsError, read_exemptions};
pub use grace::{GraceDays, GraceDaysError, GraceRecord};
pub use parameters::{ParameterError, RuleParameters};
pub use policy::{ConfigRulePolicy, Pending, PolicyError, PolicySource};
pub use prefix_lists::CachedPrefixLists;
pub use unjudged::UnjudgedError;
