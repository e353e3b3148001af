//! Requests for evaluations, which events about inputs of the policy are.

use serde::Deserialize;
use serde_json::Value;

use super::RequestError;
use super::json::Payload;

/// `action: reevaluate`: an input of the policy may have changed. Without an event, this looks for what no event tells.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reevaluate {
    /// The AWS Config rule.
    pub config_rule_name: String,
    /// Time of the event.
    #[serde(default)]
    pub at: Option<String>,
    /// Detail of a `Parameter Store Change`.
    #[serde(default)]
    pub parameter: Option<Value>,
    /// Detail of an `AWS API Call via CloudTrail`.
    #[serde(default)]
    pub call: Option<Value>,
}

impl Payload {
    /// The request for an evaluation, if the payload is one.
    ///
    /// # Errors
    ///
    /// If it is one, but a field is missing, unknown, repeated or malformed.
    #[must_use]
    pub fn reevaluation(&self) -> Option<Result<Reevaluate, RequestError>> {
        self.of_action("reevaluate")
    }
}
