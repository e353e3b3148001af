//! How the program ends.

use std::process::ExitCode;

use plain_text::error_chain;

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

/// A command line that clap accepts and that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// An error, its causes and a remedy, in one line.
pub(crate) fn in_one_line(problem: &anyhow::Error) -> String {
    let text = error_chain(problem.as_ref());
    #[cfg(feature = "aws")]
    if let Some(hint) = problem.chain().find_map(crate::aws::hint) {
        return format!("{text}; {hint}");
    }
    text
}
