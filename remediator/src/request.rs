//! What the remediator is asked to do.

use exposure::{Strategy, is_security_group_id};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The payload of an invocation. Unknown fields are refused: a misspelt `dryRun` must not change a firewall.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// What to do.
    pub action: Action,
    /// The group to do it to.
    pub security_group_id: String,
    /// The AWS Config rule whose parameters say what is blocked.
    pub config_rule_name: String,
    /// How to close.
    #[serde(default)]
    pub strategy: StrategyName,
    /// What takes the place of an exposing source; only with a strategy that replaces.
    #[serde(default, deserialize_with = "list")]
    pub replacement_cidrs: Vec<String>,
    /// Say what would be done, and do nothing.
    #[serde(default, deserialize_with = "boolean")]
    pub dry_run: bool,
    /// The SSM Automation execution, for the log.
    #[serde(default)]
    pub execution_id: Option<String>,
}

/// What can be done to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Close every exposure.
    Close,
}

/// The name of a [`Strategy`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum StrategyName {
    /// [`Strategy::Revoke`].
    #[default]
    Revoke,
}

impl From<StrategyName> for Strategy {
    fn from(name: StrategyName) -> Self {
        match name {
            StrategyName::Revoke => Self::Revoke,
        }
    }
}

/// Why a request was refused. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Not of the documented shape.
    #[error("the request is refused, nothing was changed: {0}")]
    Shape(#[from] serde_json::Error),
    /// Not the id of a security group.
    #[error(
        "the request is refused, nothing was changed: `securityGroupId` `{id}` is not of the form sg-0123456789abcdef0"
    )]
    GroupId {
        /// What was given.
        id: String,
    },
    /// A rule without a name.
    #[error("the request is refused, nothing was changed: `configRuleName` is empty")]
    RuleName,
    /// Replacements for a strategy that replaces nothing.
    #[error("the request is refused, nothing was changed: `replacementCidrs` does not go with strategy `Revoke`")]
    Replacement,
}

impl Request {
    /// Reads and checks a payload.
    ///
    /// # Errors
    ///
    /// When anything about it is not understood.
    pub fn from_payload(payload: Value) -> Result<Self, RequestError> {
        let request: Self = serde_json::from_value(payload)?;
        if !is_security_group_id(&request.security_group_id) {
            return Err(RequestError::GroupId { id: request.security_group_id });
        }
        if request.config_rule_name.trim().is_empty() {
            return Err(RequestError::RuleName);
        }
        match request.strategy {
            StrategyName::Revoke if !request.replacement_cidrs.is_empty() => Err(RequestError::Replacement),
            StrategyName::Revoke => Ok(request),
        }
    }
}

/// SSM documents hand over lists as JSON lists; whether an empty one may come as text is not documented.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum List {
        Json(Vec<String>),
        Text(String),
    }
    match List::deserialize(deserializer)? {
        List::Json(values) => Ok(values.into_iter().filter(|value| !value.trim().is_empty()).collect()),
        List::Text(text) if text.trim().is_empty() => Ok(Vec::new()),
        List::Text(text) => serde_json::from_str(&text).map_err(|_| {
            serde::de::Error::custom(format!("`replacementCidrs` is `{text}`, which is not a list of CIDRs"))
        }),
    }
}

/// SSM documents hand over booleans as JSON booleans or as text, depending on the type of the parameter.
fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Boolean {
        Json(bool),
        Text(String),
    }
    match Boolean::deserialize(deserializer)? {
        Boolean::Json(value) => Ok(value),
        Boolean::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Boolean::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Boolean::Text(text) => Err(serde::de::Error::custom(format!("`dryRun` is `{text}`, neither true nor false"))),
    }
}
