//! Errors of an invocation. The SSM document fails with them, so that AWS Config counts the attempt.

use lambda_runtime::Diagnostic;
use plain_text::error_message;
use remediation::{RemediationError, RequestError};

/// An invocation failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct InvocationError(#[from] pub RemediationError);

impl From<RequestError> for InvocationError {
    fn from(error: RequestError) -> Self {
        Self(error.into())
    }
}

impl From<InvocationError> for Diagnostic {
    fn from(InvocationError(error): InvocationError) -> Self {
        Self { error_type: error.kind().to_owned(), error_message: error_message(&error) }
    }
}
