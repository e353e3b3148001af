#![doc = include_str!("../README.md")]

mod annotation;
mod configuration_item;
mod evaluation;
mod event;
mod object;
mod parameters;

pub use annotation::{ANNOTATION_MAX_CHARS, Annotation};
pub use configuration_item::{ConfigurationItem, ItemError, SECURITY_GROUP_RESOURCE_TYPE, recorded_group};
pub use evaluation::{Compliance, Evaluation, UnjudgedError};
pub use event::{EventError, Notification, RuleInvocation, Summary};
pub use object::Object;
pub use parameters::{ParameterError, RuleParameters};
