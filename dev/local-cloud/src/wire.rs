//! Requests, answers and errors in awsJson1.1.

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// An error of an AWS service, as an SDK receives it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct AwsError {
    /// Name of the exception.
    pub(crate) code: String,
    /// Message of AWS to the user.
    pub(crate) message: String,
    /// HTTP status: 400 for an error of the client, 500 for an error of the local cloud.
    pub(crate) status: u16,
}

impl AwsError {
    /// Creates an error of the client.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), status: 400 }
    }

    /// Creates an error of the local cloud.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { code: "InternalServerError".to_owned(), message: message.into(), status: 500 }
    }

    /// Creates an `InvalidParameterValueException`.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValueException", message)
    }

    /// Creates a `ValidationException`.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }
}

/// The answer of an operation.
pub(crate) type Reply = Result<Value, AwsError>;

/// Deserialises the input of an operation.
///
/// # Errors
///
/// A `ValidationException` that names the mismatch.
pub(crate) fn input<T: DeserializeOwned>(data: Value) -> Result<T, AwsError> {
    serde_json::from_value(data).map_err(|error| AwsError::validation(format!("The request is not valid: {error}")))
}

/// The caller of an operation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// ARN of the principal.
    pub(crate) principal: String,
    /// Access key id.
    pub(crate) access_key: String,
}

/// Returns the text of a member.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// Returns the texts of a list member.
pub(crate) fn texts(value: &Value, name: &str) -> Vec<String> {
    let members = value.get(name).and_then(Value::as_array).into_iter().flatten();
    members.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Returns a numeric member as a page size.
pub(crate) fn limit(value: &Value, name: &str, default: usize) -> usize {
    let limit = value.get(name).and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    limit.filter(|limit| *limit > 0).unwrap_or(default)
}

/// Converts an answer to an HTTP response.
pub(crate) fn response(reply: Reply) -> Response {
    const JSON: &str = "application/x-amz-json-1.1";
    const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
    let id = uuid::Uuid::new_v4().to_string();
    match reply {
        Ok(body) => ([(header::CONTENT_TYPE, JSON.to_owned()), (REQUEST_ID, id)], body.to_string()).into_response(),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let body = json!({"__type": error.code, "message": error.message});
            (status, [(header::CONTENT_TYPE, JSON.to_owned()), (REQUEST_ID, id)], body.to_string()).into_response()
        }
    }
}
