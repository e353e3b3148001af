//! The response to a request, with evidence of the changes.

mod network_acls;
mod rules;

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

pub use self::network_acls::{AclChange, AclEntryLeft, AclEntryRecord, Quarantined};
pub use self::rules::{Remaining, RuleRecord};
pub(crate) use self::rules::{count, records};

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Every exposure is closed.
    Closed,
    /// The group has the rules again that a closing revoked.
    Restored,
    /// The network ACLs deny the ports to the internet.
    Quarantined,
    /// The entries of the quarantine are removed.
    Released,
    /// There was nothing to do.
    NothingToDo,
    /// An exposure stays: an exemption covers it, or the group is on hold after a restore.
    Exempt,
    /// The group stays open for now: as many groups were closed in this hour as may be.
    Deferred,
    /// A dry run: the changes are planned.
    Planned,
    /// Some changes were made, others were not. Fails the invocation.
    Partial,
    /// No change could be made. Fails the invocation.
    Failed,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "CLOSED",
            Self::Restored => "RESTORED",
            Self::Quarantined => "QUARANTINED",
            Self::Released => "RELEASED",
            Self::NothingToDo => "NOTHING_TO_DO",
            Self::Exempt => "EXEMPT",
            Self::Deferred => "DEFERRED",
            Self::Planned => "PLANNED",
            Self::Partial => "PARTIAL",
            Self::Failed => "FAILED",
        })
    }
}

/// The response to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The outcome.
    pub status: Status,
    /// The group.
    pub security_group_id: String,
    /// The changes.
    #[serde(flatten)]
    pub details: Details,
    /// URI of the snapshot taken before the change.
    pub snapshot: Option<String>,
    /// The outcome in one sentence.
    pub message: String,
}

/// Details by action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Details {
    /// Of a `close`.
    Close(Closed),
    /// Of a `restore`.
    Restore(Restored),
    /// Of a `quarantine` or a `release`.
    Quarantine(Quarantined),
}

/// Details of a `close`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Closed {
    /// The rules that were revoked; in a dry run, those that would be.
    pub revoked: Vec<RuleRecord>,
    /// The rules that were added in their place; in a dry run, those that would be.
    pub authorized: Vec<RuleRecord>,
    /// The rules that no longer existed when they were to be revoked.
    pub already_absent: Vec<RuleRecord>,
    /// The rules that could not be added, with the reason.
    pub not_authorized: Vec<Remaining>,
    /// The rules that still expose the group or could not be judged, with the reason.
    pub remaining: Vec<Remaining>,
    /// End of the hold, if the group stays open because of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
    /// End of the hour in which no further group is closed, if the group stays open because of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deferred_until: Option<Timestamp>,
    /// Number of groups that were closed in that hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closings_per_hour: Option<u32>,
    /// Facts that are part of the message, for a caller with words of its own.
    #[serde(skip)]
    pub facts: Option<Box<ClosingFacts>>,
}

/// Facts of a closing that are part of its message only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClosingFacts {
    /// Execution of the restore that put the hold, if it is known.
    pub held_by: Option<String>,
    /// What no longer passes of rules for all traffic, as the end of a sentence.
    pub narrowed: Option<String>,
}

/// Details of a `restore`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// The rules that were restored; in a dry run, those that would be.
    pub authorized: Vec<RuleRecord>,
    /// The rules of the closing that were removed; in a dry run, those that would be.
    pub revoked: Vec<RuleRecord>,
    /// The rules that were added since the closing, and that stay.
    pub left: Vec<RuleRecord>,
    /// The rules that could not be restored or removed, with the reason.
    pub remaining: Vec<Remaining>,
    /// URIs of the snapshots from which the rules were restored, newest first.
    pub restored_from: Vec<String>,
    /// End of the hold.
    pub exception_until: Option<Timestamp>,
}

impl Response {
    /// Details of a `close`; `None` for another action.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        match &self.details {
            Details::Close(closed) => Some(closed),
            Details::Restore(_) | Details::Quarantine(_) => None,
        }
    }

    /// Details of a `restore`; `None` for another action.
    #[must_use]
    pub fn restored(&self) -> Option<&Restored> {
        match &self.details {
            Details::Restore(restored) => Some(restored),
            Details::Close(_) | Details::Quarantine(_) => None,
        }
    }
}
