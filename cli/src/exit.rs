//! How the program ends.

use std::process::ExitCode;

use aws_traits::AwsError;

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Compliant, or all done.
    Success,
    /// Something could not be scanned, judged or done.
    Error,
    /// The command line is not understood.
    Usage,
    /// Exposures were found, or are left.
    Exposed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Error => 1,
            Exit::Usage => 2,
            Exit::Exposed => 3,
        })
    }
}

/// A command line that clap has let pass and that makes no sense all the same.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// What went wrong, why, and what to do, in one line. Many errors say their cause themselves, which then is not said again.
pub(crate) fn in_one_line(problem: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in problem.chain().map(ToString::to_string) {
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause);
    }
    if let Some(hint) = problem.chain().find_map(|cause| cause.downcast_ref::<AwsError>()).and_then(hint) {
        text.push_str("; ");
        text.push_str(hint);
    }
    text
}

/// What to do about it, where the error itself does not say so.
fn hint(error: &AwsError) -> Option<&'static str> {
    Some(match error.code() {
        Some("ExpiredToken" | "ExpiredTokenException" | "RequestExpired") => {
            "the credentials have expired: run `aws sso login`, or get new ones"
        }
        Some(
            "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch" | "InvalidAccessKeyId",
        ) => "the credentials are not valid: see `aws sts get-caller-identity`",
        Some("AuthFailure" | "OptInRequired") => {
            "the credentials are not valid there, or the region is not enabled for the account"
        }
        Some("NoSuchConfigRuleException") => "`aws configservice describe-config-rules` lists the rules of a region",
        Some("ParameterNotFound") => "`portcullis exempt add` makes it; parameters are those of one region",
        Some("RequestLimitExceeded" | "Throttling" | "ThrottlingException") => {
            "AWS wants fewer calls: try again later, or with a lower --concurrency"
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
                "is the region's name right, and is there a way to the internet, or a proxy?"
            } else if text.contains("credential") {
                // After the network: the call that asks who somebody is has the word in its name for the credentials.
                "see `aws sts get-caller-identity`"
            } else {
                return None;
            }
        }
        Some(_) => return None,
    })
}
