//! SSM Parameter Store.

use crate::error::AwsError;

/// Reads parameters.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Parameters {
    /// `GetParameter`, decrypted.
    ///
    /// # Errors
    ///
    /// If the call fails, or there is no such parameter.
    async fn parameter(&self, name: &str) -> Result<String, AwsError>;
}
