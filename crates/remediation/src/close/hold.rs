//! The hold on a group that is to be closed.

use exposure::SecurityGroup;
use tracing::{error, warn};

use super::Closing;
use crate::error::RemediationError;
use crate::exception;
use crate::response::{Closed, ClosingFacts, Response, Status};
use crate::services::RemediationServices;
use crate::snapshot::{Hold, HoldState};

impl<S: RemediationServices> Closing<'_, S> {
    /// The hold on the group, if it is in force. One that has ended is deleted.
    pub(super) async fn current_hold(&self) -> Result<Option<Hold>, RemediationError> {
        match self.vault.hold_state().await? {
            HoldState::None => Ok(None),
            HoldState::Active(hold) => Ok(Some(hold)),
            HoldState::Ended => {
                if !self.request.dry_run
                    && let Err(problem) = self.vault.delete_hold().await
                {
                    warn!(security_group.id = self.group_id(), error = %problem, "hold that has ended not deleted");
                }
                Ok(None)
            }
        }
    }

    /// Ends the hold and its exception, if the request ignores the hold. A dry run ends nothing.
    pub(super) async fn end_ignored_hold(&self) -> Result<(), RemediationError> {
        if !self.request.ignore_hold || self.request.dry_run {
            return Ok(());
        }
        if self.vault.hold_state().await? != HoldState::None {
            self.vault.delete_hold().await?;
        }
        exception::end(self.environment.config(), &self.request.config_rule_name, self.group_id()).await;
        Ok(())
    }

    /// The response for a group on hold. Also requests the remediation exception again, for the rule that asks, which AWS
    /// Config accepts only while the group is non-compliant, so that it starts no further closing until the hold ends.
    pub(super) async fn held(&mut self, hold: &Hold) -> Response {
        let Hold { until, execution_id, unreadable } = hold;
        if let Some(problem) = unreadable {
            error!(security_group.id = self.group_id(), until = %until, error = problem, "hold unreadable");
        }
        let by = execution_id.as_ref().map_or_else(|| "a restore".to_owned(), |id| format!("the restore by {id}"));
        let message = format!("on hold until {until} after {by}");
        if !self.request.dry_run {
            let config = self.environment.config();
            exception::put(config, &self.request.config_rule_name, self.group_id(), &message, *until).await;
        }
        let changed = self.changes.begun;
        // The restore gives back the rules whose successors are owed.
        self.due.clear();
        let remedy = "to close it now, set IgnoreHold (command line: --ignore-hold)";
        let so_far = self.done(Status::Exempt, Vec::new());
        let message = if changed {
            format!("{}; {message}, so nothing else was changed; {remedy}", so_far.message)
        } else {
            format!("{} was not changed: {message}; {remedy}", self.group_id())
        };
        let closed = so_far.closed().cloned().unwrap_or_default();
        let facts = ClosingFacts { held_by: execution_id.clone(), ..ClosingFacts::default() };
        let closed = Closed { held_until: Some(*until), facts: Some(Box::new(facts)), ..closed };
        self.response(Status::Exempt, message, closed)
    }

    /// The group with its owed rules.
    pub(super) fn with_due(&self, group: &SecurityGroup) -> SecurityGroup {
        let mut group = group.clone();
        group.ingress.extend(self.due.rules());
        group
    }
}
