//! Closes the exposures of one group: read, judge, plan, snapshot, authorise, revoke, verify.

mod debts;
mod grace;
mod hold;
mod outcome;
mod pace;

use std::sync::Arc;
use std::time::Duration;

use aws_traits::{AwsError, Services};
use exposure::{Assessment, IngressRule, Plan, Strategy, Verdict, plan};
use judgement::{GraceRecord, JudgedGroup, RuleParameters, UnjudgedError};
use plain_text::error_message;
use tracing::warn;

use self::debts::Due;
use crate::environment::Environment;
use crate::error::RemediationError;
use crate::gate::{Closed, UnlessHeld};
use crate::live_group::{self, LiveGroup};
use crate::reevaluation;
use crate::request::{Close, RequestError};
use crate::response::{Remaining, Response, Status};
use crate::room;
use crate::rounds::{self, Progress, ROUNDS, Rounds};
use crate::rule_changes::{Changes, OnFull, is_same};
use crate::services::RemediationServices;
use crate::snapshot::{Action, Author, Vault};
use crate::task::{Task, out_of_time};

/// Time for adding rules before the exposing ones are revoked. A throttled EC2 must not keep a port open for longer.
const BEFORE_REVOCATION: Duration = Duration::from_secs(20);

/// State of one closing.
pub(crate) struct Closing<'a, S: RemediationServices> {
    environment: &'a Environment<S>,
    request: &'a Close,
    strategy: Strategy,
    vault: Vault<'a, <S as Services>::Store>,
    changes: Changes,
    /// Policy of the rule, once it is read.
    policy: Option<Arc<RuleParameters>>,
    /// Snapshots that this closing took, oldest first.
    kept: Vec<Kept>,
    /// URI of the snapshot of an earlier closing that this one completes.
    continues: Option<String>,
    /// Exposing rules that the latest round found.
    open: Vec<IngressRule>,
    /// Owed rules: their predecessors are revoked, and they are still to be added.
    due: Due,
    /// Rules for all traffic that were narrowed.
    narrowed: Vec<IngressRule>,
    /// What is due, if the request asks for no more.
    record: Option<GraceRecord>,
    /// Exposures that are not due.
    waiting: usize,
    /// Whether the group may be closed in this hour.
    is_admitted: bool,
    /// Whether a rule is from a prefix list, whose change AWS Config does not notice.
    has_prefix_lists: bool,
}

/// Snapshot that this closing took.
struct Kept {
    uri: String,
    /// Rules that the closing revokes by it.
    planned: Vec<IngressRule>,
}

impl<'a, S: RemediationServices> Closing<'a, S> {
    pub(crate) fn new(environment: &'a Environment<S>, request: &'a Close) -> Self {
        Self {
            environment,
            request,
            strategy: request.strategy(),
            vault: Vault::new(environment.store(), &request.security_group_id, environment.now),
            changes: Changes::default(),
            policy: None,
            kept: Vec::new(),
            continues: None,
            open: Vec::new(),
            due: Due::default(),
            narrowed: Vec::new(),
            record: None,
            waiting: 0,
            is_admitted: false,
            has_prefix_lists: false,
        }
    }

    fn group_id(&self) -> &'a str {
        &self.request.security_group_id
    }

    /// Checks that can end the closing before anything is changed: the days of grace, the verdict, and a hold.
    async fn before_anything(
        &mut self,
        live: &LiveGroup,
        assessment: &Assessment<'_>,
    ) -> Result<Option<Response>, RemediationError> {
        if let Some(response) = self.nothing_due(assessment) {
            return Ok(Some(response));
        }
        let verdict = assessment.verdict();
        if verdict == Verdict::Unknown {
            return Err(UnjudgedError::new(self.group_id(), assessment).into());
        }
        if verdict == Verdict::Exempt {
            self.end_ignored_hold().await?;
            return Ok(Some(self.exempt(assessment)));
        }
        self.read_debt(live).await?;
        if verdict == Verdict::Compliant {
            self.end_ignored_hold().await?;
            if self.due.is_empty() {
                return Ok(Some(self.nothing_to_do()));
            }
        }
        if self.request.ignore_hold {
            return Ok(None);
        }
        Ok(match self.current_hold().await? {
            Some(hold) => Some(self.held(&hold).await),
            None => None,
        })
    }

    /// Takes a snapshot of the group, unless those of this closing have every rule in `open` as it is now.
    async fn keep(&mut self, live: &LiveGroup, plan: &Plan, open: &[IngressRule]) -> Result<(), RemediationError> {
        let is_kept =
            |rule: &IngressRule| self.kept.iter().any(|kept| kept.planned.iter().any(|planned| is_same(planned, rule)));
        if !self.kept.is_empty() && open.iter().all(is_kept) {
            return Ok(());
        }
        let author = Author {
            action: Action::Close,
            strategy: Some(self.request.strategy),
            config_rule_name: &self.request.config_rule_name,
            execution_id: self.request.execution_id.as_deref(),
        };
        let due = self.due.rules();
        let continues = self.kept.last().map(|kept| kept.uri.clone()).or_else(|| self.continues.clone());
        let uri = self.vault.keep(author, &live.judged.group, &live.egress, plan, &due, continues).await?;
        self.kept.push(Kept { uri, planned: plan.revoke.clone() });
        Ok(())
    }

    /// Adds, then revokes, so that legitimate traffic is never interrupted; the other way round in a group that has no room.
    /// Returns true if there is nothing left to retry.
    async fn change(
        &mut self,
        live: &LiveGroup,
        plan: &Plan,
        open: &[IngressRule],
        round: usize,
    ) -> Result<bool, Closed> {
        let ec2 = self.environment.ec2();
        let group_id = self.group_id();
        let mut gate = UnlessHeld(&self.vault);
        let heirs: Vec<_> = plan.authorize.iter().filter(|rule| !self.changes.is_added(rule)).cloned().collect();
        let mut refused: Vec<(IngressRule, AwsError)> = Vec::new();
        if !heirs.is_empty() && room::for_rules(&live.judged.group.ingress, &heirs) {
            let adding = self.changes.authorize(ec2, group_id, &heirs, OnFull::Stop, &mut gate);
            if let Ok(added) = tokio::time::timeout(BEFORE_REVOCATION, adding).await {
                refused = added?;
            }
            if round == 1 && refused.iter().any(|(_, error)| error.is_transient()) {
                // The next round retries; until then, nothing is revoked.
                return Ok(false);
            }
        }
        // The other rules cannot be added now, most likely because the group is full. Closing has priority.
        for heir in heirs.into_iter().filter(|rule| !self.changes.is_added(rule)) {
            let error = refused.iter().find(|(rule, _)| rule.admits_the_same_as(&heir)).map(|(_, error)| error.clone());
            self.due.add(heir, error);
        }
        if !self.due.is_empty() && !open.is_empty() {
            self.record_debt(live, open).await;
        }
        let mut gate = UnlessHeld(&self.vault);
        self.changes.revoke(ec2, group_id, open, &mut gate).await?;
        self.drop_premature_debt(live, open).await;
        let mut gate = UnlessHeld(&self.vault);
        let due = self.due.rules();
        let failed = self.changes.authorize(ec2, group_id, &due, OnFull::AddSome, &mut gate).await?;
        let are_fewer = failed.len() < due.len();
        self.due.replace(failed);
        if are_fewer && !self.due.is_empty() {
            // What was added is no longer owed: if its owner removes it, nobody adds it again.
            self.record_debt(live, open).await;
        }
        Ok(self.due.is_hopeless() && open.iter().all(|rule| self.changes.is_gone(rule)))
    }

    /// Checks that the group has no exposure after `plan`, but those that are not due.
    ///
    /// # Errors
    ///
    /// If a replacement is an exposure itself.
    fn replacement_closes(&self, judged: &JudgedGroup, plan: &Plan) -> Result<(), RequestError> {
        let after = plan.apply(&judged.group);
        let assessment = judged.assess_instead(&after);
        let is_added = |rule: &IngressRule| plan.authorize.iter().any(|added| added.admits_the_same_as(rule));
        let exposures = &assessment.exposures;
        match exposures.iter().find(|exposure| self.waiting == 0 || is_added(exposure.rule)) {
            None => Ok(()),
            Some(exposure) => Err(RequestError::ReplacementExposes {
                source_text: exposure.rule.source.to_string(),
                ports: exposure.ports.to_string(),
            }),
        }
    }
}

impl<S: RemediationServices> Rounds for Closing<'_, S> {
    async fn round(&mut self, round: usize) -> Result<Progress, RemediationError> {
        // One policy for the whole closing, and the exemptions of the moment.
        let live = match self.policy.clone() {
            Some(policy) => live_group::read_again(self.environment, policy, self.group_id()).await?,
            None => live_group::read(self.environment, &self.request.config_rule_name, self.group_id()).await?,
        };
        let judged = &live.judged;
        self.policy = Some(Arc::clone(&judged.criteria.parameters));
        if round == 1 {
            self.read_record().await?;
        }
        let assessment = self.only_due(judged.assess());
        self.has_prefix_lists = judged.has_prefix_lists();
        if round == 1
            && let Some(response) = self.before_anything(&live, &assessment).await?
        {
            return Ok(Progress::Done(Box::new(response)));
        }
        self.changes.settle(&judged.group.ingress);
        self.due.retain_missing(&judged.group.ingress);
        let plan = plan(&judged.group, &assessment, &self.strategy, &judged.prefix_lists);
        if let Strategy::Replace(_) = self.strategy {
            self.replacement_closes(judged, &plan)?;
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
            self.changes.are_there(&open);
            self.drop_premature_debt(&live, &open).await;
            return Err(self.still_open(&settling));
        }
        // Rules that are owed close nothing, and need no admission.
        if !open.is_empty()
            && let Some(response) = self.deferred().await?
        {
            return Ok(Progress::Done(Box::new(response)));
        }
        self.keep(&live, &plan, &open).await?;
        // Not earlier: a closing that cannot begin changes nothing, and keeps the hold. A hold that is found from now on is
        // newer than this request, and counts.
        if round == 1 {
            self.end_ignored_hold().await?;
        }
        self.narrowed.extend(plan.narrowed.iter().filter(|rule| open.contains(rule)).cloned());
        match self.change(&live, &plan, &open, round).await {
            Ok(settled) => Ok(if settled && settling.is_empty() { Progress::Settled } else { Progress::Unsettled }),
            Err(Closed::Held(hold)) => Ok(Progress::Done(Box::new(self.held(&hold).await))),
            Err(Closed::Unknown(error)) => Err(error.into()),
        }
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
        let mut response = rounds::run(self).await?;
        if self.request.dry_run {
            return Ok(response);
        }
        if self.due.is_settled() {
            self.delete_debt().await;
        }
        if !self.request.only_due {
            self.forget_deferral(&response).await;
        }
        reevaluation::after_closing(self.environment, self.request, self.has_prefix_lists, &mut response).await;
        Ok(response)
    }

    /// Records the rules that were revoked, where they are not those of the snapshot.
    async fn conclude(&mut self) {
        for Kept { uri, planned } in &self.kept {
            let revoked: Vec<_> = planned.iter().filter(|rule| self.changes.may_have_revoked(rule)).cloned().collect();
            if revoked.len() == planned.len() {
                continue;
            }
            if let Err(error) = self.vault.put_outcome(uri, &revoked).await {
                // A restore then gives back what the snapshot plans and the group no longer has.
                warn!(security_group.id = self.group_id(), error = error_message(&error), "outcome not recorded");
            }
        }
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
