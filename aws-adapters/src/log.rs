//! Structured logs of a Lambda function.

use std::env;

use tracing_subscriber::filter::LevelFilter;

/// Writes the log to standard output, one JSON object per line, from the level in `AWS_LAMBDA_LOG_LEVEL` on (`INFO` when
/// it is not set): the name under which Lambda hands over the application log level of a function.
pub fn init_log() {
    let level = env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    tracing_subscriber::fmt().json().flatten_event(true).with_target(false).with_max_level(level).init();
}
