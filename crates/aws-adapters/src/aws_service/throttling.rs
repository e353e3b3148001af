//! Throttling, the one failure after which a call was certainly not carried out.

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_smithy_runtime::client::orchestrator::operation::OperationBuilder;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_types::error::metadata::ErrorMetadata;

/// Codes of SNS that the SDK does not list.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors>
const THROTTLED_BY_SNS: [&str; 2] = ["Throttled", "KMSThrottling"];
const TOO_MANY_REQUESTS: u16 = 429;

/// For calls that are done twice if they are repeated: a call is retried only if it was certainly not carried out.
pub(crate) fn retried_only(operation: OperationBuilder) -> OperationBuilder {
    operation.retry_classifier(OnlyIfThrottled)
}

/// Returns true if an error says that the service is throttling requests.
pub(crate) fn is_throttled(code: Option<&str>, status: u16) -> bool {
    status == TOO_MANY_REQUESTS
        || code.is_some_and(|code| THROTTLING_ERRORS.contains(&code) || THROTTLED_BY_SNS.contains(&code))
}

#[derive(Debug)]
struct OnlyIfThrottled;

impl ClassifyRetry for OnlyIfThrottled {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let error = error.as_operation_error().and_then(|error| error.downcast_ref::<ErrorMetadata>());
        let status = context.response().map_or(0, |response| response.status().as_u16());
        match error {
            Some(error) if is_throttled(error.code(), status) => RetryAction::throttling_error(),
            _ => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "no retry of a call that may have been carried out"
    }
}
