//! The options of `routing`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Exit codes of commands that judge no group.
const EXIT_CODES: &str = "\
Exit codes:
  0  the document is valid, with warnings or without
  1  error: the document is malformed, or a finding could not be read
  2  usage: the command line is invalid";

#[derive(Debug, Subcommand)]
pub(crate) enum Routing {
    /// Check a routing document, and show who is told of a finding
    Check(RoutingCheck),
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct RoutingCheck {
    /// Routing document, - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Stored finding (portcullis.finding/1), or event of an EventBridge bus, - for standard input: show who is told of it,
    /// and why; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) finding: Vec<PathBuf>,
    /// Print the result as JSON
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}
