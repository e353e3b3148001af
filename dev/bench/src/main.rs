//! Measures the functions; see the README of this crate.

mod closing;
mod endpoint;
mod figures;
mod functions;
mod instructions;
mod process;
mod runtime_api;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use serde::Serialize;

use crate::functions::Subject;
use crate::process::Program;

/// Variables of the reporter for each duty, as `cloudformation/findings.yaml` sets them.
const RECORD: [(&str, &str); 4] = [
    ("DUTY", "record"),
    ("FINDINGS_TABLE", "portcullis-findings"),
    ("FINDINGS_RETENTION_DAYS", "400"),
    ("CONFIG_RULE", "portcullis"),
];
const NOTIFY: [(&str, &str); 5] = [
    ("DUTY", "notify"),
    ("FINDINGS_TABLE", "portcullis-findings"),
    ("FINDINGS_RETENTION_DAYS", "400"),
    ("NOTIFY_QUEUE", "arn:aws:sqs:eu-central-1:123456789012:portcullis-notify"),
    ("ROUTING_DOCUMENT", "ssm:/portcullis/routing"),
];

/// Variables of the responder, as `cloudformation/responder.yaml` sets them.
const RESPOND: [(&str, &str); 8] = [
    ("ACCOUNT", bench::events::ACCOUNT),
    ("CONFIG_RULE", "portcullis"),
    ("STATE_TABLE", "portcullis-state"),
    ("CLOUDTRAIL_MODE", "Close"),
    ("INSPECTOR_MODE", "Off"),
    ("INSPECTOR_RESPONSE", "SecurityGroup"),
    ("SECURITY_HUB_MODE", "Off"),
    ("SNS_MODE", "Off"),
];

/// Measures the Lambda functions of Portcullis on this machine.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Also write the figures into this directory, as JSON
    #[arg(long, global = true, value_name = "DIRECTORY")]
    json: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure cold and warm starts, compared with an empty function
    Functions {
        #[command(flatten)]
        programs: Programs,
        /// Number of processes of each function
        #[arg(long, default_value_t = 30)]
        rounds: usize,
        /// Number of warm events of each process
        #[arg(long, default_value_t = 200)]
        warm: usize,
        /// Command of another evaluator that implements the Lambda Runtime API
        #[arg(long, env = "BENCH_PEER", value_name = "COMMAND")]
        peer: Option<String>,
    },
    /// Measure time and AWS calls of a closing, by the number of open rules
    Closing {
        #[command(flatten)]
        programs: Programs,
        #[arg(long, default_value_t = 10)]
        rounds: usize,
        #[arg(long, default_value_t = 20)]
        warm: usize,
    },
    /// Count instructions with callgrind
    Instructions {
        #[command(flatten)]
        programs: Programs,
    },
    /// Repeat a case
    #[command(hide = true)]
    Repeat { case: String, permissions: usize, times: u64 },
}

#[derive(Debug, Args)]
struct Programs {
    /// Directory with the programs of the zips
    #[arg(long, value_name = "DIRECTORY")]
    functions: PathBuf,
    /// Path of the empty function; by default in the directory of this program
    #[arg(long, value_name = "FILE")]
    empty: Option<PathBuf>,
}

impl Programs {
    fn empty(&self) -> Result<Program> {
        let own = std::env::current_exe()?;
        let file = self.empty.clone().unwrap_or_else(|| own.with_file_name("empty-function"));
        Program::new("empty function", &file, "null")
    }

    fn subjects(&self) -> Result<Vec<Subject>> {
        Ok(vec![
            Subject::evaluator(self.empty()?),
            Subject::evaluator(self.evaluator("rule-evaluator", r#""compliant":1"#)?),
            Subject::evaluator_of_an_open_group(self.evaluator("rule-evaluator, open", r#""nonCompliant":1"#)?),
            Subject::remediator(self.remediator()?),
            Subject::responder(self.queued("responder", "responder", &RESPOND)?),
            Subject::recorder(self.queued("reporter", "reporter, record", &RECORD)?)?,
            Subject::notifier(self.queued("reporter", "reporter, notify", &NOTIFY)?),
        ])
    }

    fn evaluator(&self, name: &str, expected: &'static str) -> Result<Program> {
        Program::new(name, &self.functions.join("rule-evaluator"), expected)
    }

    /// A function that works for a queue.
    fn queued(
        &self,
        function: &str,
        name: &str,
        environment: &'static [(&'static str, &'static str)],
    ) -> Result<Program> {
        let program = Program::new(name, &self.functions.join(function), r#""batchItemFailures":[]"#)?;
        Ok(program.with(environment))
    }

    fn remediator(&self) -> Result<Program> {
        Program::new("remediator", &self.functions.join("remediator"), r#""status":"CLOSED""#)
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let json = cli.json.as_deref();
    match &cli.command {
        Command::Functions { programs, rounds, warm, peer } => {
            let mut subjects = programs.subjects()?;
            subjects.extend(peer.iter().map(|command| Subject::evaluator(Program::shell("peer", command))));
            let figures = functions::measure(&subjects, *rounds, *warm)?;
            functions::print(&figures);
            write(json, "functions", &figures)
        }
        Command::Closing { programs, rounds, warm } => {
            let figures = closing::measure(&programs.remediator()?, *rounds, *warm)?;
            closing::print(&figures);
            write(json, "closing", &figures)
        }
        Command::Instructions { programs } => {
            let counts = instructions::measure(&programs.subjects()?)?;
            instructions::print(&counts);
            write(json, "instructions", &counts)
        }
        Command::Repeat { case, permissions, times } => instructions::repeat(case, *permissions, *times),
    }
}

fn write(directory: Option<&Path>, name: &str, figures: &impl Serialize) -> Result<()> {
    let Some(directory) = directory else { return Ok(()) };
    let file = directory.join(name).with_extension("json");
    std::fs::create_dir_all(directory)?;
    std::fs::write(&file, serde_json::to_vec_pretty(figures)?)
        .with_context(|| format!("cannot write {}", file.display()))
}
