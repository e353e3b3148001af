//! `portcullis restore`.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use aws_adapters::Ec2;
use aws_traits::ec2::SecurityGroups;

use super::account::{Account, Group, accounts, new_run};
use super::changes::{Asked, change_each};
use super::lookup;
use super::tally::{Ending, Summary, Tally, Verb};
use crate::args::{Restore, check_group_id};
use crate::aws::deployed_rule::policies;
use crate::aws::policy::RequestedPolicy;
use crate::aws::session::{self, Target};
use crate::aws::snapshot_store::SnapshotStore;
use crate::aws::stop;
use crate::exit::{Exit, Usage};

pub(crate) async fn restore(args: &Restore) -> Result<Exit> {
    if let Some(group) = &args.group {
        check_group_id(group)?;
    }
    let rule = RequestedPolicy::of_restore(args)?;
    let targets = session::several(&args.regions).await?;
    let (mut groups, snapshot) = match (&args.group, &args.run) {
        (Some(group), _) => (vec![named(group, &targets).await?], args.snapshot.as_str()),
        (None, Some(run)) => (of_run(run, args, &targets).await?, run.trim()),
        (None, None) => bail!(Usage("pass the id of a group, or --run".to_owned())),
    };
    // A region without a group of this run needs no rule.
    let changed = only_used(&mut groups, targets);
    let places = policies(&rule, changed).await?.for_restore(args.dry_run)?.places;
    let accounts = accounts(&places, &args.snapshots, &new_run())?;
    if !args.dry_run {
        stop::defer();
    }
    let mut tally = Tally::default();
    let asked = Asked { verb: Verb::Restore, dry_run: args.dry_run, yes: args.yes, json: args.json };
    let restore =
        async |account: &Account, group: &Group, dry_run| account.restore(group, snapshot, args, dry_run).await;
    let ending = change_each(asked, &accounts, &groups, &mut tally, restore).await;
    // For one group, the error says it all.
    if !args.dry_run && (args.run.is_some() || tally.done() > 0 || !matches!(ending, Ok(Ending::Done))) {
        eprintln!("{}", Summary { tally: &tally, verb: Verb::Restore });
    }
    ending?.exit(&tally, tally.exit_of_restore())
}

/// The accounts and regions in which there is a group.
fn only_used(groups: &mut [Group], targets: Vec<Target>) -> Vec<Target> {
    let used: BTreeSet<usize> = groups.iter().map(|group| group.at).collect();
    for group in groups {
        group.at = used.range(..group.at).count();
    }
    targets.into_iter().enumerate().filter(|(at, _)| used.contains(at)).map(|(_, target)| target).collect()
}

/// The group that the command line names. The remediation reports one that does not exist.
async fn named(group: &str, targets: &[Target]) -> Result<Group> {
    let [target] = targets else {
        bail!(Usage("a group is in one region: pass one --region; several are for --run".to_owned()))
    };
    let found = Ec2::new(&target.sdk).security_group(group).await?;
    Ok(Group { id: group.to_owned(), name: found.and_then(|found| found.name), at: 0 })
}

/// The groups that a run of `close` changed, the last one first.
async fn of_run(run: &str, args: &Restore, targets: &[Target]) -> Result<Vec<Group>> {
    let run = run.trim();
    let mut groups: Vec<Group> = Vec::new();
    for (at, target) in targets.iter().enumerate() {
        let store = SnapshotStore::new(&args.snapshots, target)?;
        let mut ids: Vec<String> = Vec::new();
        for closing in remediation::closings(&store).await? {
            if closing.execution_id.as_deref() == Some(run) && !ids.contains(&closing.security_group_id) {
                ids.push(closing.security_group_id);
            }
        }
        if ids.is_empty() {
            continue;
        }
        let mut names = lookup::names(target, &ids).await?;
        groups.extend(ids.into_iter().map(|id| Group { name: names.remove(&id), id, at }));
    }
    if groups.is_empty() {
        let places: Vec<String> = targets.iter().map(Target::place).collect();
        bail!(
            "there is no snapshot of the run `{run}` {}: `portcullis snapshots` lists the runs, and takes the same \
             --snapshot-dir or --snapshot-bucket as `close`",
            places.join("; ")
        );
    }
    Ok(groups)
}
