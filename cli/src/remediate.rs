//! `portcullis plan`, `close` and `restore`: the remediator of the stack, from a terminal.

use std::collections::BTreeSet;
use std::io::{self, Write};

use anyhow::{Context, Result, bail};
use aws_adapters::Ec2;
use aws_adapters::inventory::GroupFilter;
use aws_traits::ec2::SecurityGroups;
use findings::ComplianceType;
use jiff::Timestamp;
use plain_text::error_chain;
use remediator::{Remediator, RemediatorError, Response, Status};
use serde_json::{Value, json};

use crate::args::{
    AccountArgs, Close, Plan, PolicyArgs, Restore, SnapshotArgs, StrategyArg, StrategyArgs, check_group_id,
};
use crate::diff::Printer;
use crate::exit::{Exit, Usage};
use crate::live::{self, LiveScan};
use crate::policy::PolicySource;
use crate::session::{self, Target};
use crate::store::Store;

/// The remediator on one account and region.
struct Account {
    remediator: Remediator<PolicySource, Ec2, PolicySource, Store>,
    rule_name: String,
    /// What the snapshots of this run are called after.
    run: String,
    target: Target,
}

impl Account {
    async fn new(policy: PolicySource, account: &AccountArgs, snapshots: &SnapshotArgs) -> Result<Self> {
        let target = session::one(account).await?;
        let policy = policy.in_account(&target.sdk);
        let rule_name = policy.rule_name().to_owned();
        let store = Store::new(snapshots, &target)?;
        let ec2 = Ec2::new(&target.sdk);
        let remediator = Remediator::new(policy.clone(), ec2, policy, store, Timestamp::now);
        let run = format!("cli-{}", Timestamp::now().as_millisecond());
        Ok(Self { remediator, rule_name, run, target })
    }

    /// Whether there is such a group. The remediator takes one that is gone for closed; who has named it has misspelt it.
    async fn has(&self, group: &str, tally: &mut Tally) -> Result<bool> {
        let Target { account, region, .. } = &self.target;
        let found = self.remediator.ec2().security_group(group).await?.is_some();
        if !found {
            tally.failed = true;
            eprintln!("error: {group}: there is no such security group in {region}, account {account}");
        }
        Ok(found)
    }

    async fn handle(&self, mut request: Value) -> Result<Response, RemediatorError> {
        if let Some(request) = request.as_object_mut() {
            request.insert("configRuleName".into(), json!(self.rule_name));
            request.insert("executionId".into(), json!(self.run));
        }
        // Nobody is going to stop a program at a terminal but who has started it.
        self.remediator.handle(request, Timestamp::MAX).await
    }
}

fn close_request(group: &str, strategy: &StrategyArgs, dry_run: bool, ignore_hold: bool) -> Value {
    let name = match strategy.strategy {
        StrategyArg::Revoke => "Revoke",
        StrategyArg::Carve => "Carve",
        StrategyArg::Replace => "Replace",
    };
    json!({"action": "close", "securityGroupId": group, "strategy": name,
           "replacementCidrs": strategy.replacement_cidr, "dryRun": dry_run, "ignoreHold": ignore_hold})
}

/// What came of it all, the worst of it first.
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

    /// Prints an outcome, and counts it.
    fn take(&mut self, printer: Printer, group: &str, outcome: Result<Response, RemediatorError>) -> Result<()> {
        match outcome {
            Ok(response) => {
                let is_held = response.closed().is_some_and(|closed| closed.held_until.is_some());
                self.left |= response.status == Status::Planned || is_held;
                printer.print(&response)
            }
            Err(RemediatorError::Incomplete(response)) => {
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
    check_replacement(&args.strategy)?;
    let policy = PolicySource::new(&args.policy)?;
    // A dry run reads whether the group is on hold, and writes nothing.
    let account = Account::new(policy, &args.account, &SnapshotArgs::default()).await?;
    let (printer, mut tally) = (Printer::new(args.json), Tally::default());
    for group in &groups {
        if !account.has(group, &mut tally).await? {
            continue;
        }
        // A hold keeps closings away, and is no reason to hide what they would do.
        let planned = account.handle(close_request(group, &args.strategy, true, true)).await;
        tally.take(printer, group, planned)?;
    }
    Ok(tally.exit())
}

pub(crate) async fn close(args: &Close) -> Result<Exit> {
    let mut groups = group_ids(&args.groups)?;
    check_replacement(&args.strategy)?;
    let policy = PolicySource::new(&args.policy)?;
    let account = Account::new(policy, &args.account, &args.snapshots).await?;
    if args.all {
        groups = open_groups(&account.target, &args.policy).await?;
        eprintln!("{} open in {}, account {}", counted(groups.len()), account.target.region, account.target.account);
    }
    let (printer, mut tally) = (Printer::new(args.json), Tally::default());
    let mut ask = !args.yes;
    for (at, group) in groups.iter().enumerate() {
        if !args.all && !account.has(group, &mut tally).await? {
            continue;
        }
        let request = |dry_run| close_request(group, &args.strategy, dry_run, args.ignore_hold);
        if args.dry_run || ask {
            let planned = account.handle(request(true)).await;
            let is_planned = matches!(&planned, Ok(response) if response.status == Status::Planned);
            let mut of_this = Tally::default();
            let shown = if args.dry_run || !is_planned { printer } else { Printer::Aside };
            of_this.take(shown, group, planned)?;
            if args.dry_run || !is_planned {
                tally.failed |= of_this.failed;
                tally.left |= of_this.left;
                continue;
            }
            match question(&format!("Close {group}? [y]es, [n]o, [a]ll, [q]uit: "))? {
                Answer::Yes => {}
                Answer::All => ask = false,
                Answer::No => {
                    tally.left = true;
                    continue;
                }
                Answer::Quit => {
                    tally.left = true;
                    let left = groups.len() - at;
                    eprintln!("{} left as they are", counted(left));
                    break;
                }
            }
        }
        let outcome = account.handle(request(false)).await;
        tally.take(printer, group, outcome)?;
    }
    Ok(tally.exit())
}

pub(crate) async fn restore(args: &Restore) -> Result<Exit> {
    let group = match group_ids(std::slice::from_ref(&args.group))?.as_slice() {
        [group] => group.clone(),
        _ => bail!(Usage("one group at a time".to_owned())),
    };
    let policy = PolicySource::new(&PolicyArgs { rule: args.rule.clone(), ..PolicyArgs::default() })?;
    let account = Account::new(policy, &args.account, &args.snapshots).await?;
    let request = |dry_run: bool| {
        json!({"action": "restore", "securityGroupId": group, "snapshot": args.snapshot,
               "exceptionHours": args.exception_hours, "dryRun": dry_run})
    };
    let (printer, mut tally) = (Printer::new(args.json), Tally::default());
    if args.dry_run || !args.yes {
        let planned = account.handle(request(true)).await;
        let is_planned = matches!(&planned, Ok(response) if response.status == Status::Planned);
        let mut of_this = Tally::default();
        let shown = if args.dry_run || !is_planned { printer } else { Printer::Aside };
        of_this.take(shown, &group, planned)?;
        if args.dry_run || !is_planned {
            // Nothing that is to be given back is an exposure that was found.
            of_this.left = false;
            return Ok(of_this.exit());
        }
        match question(&format!("Restore {group}? [y]es, [n]o: "))? {
            Answer::Yes | Answer::All => {}
            Answer::No | Answer::Quit => {
                eprintln!("{group} is left as it is");
                return Ok(Exit::Success);
            }
        }
    }
    let outcome = account.handle(request(false)).await;
    tally.take(printer, &group, outcome)?;
    Ok(tally.exit())
}

/// The groups of a region that are open, in EC2's order.
async fn open_groups(target: &Target, policy: &PolicyArgs) -> Result<Vec<String>> {
    let scan = LiveScan {
        policy: PolicySource::new(policy)?,
        wanted: GroupFilter::default(),
        with_context: false,
        concurrency: 1,
    };
    let mut open = Vec::new();
    live::scan(scan, vec![target.clone()], |found| {
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

/// Each group once, in the order in which they were named.
fn group_ids(groups: &[String]) -> Result<Vec<String>, Usage> {
    let mut seen = BTreeSet::new();
    for group in groups {
        check_group_id(group)?;
    }
    Ok(groups.iter().filter(|group| seen.insert(group.as_str())).cloned().collect())
}

fn check_replacement(args: &StrategyArgs) -> Result<(), Usage> {
    if !args.replacement_cidr.is_empty() && args.strategy != StrategyArg::Replace {
        return Err(Usage("--replacement-cidr is only for --strategy replace".to_owned()));
    }
    Ok(())
}

fn counted(groups: usize) -> String {
    if groups == 1 { "1 security group".to_owned() } else { format!("{groups} security groups") }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    All,
    Quit,
}

/// Asks on standard error, so that standard output can go into a file.
fn question(text: &str) -> Result<Answer> {
    loop {
        eprint!("{text}");
        io::stderr().flush()?;
        let mut line = String::new();
        if io::stdin().read_line(&mut line).context("cannot read the answer")? == 0 {
            eprintln!();
            bail!(Usage(
                "there is nobody to answer: nothing was changed; give --yes to go on without a question".to_owned()
            ));
        }
        match line.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(Answer::Yes),
            "n" | "no" => return Ok(Answer::No),
            "a" | "all" => return Ok(Answer::All),
            "q" | "quit" => return Ok(Answer::Quit),
            _ => {}
        }
    }
}
