//! Exit codes and error messages.

use std::process::ExitCode;

use plain_text::{error_chain, printable};

/// Meaning of the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Compliant, or everything requested was done.
    Success,
    /// A part could not be scanned, judged or done.
    Error,
    /// The command line is invalid.
    Usage,
    /// Exposures were found, or remain.
    Exposed,
    /// Ctrl-C ended a command that first reported what it had done.
    #[cfg(feature = "aws")]
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Error => 1,
            Exit::Usage => 2,
            Exit::Exposed => 3,
            // As a shell reports a program that SIGINT ended.
            #[cfg(feature = "aws")]
            Exit::Interrupted => 130,
        })
    }
}

/// Error for a command line that clap accepts but that is invalid.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Formats an error, its causes and a remedy on one line.
pub(crate) fn in_one_line(problem: &anyhow::Error) -> String {
    let text = error_chain(problem.as_ref());
    // Parsers of files show a line of them below.
    let text = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    // Names in an error are chosen by others.
    let text = printable(&text).into_owned();
    #[cfg(feature = "aws")]
    if let Some(hint) = problem.chain().find_map(crate::aws::hint) {
        return format!("{text}; {hint}");
    }
    text
}
