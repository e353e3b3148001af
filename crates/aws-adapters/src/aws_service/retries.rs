//! Which failures are retried.

use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::orchestrator::operation::OperationBuilder;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_types::error::metadata::ErrorMetadata;

/// For calls that change nothing if they are repeated: whatever passes is retried, also if the call may have been carried out.
pub(crate) fn of_what_passes(operation: OperationBuilder) -> OperationBuilder {
    operation
        .retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
        .retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
}
