#![doc = include_str!("../README.md")]
#![recursion_limit = "256"]

mod args;
mod config_file;
mod diff;
mod directory;
mod exempt;
mod exit;
mod explain;
mod live;
mod man;
mod policy;
mod remediate;
mod scan;
mod session;
mod store;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, FromArgMatches};

use crate::args::{Cli, Command};
use crate::exit::{Exit, Usage, in_one_line};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let exit = match run(std::env::args_os().collect()).await {
        Ok(exit) => exit,
        Err(problem) => told(&problem),
    };
    exit.into()
}

async fn run(arguments: Vec<OsString>) -> Result<Exit> {
    let cli = match parse(arguments)? {
        Ok(cli) => cli,
        Err(problem) => {
            problem.print()?;
            return Ok(if problem.use_stderr() { Exit::Usage } else { Exit::Success });
        }
    };
    log(cli.verbose);
    match cli.command {
        Command::Scan(args) => scan::run(&args).await,
        Command::Plan(args) => remediate::plan(&args).await,
        Command::Close(args) => remediate::close(&args).await,
        Command::Restore(args) => remediate::restore(&args).await,
        Command::Exempt(args) => exempt::run(&args).await,
        Command::Explain(args) => explain::run(&args).await,
        Command::Completions { shell } => {
            // Into a buffer first: the generator panics when the pipe is closed.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "portcullis", &mut script);
            io::stdout().write_all(&script)?;
            Ok(Exit::Success)
        }
        Command::Man { directory } => man::run(directory.as_deref()),
    }
}

/// Parses the command line, and once more with what the configuration file adds.
fn parse(mut arguments: Vec<OsString>) -> Result<Result<Cli, clap::Error>> {
    let mut command = Cli::command();
    let matches = match command.try_get_matches_from_mut(&arguments) {
        Ok(matches) => matches,
        Err(problem) => return Ok(Err(problem)),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(problem) => return Ok(Err(problem.format(&mut command))),
    };
    let Some(file) = &cli.config else { return Ok(Ok(cli)) };
    arguments.extend(config_file::arguments(file, &command, &matches)?);
    let parsed = command.try_get_matches_from_mut(&arguments);
    Ok(parsed.and_then(|matches| Cli::from_arg_matches(&matches)))
}

fn log(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_ansi(false).init();
}

/// Says what went wrong, in one line.
fn told(problem: &anyhow::Error) -> Exit {
    let is_closed_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    // `portcullis scan | head`: who has seen enough needs no message.
    if problem.chain().any(is_closed_pipe) {
        return Exit::Error;
    }
    eprintln!("error: {}", in_one_line(problem));
    if problem.chain().any(<dyn std::error::Error>::is::<Usage>) { Exit::Usage } else { Exit::Error }
}
