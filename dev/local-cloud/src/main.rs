//! The AWS services that Portcullis uses, on one machine.
//!
//! | Module | Purpose |
//! |---|---|
//! | [`supervisor`] | starts moto and MiniStack, waits until they answer, stops them |
//! | [`launcher`] | the Python part, embedded in this binary |
//! | [`bridge`] | calls AWS through the Python part |
//! | [`server`] | the HTTP server: AWS JSON protocol, control interface, internal notifications |
//! | [`config`] | AWS Config: recorder, rules, evaluations, remediation |
//! | [`ssm`] | SSM documents and Automation |
//! | [`control`] | settings, faults, call log and triggers for tests |

mod bridge;
mod clock;
mod cloud;
mod config;
mod control;
mod launcher;
mod paging;
mod port;
mod server;
mod settings;
mod ssm;
mod supervisor;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use plain_text::error_chain;

/// The AWS services that Portcullis uses, on one machine.
#[derive(Debug, Parser)]
#[command(name = "local-cloud", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the local cloud, and run it until interrupted.
    Up(Up),
}

/// Arguments of `local-cloud up`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Up {
    /// Python interpreter of an environment with the packages of tools/requirements.txt.
    #[arg(long, default_value = ".tools/venv/bin/python")]
    pub(crate) python: PathBuf,
    /// Port of the front door; 0 selects a free port.
    #[arg(long, default_value_t = 4566)]
    pub(crate) port: u16,
    /// Directory for `endpoints.json`, logs and temporary files.
    #[arg(long, default_value = ".local-cloud")]
    pub(crate) state_dir: PathBuf,
    /// Region of all resources.
    #[arg(long, default_value = "us-east-1")]
    pub(crate) region: String,
    /// Enforce IAM policies.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    pub(crate) auth: bool,
    /// Start without a configuration recorder, so that AWS Config rejects rules.
    #[arg(long)]
    pub(crate) no_recorder: bool,
    /// Longest time to wait for the services to answer, in seconds.
    #[arg(long, default_value_t = 60)]
    pub(crate) deadline: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false).init();
    let Command::Up(up) = Cli::parse().command;
    match supervisor::up(up).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", error_chain(&error));
            ExitCode::FAILURE
        }
    }
}
