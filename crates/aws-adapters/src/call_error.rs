//! Errors of calls that channels make.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_traits::AwsError;
use channels::AwsCallError;

use crate::aws_service::throttling::is_throttled;
use crate::error::FromSdk;
use crate::http_client::is_not_sent;

/// What became of a call that failed, with its text.
///
/// It is that of the last attempt. So for a call that is done twice if it is repeated, an attempt that may have been carried
/// out has to be the last one.
pub(crate) fn outcome<E>(error: &SdkError<E, HttpResponse>, text: String) -> AwsCallError
where
    E: ProvideErrorMetadata,
{
    match error {
        SdkError::ConstructionFailure(_) => AwsCallError::Refused(text),
        SdkError::DispatchFailure(failure) if failure.as_connector_error().is_some_and(|error| is_not_sent(error)) => {
            AwsCallError::Passing(text)
        }
        SdkError::DispatchFailure(failure) if failure.is_user() => AwsCallError::Refused(text),
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status();
            match answer.err().code() {
                code if is_throttled(code, status.as_u16()) => AwsCallError::Passing(text),
                // AWS could not say whether it carried out the call.
                _ if status.is_server_error() => AwsCallError::Unanswered(text),
                _ => AwsCallError::Refused(text),
            }
        }
        _ => AwsCallError::Unanswered(text),
    }
}

/// The error of `operation` on `subject`.
pub(crate) fn of_call<E>(operation: &'static str, subject: &str, error: &SdkError<E, HttpResponse>) -> AwsCallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    outcome(error, AwsError::from_sdk(operation, subject, error).to_string())
}

/// The error for an answer of success that does not follow the API of the service. The call may have been carried out, and a
/// proxy may have written the answer.
pub(crate) fn malformed(operation: &'static str, subject: &str, problem: &str) -> AwsCallError {
    AwsCallError::Unanswered(AwsError::malformed(operation, subject, problem).to_string())
}
