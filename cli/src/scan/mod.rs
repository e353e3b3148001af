//! `portcullis scan`.

mod files;
mod output;

use anyhow::{Result, bail};
use jiff::Timestamp;

use self::output::ScanOutput;
use crate::args::Scan;
use crate::exit::{Exit, Usage};
use crate::policy::OptionsPolicy;

pub(crate) fn run(args: &Scan) -> Result<Exit> {
    #[cfg(feature = "aws")]
    if args.input.is_empty() {
        return crate::aws::block_on(accounts::run(args));
    }
    scan_files(args)
}

/// Scans files.
fn scan_files(args: &Scan) -> Result<Exit> {
    let reports = output::destinations(&args.format, &args.output)?;
    let policy = OptionsPolicy::new(&args.policy)?;
    #[cfg(feature = "aws")]
    accounts::refuse_filters(args)?;
    if args.region.len() > 1 {
        bail!(Usage(
            "only one --region is allowed with --input: the region to assume when the input names none".to_owned()
        ));
    }
    let mut output = ScanOutput::new(&reports, args)?;
    let criteria = policy.criteria(Timestamp::now());
    files::scan(args, &criteria, &mut output)?;
    output.finish(args.no_fail)
}

/// Scans accounts and regions.
#[cfg(feature = "aws")]
mod accounts {
    use anyhow::{Result, bail};
    use aws_adapters::terminal::inventory::GroupFilter;

    use super::output::{self, ScanOutput};
    use crate::args::{Scan, check_group_id};
    use crate::aws::live_scan::{self, LiveScan};
    use crate::aws::policy::CommandPolicy;
    use crate::aws::session;
    use crate::exit::{Exit, Usage};

    pub(super) async fn run(args: &Scan) -> Result<Exit> {
        let reports = output::destinations(&args.format, &args.output)?;
        let policy = CommandPolicy::new(&args.policy)?;
        let wanted = filter(args)?;
        let mut output = ScanOutput::new(&reports, args)?;
        let found = session::all(args).await?;
        for problem in found.unreachable {
            output.not_scanned(problem);
        }
        let scan =
            LiveScan { policy, wanted, with_context: args.with_context, concurrency: usize::from(args.concurrency) };
        live_scan::scan(scan, found.targets, |found| match found {
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
