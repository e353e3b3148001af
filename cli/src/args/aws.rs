//! The options of the commands that call AWS.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{EXIT_CODES, PolicyArgs};
use crate::exit::Usage;

/// One account and region.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct AccountArgs {
    /// Profile of the AWS CLI's configuration
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Region of the group
    #[arg(short, long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Role to assume
    #[arg(long, value_name = "ARN")]
    pub(crate) assume_role_arn: Option<String>,
}

/// How a group is closed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How")]
pub(crate) struct StrategyArgs {
    /// What happens to an exposing rule: revoke removes it, carve keeps its other ports, replace keeps its ports for other
    /// sources
    #[arg(long, value_enum, default_value = "revoke", ignore_case = true)]
    pub(crate) strategy: StrategyArg,
    /// Source that replaces an exposing one, with --strategy replace; repeatable [default: the private ranges]
    #[arg(long = "replacement-cidr", value_name = "CIDR", value_delimiter = ',')]
    pub(crate) replacement_cidr: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrategyArg {
    Revoke,
    Carve,
    Replace,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Plan {
    /// Ids of the groups
    #[arg(value_name = "GROUP", required = true)]
    pub(crate) groups: Vec<String>,
    #[command(flatten)]
    pub(crate) strategy: StrategyArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// Print the plans as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where snapshots are kept.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Snapshots")]
pub(crate) struct SnapshotArgs {
    /// Directory for the snapshots [default: portcullis/snapshots in the user's data directory]
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) snapshot_dir: Option<PathBuf>,
    /// Bucket of this account for the snapshots. The bucket of a stack accepts them only from the role that the stack names
    #[arg(long, value_name = "NAME", conflicts_with = "snapshot_dir")]
    pub(crate) snapshot_bucket: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(crate) struct Close {
    /// Ids of the groups
    #[arg(value_name = "GROUP", required_unless_present = "all")]
    pub(crate) groups: Vec<String>,
    /// Close every open group of the region
    #[arg(long, conflicts_with = "groups")]
    pub(crate) all: bool,
    /// Close without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Close groups that are on hold after a restore as well
    #[arg(long)]
    pub(crate) ignore_hold: bool,
    #[command(flatten)]
    pub(crate) strategy: StrategyArgs,
    #[command(flatten)]
    pub(crate) snapshots: SnapshotArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// Print the responses as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Restore {
    /// Id of the group
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    /// Snapshot to restore, as `close` printed it, or its file name; latest for the last closing
    #[arg(long, value_name = "NAME", default_value = "latest")]
    pub(crate) snapshot: String,
    /// Hours during which no closing changes the group afterwards
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    pub(crate) exception_hours: u32,
    /// AWS Config rule whose automatic remediation must not close the group either
    #[arg(long, value_name = "NAME")]
    pub(crate) rule: Option<String>,
    /// Restore without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) snapshots: SnapshotArgs,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// Print the response as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Id of the group
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
}

/// The SSM parameter of the exemptions.
#[derive(Debug, Clone, Args)]
pub(crate) struct ParameterArgs {
    /// SSM parameter with the exemptions document
    #[arg(long, value_name = "NAME", default_value = "/portcullis/exemptions")]
    pub(crate) parameter: String,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Exempt {
    /// Exempt a group, until a date and for a reason
    Add {
        /// Group: sg-…, or vpc-…:name, which also covers a group that is created again
        #[arg(value_name = "GROUP")]
        group: String,
        /// Last day (UTC), or a time: 2027-03-31, 2027-03-31T12:00:00Z
        #[arg(long, value_name = "TIME")]
        expires: String,
        /// Reason, for the record
        #[arg(long)]
        reason: String,
        /// Person or team responsible
        #[arg(long)]
        owner: Option<String>,
        /// Exempt only these ports [default: all]
        #[arg(short, long, value_name = "PORTS")]
        ports: Option<String>,
        /// Exempt only in this account [default: any]
        #[arg(long, value_name = "ID")]
        account_id: Option<String>,
        #[command(flatten)]
        parameter: ParameterArgs,
    },
    /// List the exemptions
    List {
        #[command(flatten)]
        parameter: ParameterArgs,
        /// Print the document as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove the exemptions of a group
    Remove {
        /// Group: sg-…, or vpc-…:name
        #[arg(value_name = "GROUP")]
        group: String,
        #[command(flatten)]
        parameter: ParameterArgs,
    },
}

/// Checks the id of a security group, before any call to AWS.
pub(crate) fn check_group_id(text: &str) -> Result<(), Usage> {
    if exposure::is_security_group_id(text) {
        return Ok(());
    }
    Err(Usage(format!("`{text}` is not the id of a security group, such as sg-0123456789abcdef0")))
}
