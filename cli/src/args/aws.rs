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
    /// Region
    #[arg(short, long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// Role to assume first
    #[arg(long, value_name = "ARN")]
    pub(crate) assume_role_arn: Option<String>,
}

/// How a group is closed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How")]
pub(crate) struct StrategyArgs {
    /// What happens to an exposing rule: revoke takes it away, carve leaves it its other ports, replace leaves it its ports for
    /// other sources
    #[arg(long, value_enum, default_value = "revoke", ignore_case = true)]
    pub(crate) strategy: StrategyArg,
    /// Who may reach the ports instead, with --strategy replace; may be given several times [default: the private ranges]
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
    /// The groups
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

/// Where that which is changed is kept as it was before.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Snapshots")]
pub(crate) struct SnapshotArgs {
    /// Directory for the snapshots [default: portcullis/snapshots in the user's data directory]
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) snapshot_dir: Option<PathBuf>,
    /// Bucket of this account for the snapshots. That of the stack takes them only from the role that the stack names
    #[arg(long, value_name = "NAME", conflicts_with = "snapshot_dir")]
    pub(crate) snapshot_bucket: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(crate) struct Close {
    /// The groups
    #[arg(value_name = "GROUP", required_unless_present = "all")]
    pub(crate) groups: Vec<String>,
    /// Every group of the region that is open
    #[arg(long, conflicts_with = "groups")]
    pub(crate) all: bool,
    /// Close without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Close groups that were restored lately, too
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
    /// Print the outcomes as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Restore {
    /// The group
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    /// The last closing, or a snapshot: its name as `close` has printed it, or its file name
    #[arg(long, value_name = "NAME", default_value = "latest")]
    pub(crate) snapshot: String,
    /// Hours for which closings leave the group alone afterwards
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    pub(crate) exception_hours: u32,
    /// AWS Config rule whose automatic remediation is to leave the group alone as well
    #[arg(long, value_name = "NAME")]
    pub(crate) rule: Option<String>,
    /// Restore without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) snapshots: SnapshotArgs,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The group
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
}

/// Which exemptions.
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
    /// Let a group off, until a day and for a reason
    Add {
        /// The group: sg-…, or vpc-…:name, which survives that the group is made anew
        #[arg(value_name = "GROUP")]
        group: String,
        /// Last day (UTC), or instant: 2027-03-31, 2027-03-31T12:00:00Z
        #[arg(long, value_name = "TIME")]
        expires: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// Who answers for it
        #[arg(long)]
        owner: Option<String>,
        /// Only these ports [default: all]
        #[arg(short, long, value_name = "PORTS")]
        ports: Option<String>,
        /// Only in this account [default: any]
        #[arg(long, value_name = "ID")]
        account_id: Option<String>,
        #[command(flatten)]
        parameter: ParameterArgs,
    },
    /// List the exemptions
    List {
        #[command(flatten)]
        parameter: ParameterArgs,
        /// Print the document as it is
        #[arg(long)]
        json: bool,
    },
    /// Take the exemptions of a group away
    Remove {
        /// The group: sg-…, or vpc-…:name
        #[arg(value_name = "GROUP")]
        group: String,
        #[command(flatten)]
        parameter: ParameterArgs,
    },
}

/// What is no id at all is a typing error, and is told before anything is asked of AWS.
pub(crate) fn check_group_id(text: &str) -> Result<(), Usage> {
    if exposure::is_security_group_id(text) {
        return Ok(());
    }
    Err(Usage(format!("`{text}` is not the id of a security group, such as sg-0123456789abcdef0")))
}
