//! Responses of a restore.

use exposure::Restoration;

use super::Restoring;
use crate::error::RemediationError;
use crate::response::{Details, Remaining, Response, Restored, Status, count, records};
use crate::rule_changes::is_quota;
use crate::services::RemediationServices;

impl<S: RemediationServices> Restoring<'_, S> {
    fn response(&self, status: Status, message: String, restored: Restored) -> Response {
        let restored =
            Restored { restored_from: self.taken.uris.clone(), exception_until: self.hold.until, ..restored };
        Response {
            status,
            security_group_id: self.group_id().to_owned(),
            details: Details::Restore(restored),
            snapshot: self.snapshot.clone(),
            message,
        }
    }

    /// The response if no closing took a rule that is missing now.
    pub(super) fn nothing_taken(&self) -> Response {
        let message = format!("no closing took a rule from {} that it does not have now", self.group_id());
        self.response(Status::NothingToDo, message, Restored::default())
    }

    pub(super) fn planned(&self) -> Response {
        let Restoration { authorize, revoke, leave } = &self.open;
        let (status, message) = if self.open.is_empty() {
            (Status::NothingToDo, format!("{} already has every rule of the snapshot", self.group_id()))
        } else {
            let message = format!(
                "{}: {} would be restored, {} removed, {} kept; dry run, nothing was changed",
                self.group_id(),
                count(authorize.len()),
                revoke.len(),
                leave.len()
            );
            (Status::Planned, message)
        };
        let restored = Restored {
            authorized: records(authorize),
            revoked: records(revoke),
            left: records(leave),
            ..Restored::default()
        };
        self.response(status, message, restored)
    }

    pub(super) fn done(&self, status: Status, remaining: Vec<Remaining>) -> Response {
        let changes = &self.changes;
        let mut parts = vec![
            format!("{} restored", count(changes.authorized.len())),
            format!("{} removed", changes.revoked.len()),
            format!("{} kept", self.open.leave.len()),
        ];
        if let Some(first) = remaining.first() {
            parts.push(format!("{} failed; first {first}", remaining.len()));
        }
        let slots = self.refused.iter().filter(|(_, error)| is_quota(error)).count();
        if slots > 0 {
            parts.push(format!(
                "the group has no room for {} more: remove as many, or raise the quota of rules per security group, and restore \
                 again",
                count(slots)
            ));
        }
        if let Some(until) = self.hold.until {
            parts.push(format!("on hold until {until}"));
        }
        if let Some(reason) = &self.hold.exception_refused {
            parts.push(format!(
                "the remediation exception was not created ({reason}) and is requested again when AWS Config next starts a \
                 closing"
            ));
        }
        let message = format!("{}: {}", self.group_id(), parts.join(", "));
        let restored = Restored {
            authorized: records(&changes.authorized),
            revoked: records(&changes.revoked),
            left: records(&self.open.leave),
            remaining,
            ..Restored::default()
        };
        self.response(status, message, restored)
    }

    pub(super) fn finished(&self, whole: &Restoration) -> Result<Response, RemediationError> {
        if !self.refused.is_empty() {
            return Err(self.incomplete());
        }
        if self.changes.is_empty() {
            let message = format!("{} already has every rule of the snapshot", self.group_id());
            let restored = Restored { left: records(&whole.leave), ..Restored::default() };
            return Ok(self.response(Status::NothingToDo, message, restored));
        }
        Ok(self.done(Status::Restored, Vec::new()))
    }

    /// Rules that could not be restored or removed. `reason` is for those that were not attempted.
    pub(super) fn remaining(&self, reason: &str) -> Vec<Remaining> {
        let refused = self.refused.iter().map(|(rule, error)| Remaining::new(rule, error));
        let not_added =
            self.open.authorize.iter().filter(|rule| !self.changes.is_added(rule) && !self.is_refused(rule));
        let not_gone = self.open.revoke.iter().filter(|rule| !self.changes.is_gone(rule));
        let open = not_added.chain(not_gone).map(|rule| match self.changes.failure(rule) {
            Some(failure) => Remaining::new(rule, failure),
            None => Remaining::new(rule, reason),
        });
        let (missing, listed) = (self.settling.authorize.iter(), self.settling.revoke.iter());
        let missing = missing.map(|rule| Remaining::new(rule, "EC2 reported it as added, but does not list it"));
        let listed = listed.map(|rule| Remaining::new(rule, "EC2 reported it as gone, but still lists it"));
        refused.chain(open).chain(missing).chain(listed).collect()
    }

    /// The error for a restore that is not complete.
    pub(super) fn incomplete(&self) -> RemediationError {
        let status = if self.changes.is_empty() { Status::Failed } else { Status::Partial };
        RemediationError::Incomplete(Box::new(self.done(status, self.remaining("not done after several attempts"))))
    }
}
