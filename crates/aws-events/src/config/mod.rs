//! AWS Config: events of a custom rule, and the configuration items in them.

mod configuration_item;
mod event;

pub use configuration_item::{ConfigurationItem, ItemError, SECURITY_GROUP_RESOURCE_TYPE, recorded_group};
pub use event::{EventError, ItemSummary, Notification, RuleInvocation};
