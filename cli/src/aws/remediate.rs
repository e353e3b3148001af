//! `portcullis plan`, `close` and `restore`: the remediation of the stack, from the command line.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use aws_adapters::Ec2;
use aws_adapters::terminal::inventory::GroupFilter;
use aws_traits::ec2::SecurityGroups;
use findings::ComplianceType;
use ipnetwork::IpNetwork;
use jiff::Timestamp;
use plain_text::error_chain;
use remediation::{Remediation, RemediationError, Request, Response, Status, StrategyName};

use super::live_scan::{self, LiveScan};
use super::policy::CommandPolicy;
use super::question::{self, Answer};
use super::response_printer::Printer;
use super::services::TerminalServices;
use super::session::{self, Target};
use super::snapshot_store::SnapshotStore;
use crate::args::{
    AccountArgs, Close, Plan, PolicyArgs, Restore, SnapshotArgs, StrategyArg, StrategyArgs, check_group_id,
};
use crate::exit::{Exit, Usage};

/// The remediation in one account and region.
struct Account {
    remediation: Remediation<TerminalServices>,
    ec2: Ec2,
    rule_name: String,
    /// Execution id of this run, in the snapshots and holds.
    run: String,
    target: Target,
}

impl Account {
    async fn new(policy: &CommandPolicy, account: &AccountArgs, snapshots: &SnapshotArgs) -> Result<Self> {
        let target = session::one(account).await?;
        let store = SnapshotStore::new(snapshots, &target)?;
        let services = TerminalServices::new(policy, &target, store);
        let remediation = Remediation::new(services, policy.in_account(&target.sdk), Timestamp::now);
        let run = format!("cli-{}", Timestamp::now().as_millisecond());
        Ok(Self { remediation, ec2: Ec2::new(&target.sdk), rule_name: policy.rule_name().to_owned(), run, target })
    }

    /// Returns false if the group does not exist, and reports an error: the id was probably mistyped. The remediation itself
    /// treats a deleted group as closed.
    async fn has(&self, group: &str, tally: &mut Tally) -> Result<bool> {
        let Target { account, region, .. } = &self.target;
        let found = self.ec2.security_group(group).await?.is_some();
        if !found {
            tally.failed = true;
            eprintln!("error: {group}: there is no such security group in {region}, account {account}");
        }
        Ok(found)
    }

    async fn close(&self, group: &str, how: &How, dry_run: bool) -> Result<Response, RemediationError> {
        let request = Request::Close(remediation::Close {
            security_group_id: group.to_owned(),
            config_rule_name: self.rule_name.clone(),
            strategy: how.strategy,
            replacement_cidrs: how.replacement_cidrs.clone(),
            dry_run,
            ignore_hold: how.ignore_hold,
            execution_id: Some(self.run.clone()),
        });
        self.run(&request).await
    }

    async fn restore(&self, group: &str, args: &Restore, dry_run: bool) -> Result<Response, RemediationError> {
        let request = Request::Restore(remediation::Restore {
            security_group_id: group.to_owned(),
            config_rule_name: self.rule_name.clone(),
            snapshot: args.snapshot.clone(),
            exception_hours: args.exception_hours,
            dry_run,
            execution_id: Some(self.run.clone()),
        });
        self.run(&request).await
    }

    /// Runs without a deadline: only the user stops a program at a terminal.
    async fn run(&self, request: &Request) -> Result<Response, RemediationError> {
        self.remediation.run(request, Timestamp::MAX).await
    }
}

/// How groups are closed.
struct How {
    strategy: StrategyName,
    replacement_cidrs: Vec<IpNetwork>,
    ignore_hold: bool,
}

impl How {
    fn new(args: &StrategyArgs, ignore_hold: bool) -> Result<Self, Usage> {
        if !args.replacement_cidr.is_empty() && args.strategy != StrategyArg::Replace {
            return Err(Usage("--replacement-cidr is only for --strategy replace".to_owned()));
        }
        let cidr = |text: &String| {
            remediation::replacement_cidr(text).ok_or_else(|| {
                Usage(format!(
                    "--replacement-cidr: `{text}` is not a CIDR such as 10.0.0.0/8 or fd00::/8, with a prefix above /0"
                ))
            })
        };
        let replacement_cidrs = args.replacement_cidr.iter().map(cidr).collect::<Result<_, _>>()?;
        Ok(Self { strategy: args.strategy.into(), replacement_cidrs, ignore_hold })
    }
}

impl From<StrategyArg> for StrategyName {
    fn from(strategy: StrategyArg) -> Self {
        match strategy {
            StrategyArg::Revoke => Self::Revoke,
            StrategyArg::Carve => Self::Carve,
            StrategyArg::Replace => Self::Replace,
        }
    }
}

/// Whether any group failed or remains open, for the exit code.
#[derive(Debug, Default)]
struct Tally {
    failed: bool,
    left: bool,
}

impl Tally {
    fn exit(&self) -> Exit {
        match self {
            Self { failed: true, .. } => Exit::Error,
            Self { left: true, .. } => Exit::Exposed,
            _ => Exit::Success,
        }
    }

    /// Prints a response, and counts it.
    fn take(&mut self, printer: Printer, group: &str, result: Result<Response, RemediationError>) -> Result<()> {
        match result {
            Ok(response) => {
                let is_held = response.closed().is_some_and(|closed| closed.held_until.is_some());
                self.left |= response.status == Status::Planned || is_held;
                printer.print(&response)
            }
            Err(RemediationError::Incomplete(response)) => {
                self.failed = true;
                printer.print(&response)
            }
            Err(problem) => {
                self.failed = true;
                eprintln!("error: {group}: {}", error_chain(&problem));
                Ok(())
            }
        }
    }
}

pub(crate) async fn plan(args: &Plan) -> Result<Exit> {
    let groups = group_ids(&args.groups)?;
    // A hold prevents closings, but not their preview.
    let how = How::new(&args.strategy, true)?;
    let policy = CommandPolicy::new(&args.policy)?;
    // A dry run only reads the store, to check for a hold.
    let account = Account::new(&policy, &args.account, &SnapshotArgs::default()).await?;
    let (printer, mut tally) = (Printer::new(args.json), Tally::default());
    for group in &groups {
        if !account.has(group, &mut tally).await? {
            continue;
        }
        let planned = account.close(group, &how, true).await;
        tally.take(printer, group, planned)?;
    }
    Ok(tally.exit())
}

pub(crate) async fn close(args: &Close) -> Result<Exit> {
    let mut groups = group_ids(&args.groups)?;
    let how = How::new(&args.strategy, args.ignore_hold)?;
    let policy = CommandPolicy::new(&args.policy)?;
    let account = Account::new(&policy, &args.account, &args.snapshots).await?;
    if args.all {
        groups = open_groups(&account.target, &args.policy).await?;
        eprintln!("{} open in {}, account {}", counted(groups.len()), account.target.region, account.target.account);
    }
    let (printer, mut tally) = (Printer::new(args.json), Tally::default());
    let mut asks = !args.yes;
    for (at, group) in groups.iter().enumerate() {
        if !args.all && !account.has(group, &mut tally).await? {
            continue;
        }
        if args.dry_run || asks {
            let planned = account.close(group, &how, true).await;
            let is_planned = matches!(&planned, Ok(response) if response.status == Status::Planned);
            let mut of_this = Tally::default();
            let shown = if args.dry_run || !is_planned { printer } else { Printer::Aside };
            of_this.take(shown, group, planned)?;
            if args.dry_run || !is_planned {
                tally.failed |= of_this.failed;
                tally.left |= of_this.left;
                continue;
            }
            match question::ask(&format!("Close {group}? [y]es, [n]o, [a]ll, [q]uit: "))? {
                Answer::Yes => {}
                Answer::All => asks = false,
                Answer::No => {
                    tally.left = true;
                    continue;
                }
                Answer::Quit => {
                    tally.left = true;
                    let left = groups.len() - at;
                    eprintln!("{} not changed", counted(left));
                    break;
                }
            }
        }
        tally.take(printer, group, account.close(group, &how, false).await)?;
    }
    Ok(tally.exit())
}

pub(crate) async fn restore(args: &Restore) -> Result<Exit> {
    let group = match group_ids(std::slice::from_ref(&args.group))?.as_slice() {
        [group] => group.clone(),
        _ => bail!(Usage("one group at a time".to_owned())),
    };
    let policy = CommandPolicy::new(&PolicyArgs { rule: args.rule.clone(), ..PolicyArgs::default() })?;
    let account = Account::new(&policy, &args.account, &args.snapshots).await?;
    let (printer, mut tally) = (Printer::new(args.json), Tally::default());
    if args.dry_run || !args.yes {
        let planned = account.restore(&group, args, true).await;
        let is_planned = matches!(&planned, Ok(response) if response.status == Status::Planned);
        let mut of_this = Tally::default();
        let shown = if args.dry_run || !is_planned { printer } else { Printer::Aside };
        of_this.take(shown, &group, planned)?;
        if args.dry_run || !is_planned {
            // Exit code 3 is for exposures, not for rules that a restore would add.
            of_this.left = false;
            return Ok(of_this.exit());
        }
        match question::ask(&format!("Restore {group}? [y]es, [n]o: "))? {
            Answer::Yes | Answer::All => {}
            Answer::No | Answer::Quit => {
                eprintln!("{group} was not changed");
                return Ok(Exit::Success);
            }
        }
    }
    tally.take(printer, &group, account.restore(&group, args, false).await)?;
    Ok(tally.exit())
}

/// Ids of the open groups of a region, in the order in which EC2 returns them.
async fn open_groups(target: &Target, policy: &PolicyArgs) -> Result<Vec<String>> {
    let scan = LiveScan {
        policy: CommandPolicy::new(policy)?,
        wanted: GroupFilter::default(),
        filters: Vec::new(),
        with_context: false,
        concurrency: 1,
    };
    let mut open = Vec::new();
    live_scan::scan(scan, vec![target.clone()], |found| {
        match found {
            Ok(result) if result.compliance == ComplianceType::NonCompliant => open.push(result.group_id),
            Ok(_) => {}
            Err(problem) => bail!("{} cannot be scanned: {}", target.region, problem.reason),
        }
        Ok(())
    })
    .await?;
    Ok(open)
}

/// Checks the ids and removes duplicates, in the order of the command line.
fn group_ids(groups: &[String]) -> Result<Vec<String>, Usage> {
    let mut seen = BTreeSet::new();
    for group in groups {
        check_group_id(group)?;
    }
    Ok(groups.iter().filter(|group| seen.insert(group.as_str())).cloned().collect())
}

fn counted(groups: usize) -> String {
    if groups == 1 { "1 security group".to_owned() } else { format!("{groups} security groups") }
}
