//! Commands that call AWS: all except `scan --input`. A build without the feature `aws` has none of them.

pub(crate) mod deployed_rule;
pub(crate) mod directory_store;
pub(crate) mod exempt;
pub(crate) mod explain;
pub(crate) mod findings;
mod hint;
pub(crate) mod live_scan;
pub(crate) mod policy;
mod question;
pub(crate) mod remediate;
pub(crate) mod session;
mod snapshot_store;
mod stop;
mod who;

use std::io;

use anyhow::Result;

pub(crate) use hint::hint;

/// Runs a command that calls AWS.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

/// Starts the log on standard error, if `--verbose` was passed.
pub(crate) fn init_log(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => tracing::Level::INFO,
        _ => tracing::Level::DEBUG,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_ansi(false).init();
}
