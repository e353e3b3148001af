//! Closes the exposures of one group: read, judge, plan, snapshot, authorise, revoke, verify.

mod outcome;

use aws_traits::AwsError;
use aws_traits::Services;
use aws_traits::config::RemediationExceptions;
use exposure::{Assessment, IngressRule, Plan, Strategy, Verdict, plan};
use judgement::{JudgedGroup, UnjudgedError};
use plain_text::error_message;
use tracing::warn;

use crate::environment::Environment;
use crate::error::RemediationError;
use crate::live_group::{self, LiveGroup};
use crate::request::{Close, RequestError};
use crate::response::{Closed, Remaining, Response, Status};
use crate::rounds::{self, Progress, ROUNDS, Rounds};
use crate::rule_changes::Changes;
use crate::services::RemediationServices;
use crate::snapshot::{Action, Author, Hold, Vault};
use crate::task::{Task, out_of_time};

/// State of one closing.
pub(crate) struct Closing<'a, S: RemediationServices> {
    environment: &'a Environment<S>,
    request: &'a Close,
    strategy: Strategy,
    vault: Vault<'a, <S as Services>::Store>,
    changes: Changes,
    /// URI of the snapshot taken before the first change.
    snapshot: Option<String>,
    /// Latest snapshot.
    kept: Option<Kept>,
    /// Exposing rules that the latest round found.
    open: Vec<IngressRule>,
    /// Owed rules: their predecessors are revoked, and they are still to be added. With the error of the latest
    /// attempt.
    due: Vec<(IngressRule, Option<AwsError>)>,
    /// Whether the store has a record of owed rules.
    owed: bool,
    /// Rules for all traffic that were narrowed.
    narrowed: Vec<IngressRule>,
}

/// Snapshot that this closing took, or continues.
struct Kept {
    uri: String,
    ingress: Vec<IngressRule>,
}

impl<'a, S: RemediationServices> Closing<'a, S> {
    pub(crate) fn new(environment: &'a Environment<S>, request: &'a Close) -> Self {
        Self {
            environment,
            request,
            strategy: request.strategy(),
            vault: Vault::new(environment.store(), &request.security_group_id, environment.now),
            changes: Changes::default(),
            snapshot: None,
            kept: None,
            open: Vec::new(),
            due: Vec::new(),
            owed: false,
            narrowed: Vec::new(),
        }
    }

    fn group_id(&self) -> &'a str {
        &self.request.security_group_id
    }

    /// Checks that can end the closing before anything is changed: the verdict, and a hold.
    async fn before_anything(&mut self, assessment: &Assessment<'_>) -> Result<Option<Response>, RemediationError> {
        match assessment.verdict() {
            Verdict::Unknown => return Err(UnjudgedError::new(self.group_id(), assessment).into()),
            Verdict::Exempt => return Ok(Some(self.exempt(assessment))),
            Verdict::NonCompliant | Verdict::Compliant => {}
        }
        // Only strategies that add rules can owe rules.
        if self.strategy != Strategy::Revoke
            && let Some(debt) = self.vault.debt().await?
        {
            self.owed = true;
            self.due = debt.rules().into_iter().map(|rule| (rule, None)).collect();
            // Rules added now belong to the change that began with that snapshot.
            self.kept = debt.snapshot().map(|uri| Kept { uri: uri.to_owned(), ingress: Vec::new() });
        }
        if assessment.verdict() == Verdict::Compliant {
            return Ok(self.due.is_empty().then(|| self.nothing_to_do()));
        }
        if !self.request.ignore_hold
            && let Some(hold) = self.vault.hold().await?
        {
            return Ok(Some(self.held(&hold).await));
        }
        Ok(None)
    }

    /// Takes a snapshot of the group, unless one of this closing already has every rule in `open`.
    async fn keep(&mut self, live: &LiveGroup, plan: &Plan, open: &[IngressRule]) -> Result<(), RemediationError> {
        let is_kept = |kept: &Kept| open.iter().all(|rule| kept.ingress.iter().any(|known| known.id == rule.id));
        if self.snapshot.is_some() && self.kept.as_ref().is_some_and(is_kept) {
            return Ok(());
        }
        let author = Author {
            action: Action::Close,
            strategy: Some(self.request.strategy),
            config_rule_name: &self.request.config_rule_name,
            execution_id: self.request.execution_id.as_deref(),
        };
        let mut plan = plan.clone();
        plan.authorize.extend(self.due.iter().map(|(rule, _)| rule.clone()));
        let continues = self.kept.as_ref().map(|kept| kept.uri.clone());
        let uri = self.vault.keep(author, &live.judged.group, &live.egress, &plan, continues).await?;
        self.snapshot.get_or_insert_with(|| uri.clone());
        self.kept = Some(Kept { uri, ingress: live.judged.group.ingress.clone() });
        Ok(())
    }

    /// Adds, then revokes, so that legitimate traffic is never interrupted. Returns true if there is nothing left to
    /// retry.
    async fn change(&mut self, plan: &Plan, open: &[IngressRule], round: usize) -> bool {
        let ec2 = self.environment.ec2();
        let heirs: Vec<_> = plan.authorize.iter().filter(|rule| !self.changes.is_added(rule)).cloned().collect();
        let failed = self.changes.authorize(ec2, self.group_id(), &heirs).await;
        if round < ROUNDS && failed.iter().any(|(_, error)| error.is_transient()) {
            // The next round retries; until then, nothing is revoked.
            return false;
        }
        // The other rules cannot be added now, most likely because the group is full. Closing has priority.
        self.due.extend(failed.into_iter().map(|(rule, error)| (rule, Some(error))));
        if !self.due.is_empty() && !open.is_empty() {
            self.record_owed_rules().await;
        }
        self.changes.revoke(ec2, self.group_id(), open).await;
        let due: Vec<_> = std::mem::take(&mut self.due).into_iter().map(|(rule, _)| rule).collect();
        let failed = self.changes.authorize(ec2, self.group_id(), &due).await;
        self.due = failed.into_iter().map(|(rule, error)| (rule, Some(error))).collect();
        // A retry does not help against a full group.
        let hopeless = self.due.iter().all(|(_, error)| error.as_ref().is_some_and(|error| !error.is_transient()));
        (self.due.is_empty() || hopeless) && open.iter().all(|rule| self.changes.is_gone(rule))
    }

    /// The response for a group on hold. Also requests the remediation exception again, which AWS Config accepts only
    /// while the group is non-compliant, so that it starts no further closing until the hold ends.
    async fn held(&self, hold: &Hold) -> Response {
        let Hold { until, execution_id, config_rule_name, .. } = hold;
        let by = execution_id.as_ref().map_or_else(|| "a restore".to_owned(), |id| format!("the restore by {id}"));
        let message = format!("on hold until {until} after {by}");
        if !self.request.dry_run {
            let config = self.environment.config();
            match config.put_remediation_exception(config_rule_name, self.group_id(), &message, *until).await {
                Ok(None) => {}
                Ok(Some(reason)) => {
                    warn!(security_group.id = self.group_id(), reason, "remediation exception not created");
                }
                Err(error) => warn!(security_group.id = self.group_id(), %error, "remediation exception not created"),
            }
        }
        let message = format!(
            "{} was not changed: {message}; to close it now, set IgnoreHold (command line: --ignore-hold)",
            self.group_id()
        );
        self.response(Status::Exempt, message, Closed { held_until: Some(*until), ..Closed::default() })
    }

    /// Records the owed rules, so that the next run adds them if this one ends too early.
    async fn record_owed_rules(&mut self) {
        let rules: Vec<_> = self.due.iter().map(|(rule, _)| rule.clone()).collect();
        let snapshot = self.kept.as_ref().map(|kept| kept.uri.clone());
        match self.vault.put_debt(&rules, snapshot).await {
            Ok(()) => self.owed = true,
            // The snapshot has them as well. Closing has priority.
            Err(error) => {
                warn!(security_group.id = self.group_id(), error = error_message(&error), "owed rules not recorded");
            }
        }
    }
}

impl<S: RemediationServices> Rounds for Closing<'_, S> {
    async fn round(&mut self, round: usize) -> Result<Progress, RemediationError> {
        let live = live_group::read(self.environment, &self.request.config_rule_name, self.group_id()).await?;
        let judged = &live.judged;
        let assessment = judged.assess();
        if round == 1
            && let Some(response) = self.before_anything(&assessment).await?
        {
            return Ok(Progress::Done(Box::new(response)));
        }
        self.due.retain(|(rule, _)| !judged.group.ingress.iter().any(|known| known.admits_the_same_as(rule)));
        let plan = plan(&judged.group, &assessment, &self.strategy, &judged.prefix_lists);
        if let Strategy::Replace(_) = self.strategy {
            replacement_closes(judged, &plan)?;
        }
        if self.request.dry_run {
            return Ok(Progress::Done(Box::new(self.planned(&plan, &assessment))));
        }
        let (settling, open): (Vec<_>, Vec<_>) =
            plan.revoke.iter().cloned().partition(|rule| self.changes.is_gone(rule));
        self.open.clone_from(&open);
        if settling.is_empty() && open.is_empty() && (self.due.is_empty() || round > ROUNDS) {
            return self.finished(&assessment).map(|response| Progress::Done(Box::new(response)));
        }
        if round > ROUNDS || (settling.is_empty() && !open.is_empty() && self.changes.all_denied(&open)) {
            return Err(self.still_open(&settling));
        }
        self.keep(&live, &plan, &open).await?;
        // Not earlier: a closing that cannot begin changes nothing, and keeps the hold.
        if round == 1 && self.request.ignore_hold {
            self.vault.delete_hold().await?;
        }
        self.narrowed.extend(plan.narrowed.iter().filter(|rule| open.contains(rule)).cloned());
        let settled = self.change(&plan, &open, round).await;
        Ok(if settled && settling.is_empty() { Progress::Settled } else { Progress::Unsettled })
    }

    fn has_begun(&self) -> bool {
        self.changes.begun
    }

    fn so_far(&self) -> Response {
        self.done(Status::Partial, Vec::new())
    }
}

impl<S: RemediationServices> Task for Closing<'_, S> {
    async fn run(&mut self) -> Result<Response, RemediationError> {
        let response = rounds::run(self).await?;
        if self.owed && self.due.is_empty() && !self.request.dry_run {
            self.vault.delete_debt().await.unwrap_or_else(|error| {
                // The record expires, and a rule that exists is not added twice.
                warn!(
                    security_group.id = self.group_id(),
                    error = error_message(&error),
                    "record of owed rules not deleted"
                );
            });
        }
        Ok(response)
    }

    fn interrupted(&mut self) -> RemediationError {
        let remaining = self.open.iter().filter(|rule| !self.changes.is_gone(rule));
        let remaining: Vec<_> = remaining.map(|rule| Remaining::new(rule, "not revoked before the deadline")).collect();
        let (status, outcome) = out_of_time(self.changes.begun);
        let mut response = self.done(status, remaining);
        response.message = format!("{}; {outcome}", response.message);
        RemediationError::Incomplete(Box::new(response))
    }
}

/// Checks that the group has no exposure after `plan`.
///
/// # Errors
///
/// If a replacement is an exposure itself.
fn replacement_closes(judged: &JudgedGroup, plan: &Plan) -> Result<(), RequestError> {
    let after = plan.apply(&judged.group);
    let assessment = judged.assess_instead(&after);
    match assessment.exposures.first() {
        None => Ok(()),
        Some(exposure) => Err(RequestError::ReplacementExposes {
            source_text: exposure.rule.source.to_string(),
            ports: exposure.ports.to_string(),
        }),
    }
}
