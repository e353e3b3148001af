#![doc = include_str!("../README.md")]

mod account_sweep;
mod announce;
mod context;
mod documents;
mod duty;
mod follow_up;
mod grace;
mod job;
mod jobs;
mod metrics;
mod notify;
mod outlets;
mod pages;
mod record;
mod report;
mod sweep;
mod time;

pub use self::account_sweep::{AccountSweep, AccountSwept, Origin};
pub use self::announce::Announcer;
pub use self::context::ContextFinder;
pub use self::documents::{
    DocumentLocation, DocumentSource, DocumentUnavailable, Documents, LocationError, RoutingDocument,
};
pub use self::duty::{Duty, DutyError};
pub use self::follow_up::{FollowUp, FollowedUp};
pub use self::job::{Job, JobError, PendingJob, pending_jobs};
pub use self::jobs::Jobs;
pub use self::metrics::Metrics;
pub use self::notify::{Notified, Notifier, NotifyError, NotifyHandler, Outlets};
pub use self::outlets::ChannelOutlets;
pub use self::record::Recorder;
pub use self::report::{ReportError, ReportWriter, Reported, Schedule};
pub use self::sweep::{Complaint, SweepError, Sweeper, Swept};

/// Name of the function in its log.
const SERVICE: &str = "reporter";
