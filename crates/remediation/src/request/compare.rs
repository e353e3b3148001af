//! The request for a comparison of EC2 with AWS Config.

use serde::Deserialize;

use super::RequestError;
use super::json::Payload;

/// `action: compare`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Compare {
    /// The AWS Config rule.
    pub config_rule_name: String,
    /// Groups that differed, which are looked at once more; `None` for all groups.
    #[serde(default)]
    pub groups: Option<Vec<String>>,
}

impl Payload {
    /// The request for a comparison, if the payload is one.
    ///
    /// # Errors
    ///
    /// If it is one, but a field is missing, unknown, repeated or malformed.
    #[must_use]
    pub fn comparison(&self) -> Option<Result<Compare, RequestError>> {
        self.of_action("compare")
    }
}
