//! The options of the commands that call AWS.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::{EXIT_CODES, PolicyArgs, suggest};
use crate::exit::Usage;

/// One account and region.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct AccountArgs {
    /// Profile of the AWS CLI's configuration
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Region of the group
    #[arg(short, long, value_name = "REGION", value_parser = suggest::region(), hide_possible_values = true)]
    pub(crate) region: Option<String>,
    /// Role to assume
    #[arg(long, value_name = "ARN")]
    pub(crate) assume_role_arn: Option<String>,
}

/// Regions of one account.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct RegionsArgs {
    /// Profile of the AWS CLI's configuration
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Region of the groups; repeatable
    #[arg(short, long, value_name = "REGION", value_delimiter = ',', value_parser = suggest::region(), hide_possible_values = true)]
    pub(crate) region: Vec<String>,
    /// Every region that is enabled for the account
    #[arg(long, conflicts_with = "region")]
    pub(crate) all_regions: bool,
    /// Role to assume
    #[arg(long, value_name = "ARN")]
    pub(crate) assume_role_arn: Option<String>,
}

/// Groups that are closed.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SelectionArgs {
    /// Groups: sg-…, a name, or vpc-…:name
    #[arg(value_name = "GROUP", required_unless_present_any = ["all", "vpc_id", "tag"])]
    pub(crate) groups: Vec<String>,
    /// Every open group; with --vpc-id or --tag, every open group that matches
    #[arg(long, conflicts_with = "groups", help_heading = "Groups")]
    pub(crate) all: bool,
    /// Every open group of this VPC; repeatable
    #[arg(long, value_name = "ID", conflicts_with = "groups", help_heading = "Groups", value_delimiter = ',')]
    pub(crate) vpc_id: Vec<String>,
    /// Every open group with this tag; repeatable, and then a group needs all of them
    #[arg(long, value_name = "KEY[=VALUE]", conflicts_with = "groups", help_heading = "Groups")]
    pub(crate) tag: Vec<String>,
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
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) strategy: StrategyArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) regions: RegionsArgs,
    /// Print the plans as JSON lines
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// Where snapshots are kept.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Snapshots")]
pub(crate) struct SnapshotArgs {
    /// Directory for the snapshots [default: portcullis/snapshots in the user's data directory]
    #[arg(long, value_name = "DIRECTORY", value_hint = ValueHint::DirPath)]
    pub(crate) snapshot_dir: Option<PathBuf>,
    /// Bucket of this account for the snapshots. The bucket of a stack accepts them only from the role that the stack names
    #[arg(long, value_name = "NAME", conflicts_with = "snapshot_dir")]
    pub(crate) snapshot_bucket: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(crate) struct Close {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Close without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Close groups that are on hold after a restore as well
    #[arg(long)]
    pub(crate) ignore_hold: bool,
    /// Close groups however many a stack closes in an hour. Closings by this program are neither counted nor limited, with or
    /// without it
    #[arg(long)]
    pub(crate) ignore_pace: bool,
    #[command(flatten)]
    pub(crate) strategy: StrategyArgs,
    #[command(flatten)]
    pub(crate) snapshots: SnapshotArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) regions: RegionsArgs,
    /// Print the responses as JSON lines
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(crate) struct Restore {
    /// Id of the group
    #[arg(value_name = "GROUP", required_unless_present = "run", conflicts_with = "run")]
    pub(crate) group: Option<String>,
    /// Every group that this run of `close` changed, as `close` printed it; `portcullis snapshots` lists the runs
    #[arg(long, value_name = "ID", conflicts_with = "snapshot")]
    pub(crate) run: Option<String>,
    /// Snapshot to restore, as `close` printed it, or its file name; latest for the last closing
    #[arg(long, value_name = "NAME", default_value = "latest")]
    pub(crate) snapshot: String,
    /// Hours during which no closing changes the group afterwards
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=8760))]
    pub(crate) exception_hours: u32,
    /// AWS Config rule whose automatic remediation must not close the group either [default: the one in the region]
    #[arg(long, value_name = "NAME")]
    pub(crate) rule: Option<String>,
    /// Look for no deployed rule, and keep no automatic remediation from closing the group
    #[arg(long, conflicts_with = "rule")]
    pub(crate) no_rule: bool,
    /// Restore without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) snapshots: SnapshotArgs,
    #[command(flatten)]
    pub(crate) regions: RegionsArgs,
    /// Print the responses as JSON lines
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Snapshots {
    /// Only snapshots of these groups
    #[arg(value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    /// Only snapshots of this run of `close`
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// Most snapshots to list, the newest first
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) store: SnapshotArgs,
    #[command(flatten)]
    pub(crate) regions: RegionsArgs,
    /// Print the snapshots as JSON lines
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// Name of the SSM parameter with the exemptions, unless another one is given.
pub(crate) const EXEMPTIONS_PARAMETER: &str = "/portcullis/exemptions";

/// The SSM parameter of the exemptions.
#[derive(Debug, Clone, Args)]
pub(crate) struct ParameterArgs {
    /// SSM parameter with the exemptions document
    #[arg(long, value_name = "NAME", default_value = EXEMPTIONS_PARAMETER)]
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
        /// Replace an exemption of the same group, ports and account
        #[arg(long)]
        replace: bool,
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
