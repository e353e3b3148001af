//! Remediation exceptions, which exclude resources from automatic remediation.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{limit, text};
use crate::clock;
use crate::cloud::Cloud;
use crate::paging::page;
use crate::wire::{AwsError, Reply, input};

/// An exception for a resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exception {
    /// Type of the resource.
    pub(crate) resource_type: String,
    /// Message of the exception.
    pub(crate) message: Option<String>,
    /// Expiry; `None` means until it is deleted.
    pub(crate) expires: Option<Timestamp>,
}

impl Exception {
    /// Returns true if it has not expired.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    fn described(&self, rule: &str, resource: &str) -> Value {
        let mut described = json!({"ConfigRuleName": rule, "ResourceType": self.resource_type, "ResourceId": resource});
        if let Some(described) = described.as_object_mut() {
            if let Some(message) = &self.message {
                described.insert("Message".to_owned(), json!(message));
            }
            if let Some(expires) = self.expires {
                described.insert("ExpirationTime".to_owned(), clock::epoch(expires));
            }
        }
        described
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    resource_type: String,
    resource_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRequest {
    config_rule_name: String,
    resource_keys: Vec<Key>,
    message: Option<String>,
    expiration_time: Option<Value>,
}

/// `PutRemediationExceptions`, which accepts resources that are non-compliant now.
pub(crate) fn put(cloud: &Cloud, data: Value) -> Reply {
    let request: PutRequest = input(data)?;
    let expires = match &request.expiration_time {
        None => None,
        Some(time) => {
            Some(clock::parse(time).ok_or_else(|| AwsError::validation("The ExpirationTime is not a time."))?)
        }
    };
    if expires.is_some_and(|expires| expires <= clock::now()) {
        return Err(AwsError::invalid("The ExpirationTime must be in the future."));
    }
    let silent = cloud.settings().drop_needless_exceptions;
    let mut state = cloud.config();
    if state.remediation.configuration(&request.config_rule_name).is_none() {
        return Err(AwsError::invalid(format!(
            "The rule {} has no remediation configuration.",
            request.config_rule_name
        )));
    }
    let mut failed = Vec::new();
    for resource in request.resource_keys {
        let key = (request.config_rule_name.clone(), resource.resource_id);
        let exception = Exception { resource_type: resource.resource_type, message: request.message.clone(), expires };
        if state.results.get(&key).is_some_and(|result| result.compliance == "NON_COMPLIANT") {
            state.remediation.exceptions.insert(key, exception);
        } else {
            failed.push(exception.described(&key.0, &key.1));
        }
    }
    if failed.is_empty() || silent {
        return Ok(json!({"FailedBatches": []}));
    }
    let message = "Remediation exceptions can be put only for resources that are NON_COMPLIANT.";
    Ok(json!({"FailedBatches": [{"FailureMessage": message, "FailedItems": failed}]}))
}

/// `DescribeRemediationExceptions`.
pub(crate) fn describe(cloud: &Cloud, data: &Value) -> Reply {
    let rule = text(data, "ConfigRuleName").unwrap_or_default();
    let keys = data.get("ResourceKeys").and_then(Value::as_array);
    let now = clock::now();
    let mut state = cloud.config();
    state.remediation.exceptions.retain(|_, exception| exception.holds(now));
    let exceptions: Vec<Value> = state
        .remediation
        .exceptions
        .iter()
        .filter(|((name, _), _)| name == rule)
        .filter(|((_, id), _)| keys.is_none_or(|keys| keys.iter().any(|key| text(key, "ResourceId") == Some(id))))
        .map(|((name, id), exception)| exception.described(name, id))
        .collect();
    let (exceptions, token) = page(exceptions, text(data, "NextToken"), limit(data, "Limit", 25))?;
    Ok(json!({"RemediationExceptions": exceptions, "NextToken": token}))
}

/// `DeleteRemediationExceptions`.
pub(crate) fn delete(cloud: &Cloud, data: &Value) -> Reply {
    let rule = text(data, "ConfigRuleName").unwrap_or_default();
    let mut state = cloud.config();
    let mut failed = Vec::new();
    for key in data.get("ResourceKeys").and_then(Value::as_array).into_iter().flatten() {
        let id = text(key, "ResourceId").unwrap_or_default();
        if state.remediation.exceptions.remove(&(rule.to_owned(), id.to_owned())).is_none() {
            failed.push(key.clone());
        }
    }
    let asked = data.get("ResourceKeys").and_then(Value::as_array).map_or(0, Vec::len);
    if asked > 0 && failed.len() == asked {
        return Err(AwsError::new(
            "NoSuchRemediationExceptionException",
            format!("There is no remediation exception for these resources under the rule {rule}."),
        ));
    }
    if failed.is_empty() {
        return Ok(json!({"FailedBatches": []}));
    }
    let message = "There is no remediation exception for these resources.";
    Ok(json!({"FailedBatches": [{"FailureMessage": message, "FailedItems": failed}]}))
}
