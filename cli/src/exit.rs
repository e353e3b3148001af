//! How the program ends.

use std::process::ExitCode;

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
