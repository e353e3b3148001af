//! Restores the rules that a closing revoked.

use aws_traits::AwsError;
use aws_traits::Services;
use aws_traits::config::RemediationExceptions;
use aws_traits::ec2::{GroupRules, SecurityGroupRules, SecurityGroups};
use exposure::{IngressRule, Plan, Restoration, SecurityGroup, restoration};
use jiff::{SignedDuration, Timestamp, Unit};
use tracing::warn;

use crate::environment::Environment;
use crate::error::{Obstacle, RemediationError};
use crate::request::Restore;
use crate::response::{Details, Remaining, Response, Restored, Status, count, records};
use crate::rounds::{self, Progress, ROUNDS, Rounds};
use crate::rule_changes::{Changes, is_quota};
use crate::services::RemediationServices;
use crate::snapshot::{Action, Author, SnapshotError, Taken, Vault};
use crate::task::{Task, out_of_time};

/// State of one restore.
pub(crate) struct Restoring<'a, S: RemediationServices> {
    environment: &'a Environment<S>,
    request: &'a Restore,
    vault: Vault<'a, <S as Services>::Store>,
    /// Name, tags and owner of the group.
    group: SecurityGroup,
    /// Changes of the closing to undo.
    taken: Taken,
    changes: Changes,
    /// URI of the snapshot taken before the restore.
    snapshot: Option<String>,
    exception_until: Option<Timestamp>,
    /// Why AWS Config did not create the remediation exception.
    exception_refused: Option<String>,
    /// Rules that EC2 refuses to add.
    refused: Vec<(IngressRule, AwsError)>,
    /// Changes that were still to be made in the latest round.
    open: Restoration,
    /// Changes that were made, and that EC2 did not list in the latest round.
    settling: Restoration,
}

impl<'a, S: RemediationServices> Restoring<'a, S> {
    pub(crate) fn new(environment: &'a Environment<S>, request: &'a Restore) -> Self {
        Self {
            environment,
            request,
            vault: Vault::new(environment.store(), &request.security_group_id, environment.now),
            group: SecurityGroup::default(),
            taken: Taken::default(),
            changes: Changes::default(),
            snapshot: None,
            exception_until: None,
            exception_refused: None,
            refused: Vec::new(),
            open: Restoration::default(),
            settling: Restoration::default(),
        }
    }

    fn group_id(&self) -> &'a str {
        &self.request.security_group_id
    }

    /// Writes a snapshot and the hold, which keeps automatic mode from undoing the restore, before the first change.
    async fn prepare(&mut self, live: GroupRules) -> Result<(), RemediationError> {
        let author = Author {
            action: Action::Restore,
            strategy: None,
            config_rule_name: &self.request.config_rule_name,
            execution_id: self.request.execution_id.as_deref(),
        };
        let Restoration { authorize, revoke, .. } = self.open.clone();
        let plan = Plan { authorize, revoke, ..Plan::default() };
        let continues = self.taken.uris.first().cloned();
        self.group.ingress = live.ingress;
        self.snapshot = Some(self.vault.keep(author, &self.group, &live.egress, &plan, continues).await?);
        if self.request.exception_hours == 0 {
            return Ok(());
        }
        let until = (self.environment.now)()
            .checked_add(SignedDuration::from_hours(self.request.exception_hours.into()))
            // Fractions of a second would only make the message longer.
            .and_then(|until| until.round(Unit::Second))
            .unwrap_or(Timestamp::MAX);
        let (execution_id, rule_name) = (self.request.execution_id.as_deref(), &*self.request.config_rule_name);
        self.vault.put_hold(until, execution_id, rule_name).await.map_err(SnapshotError::NotWritten)?;
        let message = format!("restored by {}", execution_id.unwrap_or("an operator"));
        let config = self.environment.config();
        // The hold alone keeps the group open. The exception is requested again when AWS Config next starts a closing.
        let answer = config.put_remediation_exception(rule_name, self.group_id(), &message, until).await;
        self.exception_refused = answer.unwrap_or_else(|error| Some(error.to_string()));
        if let Some(reason) = &self.exception_refused {
            warn!(security_group.id = self.group_id(), reason, "remediation exception not created");
        }
        self.exception_until = Some(until);
        Ok(())
    }

    /// Adds rules, then revokes those of the closing. Returns true if there is nothing left to retry.
    async fn change(&mut self, round: usize) -> bool {
        let ec2 = self.environment.ec2();
        let Restoration { authorize, revoke, .. } = self.open.clone();
        let failed = self.changes.authorize(ec2, self.group_id(), &authorize).await;
        let (transient, failed): (Vec<_>, Vec<_>) =
            failed.into_iter().partition(|(_, error)| round < ROUNDS && error.is_transient());
        if !transient.is_empty() {
            return false;
        }
        let (full, refused): (Vec<_>, Vec<_>) = failed.into_iter().partition(|(_, error)| is_quota(error));
        if !refused.is_empty() {
            self.refused.extend(refused.into_iter().chain(full));
            return true;
        }
        self.changes.revoke(ec2, self.group_id(), &revoke).await;
        // With the rules of the closing revoked, there is room for the rules that they replaced.
        let full: Vec<_> = full.into_iter().map(|(rule, _)| rule).collect();
        let failed = self.changes.authorize(ec2, self.group_id(), &full).await;
        let (transient, refused): (Vec<_>, Vec<_>) = failed.into_iter().partition(|(_, error)| error.is_transient());
        self.refused.extend(refused);
        transient.is_empty() && revoke.iter().all(|rule| self.changes.is_gone(rule))
    }

    fn response(&self, status: Status, message: String, restored: Restored) -> Response {
        let restored =
            Restored { restored_from: self.taken.uris.clone(), exception_until: self.exception_until, ..restored };
        Response {
            status,
            security_group_id: self.group_id().to_owned(),
            details: Details::Restore(restored),
            snapshot: self.snapshot.clone(),
            message,
        }
    }

    fn planned(&self) -> Response {
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

    fn done(&self, status: Status, remaining: Vec<Remaining>) -> Response {
        let changes = &self.changes;
        let mut parts = vec![
            format!("{} restored", count(changes.authorized.len())),
            format!("{} removed", changes.revoked.len()),
            format!("{} kept", self.open.leave.len()),
        ];
        if let Some(first) = remaining.first() {
            parts.push(format!("{} failed; first {first}", remaining.len()));
        }
        if let Some(until) = self.exception_until {
            parts.push(format!("on hold until {until}"));
        }
        if let Some(reason) = &self.exception_refused {
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

    fn finished(&self, whole: &Restoration) -> Result<Response, RemediationError> {
        if self.refused.is_empty() {
            if self.changes.is_empty() {
                let message = format!("{} already has every rule of the snapshot", self.group_id());
                let restored = Restored { left: records(&whole.leave), ..Restored::default() };
                return Ok(self.response(Status::NothingToDo, message, restored));
            }
            return Ok(self.done(Status::Restored, Vec::new()));
        }
        Err(self.incomplete())
    }

    /// Rules that could not be restored or removed. `reason` is for those that were not attempted.
    fn remaining(&self, reason: &str) -> Vec<Remaining> {
        let refused = self.refused.iter().map(|(rule, error)| Remaining::new(rule, error));
        let not_added = self.open.authorize.iter().filter(|rule| !self.changes.is_added(rule));
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
    fn incomplete(&self) -> RemediationError {
        let status = if self.changes.is_empty() { Status::Failed } else { Status::Partial };
        RemediationError::Incomplete(Box::new(self.done(status, self.remaining("not done after several attempts"))))
    }
}

impl<S: RemediationServices> Rounds for Restoring<'_, S> {
    async fn round(&mut self, round: usize) -> Result<Progress, RemediationError> {
        let live = self.environment.ec2().rules(self.group_id()).await?;
        let whole = restoration(&self.taken.before, &self.taken.added, &live.ingress);
        let is_refused = |rule: &IngressRule| self.refused.iter().any(|(refused, _)| refused.admits_the_same_as(rule));
        let (mut settling, mut open) = (Restoration::default(), whole.clone());
        open.authorize.retain(|rule| !is_refused(rule));
        if !self.refused.is_empty() {
            // The rules that a carve made are the only remainder of a rule that cannot be restored: keep them.
            open.revoke.clear();
        }
        (settling.authorize, open.authorize) = open.authorize.into_iter().partition(|rule| self.changes.is_added(rule));
        (settling.revoke, open.revoke) = open.revoke.into_iter().partition(|rule| self.changes.is_gone(rule));
        (self.settling, self.open) = (settling, open);
        if self.request.dry_run {
            return Ok(Progress::Done(Box::new(self.planned())));
        }
        if self.open.is_empty() && self.settling.is_empty() {
            return self.finished(&whole).map(|response| Progress::Done(Box::new(response)));
        }
        if round > ROUNDS {
            return Err(self.incomplete());
        }
        if self.snapshot.is_none() && !self.open.is_empty() {
            self.prepare(live).await?;
        }
        let settled = self.change(round).await;
        Ok(if settled && self.settling.is_empty() { Progress::Settled } else { Progress::Unsettled })
    }

    fn has_begun(&self) -> bool {
        self.changes.begun
    }

    fn so_far(&self) -> Response {
        self.done(Status::Partial, Vec::new())
    }
}

impl<S: RemediationServices> Task for Restoring<'_, S> {
    async fn run(&mut self) -> Result<Response, RemediationError> {
        self.taken = self.vault.taken(&self.request.snapshot).await?;
        let no_group = || Obstacle::NoGroup { group_id: self.request.security_group_id.clone() };
        self.group = self.environment.ec2().security_group(self.group_id()).await?.ok_or_else(no_group)?;
        rounds::run(self).await
    }

    fn interrupted(&mut self) -> RemediationError {
        let (status, outcome) = out_of_time(self.changes.begun);
        let mut response = self.done(status, self.remaining("not done before the deadline"));
        response.message = format!("{}; {outcome}", response.message);
        RemediationError::Incomplete(Box::new(response))
    }
}
