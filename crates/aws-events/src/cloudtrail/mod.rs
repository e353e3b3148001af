//! Events of AWS CloudTrail about changes to ingress rules.
//!
//! CloudTrail writes the parameters of a call as the service spells them: camel case for `AuthorizeSecurityGroupIngress`,
//! Pascal case for `ModifySecurityGroupRules`, lists as `{"items": […]}`, and an empty list as `{}`. So events are read
//! tolerantly.

mod change;
mod identity;

pub use change::{ChangedRule, RuleChange};
pub use identity::Identity;
