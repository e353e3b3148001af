//! `portcullis scan`.

mod output;
mod snippet;

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, bail};
use exposure::PrefixLists;
use findings::{GroupResult, NotScanned, ScanRecord};
use inventory::{Options, Record};
use jiff::Timestamp;
use judgement::Criteria;
use plain_text::error_chain;

use self::output::{ReportFiles, STDIN, ScanOutput};
use self::snippet::Source;
use crate::args::{Scan, SeverityArg};
use crate::exit::{Exit, Usage};
use crate::policy::OptionsPolicy;

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
    if args.fail_on == Some(SeverityArg::Critical) {
        bail!(Usage(
            "--fail-on critical would never fail: a group is critical by its network interfaces, which files do not have; \
             use --fail-on high"
                .to_owned()
        ));
    }
    let inputs = args.input.iter().map(|file| file.display().to_string()).collect();
    let mut output = ReportFiles::open(&reports, args)?.start(&ScanRecord::of_files(policy.stated(), inputs));
    let criteria = policy.criteria(Timestamp::now());
    for file in &args.input {
        read_file(file, args, &criteria, &mut output)?;
    }
    output.finish(args)
}

fn read_file(file: &Path, args: &Scan, criteria: &Criteria, output: &mut ScanOutput) -> Result<()> {
    let name = file.display().to_string();
    let options = Options { region: args.region.first().cloned(), account: args.account.clone(), ..Options::default() };
    let opened: io::Result<Box<dyn io::Read>> = if name == STDIN {
        Ok(Box::new(io::stdin().lock()))
    } else {
        File::open(file).map(|file| Box::new(file) as Box<dyn io::Read>)
    };
    let reader = match opened {
        Ok(reader) => reader,
        // An unreadable file does not stop the scan of the others.
        Err(problem) if args.input.len() > 1 => {
            let reason = format!("cannot be read: {problem}");
            output.not_scanned(NotScanned { account: None, region: None, target: Some(name), reason });
            return Ok(());
        }
        Err(problem) => return Err(problem).with_context(|| format!("cannot read {name}")),
    };
    let mut source = Source::new(file);
    let mut failure = None;
    let read = inventory::read(reader, &name, &options, &mut |record| {
        let done = match record {
            Ok(Record { group, region, location }) => {
                let judged = criteria.judge_offline(group, &PrefixLists::default());
                let result = GroupResult::new(&judged.group, region.as_deref(), &judged.assess());
                let result = GroupResult { location, ..result };
                let snippet = source.snippet(&result);
                output.group(&GroupResult { snippet, ..result })
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
        Ok(_) => Ok(()),
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
    use findings::ScanRecord;

    use super::output::{self, ReportFiles};
    use crate::args::{Scan, SeverityArg, check_group_id};
    use crate::aws::live_scan::{self, LiveScan};
    use crate::aws::policy::CommandPolicy;
    use crate::aws::session::{self, Target};
    use crate::exit::{Exit, Usage};

    pub(super) async fn run(args: &Scan) -> Result<Exit> {
        let reports = output::destinations(&args.format, &args.output)?;
        let policy = CommandPolicy::new(&args.policy)?;
        let wanted = filter(args)?;
        // The files are opened before the first call to AWS, so that a scan of an hour does not end with one that cannot be written.
        let files = ReportFiles::open(&reports, args)?;
        let found = session::all(args).await?;
        let mut output = files.start(&ScanRecord {
            policy: policy.stated(),
            inputs: Vec::new(),
            targets: found.targets.iter().map(Target::scanned).collect(),
            filters: stated_filters(args),
        });
        for problem in found.unreachable {
            output.not_scanned(problem);
        }
        // Only the network interfaces of a group make it critical.
        let with_context = args.with_context || args.fail_on == Some(SeverityArg::Critical);
        let filters = stated_filters(args);
        let scan = LiveScan { policy, wanted, filters, with_context, concurrency: usize::from(args.concurrency) };
        live_scan::scan(scan, found.targets, |found| match found {
            Ok(result) => output.group(&result),
            Err(problem) => {
                output.not_scanned(problem);
                Ok(())
            }
        })
        .await?;
        output.finish(args)
    }

    /// The options that select groups, as they were typed.
    fn stated_filters(args: &Scan) -> Vec<String> {
        let filters = [("--group-id", &args.group_id), ("--vpc-id", &args.vpc_id), ("--tag", &args.tag)];
        let stated = |(name, values): (&str, &Vec<String>)| {
            values.iter().map(|value| format!("{name} {value}")).collect::<Vec<_>>()
        };
        filters.into_iter().flat_map(stated).collect()
    }

    /// Refuses the options that select groups of an account.
    pub(super) fn refuse_filters(args: &Scan) -> Result<()> {
        if filter(args)? != GroupFilter::default() {
            let unusable = "--group-id, --vpc-id and --tag select groups of an account: leave them out with --input";
            bail!(Usage(unusable.to_owned()));
        }
        Ok(())
    }

    fn filter(args: &Scan) -> Result<GroupFilter> {
        for id in &args.group_id {
            check_group_id(id)?;
        }
        let tags = args
            .tag
            .iter()
            .map(|tag| match tag.split_once('=') {
                Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                None => (tag.clone(), None),
            })
            .collect();
        Ok(GroupFilter { group_ids: args.group_id.clone(), vpc_ids: args.vpc_id.clone(), tags })
    }
}
