//! The reports of a scan.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use findings::{ComplianceType, GroupResult, NotScanned, ScanRecord, ScanTotals, Severity};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use plain_text::printable;
use reports::{Format, Report, ReportOptions};

use crate::args::Scan;
use crate::exit::{Exit, Usage};
use crate::interrupt::Temporary;
use crate::terminal;

/// Most parts that were not scanned to list. Further ones are only counted.
const MOST_COMPLAINTS: usize = 1000;

/// File name that stands for standard input or output.
pub(crate) const STDIN: &str = "-";

/// Format of a report, and its file; `None` for standard output.
pub(super) type Destination = (Format, Option<PathBuf>);

/// The destinations of all reports.
pub(super) fn destinations(formats: &[Format], files: &[PathBuf]) -> Result<Vec<Destination>> {
    let mut reports = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let format = match formats.get(at) {
            Some(format) => *format,
            None => by_name(file)?,
        };
        let file = (file.as_os_str() != STDIN).then(|| file.clone());
        reports.push((format, file));
    }
    reports.extend(formats.iter().skip(files.len()).map(|format| (*format, None)));
    if reports.is_empty() {
        reports.push((Format::Table, None));
    }
    if reports.iter().filter(|(_, file)| file.is_none()).count() > 1 {
        let problem =
            "two reports on standard output: give each --format except one an --output file, in the same order";
        bail!(Usage(problem.to_owned()));
    }
    let named: Vec<_> = reports.iter().filter_map(|(_, file)| file.as_deref()).collect();
    if let Some(twice) = named.iter().enumerate().find(|(at, file)| named.iter().take(*at).any(|known| known == *file))
    {
        bail!(Usage(format!("two reports in one file, `{}`: name another --output", twice.1.display())));
    }
    Ok(reports)
}

/// Files that the reports will replace.
pub(super) struct Replaced(BTreeSet<PathBuf>);

impl Replaced {
    pub(super) fn by(reports: &[Destination]) -> Self {
        Self(reports.iter().filter_map(|(_, report)| whole(report.as_deref()?)).collect())
    }

    /// Refuses to replace an input.
    pub(super) fn spare(&self, input: &Path) -> Result<(), Usage> {
        if whole(input).is_some_and(|input| self.0.contains(&input)) {
            let problem = format!("a report would replace the input `{}`: name another --output", input.display());
            return Err(Usage(problem));
        }
        Ok(())
    }
}

/// The path of a file that exists. Paths of one file may differ: `./a.json`, or a link.
fn whole(file: &Path) -> Option<PathBuf> {
    file.canonicalize().ok().filter(|file| file.is_file())
}

/// The format of a report by the name of its file.
pub(crate) fn by_name(file: &Path) -> Result<Format> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_ascii_lowercase();
    // The last part but one counts, too, because `asff.json` and `ocsf.json` are common.
    let found = name
        .rsplit('.')
        .take(2)
        .filter_map(|part| part.parse::<Format>().ok())
        .max_by_key(|format| u8::from(!matches!(format, Format::Json)));
    let unknown = || {
        Usage(format!(
            "unknown format for `{}`: pass --format, or use an extension such as .csv or .sarif",
            file.display()
        ))
    };
    Ok(found.ok_or_else(unknown)?)
}

/// A report that is being written, and its file, which is replaced once the report is complete: a failed scan keeps the
/// previous report.
struct Opened {
    report: Box<dyn Report>,
    file: Option<(Temporary, PathBuf)>,
}

/// The open files of a scan whose circumstances are not known yet.
pub(super) struct ReportFiles {
    writers: Vec<(Format, Writer, ReportStyle)>,
    progress: ProgressBar,
    input: Option<String>,
    all: bool,
    /// Whether standard output has a table.
    table: bool,
}

/// Looks of a report.
struct ReportStyle {
    color: bool,
    width: u16,
}

impl ReportFiles {
    /// Opens the files of all reports.
    pub(super) fn open(reports: &[Destination], args: &Scan) -> Result<Self> {
        let stdout_is_terminal = io::stdout().is_terminal();
        let mut writers = Vec::new();
        for (format, file) in reports {
            let is_terminal = file.is_none() && stdout_is_terminal;
            let color = is_terminal && terminal::allows_color();
            let style = ReportStyle { color, width: terminal::width(is_terminal) };
            let writer: Writer = match file {
                None => (Box::new(io::stdout().lock()), None),
                Some(file) => writer(file).with_context(|| format!("cannot write the report {}", file.display()))?,
            };
            writers.push((*format, writer, style));
        }
        // Lines of a report that appear on the terminal show the progress themselves.
        let is_streamed = |(format, file): &Destination| file.is_none() && format.is_streamed();
        let is_shown = stdout_is_terminal && reports.iter().any(is_streamed);
        let progress = if args.quiet || is_shown { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {human_pos} security groups {msg} {elapsed}") {
            progress.set_style(style);
        }
        progress.enable_steady_tick(Duration::from_millis(120));
        Ok(Self {
            writers,
            progress,
            input: args.input.first().map(|file| file.display().to_string()),
            all: args.show_all,
            // A table lists the parts that were not scanned itself.
            table: reports.iter().any(|(format, file)| *format == Format::Table && file.is_none()),
        })
    }

    /// Starts the reports.
    pub(super) fn start(self, record: &ScanRecord) -> ScanOutput {
        let Self { writers, progress, input, all, table } = self;
        let created = Timestamp::now();
        let started = writers.into_iter().map(|(format, (writer, file), ReportStyle { color, width })| {
            let (record, input) = (record.clone(), input.clone());
            let options = ReportOptions { created, all, color, width, record, input };
            Opened { report: reports::report(format, writer, options), file }
        });
        ScanOutput { reports: started.collect(), totals: ScanTotals::default(), progress, table, more_not_scanned: 0 }
    }
}

/// What a report is written to, and the temporary file that becomes the report.
pub(crate) type Writer = (Box<dyn Write>, Option<(Temporary, PathBuf)>);

/// Opens the file of a report, which is replaced once the report is complete.
pub(crate) fn writer(file: &Path) -> io::Result<Writer> {
    // A device or a pipe is written to, not replaced by a file.
    if file.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return Ok((Box::new(OpenOptions::new().write(true).open(file)?), None));
    }
    let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are readable by the owner only; a report has the permissions of any new file.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let temporary = Temporary::new(|| builder.prefix(".portcullis-").tempfile_in(directory))?;
    let writer = temporary.as_file().try_clone()?;
    Ok((Box::new(writer), Some((temporary, file.to_owned()))))
}

/// Reports that are being written, and the totals.
pub(super) struct ScanOutput {
    reports: Vec<Opened>,
    totals: ScanTotals,
    progress: ProgressBar,
    /// Whether standard output has a table.
    table: bool,
    /// Parts that were not scanned beyond [`MOST_COMPLAINTS`].
    more_not_scanned: u64,
}

impl ScanOutput {
    /// Adds a group of a file.
    pub(super) fn group(&mut self, result: &GroupResult) -> Result<()> {
        self.progress.inc(1);
        if result.compliance == ComplianceType::NonCompliant {
            self.progress.set_message(format!("({} open)", self.totals.noncompliant + 1));
        }
        self.add(result)
    }

    /// Adds the groups of a page of an account, whose progress is counted when it is judged: [`Self::progress`].
    #[cfg(feature = "aws")]
    pub(super) fn page(&mut self, results: &[GroupResult]) -> Result<()> {
        results.iter().try_for_each(|result| self.add(result))?;
        self.show()
    }

    /// Shows what is final in the reports so far, if they go to a reader and not into a file.
    #[cfg(feature = "aws")]
    pub(super) fn show(&mut self) -> Result<()> {
        // The progress is on the same terminal, perhaps.
        let reports = &mut self.reports;
        let shown = self.progress.suspend(|| {
            reports.iter_mut().filter(|opened| opened.file.is_none()).try_for_each(|opened| opened.report.flush())
        });
        shown.context("cannot write the report")
    }

    /// Progress of the scan.
    #[cfg(feature = "aws")]
    pub(super) fn progress(&self) -> ProgressBar {
        self.progress.clone()
    }

    fn add(&mut self, result: &GroupResult) -> Result<()> {
        self.totals.count(result);
        for Opened { report, .. } in &mut self.reports {
            report.group(result).context("cannot write the report")?;
        }
        Ok(())
    }

    /// Records a part that was not scanned. The limit keeps a file of a million malformed records from filling the memory.
    pub(super) fn not_scanned(&mut self, problem: NotScanned) {
        if self.totals.not_scanned.len() < MOST_COMPLAINTS {
            self.totals.not_scanned.push(problem);
        } else {
            self.more_not_scanned += 1;
        }
    }

    pub(super) fn finish(mut self, args: &Scan) -> Result<Exit> {
        self.progress.finish_and_clear();
        if self.more_not_scanned > 0 {
            let reason = format!("{} more parts were not scanned", self.more_not_scanned);
            self.totals.not_scanned.push(NotScanned { account: None, region: None, target: None, reason });
        }
        for Opened { report, file } in self.reports {
            report.finish(&self.totals).context("cannot write the report")?;
            if let Some((temporary, file)) = file {
                temporary.persist(&file).with_context(|| format!("cannot write the report {}", file.display()))?;
            }
        }
        for problem in self.totals.not_scanned.iter().filter(|_| !self.table) {
            match problem.place() {
                Some(place) => eprintln!("error: not scanned: {}: {}", printable(&place), printable(&problem.reason)),
                None => eprintln!("error: {}", printable(&problem.reason)),
            }
        }
        Ok(exit(&self.totals, args))
    }
}

/// Exit code of a scan. What was not scanned always counts, because it may be open.
fn exit(totals: &ScanTotals, args: &Scan) -> Exit {
    let is_undecided = totals.insufficient_data > 0 && !args.no_fail_unjudged;
    let least = args.fail_on.map_or(Severity::Low, Severity::from);
    if !totals.not_scanned.is_empty() || is_undecided {
        Exit::Error
    } else if totals.worst().is_some_and(|worst| worst <= least) && !args.no_fail {
        Exit::Exposed
    } else {
        Exit::Success
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(formats: &[Format], files: &[&str]) -> Option<Vec<(Format, Option<PathBuf>)>> {
        destinations(formats, &files.iter().map(PathBuf::from).collect::<Vec<_>>()).ok()
    }

    #[test]
    fn formats_and_files_go_together() {
        let file = |name: &str| Some(PathBuf::from(name));
        assert_eq!(of(&[], &[]), Some(vec![(Format::Table, None)]));
        assert_eq!(of(&[Format::Json], &["a"]), Some(vec![(Format::Json, file("a"))]));
        assert_eq!(of(&[], &["a.html"]), Some(vec![(Format::Html, file("a.html"))]));
        assert_eq!(of(&[], &["a.asff.json"]), Some(vec![(Format::Asff, file("a.asff.json"))]));
        assert_eq!(
            of(&[Format::Json], &["a", "b.csv"]),
            Some(vec![(Format::Json, file("a")), (Format::Csv, file("b.csv"))])
        );
        let both = vec![(Format::Html, file("a")), (Format::Table, None)];
        assert_eq!(of(&[Format::Html, Format::Table], &["a"]), Some(both));
        assert_eq!(of(&[Format::Html, Format::Table], &[]), None);
        assert_eq!(of(&[], &["report"]), None);
        assert_eq!(of(&[], &["a.csv", "a.csv"]), None);
    }
}
