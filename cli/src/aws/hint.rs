//! Remedies for AWS errors.

use std::error::Error;

use aws_traits::AwsError;
use judgement::PolicyError;

/// Returns the AWS error that a cause is. A transparent error stands for its source, which then is no cause of its own.
fn aws_error<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e AwsError> {
    match cause.downcast_ref::<PolicyError>() {
        Some(PolicyError::Rule(error)) => Some(error),
        Some(PolicyError::RuleParameters { .. } | PolicyError::Exemptions(_)) => None,
        None => cause.downcast_ref(),
    }
}

/// Returns the remedy for an AWS error whose own text has none.
pub(crate) fn hint(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let error = aws_error(cause)?;
    Some(match error.code() {
        Some("ExpiredToken" | "ExpiredTokenException" | "RequestExpired") => {
            "the credentials have expired: run `aws sso login`, or obtain new ones"
        }
        Some(
            "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch" | "InvalidAccessKeyId",
        ) => "the credentials are not valid: check them with `aws sts get-caller-identity`",
        Some("AuthFailure" | "OptInRequired") => {
            "the credentials are not valid in this region, or the region is not enabled for the account"
        }
        Some("NoSuchConfigRuleException") => "`aws configservice describe-config-rules` lists the rules of a region",
        Some("ParameterNotFound") => "`portcullis exempt add` creates it; a parameter exists in one region only",
        Some("RequestLimitExceeded" | "Throttling" | "ThrottlingException") => {
            "AWS is throttling requests: try again later, or with a lower --concurrency"
        }
        None => {
            let text = error.to_string().to_ascii_lowercase();
            if text.contains("sso") && text.contains("expired") {
                "run `aws sso login`"
            } else if text.contains("dns")
                || text.contains("connect")
                || text.contains("timeout")
                || text.contains("timed out")
            {
                "check the name of the region, the network connection and the proxy"
            } else if text.contains("credential") {
                // Checked after the network, because without a network `GetCallerIdentity` also fails "on these credentials".
                "check the credentials with `aws sts get-caller-identity`"
            } else {
                return None;
            }
        }
        Some(_) => return None,
    })
}
