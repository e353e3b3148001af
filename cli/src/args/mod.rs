//! The command line.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "aws")]
mod findings;
mod routing;
mod suggest;

use std::path::PathBuf;

use ::findings::Severity;
use clap::builder::{OsStringValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use inventory::Hidden;

#[cfg(feature = "aws")]
pub(crate) use self::aws::*;
#[cfg(feature = "aws")]
pub(crate) use self::findings::*;
pub(crate) use self::routing::{Routing, RoutingCheck};

/// Exit codes, as shown in the help.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  compliant; or everything requested was done
  1  error: a part could not be scanned, judged or done
  2  usage: the command line is invalid
  3  exposures were found, or remain; for scan, see --fail-on and --no-fail";

#[cfg(feature = "aws")]
const AFTER_HELP: &str = EXIT_CODES;
#[cfg(not(feature = "aws"))]
const AFTER_HELP: &str = "\
This build judges files only. To scan and close groups of an account: cargo install --locked --path cli";

/// Finds security groups that open blocked ports to the internet, and closes them.
///
/// Judges as the AWS Config rule of Portcullis does: which ingress rules let the internet reach ports that must stay
/// closed. Reads accounts and regions, or files, so that a template can be judged before it is deployed.
#[derive(Debug, Parser)]
#[command(name = "portcullis", bin_name = "portcullis", version, propagate_version = true, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// TOML file with options of any command, by their long names; the command line takes precedence
    #[arg(long, global = true, value_name = "FILE", env = "PORTCULLIS_CONFIG", value_parser = any_path())]
    pub(crate) config: Option<PathBuf>,
    /// Log to stderr (-v), in detail (-vv)
    #[cfg(feature = "aws")]
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Any path. An empty one in the environment stands for none.
fn any_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge the security groups of accounts and regions, or of files
    Scan(Box<Scan>),
    /// Show the changes that would close a group, as a diff
    #[cfg(feature = "aws")]
    Plan(Plan),
    /// Close groups, asking before each
    #[cfg(feature = "aws")]
    Close(Close),
    /// Restore the rules that a closing removed from a group, or all closings of a run
    #[cfg(feature = "aws")]
    Restore(Restore),
    /// List the snapshots that closings have kept
    #[cfg(feature = "aws")]
    Snapshots(Snapshots),
    /// Manage the exemptions in an SSM parameter
    #[cfg(feature = "aws")]
    #[command(subcommand)]
    Exempt(Exempt),
    /// List the findings that the stack remembers, show one, mute it
    #[cfg(feature = "aws")]
    #[command(subcommand)]
    Findings(Box<Findings>),
    /// Explain the verdict on a group, rule by rule
    Explain(Box<Explain>),
    /// Try routing documents, which say who is told of a finding
    #[command(subcommand)]
    Routing(Routing),
    /// Print shell completions
    Completions {
        /// Name of the shell
        shell: Shell,
    },
    /// Print the manual page, or write the pages of all commands to a directory
    Man {
        /// Directory for portcullis.1, portcullis-scan.1 …
        #[arg(long, value_name = "DIRECTORY", value_hint = clap::ValueHint::DirPath)]
        directory: Option<PathBuf>,
    },
}

/// Blocked ports and exemptions.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyArgs {
    /// Ports that must stay closed, such as 22, tcp/3389, 8000-8100 [default: 22,3389]
    #[arg(short, long, value_name = "PORTS", value_delimiter = ',')]
    pub(crate) ports: Vec<String>,
    /// Sources that count as an exposure: world = more than a /8 of IPv4 or a /16 of IPv6, public = any internet address
    /// [default: world]
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) scope: Option<Scope>,
    /// Address range that may reach the ports; repeatable
    #[arg(long = "authorized-cidr", value_name = "CIDR", value_delimiter = ',')]
    pub(crate) authorized_cidr: Vec<String>,
    /// File with an exemptions document
    #[arg(long, value_name = "FILE")]
    pub(crate) exemptions: Option<PathBuf>,
    /// SSM parameter with an exemptions document
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME", conflicts_with = "exemptions")]
    pub(crate) exemptions_parameter: Option<String>,
    /// Key of a tag that exempts a group
    #[arg(long, value_name = "KEY")]
    pub(crate) exemption_tag_key: Option<String>,
    /// AWS Config rule of Portcullis to take the policy from, instead of the options above [default: the
    /// one in the region, if none of these options is given]
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["ports", "scope", "authorized_cidr", "exemptions", "exemptions_parameter", "exemption_tag_key"])]
    pub(crate) rule: Option<String>,
    /// Look for no deployed rule and no exemptions of it: judge by these options alone
    #[cfg(feature = "aws")]
    #[arg(long, conflicts_with = "rule")]
    pub(crate) no_rule: bool,
}

/// Options of `explain` that apply to accounts only, not to files.
#[cfg(feature = "aws")]
const EXPLAIN_ACCOUNT_OPTIONS: [&str; 6] =
    ["profile", "assume_role_arn", "rule", "no_rule", "exemptions_parameter", "who"];

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Explain {
    /// Group: its id or its name; in a file also the logical id or the address of the resource
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    /// File or directory with the group instead of an account, - for standard input, as with `scan --input`; repeatable
    #[cfg_attr(not(feature = "aws"), arg(short, long, value_name = "PATH", help_heading = "Where"))]
    #[cfg_attr(feature = "aws", arg(short, long, value_name = "PATH", help_heading = "Where", conflicts_with_all = EXPLAIN_ACCOUNT_OPTIONS))]
    pub(crate) input: Vec<PathBuf>,
    /// Account to assume when the input names none
    #[arg(long, value_name = "ID", help_heading = "Where", requires = "input")]
    pub(crate) account: Option<String>,
    /// Ignore the exemptions that templates state in their metadata
    #[arg(long, help_heading = "Templates", requires = "input")]
    pub(crate) ignore_template_exemptions: bool,
    /// Also name who opened the group, by the last 90 days of CloudTrail
    #[cfg(feature = "aws")]
    #[arg(long)]
    pub(crate) who: bool,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[cfg(feature = "aws")]
    #[command(flatten)]
    pub(crate) session: AccountArgs,
    /// Region to assume when the input names none
    #[cfg(not(feature = "aws"))]
    #[arg(short, long, value_name = "REGION", value_parser = suggest::region(), hide_possible_values = true, help_heading = "Where")]
    pub(crate) region: Option<String>,
}

impl Explain {
    /// The region of the group, or the one to assume.
    pub(crate) fn region(&self) -> Option<&str> {
        #[cfg(feature = "aws")]
        let region = &self.session.region;
        #[cfg(not(feature = "aws"))]
        let region = &self.region;
        region.as_deref()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    World,
    Public,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SeverityArg {
    Critical,
    High,
    Medium,
    Low,
}

impl From<SeverityArg> for Severity {
    fn from(severity: SeverityArg) -> Self {
        match severity {
            SeverityArg::Critical => Self::Critical,
            SeverityArg::High => Self::High,
            SeverityArg::Medium => Self::Medium,
            SeverityArg::Low => Self::Low,
        }
    }
}

/// The names of hidden parts, which are those of [`Hidden`].
fn hidden_kinds() -> impl TypedValueParser<Value = Hidden> {
    PossibleValuesParser::new(Hidden::ALL.map(Hidden::name)).try_map(|name| name.parse::<Hidden>())
}

/// Options of `scan` that apply to accounts only, not to files.
#[cfg(feature = "aws")]
const ACCOUNT_OPTIONS: [&str; 8] = [
    "profile",
    "all_regions",
    "assume_role_arn",
    "organization",
    "rule",
    "no_rule",
    "exemptions_parameter",
    "with_context",
];

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES, group = clap::ArgGroup::new("files").multiple(true))]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(crate) struct Scan {
    /// Files and directories to scan, as with --input
    #[cfg_attr(not(feature = "aws"), arg(value_name = "PATH", group = "files"))]
    #[cfg_attr(feature = "aws", arg(value_name = "PATH", group = "files", conflicts_with_all = ACCOUNT_OPTIONS))]
    pub(crate) file: Vec<PathBuf>,
    /// File to scan instead of an account, - for standard input: output of `aws ec2 describe-security-groups`, AWS Config
    /// snapshot or item, CloudFormation template, Terraform plan (`terraform show -json`); may be gzipped. Of a directory,
    /// the files that are one of these are scanned; repeatable
    #[cfg_attr(not(feature = "aws"), arg(short, long, value_name = "PATH", help_heading = "Where", group = "files"))]
    #[cfg_attr(feature = "aws", arg(short, long, value_name = "PATH", help_heading = "Where", group = "files", conflicts_with_all = ACCOUNT_OPTIONS))]
    pub(crate) input: Vec<PathBuf>,
    /// Profile of the AWS CLI's configuration; repeatable
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME", help_heading = "Where")]
    pub(crate) profile: Vec<String>,
    /// Region to scan; repeatable. With --input: region to assume when the input names none
    #[arg(short, long, value_name = "REGION", value_parser = suggest::region(), hide_possible_values = true, help_heading = "Where", value_delimiter = ',')]
    pub(crate) region: Vec<String>,
    /// Scan every region that is enabled for the account
    #[cfg(feature = "aws")]
    #[arg(long, help_heading = "Where", conflicts_with = "region")]
    pub(crate) all_regions: bool,
    /// Role to assume, in this or another account; repeatable
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "ARN", help_heading = "Where")]
    pub(crate) assume_role_arn: Vec<String>,
    /// Scan every active account of the organization, by the role of this name in each
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "ROLE", help_heading = "Where", conflicts_with = "assume_role_arn")]
    pub(crate) organization: Option<String>,
    /// Account to assume when the input names none
    #[arg(long, value_name = "ID", help_heading = "Where", requires = "files")]
    pub(crate) account: Option<String>,
    /// Value of a parameter of a template, instead of its default; repeatable
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Templates", requires = "files")]
    pub(crate) parameter: Vec<String>,
    /// File with values of parameters, in JSON or YAML, as for `aws cloudformation create-stack` or `deploy`
    #[arg(long, value_name = "FILE", help_heading = "Templates", requires = "files")]
    pub(crate) parameters: Option<PathBuf>,
    /// Accept that parts of this kind are not scanned, because their content is not in the file; repeatable
    #[arg(long, value_name = "KIND", help_heading = "Templates", requires = "files", value_delimiter = ',', value_parser = hidden_kinds())]
    pub(crate) accept_not_scanned: Vec<Hidden>,
    /// Ignore the exemptions that templates state in their metadata
    #[arg(long, help_heading = "Templates", requires = "files")]
    pub(crate) ignore_template_exemptions: bool,
    /// Scan only this group; repeatable
    #[cfg(feature = "aws")]
    #[arg(short, long, value_name = "ID", help_heading = "Groups", value_delimiter = ',')]
    pub(crate) group_id: Vec<String>,
    /// Scan only groups of this VPC; repeatable
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "ID", help_heading = "Groups", value_delimiter = ',')]
    pub(crate) vpc_id: Vec<String>,
    /// Scan only groups with this tag; repeatable, and then a group needs all of them
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "KEY[=VALUE]", help_heading = "Groups")]
    pub(crate) tag: Vec<String>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Look up the network interfaces of open groups, and report the severity
    #[cfg(feature = "aws")]
    #[arg(long, help_heading = "Output")]
    pub(crate) with_context: bool,
    /// Format of a report: table, json, jsonl, csv, html, sarif, asff, ocsf; repeatable [default: table]
    #[arg(short, long, value_name = "FORMAT", value_parser = suggest::format(), hide_possible_values = true, help_heading = "Output")]
    pub(crate) format: Vec<reports::Format>,
    /// File for a report: the first one for the first --format, and so on. Without --format, the extension decides;
    /// repeatable
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Vec<PathBuf>,
    /// List compliant groups in table, ASFF and OCSF as well
    #[arg(long, help_heading = "Output")]
    pub(crate) show_all: bool,
    /// Least severity of a group that makes the exit code 3; for critical, the network interfaces of open groups are looked
    /// up, which files do not have [default: low]
    #[arg(long, value_name = "SEVERITY", value_enum, ignore_case = true, help_heading = "Exit code")]
    pub(crate) fail_on: Option<SeverityArg>,
    /// Exit with 0 even if exposures were found
    #[arg(long, help_heading = "Exit code", conflicts_with = "fail_on")]
    pub(crate) no_fail: bool,
    /// Do not exit with 1 because a group could not be judged; exposures still count, unless --no-fail is given as well
    #[arg(long, help_heading = "Exit code")]
    pub(crate) no_fail_unjudged: bool,
    /// Show no progress on stderr
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Regions and accounts to scan at the same time
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Where")]
    pub(crate) concurrency: u16,
}
