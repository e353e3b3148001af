#![doc = include_str!("../README.md")]

mod backoff;
mod duty;
mod metrics;
mod job;
mod notify;
mod outlets;
mod record;

pub use self::duty::{Duty, DutyError};
pub use self::metrics::Metrics;
pub use self::job::{Job, JobError, PendingJob, pending_jobs};
pub use self::notify::{Notified, Notifier, NotifyError, Outlets};
pub use self::outlets::ChannelOutlets;
pub use self::record::Recorder;

/// Name of the function in its log.
const SERVICE: &str = "reporter";
