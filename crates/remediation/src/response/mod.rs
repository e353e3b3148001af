//! The answer to a request: what was done, as evidence.

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
    /// The group has the rules back that a closing took.
    Restored,
    /// The network ACLs deny the internet the ports.
    Quarantined,
    /// The entries of the quarantine are removed.
    Released,
    /// There was nothing to do.
    NothingToDo,
    /// There is an exposure that stays: an exemption covers it, or the group is on hold after a restore.
    Exempt,
    /// A dry run: this would be done.
    Planned,
    /// Some of it is done, some is not. Fails the invocation.
    Partial,
    /// Nothing could be done. Fails the invocation.
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
            Self::Planned => "PLANNED",
            Self::Partial => "PARTIAL",
            Self::Failed => "FAILED",
        })
    }
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// The outcome.
    pub status: Status,
    /// The group.
    pub security_group_id: String,
    /// What was changed.
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

/// What a `close` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Closed {
    /// The rules that were revoked; in a dry run, those that would be.
    pub revoked: Vec<RuleRecord>,
    /// The rules that were added in their place; in a dry run, those that would be.
    pub authorized: Vec<RuleRecord>,
    /// The rules that were to be revoked, but that somebody else had removed.
    pub already_absent: Vec<RuleRecord>,
    /// The rules that should have been added and could not be, and why.
    pub not_authorized: Vec<Remaining>,
    /// The rules that still expose the group, or that could not be judged, and why.
    pub remaining: Vec<Remaining>,
    /// The group is open, and left alone until then, since it was restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Timestamp>,
}

/// What a `restore` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// The rules that were given back; in a dry run, those that would be.
    pub authorized: Vec<RuleRecord>,
    /// The rules that the closing had added, and that were taken away again; in a dry run, those that would be.
    pub revoked: Vec<RuleRecord>,
    /// The rules that somebody else has added since, and that stay.
    pub left: Vec<RuleRecord>,
    /// The rules that could not be given back, or not be taken away, and why.
    pub remaining: Vec<Remaining>,
    /// The snapshots that the rules were taken from, newest first.
    pub restored_from: Vec<String>,
    /// Until when the group is left alone.
    pub exception_until: Option<Timestamp>,
}

impl Response {
    /// What a `close` did; nothing for another action.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        match &self.details {
            Details::Close(closed) => Some(closed),
            Details::Restore(_) | Details::Quarantine(_) => None,
        }
    }

    /// What a `restore` did; nothing for another action.
    #[must_use]
    pub fn restored(&self) -> Option<&Restored> {
        match &self.details {
            Details::Restore(restored) => Some(restored),
            Details::Close(_) | Details::Quarantine(_) => None,
        }
    }
}
