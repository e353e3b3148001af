//! Restores the rules that a closing revoked.

mod exchange;
mod hold;
mod outcome;

use aws_traits::ec2::{GroupRules, SecurityGroupRules, SecurityGroups};
use aws_traits::{AwsError, Services};
use exposure::{IngressRule, Plan, Restoration, SecurityGroup};
use judgement::PolicyError;
use plain_text::error_message;
use tracing::warn;

use self::hold::HoldChange;
use crate::environment::Environment;
use crate::error::{Obstacle, RemediationError};
use crate::request::{RequestError, Restore};
use crate::response::{Response, Status};
use crate::rounds::{self, Progress, ROUNDS, Rounds};
use crate::rule_changes::Changes;
use crate::services::RemediationServices;
use crate::snapshot::{Action, Author, Taken, Vault};
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
    hold: HoldChange,
    /// Rules that EC2 refuses to add.
    refused: Vec<(IngressRule, AwsError)>,
    /// Changes that were still to be made in the latest round.
    open: Restoration,
    /// Changes that were made, and that EC2 did not list in the latest round.
    settling: Restoration,
    succeeded: bool,
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
            hold: HoldChange::default(),
            refused: Vec::new(),
            open: Restoration::default(),
            settling: Restoration::default(),
            succeeded: false,
        }
    }

    fn group_id(&self) -> &'a str {
        &self.request.security_group_id
    }

    /// Checks that the rule is that of the stack, or at least exists. Otherwise its exception would hold nothing back, and
    /// automatic mode of the real rule would start closings until the hold ends.
    async fn check_rule(&self) -> Result<(), RemediationError> {
        let rule_name = &self.request.config_rule_name;
        if let Some(own_rule) = &self.environment.own_rule {
            return if own_rule == rule_name {
                Ok(())
            } else {
                let (rule_name, own_rule) = (rule_name.clone(), own_rule.clone());
                Err(RequestError::NotOurRule { rule_name, own_rule }.into())
            };
        }
        match self.environment.policy.rule_parameters(rule_name).await {
            Err(PolicyError::Rule(error)) if error.code() == Some("NoSuchConfigRuleException") => {
                Err(RequestError::NoSuchRule { rule_name: rule_name.clone(), problem: error }.into())
            }
            Err(error @ PolicyError::Rule(_)) => Err(error.into()),
            // A restore needs no policy.
            Ok(_) | Err(PolicyError::RuleParameters { .. } | PolicyError::Exemptions(_)) => Ok(()),
        }
    }

    /// Writes a snapshot and changes the hold, which keeps automatic mode from undoing the restore, before the first change.
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
        self.snapshot = Some(self.vault.keep(author, &self.group, &live.egress, &plan, &[], continues).await?);
        self.change_hold().await
    }
}

impl<S: RemediationServices> Rounds for Restoring<'_, S> {
    async fn round(&mut self, round: usize) -> Result<Progress, RemediationError> {
        let live = self.environment.ec2().rules(self.group_id()).await?;
        self.changes.settle(&live.ingress);
        let whole = self.taken.undo.restoration(&live.ingress);
        let (mut settling, mut open) = (Restoration::default(), whole.clone());
        open.authorize.retain(|rule| !self.is_refused(rule));
        open.revoke.retain(|rule| !self.stands_for_refused(rule));
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
        let settled = self.change(&whole, round).await;
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
        self.check_rule().await?;
        let live = self.environment.ec2().rules(self.group_id()).await?;
        let taken = self.vault.taken(&self.request.snapshot, &live.ingress).await?;
        let no_group = || Obstacle::NoGroup { group_id: self.request.security_group_id.clone() };
        self.group = self.environment.ec2().security_group(self.group_id()).await?.ok_or_else(no_group)?;
        let mut response = match taken {
            Some(taken) => {
                self.taken = taken;
                rounds::run(self).await?
            }
            None => self.nothing_taken(),
        };
        if !self.request.dry_run && self.snapshot.is_none() {
            self.change_hold().await?;
            self.mention_hold(&mut response);
        }
        self.succeeded = true;
        Ok(response)
    }

    /// Ends what the restore has made moot: rules that closings owe to the group. A restore that has changed nothing leaves them,
    /// and its hold is taken back.
    async fn conclude(&mut self) {
        if self.request.dry_run {
            return;
        }
        if (self.succeeded || !self.changes.is_empty())
            && let Err(error) = self.vault.delete_debt().await
        {
            warn!(
                security_group.id = self.group_id(),
                error = error_message(&error),
                "record of owed rules not deleted"
            );
        }
        if !self.succeeded && self.changes.is_empty() {
            self.take_back_hold().await;
        }
    }

    fn interrupted(&mut self) -> RemediationError {
        let (status, outcome) = out_of_time(self.changes.begun);
        let mut response = self.done(status, self.remaining("not done before the deadline"));
        response.message = format!("{}; {outcome}", response.message);
        RemediationError::Incomplete(Box::new(response))
    }
}
