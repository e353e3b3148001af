//! The command line.

#[cfg(feature = "aws")]
mod aws;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

#[cfg(feature = "aws")]
pub(crate) use self::aws::*;

/// Exit codes, for the help and for the code.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  compliant; or everything that was asked for is done
  1  error: something could not be scanned, judged or done
  2  usage: the command line is not understood
  3  exposures were found (0 with --no-fail), or are left";

/// Finds, plans and closes what security groups open to the internet.
///
/// The same judgement as the AWS Config rule of Portcullis: which ingress rules let the internet reach ports that must
/// stay closed. Reads accounts and regions, or files, so that a template can be judged before it is deployed.
#[derive(Debug, Parser)]
#[command(name = "portcullis", bin_name = "portcullis", version, propagate_version = true, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    /// TOML file with the options of any command, by their long names: command line wins
    #[arg(long, global = true, value_name = "FILE", env = "PORTCULLIS_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Tell on stderr what is done (-v), and in detail (-vv)
    #[cfg(feature = "aws")]
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge security groups: of accounts and regions, or of files
    Scan(Box<Scan>),
    /// Show what closing a group would change, as a diff
    #[cfg(feature = "aws")]
    Plan(Plan),
    /// Close groups, one question each
    #[cfg(feature = "aws")]
    Close(Close),
    /// Give a group back what a closing took
    #[cfg(feature = "aws")]
    Restore(Restore),
    /// Who is let off: the exemptions in an SSM parameter
    #[cfg(feature = "aws")]
    #[command(subcommand)]
    Exempt(Exempt),
    /// Say why a group gets its verdict, rule by rule
    #[cfg(feature = "aws")]
    Explain(Explain),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write those of all commands into a directory
    Man {
        /// Write portcullis.1, portcullis-scan.1 … into this directory
        #[arg(long, value_name = "DIRECTORY")]
        directory: Option<PathBuf>,
    },
}

/// What must stay closed, and who is let off.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyArgs {
    /// Ports that must stay closed, such as 22, tcp/3389, 8000-8100 [default: 22,3389]
    #[arg(short, long, value_name = "PORTS", value_delimiter = ',')]
    pub(crate) ports: Vec<String>,
    /// What counts: world = more than a /8 of IPv4 or a /16 of IPv6, public = any part of the internet [default: world]
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) scope: Option<Scope>,
    /// Address range that may reach the ports; may be given several times
    #[arg(long = "authorized-cidr", value_name = "CIDR", value_delimiter = ',')]
    pub(crate) authorized_cidr: Vec<String>,
    /// Exemptions document
    #[arg(long, value_name = "FILE")]
    pub(crate) exemptions: Option<PathBuf>,
    /// SSM parameter with the exemptions document
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME", conflicts_with = "exemptions")]
    pub(crate) exemptions_parameter: Option<String>,
    /// Tag key that exempts a group
    #[arg(long, value_name = "KEY")]
    pub(crate) exemption_tag_key: Option<String>,
    /// Take all of this from an AWS Config rule of Portcullis instead
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["ports", "scope", "authorized_cidr", "exemptions", "exemptions_parameter", "exemption_tag_key"])]
    pub(crate) rule: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scope {
    World,
    Public,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
pub(crate) struct Scan {
    /// Scan a file instead of AWS, - is standard input: output of `aws ec2 describe-security-groups`, AWS Config snapshots
    /// and items, CloudFormation templates, Terraform plans (`terraform show -json`); may be gzipped
    #[cfg_attr(not(feature = "aws"), arg(short, long, value_name = "FILE", help_heading = "Where", required = true))]
    #[cfg_attr(feature = "aws", arg(short, long, value_name = "FILE", help_heading = "Where", conflicts_with_all = ["profile", "all_regions", "assume_role_arn", "organization", "rule", "exemptions_parameter", "with_context"]))]
    pub(crate) input: Vec<PathBuf>,
    /// Profile of the AWS CLI's configuration; may be given several times
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME", help_heading = "Where")]
    pub(crate) profile: Vec<String>,
    /// Region; may be given several times. With --input: the region that is said of groups whose own is not known
    #[arg(short, long, value_name = "REGION", help_heading = "Where", value_delimiter = ',')]
    pub(crate) region: Vec<String>,
    /// Every region that is enabled for the account
    #[cfg(feature = "aws")]
    #[arg(long, help_heading = "Where", conflicts_with = "region")]
    pub(crate) all_regions: bool,
    /// Role to assume first, in this or another account; may be given several times
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "ARN", help_heading = "Where")]
    pub(crate) assume_role_arn: Vec<String>,
    /// Every active account of the organization, through the role of this name in each
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "ROLE", help_heading = "Where", conflicts_with = "assume_role_arn")]
    pub(crate) organization: Option<String>,
    /// Account that is said of groups of --input whose own is not known
    #[arg(long, value_name = "ID", help_heading = "Where", requires = "input")]
    pub(crate) account: Option<String>,
    /// Only this group; may be given several times
    #[cfg(feature = "aws")]
    #[arg(short, long, value_name = "ID", help_heading = "Which groups", value_delimiter = ',')]
    pub(crate) group_id: Vec<String>,
    /// Only groups of this VPC; may be given several times
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "ID", help_heading = "Which groups", value_delimiter = ',')]
    pub(crate) vpc_id: Vec<String>,
    /// Only groups with this tag; may be given several times, and then all are wanted
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "KEY[=VALUE]", help_heading = "Which groups")]
    pub(crate) tag: Vec<String>,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    /// Look up what open groups are attached to, and tell the severity
    #[cfg(feature = "aws")]
    #[arg(long, help_heading = "Output")]
    pub(crate) with_context: bool,
    /// Format: table, json, jsonl, csv, html, sarif, asff, ocsf; may be given several times [default: table]
    #[arg(short, long, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Vec<reports::Format>,
    /// File for the report: the first one for the first --format, and so on. A file without a format of its own gets the one
    /// that its name ends with
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Vec<PathBuf>,
    /// List compliant groups in table, ASFF and OCSF, too
    #[arg(long, help_heading = "Output")]
    pub(crate) show_all: bool,
    /// Exit with 0 although exposures were found
    #[arg(long, help_heading = "Output")]
    pub(crate) no_fail: bool,
    /// No progress on stderr
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Regions and accounts that are scanned at the same time
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Where")]
    pub(crate) concurrency: u16,
}
