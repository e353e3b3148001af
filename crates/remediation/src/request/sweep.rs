//! The request of the schedule for a sweep.

use jiff::Timestamp;
use serde::Deserialize;

use super::RequestError;
use super::json::Payload;

/// `action: sweep`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SweepRequest {
    /// The AWS Config rule.
    pub config_rule_name: String,
    /// Time of the schedule.
    #[serde(default)]
    pub at: Option<Timestamp>,
}

impl Payload {
    /// The request for a sweep, if the payload is one.
    ///
    /// # Errors
    ///
    /// If it is one, but a field is missing, unknown, repeated or malformed.
    #[must_use]
    pub fn sweep(&self) -> Option<Result<SweepRequest, RequestError>> {
        self.of_action("sweep")
    }
}
