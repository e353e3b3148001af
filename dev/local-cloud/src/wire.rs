//! awsJson1.1: what a service answers.

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// An error of an AWS service, as an SDK will see it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct AwsError {
    /// The exception's name.
    pub(crate) code: String,
    /// What AWS says to the user.
    pub(crate) message: String,
    /// HTTP status: 400 for everything a client did, 500 for what failed here.
    pub(crate) status: u16,
}

impl AwsError {
    /// A client's error.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), status: 400 }
    }

    /// A failure of the local cloud itself.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { code: "InternalServerError".to_owned(), message: message.into(), status: 500 }
    }

    /// `InvalidParameterValueException`.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValueException", message)
    }

    /// `ValidationException`.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }
}

/// What an operation answers.
pub(crate) type Reply = Result<Value, AwsError>;

/// The input of an operation, typed.
///
/// # Errors
///
/// A `ValidationException` that says what does not fit.
pub(crate) fn input<T: DeserializeOwned>(data: Value) -> Result<T, AwsError> {
    serde_json::from_value(data).map_err(|error| AwsError::validation(format!("The request is not valid: {error}")))
}

/// Who calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// The caller's ARN.
    pub(crate) principal: String,
    /// The caller's access key.
    pub(crate) access_key: String,
}

/// The text of a member.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// The texts of a list member.
pub(crate) fn texts(value: &Value, name: &str) -> Vec<String> {
    let members = value.get(name).and_then(Value::as_array).into_iter().flatten();
    members.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A number member as a page size.
pub(crate) fn limit(value: &Value, name: &str, default: usize) -> usize {
    let limit = value.get(name).and_then(Value::as_u64).and_then(|limit| usize::try_from(limit).ok());
    limit.filter(|limit| *limit > 0).unwrap_or(default)
}

/// An answer on the wire.
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
