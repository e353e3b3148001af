//! Requests that are sent once.

use aws_sdk_ec2::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_ec2::operation::authorize_security_group_ingress::AuthorizeSecurityGroupIngressError;
use aws_sdk_ec2::operation::revoke_security_group_ingress::RevokeSecurityGroupIngressError;
use aws_smithy_runtime_api::client::interceptors::context::{Error, InterceptorContext};
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_traits::AwsError;

/// For calls that change a security group: a request that EC2 may have carried out is not sent again. A second revocation by
/// content could take an equal rule that was added in between. The caller reads the group, and decides anew. A retry is
/// allowed after an answer by which EC2 has certainly done nothing: it is throttling requests.
#[derive(Debug)]
pub(crate) struct OnlyIfThrottled;

impl ClassifyRetry for OnlyIfThrottled {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.output_or_error() {
            Some(Err(error)) if !is_throttled(error) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "no retry of a change that may have been made"
    }
}

fn is_throttled(error: &OrchestratorError<Error>) -> bool {
    let Some(error) = error.as_operation_error() else { return false };
    let revoke = error.downcast_ref::<RevokeSecurityGroupIngressError>().and_then(ProvideErrorMetadata::code);
    let authorize = error.downcast_ref::<AuthorizeSecurityGroupIngressError>().and_then(ProvideErrorMetadata::code);
    revoke.or(authorize).is_some_and(|code| AwsError::new("", "", Some(code), "").is_throttled())
}
