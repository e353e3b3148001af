//! `portcullis scan`.

mod output;

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, bail};
use exposure::PrefixLists;
use findings::{GroupResult, NotScanned};
use inventory::{Options, Record};
use jiff::Timestamp;
use judgement::Criteria;
use plain_text::error_chain;

use self::output::{STDIN, ScanOutput};
use crate::args::Scan;
use crate::exit::{Exit, Usage};
use crate::policy::OptionsPolicy;
use crate::values::{check_account, check_region};

pub(crate) fn run(args: &Scan) -> Result<Exit> {
    #[cfg(feature = "aws")]
    if args.input.is_empty() {
        return crate::aws::block_on(accounts::run(args));
    }
    files(args)
}

/// Scans files.
fn files(args: &Scan) -> Result<Exit> {
    let reports = output::destinations(&args.format, &args.output)?;
    let policy = OptionsPolicy::new(&args.policy)?;
    #[cfg(feature = "aws")]
    accounts::refuse_filters(args)?;
    if args.region.len() > 1 {
        bail!(Usage(
            "only one --region is allowed with --input: the region to assume when the input names none".to_owned()
        ));
    }
    args.region.iter().try_for_each(|region| check_region(region))?;
    args.account.iter().try_for_each(|id| check_account("--account", id))?;
    let mut output = ScanOutput::new(&reports, args)?;
    let criteria = policy.criteria(Timestamp::now());
    for file in &args.input {
        read_file(file, args, &criteria, &mut output)?;
    }
    output.finish(args.no_fail)
}

/// Opens a file, or standard input for `-`.
pub(crate) fn open(file: &Path) -> io::Result<Box<dyn io::Read>> {
    if file.as_os_str() == STDIN {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(File::open(file)?))
}

fn read_file(file: &Path, args: &Scan, criteria: &Criteria, output: &mut ScanOutput) -> Result<()> {
    let name = file.display().to_string();
    let options = Options { region: args.region.first().cloned(), account: args.account.clone(), ..Options::default() };
    let reader = match open(file) {
        Ok(reader) => reader,
        // An unreadable file does not stop the scan of the others.
        Err(problem) if args.input.len() > 1 => {
            let reason = format!("cannot be read: {problem}");
            output.not_scanned(NotScanned { account: None, region: None, target: Some(name), reason });
            return Ok(());
        }
        Err(problem) => return Err(problem).with_context(|| format!("cannot read {name}")),
    };
    let mut failure = None;
    let read = inventory::read(reader, &name, &options, &mut |record| {
        let done = match record {
            Ok(Record { group, region, location }) => {
                let judged = criteria.judge_offline(group, &PrefixLists::default());
                let result = GroupResult::new(&judged.group, region.as_deref(), &judged.assess());
                output.group(&GroupResult { location, ..result })
            }
            Err(problem) => {
                output.not_scanned(NotScanned::from(&problem));
                Ok(())
            }
        };
        match done {
            Ok(()) => ControlFlow::Continue(()),
            Err(problem) => {
                failure = Some(problem);
                ControlFlow::Break(())
            }
        }
    });
    if let Some(problem) = failure {
        return Err(problem);
    }
    match read {
        Ok(stats) => {
            #[cfg(feature = "aws")]
            tracing::info!(
                file = name,
                groups = stats.groups,
                errors = stats.errors,
                resources.other = stats.other_resources,
                items.deleted = stats.deleted,
                items.superseded = stats.superseded,
                "file read"
            );
            #[cfg(not(feature = "aws"))]
            let _ = stats;
            Ok(())
        }
        Err(problem) if args.input.len() > 1 => {
            let reason = error_chain(&problem);
            output.not_scanned(NotScanned { account: None, region: None, target: Some(name), reason });
            Ok(())
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Scans accounts and regions.
#[cfg(feature = "aws")]
mod accounts {
    use anyhow::{Result, bail};
    use aws_adapters::terminal::inventory::GroupFilter;

    use super::output::{self, ScanOutput};
    use crate::args::{Scan, check_group_id};
    use crate::aws::deployed_rule::policies;
    use crate::aws::live_scan::{self, LiveScan, tags};
    use crate::aws::policy::RequestedPolicy;
    use crate::aws::session;
    use crate::exit::{Exit, Usage};

    pub(super) async fn run(args: &Scan) -> Result<Exit> {
        let reports = output::destinations(&args.format, &args.output)?;
        let policy = RequestedPolicy::new(&args.policy)?;
        let wanted = filter(args)?;
        let found = session::all(args).await?;
        let policies = policies(&policy, found.targets).await?;
        policies.announce(args.quiet);
        let mut output = ScanOutput::new(&reports, args)?;
        for problem in found.unreachable {
            output.not_scanned(problem);
        }
        let scan = LiveScan {
            typed: typed(args),
            wanted,
            with_context: args.with_context,
            concurrency: usize::from(args.concurrency),
        };
        live_scan::scan(scan, policies.places, |found| match found {
            Ok(result) => output.group(&result),
            Err(problem) => {
                output.not_scanned(problem);
                Ok(())
            }
        })
        .await?;
        output.finish(args.no_fail)
    }

    /// Refuses the options that select groups of an account.
    pub(super) fn refuse_filters(args: &Scan) -> Result<()> {
        if filter(args)? != GroupFilter::default() {
            let unusable = "--group-id, --vpc-id and --tag select groups of an account: leave them out with --input";
            bail!(Usage(unusable.to_owned()));
        }
        Ok(())
    }

    /// The filters as the user typed them.
    fn typed(args: &Scan) -> String {
        let of = |option: &'static str, values: &[String]| {
            values.iter().map(|value| format!("{option} {value}")).collect::<Vec<_>>()
        };
        [of("--group-id", &args.group_id), of("--vpc-id", &args.vpc_id), of("--tag", &args.tag)].concat().join(" ")
    }

    fn filter(args: &Scan) -> Result<GroupFilter> {
        for id in &args.group_id {
            check_group_id(id)?;
        }
        let (group_ids, vpc_ids) = (args.group_id.clone(), args.vpc_id.clone());
        Ok(GroupFilter { group_ids, vpc_ids, tags: tags(&args.tag), ..GroupFilter::default() })
    }
}
