//! The options of `portcullis findings`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{AccountArgs, EXIT_CODES, SeverityArg};

/// The table of the findings.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct TableArgs {
    /// AWS Config rule of the findings
    #[arg(long, value_name = "NAME", default_value = "portcullis")]
    pub(crate) rule: String,
    /// Table with the findings [default: the one that the stack for findings states in SSM]
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
}

/// One finding.
#[derive(Debug, Clone, Args)]
pub(crate) struct FindingArgs {
    /// Group: its id, for the account and region of the command; or the key of the finding, as `list --json` prints it
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    #[command(flatten)]
    pub(crate) table: TableArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Findings {
    /// List findings, the most severe first
    #[command(after_help = EXIT_CODES)]
    List(FindingsList),
    /// Write findings as CSV, JSON, HTML or ASFF
    #[command(after_help = EXIT_CODES)]
    Export(FindingsExport),
    /// Show a finding with its history
    Show {
        #[command(flatten)]
        finding: FindingArgs,
        /// Print the finding and its history as JSON
        #[arg(long, help_heading = "Output")]
        json: bool,
    },
    /// Keep a finding from being sent, for a reason
    ///
    /// It stays a finding: the group is closed all the same, and whoever was told of it is told of its end.
    Mute {
        #[command(flatten)]
        finding: FindingArgs,
        /// Reason, for the record
        #[arg(long, value_name = "TEXT", help_heading = "Mute")]
        reason: String,
        /// Last day (UTC), or a time: 2027-03-31, 2027-03-31T12:00:00Z [default: until it is unmuted]
        #[arg(long, value_name = "TIME", help_heading = "Mute")]
        until: Option<String>,
    },
    /// Have a muted finding sent again
    Unmute {
        #[command(flatten)]
        finding: FindingArgs,
    },
}

/// Which findings.
#[derive(Debug, Args)]
pub(crate) struct FindingsFilter {
    /// Only findings in this state; repeatable
    #[arg(long, value_enum, value_delimiter = ',', default_value = "open", ignore_case = true)]
    pub(crate) state: Vec<StateArg>,
    /// Only findings of this account [default: every account in the table]
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// Only findings of this owner
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: Option<String>,
    /// Only open findings of this severity or a worse one
    #[arg(long, value_enum, value_name = "SEVERITY", ignore_case = true)]
    pub(crate) min_severity: Option<SeverityArg>,
    #[command(flatten)]
    pub(crate) table: TableArgs,
}

#[derive(Debug, Args)]
pub(crate) struct FindingsList {
    #[command(flatten)]
    pub(crate) filter: FindingsFilter,
    /// Print the findings as JSON lines, in the format portcullis.finding/1
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FindingsExport {
    #[command(flatten)]
    pub(crate) filter: FindingsFilter,
    /// Format [default: by the extension of --output, or else csv]
    #[arg(short, long, value_enum, value_name = "FORMAT", ignore_case = true, help_heading = "Output")]
    pub(crate) format: Option<ExportFormat>,
    /// File to write, which is replaced once it is complete [default: standard output]
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
}

/// A format of findings. The other ones of a scan are about rules and files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    Csv,
    Json,
    Jsonl,
    Html,
    Asff,
}

/// A state in the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum StateArg {
    Open,
    Exempt,
    Closed,
}
