//! Calls and credentials of the command line, which a Lambda function does not need.

mod credentials;
mod environment;
mod event_history;
pub mod inventory;
mod organization;
mod parameter;
mod rules;

pub use credentials::{Caller, SessionError, assume_role, caller, check_credentials, in_region, load};
pub use environment::EnvironmentError;
pub use event_history::{RuleChanges, rule_changes};
pub use organization::organization_accounts;
pub use rules::FunctionRule;
