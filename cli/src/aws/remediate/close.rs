//! `portcullis plan` and `close`.

use anyhow::{Context, Result};
use remediation::Status;

use super::account::{Account, Group, new_run};
use super::confirmation::{Step, confirm};
use super::how::How;
use super::printer::Printer;
use super::selection::{Found, Selection};
use super::tally::{Ending, Summary, Tally, Verb};
use super::undo::Undo;
use crate::args::{Close, Plan, SnapshotArgs};
use crate::aws::deployed_rule::policies;
use crate::aws::policy::{CommandPolicy, RequestedPolicy};
use crate::aws::session::{self, Target};
use crate::aws::stop;
use crate::exit::{Exit, Usage};

pub(crate) async fn plan(args: &Plan) -> Result<Exit> {
    let selection = Selection::new(&args.selection)?;
    // A hold prevents closings, but not their preview.
    let how = How::new(&args.strategy, true)?;
    let policy = RequestedPolicy::new(&args.policy)?;
    let policies = policies(&policy, session::several(&args.regions).await?).await?;
    policies.announce(false);
    let places = policies.places;
    // A dry run only reads the store, to check for a hold.
    let accounts = accounts(&places, &SnapshotArgs::default(), &new_run())?;
    let (groups, mut tally) = groups(&selection, &places).await?;
    for group in &groups {
        let account = account(&accounts, group)?;
        tally.take(Printer::new(args.json), account, group, account.close(group, &how, true).await)?;
    }
    if groups.len() > 1 {
        eprintln!("{}", Summary { tally: &tally, verb: Verb::Plan });
    }
    Ok(tally.exit())
}

pub(crate) async fn close(args: &Close) -> Result<Exit> {
    let selection = Selection::new(&args.selection)?;
    let how = How::new(&args.strategy, args.ignore_hold)?;
    let policy = RequestedPolicy::new(&args.policy)?;
    let mut policies = policies(&policy, session::several(&args.regions).await?).await?;
    if !args.dry_run {
        policies = policies.for_changes()?;
    }
    policies.announce(false);
    let places = policies.places;
    let run = new_run();
    let accounts = accounts(&places, &args.snapshots, &run)?;
    let (groups, mut tally) = groups(&selection, &places).await?;
    if !args.dry_run {
        stop::defer();
    }
    let ending = close_each(args, &how, &accounts, &groups, &mut tally).await?;
    let summary = Summary { tally: &tally, verb: Verb::Close };
    if !args.dry_run {
        eprintln!("{summary}");
    }
    if !tally.changed_in().is_empty() {
        let changed = || tally.changed_in().iter().filter_map(|at| places.get(*at));
        let regions = changed().map(|(target, _)| target.region.as_str()).collect();
        let rule = changed().find_map(|(_, policy)| policy.deployed());
        let (session, snapshots) = (&args.regions, &args.snapshots);
        eprintln!("to undo: {}", Undo { run: &run, regions, session, snapshots, rule }.command());
    }
    match ending {
        Ending::Done => Ok(tally.exit()),
        Ending::Interrupted => Ok(Exit::Interrupted),
        Ending::NoAnswer => Err(no_answer(&tally).into()),
    }
}

/// The error for a question without an answer.
pub(super) fn no_answer(tally: &Tally) -> Usage {
    let so_far = if tally.changed_in().is_empty() { "no answer: nothing was changed" } else { "no further answer" };
    Usage(format!("standard input has {so_far}; pass --yes to skip the question"))
}

async fn close_each(
    args: &Close,
    how: &How,
    accounts: &[Account],
    groups: &[Group],
    tally: &mut Tally,
) -> Result<Ending> {
    let printer = Printer::new(args.json);
    let mut asks = !args.yes;
    for (at, group) in groups.iter().enumerate() {
        let left = groups.len() - at;
        if stop::is_requested() {
            tally.not_asked(left);
            return Ok(Ending::Interrupted);
        }
        let account = account(accounts, group)?;
        if args.dry_run || asks {
            let planned = account.close(group, how, true).await;
            let is_planned = matches!(&planned, Ok(response) if response.status == Status::Planned);
            if args.dry_run || !is_planned {
                tally.take(printer, account, group, planned)?;
                continue;
            }
            Tally::default().take(Printer::Aside, account, group, planned)?;
            match confirm(&format!("Close {}", account.title(group)), left, &mut asks, tally)? {
                Step::Go => {}
                Step::Skip => continue,
                Step::End(ending) => return Ok(ending),
            }
        }
        tally.take(printer, account, group, account.close(group, how, false).await)?;
    }
    Ok(Ending::Done)
}

fn accounts(places: &[(Target, CommandPolicy)], snapshots: &SnapshotArgs, run: &str) -> Result<Vec<Account>> {
    places.iter().map(|(target, policy)| Account::new(policy, target.clone(), snapshots, run)).collect()
}

/// The account and region of a group.
pub(super) fn account<'a>(accounts: &'a [Account], group: &Group) -> Result<&'a Account> {
    accounts.get(group.at).with_context(|| format!("{} has no account", group.id))
}

/// The groups of a selection. Reports what could not be read.
async fn groups(selection: &Selection, places: &[(Target, CommandPolicy)]) -> Result<(Vec<Group>, Tally)> {
    let Found { groups, problems } = selection.find(places).await?;
    let mut tally = Tally::default();
    for problem in &problems {
        tally.problem(problem);
    }
    if let Selection::Open { .. } = selection {
        for (at, (target, _)) in places.iter().enumerate() {
            let open = groups.iter().filter(|group| group.at == at).count();
            // A region that could not be read, or filters that match nothing, are reported already.
            if open == 0 && !problems.is_empty() {
                continue;
            }
            let counted = if open == 1 { "1 security group".to_owned() } else { format!("{open} security groups") };
            eprintln!("{counted} open {}", target.place());
        }
    }
    Ok((groups, tally))
}
