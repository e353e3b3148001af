//! `portcullis scan`.

mod directory;
mod files;
mod output;
mod snippet;

use anyhow::{Result, bail};
use findings::ScanRecord;
use jiff::Timestamp;

pub(crate) use self::directory::{is_directory, list};
pub(crate) use self::files::{open, options};
pub(crate) use self::output::STDIN;
use self::output::{Replaced, ReportFiles};
#[cfg(feature = "aws")]
pub(crate) use self::output::{by_name, writer};
use crate::args::{Scan, SeverityArg};
use crate::exit::{Exit, Usage};
use crate::policy::OptionsPolicy;

pub(crate) fn run(args: &Scan) -> Result<Exit> {
    #[cfg(feature = "aws")]
    if args.input.is_empty() {
        return crate::aws::block_on(accounts::run(args));
    }
    #[cfg(not(feature = "aws"))]
    check_inputs(&args.input)?;
    scan_files(args)
}

/// Without the AWS SDK there is nothing else to read. Not left to the definition of the command line, since a configuration
/// file may name the inputs.
#[cfg(not(feature = "aws"))]
pub(crate) fn check_inputs(inputs: &[std::path::PathBuf]) -> Result<(), Usage> {
    if inputs.is_empty() {
        return Err(Usage("name a file or directory with --input <PATH>: this build judges files only".to_owned()));
    }
    Ok(())
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
    let options = files::options(
        args.region.first().map(String::as_str),
        args.account.as_deref(),
        args.ignore_template_exemptions,
    )?;
    if args.fail_on == Some(SeverityArg::Critical) {
        bail!(Usage(
            "--fail-on critical would never fail: a group is critical by its network interfaces, which files do not have; \
             use --fail-on high"
                .to_owned()
        ));
    }
    let inputs = args.input.iter().map(|file| file.display().to_string()).collect();
    let replaced = Replaced::by(&reports);
    args.input.iter().try_for_each(|input| replaced.spare(input))?;
    let mut output = ReportFiles::open(&reports, args)?
        .start(&ScanRecord { options: files::typed(args), ..ScanRecord::of_files(policy.stated(), inputs) });
    let criteria = policy.criteria(Timestamp::now());
    files::scan(args, options, &criteria, &replaced, &mut output)?;
    output.finish(args)
}

/// Scans accounts and regions.
#[cfg(feature = "aws")]
mod accounts {
    use std::cell::Cell;

    use anyhow::{Result, bail};
    use aws_adapters::terminal::inventory::GroupFilter;
    use findings::ScanRecord;

    use super::output::{self, ReportFiles, ScanOutput};
    use crate::args::{Scan, SeverityArg, check_group_id};
    use crate::aws::deployed_rule::policies;
    use crate::aws::live_scan::{self, LiveScan, Step, Watch, tags};
    use crate::aws::policy::RequestedPolicy;
    use crate::aws::session;
    use crate::exit::{Exit, Usage};

    pub(super) async fn run(args: &Scan) -> Result<Exit> {
        let reports = output::destinations(&args.format, &args.output)?;
        let policy = RequestedPolicy::new(&args.policy)?;
        let wanted = filter(args)?;
        // The files are opened before the first call to AWS, so that a long scan does not end with one that cannot be written.
        let files = ReportFiles::open(&reports, args)?;
        let found = session::all(args).await?;
        let policies = policies(&policy, found.reached).await?;
        policies.announce(args.quiet);
        let (policy, targets) = policies.stated();
        let filters = typed(args);
        let mut output = files.start(&ScanRecord { policy, inputs: Vec::new(), targets, options: filters.clone() });
        output.show()?;
        for problem in found.unreachable {
            output.not_scanned(problem);
        }
        let scan = LiveScan {
            typed: filters.join(" "),
            wanted,
            // Only the network interfaces of a group make it critical.
            with_context: args.with_context || args.fail_on == Some(SeverityArg::Critical),
            concurrency: usize::from(args.concurrency),
            watch: watch(&output, policies.places.len()),
        };
        live_scan::scan(scan, policies.places, |page| match page {
            Ok(results) => output.page(&results),
            Err(problem) => {
                output.not_scanned(problem);
                Ok(())
            }
        })
        .await?;
        output.finish(args)
    }

    /// Counts what was judged, of all places at once.
    fn watch(output: &ScanOutput, places: usize) -> Watch {
        let progress = output.progress();
        let counts = Cell::new((0, 0));
        Box::new(move |step| {
            let (mut open, mut ended) = counts.get();
            match step {
                Step::Judged { groups, open: more } => {
                    open += more;
                    progress.inc(u64::try_from(groups).unwrap_or(u64::MAX));
                }
                Step::Ended => ended += 1,
            }
            counts.set((open, ended));
            let places =
                if places > 1 { format!(", {ended} of {places} accounts and regions done") } else { String::new() };
            progress.set_message(format!("({open} open){places}"));
        })
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
    fn typed(args: &Scan) -> Vec<String> {
        let of = |option: &'static str, values: &[String]| {
            values.iter().map(|value| format!("{option} {value}")).collect::<Vec<_>>()
        };
        [of("--group-id", &args.group_id), of("--vpc-id", &args.vpc_id), of("--tag", &args.tag)].concat()
    }

    fn filter(args: &Scan) -> Result<GroupFilter> {
        for id in &args.group_id {
            check_group_id(id)?;
        }
        let (group_ids, vpc_ids) = (args.group_id.clone(), args.vpc_id.clone());
        Ok(GroupFilter { group_ids, vpc_ids, tags: tags(&args.tag), ..GroupFilter::default() })
    }
}
