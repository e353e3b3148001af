#![doc = include_str!("../README.md")]

mod args;
#[cfg(feature = "aws")]
mod aws;
mod config_file;
mod exit;
mod explain;
mod interrupt;
mod man;
mod policy;
mod routing_check;
mod scan;
mod terminal;
mod values;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::parser::ValueSource;
use clap::{CommandFactory, FromArgMatches};
use mimalloc::MiMalloc;

use crate::args::{Cli, Command, Routing};
use crate::exit::{Exit, Usage, in_one_line};

/// A scan makes many small texts, and frees those of other threads. That takes a sixth less time than with the C library's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let exit = match run(std::env::args_os().collect()) {
        Ok(exit) => exit,
        Err(problem) => report_failure(&problem),
    };
    exit.into()
}

fn run(arguments: Vec<OsString>) -> Result<Exit> {
    let cli = match parse(arguments)? {
        Ok(cli) => cli,
        Err(problem) => {
            problem.print()?;
            return Ok(if problem.use_stderr() { Exit::Usage } else { Exit::Success });
        }
    };
    interrupt::listen()?;
    #[cfg(feature = "aws")]
    aws::init_log(cli.verbose);
    match cli.command {
        Command::Scan(mut args) => {
            args.input.append(&mut args.file);
            scan::run(&args)
        }
        #[cfg(feature = "aws")]
        Command::Plan(args) => aws::block_on(aws::remediate::plan(&args)),
        #[cfg(feature = "aws")]
        Command::Close(args) => aws::block_on(aws::remediate::close(&args)),
        #[cfg(feature = "aws")]
        Command::Restore(args) => aws::block_on(aws::remediate::restore(&args)),
        #[cfg(feature = "aws")]
        Command::Snapshots(args) => aws::block_on(aws::remediate::snapshots(&args)),
        #[cfg(feature = "aws")]
        Command::Exempt(args) => aws::block_on(aws::exempt::run(&args)),
        #[cfg(feature = "aws")]
        Command::Findings(args) => aws::block_on(aws::findings::run(&args)),
        Command::Explain(args) => explain::run(&args),
        Command::Routing(Routing::Check(args)) => routing_check::run(&args),
        Command::Completions { shell } => {
            // Generated into a buffer, because the generator panics on a closed pipe.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "portcullis", &mut script);
            io::stdout().write_all(&script)?;
            Ok(Exit::Success)
        }
        Command::Man { directory } => man::run(directory.as_deref()),
    }
}

/// Parses the command line, then parses it again with the arguments from the configuration file.
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
    let file = match &cli.config {
        None => return Ok(Ok(cli)),
        Some(file) if !file.as_os_str().is_empty() => file,
        Some(_) if matches.value_source("config") == Some(ValueSource::EnvVariable) => return Ok(Ok(cli)),
        Some(_) => return Err(Usage("--config names no file".to_owned()).into()),
    };
    arguments.extend(config_file::arguments(file, &command, &matches)?);
    let parsed = command.try_get_matches_from_mut(&arguments);
    Ok(parsed.and_then(|matches| Cli::from_arg_matches(&matches)))
}

/// Prints an error on one line, and returns the exit code.
fn report_failure(problem: &anyhow::Error) -> Exit {
    let is_closed_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    // A reader that closes the pipe, as in `portcullis scan | head`, needs no message.
    if problem.chain().any(is_closed_pipe) {
        return Exit::Error;
    }
    eprintln!("error: {}", in_one_line(problem));
    if problem.chain().any(<dyn std::error::Error>::is::<Usage>) { Exit::Usage } else { Exit::Error }
}
