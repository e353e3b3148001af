//! Errors of AWS calls.

use std::error::Error;
use std::fmt;

/// An AWS call that failed, retries included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    operation: &'static str,
    subject: String,
    code: Option<String>,
    message: String,
}

impl AwsError {
    /// An error of `operation` (`ec2:RevokeSecurityGroupIngress`) on `subject` (`sg-…`).
    #[must_use]
    pub fn new(operation: &'static str, subject: &str, code: Option<&str>, message: &str) -> Self {
        Self { operation, subject: subject.to_owned(), code: code.map(str::to_owned), message: message.to_owned() }
    }

    /// The error for an answer that does not follow the API of the service.
    #[must_use]
    pub fn malformed(operation: &'static str, subject: &str, problem: &str) -> Self {
        Self::new(operation, subject, None, &format!("the answer is malformed: {problem}"))
    }

    /// The error code of the service, such as `InvalidGroup.NotFound`. `None` when no service answered.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Returns true if the service is throttling requests.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        matches!(self.code(), Some("RequestLimitExceeded" | "Throttling" | "ThrottlingException"))
    }

    /// Returns true if the same call may succeed later: the service is throttling requests, failed internally, or did
    /// not answer.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.is_throttled()
            || matches!(
                self.code(),
                None | Some(
                    "InternalError"
                        | "InternalFailure"
                        | "RequestTimeout"
                        | "ServiceUnavailable"
                        | "SlowDown"
                        | "Unavailable"
                )
            )
    }

    /// Returns true if the call may have been carried out nevertheless: no service answered, or it failed on the way.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.is_transient() && !self.is_throttled()
    }

    /// Returns true if the caller lacks a permission.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(
            self.code(),
            Some("AccessDenied" | "AccessDeniedException" | "AuthorizationError" | "UnauthorizedOperation")
        )
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, subject, code, message } = self;
        write!(f, "{operation} on {subject} failed: ")?;
        if let Some(code) = code {
            write!(f, "{code}: ")?;
        }
        f.write_str(message)?;
        if self.is_denied() {
            // Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
            if !message.contains("explicit deny") {
                write!(f, " (allow {operation} to this role or user)")?;
            } else if operation.starts_with("ec2:") {
                f.write_str(
                    " (a policy denies it explicitly, as the stack does for every group with the tag ExemptionTagKey)",
                )?;
            } else {
                f.write_str(" (a policy denies it explicitly, so change that policy)")?;
            }
        }
        Ok(())
    }
}

impl Error for AwsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explicit_deny_is_not_fixed_by_an_allow() {
        let denied = |operation, code, how| {
            let message = format!("You are not authorized to perform this operation with {how}");
            AwsError::new(operation, "sg-1", Some(code), &message).to_string()
        };
        let (revoke, code) = ("ec2:RevokeSecurityGroupIngress", "UnauthorizedOperation");
        let text = denied(revoke, code, "no identity-based policy");
        assert!(text.contains("(allow ec2:RevokeSecurityGroupIngress to this role"), "{text}");
        let text = denied(revoke, code, "an explicit deny in an identity-based policy");
        assert!(text.contains("ExemptionTagKey") && !text.contains("(allow"), "{text}");
        let text = denied("sns:Publish", "AuthorizationError", "an explicit deny in a resource-based policy");
        assert!(text.contains("(a policy denies it explicitly, so change"), "{text}");
        assert!(!text.contains("ExemptionTagKey") && !text.contains("(allow"), "{text}");
    }
}
