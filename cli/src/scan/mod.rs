//! `portcullis scan`.

mod files;
mod output;

use anyhow::{Result, bail};
use jiff::Timestamp;

pub(crate) use self::files::open;
use self::output::ScanOutput;
use crate::args::Scan;
use crate::exit::{Exit, Usage};
use crate::policy::OptionsPolicy;
use crate::values::{check_account, check_region};

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
    args.region.iter().try_for_each(|region| check_region(region))?;
    args.account.iter().try_for_each(|id| check_account("--account", id))?;
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
