//! Conversion of SDK errors.

use std::error::Error;
use std::io;

use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_traits::AwsError;

/// Converts errors of the SDK to those of the traits.
pub(crate) trait FromSdk {
    /// Converts an SDK error. A service error has a code; a client error (timeout, no connection, malformed response) has none.
    fn from_sdk<E>(operation: &'static str, subject: &str, error: &E) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static;
}

impl FromSdk for AwsError {
    fn from_sdk<E>(operation: &'static str, subject: &str, error: &E) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let message = match (error.code(), error.message()) {
            (Some(_), Some(message)) => message.to_owned(),
            _ => with_causes(error),
        };
        Self::new(operation, subject, error.code(), &message)
    }
}

/// Text of an SDK error with its causes, down to the answer of the service, such as that of STS if a role cannot be assumed.
///
/// It differs from [`plain_text::error_chain`] because SDK errors repeat their causes and wrap the answer of the service deeply.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(metadata) = error.downcast_ref::<ErrorMetadata>() {
            let message = metadata.message().unwrap_or("no message");
            return metadata.code().map_or_else(|| message.to_owned(), |code| format!("{code}: {message}"));
        }
        let part = error.to_string();
        if parts.last() != Some(&part) {
            parts.push(part);
        }
        cause = error.source();
    }
    parts.join(": ")
}

/// An error, and one after the other what caused it. An I/O error does not return the error that it wraps as its source.
pub(crate) fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(within) => Some(within),
        None => error.source(),
    })
}
