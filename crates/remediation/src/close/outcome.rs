//! Responses of a closing.

use exposure::{Assessment, IngressRule, Plan, Verdict};
use judgement::annotation;

use super::Closing;
use crate::error::RemediationError;
use crate::response::{Closed, ClosingFacts, Details, Remaining, Response, Status, count, records};
use crate::services::RemediationServices;

impl<S: RemediationServices> Closing<'_, S> {
    pub(super) fn response(&self, status: Status, message: String, closed: Closed) -> Response {
        Response {
            status,
            security_group_id: self.group_id().to_owned(),
            details: Details::Close(closed),
            snapshot: self.kept.first().map(|kept| kept.uri.clone()),
            message,
        }
    }

    pub(super) fn nothing_to_do(&self) -> Response {
        let message = format!("{} exposes no blocked port", self.group_id());
        self.response(Status::NothingToDo, message, Closed::default())
    }

    pub(super) fn exempt(&self, assessment: &Assessment<'_>) -> Response {
        let message = format!("{} was not changed: {}", self.group_id(), annotation::exempt(assessment));
        self.response(Status::Exempt, message, Closed::default())
    }

    pub(super) fn planned(&self, plan: &Plan, assessment: &Assessment<'_>) -> Response {
        let due = self.due.rules();
        let authorized = records(plan.authorize.iter().chain(&due));
        let mut parts = vec![format!("{} would be revoked", count(plan.revoke.len()))];
        if !authorized.is_empty() {
            parts.push(format!("{} added", authorized.len()));
        }
        let (group_id, parts, narrowed) = (self.group_id(), parts.join(", "), narrowed_text(&plan.narrowed));
        let message = format!("{group_id}: {parts}{narrowed}; dry run, nothing was changed");
        let facts = (!narrowed.is_empty())
            .then(|| Box::new(ClosingFacts { narrowed: Some(narrowed), ..ClosingFacts::default() }));
        let closed = Closed {
            revoked: records(&plan.revoke),
            authorized,
            remaining: assessment.unjudged.iter().map(Into::into).collect(),
            facts,
            ..Closed::default()
        };
        self.response(Status::Planned, message, closed)
    }

    pub(super) fn done(&self, status: Status, remaining: Vec<Remaining>) -> Response {
        let changes = &self.changes;
        let not_authorized: Vec<_> = self
            .due
            .iter()
            .map(|(rule, error)| match error {
                Some(error) => Remaining::new(rule, error),
                None => Remaining::new(rule, "not attempted"),
            })
            .collect();
        let mut parts = vec![format!("{} revoked", count(changes.revoked.len()))];
        if !changes.authorized.is_empty() {
            parts.push(format!("{} added", changes.authorized.len()));
        }
        if !changes.already_absent.is_empty() {
            parts.push(format!("{} already gone", changes.already_absent.len()));
        }
        if let Some(first) = not_authorized.first() {
            parts.push(format!("{} could not be added; first {first}", not_authorized.len()));
        }
        if self.due.is_for_want_of_room() {
            parts.push("raise the quota of rules per security group and close the group again within a day".to_owned());
        }
        if let Some(first) = remaining.first() {
            parts.push(format!("{} still open; first {first}", remaining.len()));
        }
        let message = format!("{}: {}{}", self.group_id(), parts.join(", "), narrowed_text(&self.narrowed));
        let closed = Closed {
            revoked: records(&changes.revoked),
            authorized: records(&changes.authorized),
            already_absent: records(&changes.already_absent),
            not_authorized,
            remaining,
            ..Closed::default()
        };
        self.response(status, message, closed)
    }

    /// The outcome when no exposure remains. It is partial if a rule could not be judged, since it may expose the
    /// group, or if a rule is owed, since a user may depend on it.
    pub(super) fn finished(&self, assessment: &Assessment<'_>) -> Result<Response, RemediationError> {
        let unjudged: Vec<Remaining> = assessment.unjudged.iter().map(Into::into).collect();
        if !unjudged.is_empty() || !self.due.is_empty() {
            return Err(RemediationError::Incomplete(Box::new(self.done(Status::Partial, unjudged))));
        }
        let is_exempt = assessment.verdict() == Verdict::Exempt;
        // The group was exempted between two rounds, before anything was closed.
        if self.changes.is_empty() && is_exempt {
            return Ok(self.exempt(assessment));
        }
        let mut response = self.done(Status::Closed, unjudged);
        if is_exempt {
            response.message = format!("{}; the rest is {}", response.message, annotation::exempt(assessment));
        }
        if self.waiting > 0 {
            response.message = format!("{}; {}", response.message, self.waiting_text());
        }
        Ok(response)
    }

    /// The error for exposures that remain after the last round.
    pub(super) fn still_open(&self, settling: &[IngressRule]) -> RemediationError {
        let open = self.open.iter().map(|rule| match self.changes.failure(rule) {
            Some(failure) => Remaining::new(rule, failure),
            None => Remaining::new(rule, "it was added meanwhile"),
        });
        let remaining = settling
            .iter()
            .map(|rule| Remaining::new(rule, "EC2 reported it as gone, but still lists it"))
            .chain(open)
            .collect();
        let status = if self.changes.revoked.is_empty() { Status::Failed } else { Status::Partial };
        RemediationError::Incomplete(Box::new(self.done(status, remaining)))
    }
}

fn narrowed_text(narrowed: &[IngressRule]) -> String {
    if narrowed.is_empty() {
        return String::new();
    }
    let sources: Vec<_> = narrowed.iter().map(|rule| rule.source.to_string()).collect();
    format!(
        "; of all traffic from {}, only TCP, UDP and ICMP still pass, no other protocol (GRE, ESP, SCTP …)",
        sources.join(", ")
    )
}
