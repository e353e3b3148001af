//! `portcullis plan` and `close`.

use anyhow::Result;
use plain_text::counted;

use super::account::{Account, Group, accounts, new_run};
use super::changes::{Asked, account, change_each};
use super::how::How;
use super::printer::Printer;
use super::selection::{Found, Selection};
use super::tally::{Summary, Tally, Verb};
use super::undo::Undo;
use crate::args::{Close, Plan, SnapshotArgs};
use crate::aws::deployed_rule::policies;
use crate::aws::policy::{CommandPolicy, RequestedPolicy};
use crate::aws::session::{self, Target};
use crate::aws::stop;
use crate::exit::Exit;

pub(crate) async fn plan(args: &Plan) -> Result<Exit> {
    let selection = Selection::new(&args.selection)?;
    // A hold prevents closings, but not their preview.
    let how = How::new(&args.strategy, true, true)?;
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
    let how = How::new(&args.strategy, args.ignore_hold, args.ignore_pace)?;
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
    let asked = Asked { verb: Verb::Close, dry_run: args.dry_run, yes: args.yes, json: args.json };
    let close = async |account: &Account, group: &Group, dry_run| account.close(group, &how, dry_run).await;
    // What was changed is counted, and can be undone, even if the output could not be written.
    let ending = change_each(asked, &accounts, &groups, &mut tally, close).await;
    let summary = Summary { tally: &tally, verb: Verb::Close };
    if !args.dry_run {
        eprintln!("{summary}");
    }
    if !tally.changed_in().is_empty() {
        let changed = tally.changed_in().iter().filter_map(|at| places.get(*at));
        let regions = changed.map(|(target, _)| target.region.as_str()).collect();
        let (session, snapshots, policy) = (&args.regions, &args.snapshots, &args.policy);
        eprintln!("to undo: {}", Undo { run: &run, regions, session, snapshots, policy }.command());
    }
    if tally.done() > 0 && !args.ignore_pace {
        eprintln!("these closings do not count towards ClosingsPerHour of a stack");
    }
    ending?.exit(&tally, tally.exit())
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
            eprintln!("{} open {}", counted(open, "security group"), target.place());
        }
    }
    Ok((groups, tally))
}
