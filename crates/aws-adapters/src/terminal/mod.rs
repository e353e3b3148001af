//! What a terminal needs and a Lambda function does not.

mod credentials;
pub mod inventory;
mod organization;
mod parameter;

pub use credentials::{SessionError, account_id, assume_role, check_credentials, in_region, load};
pub use organization::organization_accounts;
