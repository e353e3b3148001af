//! How the program ends.

use std::process::ExitCode;

use aws::AwsError;

use crate::session::hint;

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
