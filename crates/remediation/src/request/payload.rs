//! Requests as JSON: the payload of a Lambda invocation, which the SSM documents send.

use exposure::PortSet;
use ipnetwork::IpNetwork;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::json::Payload;
use super::list::read_list;
use super::{LATEST, MOST_REPLACEMENT_CIDRS, Request, RequestError, replacement_cidr};

/// `action`, which determines the other fields.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Action {
    Close,
    Restore,
    Quarantine,
    Release,
}

/// Most values in a list: far more than the network ACLs of a VPC. Bounds the time that a request takes to be refused.
const MOST_VALUES: usize = 1000;

/// Longest execution id. Those of SSM are UUIDs of 36 characters; a snapshot's name contains the id.
const LONGEST_EXECUTION_ID: usize = 64;

impl Request {
    /// Reads and checks a payload. Unknown fields are refused: a misspelt `dryRun` must not change a firewall.
    ///
    /// # Errors
    ///
    /// If a field is missing, unknown, repeated or malformed.
    pub fn from_payload(payload: impl Into<Payload>) -> Result<Self, RequestError> {
        let Payload { json, repeated_key } = payload.into();
        if let Some(name) = repeated_key {
            return Err(RequestError::Repeated { name });
        }
        let mut fields: Map<String, Value> = serde_json::from_value(json)?;
        let action = fields.remove("action").ok_or_else(|| serde_json::Error::missing_field("action"))?;
        let action = Action::deserialize(action)
            .map_err(|problem| RequestError::Field { name: "action".to_owned(), problem })?;
        let request = match action {
            Action::Close => Self::Close(read(fields)?),
            Action::Restore => Self::Restore(read(fields)?),
            Action::Quarantine => Self::Quarantine(read(fields)?),
            Action::Release => Self::Release(read(fields)?),
        };
        request.check()?;
        Ok(request)
    }
}

impl Payload {
    /// The fields beside an action, if the payload is of this one.
    pub(super) fn of_action<T: DeserializeOwned>(&self, action: &str) -> Option<Result<T, RequestError>> {
        let mut fields = self.json.as_object().cloned()?;
        let is_meant = fields.remove("action")? == action;
        let repeated = || self.repeated_key.clone().map(|name| RequestError::Repeated { name });
        is_meant.then(|| repeated().map_or_else(|| read(fields), Err))
    }
}

pub(super) fn latest() -> String {
    LATEST.to_owned()
}

pub(super) fn a_day() -> u32 {
    24
}

/// Reads the fields of an action; an error names the field, which serde by itself does not.
fn read<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, RequestError> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let is_about_all = error.path().iter().next().is_none();
        let (name, problem) = (error.path().to_string(), error.into_inner());
        if is_about_all { RequestError::Shape(problem) } else { RequestError::Field { name, problem } }
    })
}

/// Reads a value that is not text: SSM documents pass it as JSON or as text, depending on the type of the parameter.
fn json_or_text<'de, D, T>(
    deserializer: D,
    from_text: impl FnOnce(&str) -> Option<T>,
    problem: &str,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    match Value::deserialize(deserializer)? {
        Value::String(text) => from_text(&text).ok_or_else(|| D::Error::custom(format!("`{text}` {problem}"))),
        json => T::deserialize(&json).map_err(|_| D::Error::custom(format!("`{json}` {problem}"))),
    }
}

pub(super) fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    json_or_text(deserializer, |text| text.to_ascii_lowercase().parse().ok(), "is neither true nor false")
}

pub(super) fn hours<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    json_or_text(deserializer, |text| text.trim().parse().ok(), "is not a number of hours")
}

/// Reads an execution id. An empty one is none: otherwise two manual changes would count as one.
pub(super) fn execution_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(id) = Option::<String>::deserialize(deserializer)?.filter(|id| !id.trim().is_empty()) else {
        return Ok(None);
    };
    if id.len() <= LONGEST_EXECUTION_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Ok(Some(id));
    }
    Err(D::Error::custom(format!(
        "`{}` is not the id of an execution, which has at most {LONGEST_EXECUTION_ID} letters, digits and hyphens",
        plain_text::clip(&id, LONGEST_EXECUTION_ID)
    )))
}

fn list<'de, D: Deserializer<'de>>(deserializer: D, what: &str) -> Result<Vec<String>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let values = read_list(&value).ok_or_else(|| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        D::Error::custom(format!("`{text}` is not a list of {what}"))
    })?;
    if values.len() > MOST_VALUES {
        return Err(D::Error::custom(format!("{} {what} exceed the limit of {MOST_VALUES}", values.len())));
    }
    Ok(values)
}

pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNetwork>, D::Error> {
    let cidrs = list(deserializer, "CIDRs")?;
    if cidrs.len() > MOST_REPLACEMENT_CIDRS {
        return Err(D::Error::custom(format!("{} CIDRs exceed the limit of {MOST_REPLACEMENT_CIDRS}", cidrs.len())));
    }
    let network = |text: &String| {
        replacement_cidr(text).ok_or_else(|| {
            D::Error::custom(format!("`{text}` is not a CIDR such as 10.0.0.0/8 or fd00::/8, with a prefix above /0"))
        })
    };
    cidrs.iter().map(network).collect()
}

pub(super) fn network_acl_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let ids = list(deserializer, "network ACL ids")?;
    let is_id = |id: &str| {
        id.strip_prefix("acl-").is_some_and(|digits| {
            (8..=17).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
    };
    match ids.iter().find(|id| !is_id(id)) {
        None => Ok(ids),
        Some(id) => Err(D::Error::custom(format!("`{id}` is not of the form acl-0123456789abcdef0"))),
    }
}

pub(super) fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PortSet>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    if text.trim().is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(D::Error::custom)
}
