#![doc = include_str!("../README.md")]

mod annotation;
mod configuration_item;
mod evaluation;
mod event;
mod object;
mod parameters;
mod text;

pub use annotation::{ANNOTATION_MAX_CHARS, Annotation, error_message};
pub use configuration_item::{ConfigurationItem, ItemError, SECURITY_GROUP_RESOURCE_TYPE, recorded_group};
pub use evaluation::{Compliance, Evaluation, UnjudgedError};
pub use event::{EventError, Notification, RuleInvocation, Summary};
pub use object::Object;
pub use parameters::{ParameterError, RuleParameters};
pub use text::{is_steering, printable};
