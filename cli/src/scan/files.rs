//! Scans of files.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};
use findings::{GroupResult, Location, NotScanned};
use inventory::{Found, Hidden, InputError, Options, ParameterValue, Record, RecordError, Stats};
use judgement::Criteria;
use plain_text::{counted, error_chain};

use super::directory;
use super::output::{Replaced, STDIN, ScanOutput};
use super::snippet::Sources;
use crate::args::Scan;
use crate::exit::Usage;
use crate::values::{check_account, check_region};

/// How a command reads files: region and account are those of groups whose input names none.
pub(crate) fn options(
    region: Option<&str>,
    account: Option<&str>,
    ignore_template_exemptions: bool,
) -> Result<Options, Usage> {
    region.map_or(Ok(()), check_region)?;
    account.map_or(Ok(()), |id| check_account("--account", id))?;
    let (region, account) = (region.map(str::to_owned), account.map(str::to_owned));
    Ok(Options {
        region,
        account,
        local_templates: true,
        exemptions: !ignore_template_exemptions,
        ..Options::default()
    })
}

/// Scans all inputs.
pub(super) fn scan(
    args: &Scan,
    options: Options,
    criteria: &Criteria,
    replaced: &Replaced,
    output: &mut ScanOutput,
) -> Result<()> {
    let policy = &criteria.parameters.policy;
    let options = Options { parameters: parameters(args)?, policy: Some(policy.clone()), ..options };
    let judge = |record: Record| {
        let mut assessment = criteria.assess_offline(&record.group, &record.known);
        record.exempt(&mut assessment, &record.group, policy, criteria.at);
        record.result(&record.group, &assessment)
    };
    let mut scan = inventory::Scan::new(&options, &judge);
    let mut results = Results {
        output,
        replaced,
        accepts: args.accept_not_scanned.iter().copied().collect(),
        accepted: BTreeMap::new(),
        sources: Sources::default(),
        is_only_input: args.input.len() == 1 && !args.input.iter().any(|input| directory::is_directory(input)),
        one_of_several: None,
        failure: None,
    };
    let mut known: HashSet<PathBuf> = args.input.iter().filter_map(|input| input.canonicalize().ok()).collect();
    let mut begun = HashSet::new();
    for file in &args.input {
        // Two patterns of a shell may name the same file.
        if file.canonicalize().is_ok_and(|path| !begun.insert(path)) {
            continue;
        }
        let name = file.display().to_string();
        if directory::is_directory(file) {
            results.directory(&mut scan, file, &mut known, args)?;
            continue;
        }
        match open(file) {
            Ok(input) => {
                results.one_of_several = (!results.is_only_input).then(|| name.clone());
                let read = scan.read(input, &name, &mut |result| results.take(result));
                results.end(read, Some(name))?;
            }
            // An unreadable file does not stop the scan of the others.
            Err(problem) if args.input.len() > 1 => {
                let reason = format!("cannot be read: {problem}");
                results.output.not_scanned(NotScanned { account: None, region: None, target: Some(name), reason });
            }
            Err(problem) => return Err(problem).with_context(|| format!("cannot read {name}")),
        }
    }
    // Which file has the newest item of a group is not known any more.
    results.one_of_several = None;
    let mut assumed = 0;
    let read = scan.finish(&mut |result| results.take(result)).map(|stats| {
        assumed = stats.assumed;
        log(args.input.len(), &stats);
    });
    results.end(read, None)?;
    if !args.quiet {
        if assumed > 0 {
            let groups = counted(assumed, "new group");
            eprintln!(
                "{groups} assumed to have no rules: a plan shows a `dynamic \"ingress\"` of unknown length in the same way"
            );
        }
        for (kind, count) in &results.accepted {
            eprintln!("accepted by --accept-not-scanned {kind}: {count} not scanned");
        }
    }
    Ok(())
}

/// The options that change what a file says, as the user typed them. Of a file with values of parameters, only its name.
pub(super) fn typed(args: &Scan) -> Vec<String> {
    let of = |option: &str, value: &str| format!("{option} {value}");
    let account = args.account.iter().map(|id| of("--account", id));
    let region = args.region.iter().map(|region| of("--region", region));
    let values = args.parameter.iter().map(|value| of("--parameter", value));
    let file = args.parameters.iter().map(|file| of("--parameters", &file.display().to_string()));
    let accepted = args.accept_not_scanned.iter().map(|kind| of("--accept-not-scanned", &kind.to_string()));
    let ignored = args.ignore_template_exemptions.then(|| "--ignore-template-exemptions".to_owned());
    account.chain(region).chain(values).chain(file).chain(accepted).chain(ignored).collect()
}

/// Opens a file, or standard input for `-`.
pub(crate) fn open(file: &Path) -> io::Result<Box<dyn io::Read>> {
    if file.as_os_str() == STDIN {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(File::open(file)?))
}

#[cfg(feature = "aws")]
fn log(files: usize, stats: &Stats) {
    tracing::info!(
        files,
        groups = stats.groups,
        errors = stats.errors,
        resources.other = stats.other_resources,
        items.deleted = stats.deleted,
        items.superseded = stats.superseded,
        "files read"
    );
}

#[cfg(not(feature = "aws"))]
fn log(_: usize, _: &Stats) {}

/// Values of `--parameters`, and those of `--parameter`, which take precedence.
fn parameters(args: &Scan) -> Result<BTreeMap<String, ParameterValue>> {
    let mut parameters = BTreeMap::new();
    if let Some(file) = &args.parameters {
        let name = file.display();
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read the parameters file {name}"))?;
        parameters = inventory::parameters(&text).with_context(|| format!("the parameters file {name}"))?;
    }
    let mut given = BTreeSet::new();
    for parameter in &args.parameter {
        let Some((name, value)) = parameter.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Usage(format!("--parameter: `{parameter}` is not of the form KEY=VALUE")).into());
        };
        if !given.insert(name) {
            return Err(Usage(format!("--parameter: `{name}` is given twice")).into());
        }
        parameters.insert(name.to_owned(), value.to_owned().into());
    }
    Ok(parameters)
}

/// Takes the results for the groups of files.
struct Results<'o> {
    output: &'o mut ScanOutput,
    replaced: &'o Replaced,
    /// Kinds of hidden parts that the caller accepts.
    accepts: BTreeSet<Hidden>,
    /// Number of accepted parts by their kind.
    accepted: BTreeMap<Hidden, u64>,
    /// Lines of the files.
    sources: Sources,
    is_only_input: bool,
    /// The file that is being read, if it is not the only one.
    one_of_several: Option<String>,
    /// Why a report could not be written.
    failure: Option<Error>,
}

impl Results<'_> {
    fn take(&mut self, result: Result<GroupResult, RecordError>) -> ControlFlow<()> {
        let written = match result {
            Ok(result) => {
                let snippet = self.sources.snippet(&result);
                let location = result.location.clone().or_else(|| self.file_alone());
                self.output.group(&GroupResult { snippet, location, ..result })
            }
            Err(RecordError { hidden: Some(kind), .. }) if self.accepts.contains(&kind) => {
                *self.accepted.entry(kind).or_default() += 1;
                Ok(())
            }
            Err(problem) => {
                self.output.not_scanned(NotScanned::from(&problem));
                Ok(())
            }
        };
        match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(problem) => {
                self.failure = Some(problem);
                ControlFlow::Break(())
            }
        }
    }

    /// The place of a group of which only the file is known. The only file needs none.
    fn file_alone(&self) -> Option<Location> {
        let file = self.one_of_several.clone()?;
        Some(Location { file, resource: None, line: None })
    }

    /// Scans the files of a directory. One that is no input is passed over.
    fn directory(
        &mut self,
        scan: &mut inventory::Scan<'_, GroupResult>,
        directory: &Path,
        known: &mut HashSet<PathBuf>,
        args: &Scan,
    ) -> Result<()> {
        let listing = directory::list(directory, known);
        let (mut has_input, mut others) = (listing.known > 0, 0);
        for file in &listing.files {
            let name = file.display().to_string();
            self.one_of_several = Some(name.clone());
            let read = scan.read_found(file, &mut |result| self.take(result));
            match read {
                Ok(Found::Other) => others += 1,
                Ok(Found::Input) | Err(_) => {
                    self.replaced.spare(file)?;
                    has_input = true;
                }
            }
            self.end(read.map(drop), Some(name))?;
        }
        self.one_of_several = None;
        has_input |= !listing.problems.is_empty();
        listing.problems.iter().cloned().for_each(|problem| self.output.not_scanned(problem));
        let name = directory.display();
        if !has_input {
            let problem = format!("`{name}` has no file that Portcullis reads: {}", listing.remedy());
            if args.input.len() == 1 {
                bail!(problem);
            }
            self.output.not_scanned(NotScanned { account: None, region: None, target: None, reason: problem });
        }
        if !args.quiet && has_input {
            listing.left_out(others).iter().for_each(|part| eprintln!("{name}: {part}"));
        }
        Ok(())
    }

    /// Ends the reading of the input `target`, or of all inputs if it is `None`. A damaged input does not stop the scan of
    /// the others.
    fn end(&mut self, read: Result<(), InputError>, target: Option<String>) -> Result<()> {
        if let Some(problem) = self.failure.take() {
            return Err(problem);
        }
        match read {
            Ok(()) => Ok(()),
            Err(problem) if self.is_only_input => Err(problem.into()),
            Err(problem) => {
                let reason = error_chain(&problem);
                self.output.not_scanned(NotScanned { account: None, region: None, target, reason });
                Ok(())
            }
        }
    }
}
