#![doc = include_str!("../README.md")]

mod backoff;
mod duty;
mod record;

pub use self::duty::{Duty, DutyError};
pub use self::record::Recorder;

/// Name of the function in its log.
const SERVICE: &str = "reporter";
