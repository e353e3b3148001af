//! Closing the exposures of one group.

use aws_events::{Annotation, UnjudgedError};
use aws_traits::AwsError;
use aws_traits::config::{ConfigRules, RemediationExceptions};
use aws_traits::ec2::{ManagedPrefixLists, SecurityGroupRules, SecurityGroups};
use aws_traits::s3::Objects;
use aws_traits::ssm::Parameters;
use exposure::{Assessment, IngressRule, Plan, Strategy, Verdict, plan};
use tracing::warn;

use crate::change::{Changes, is_quota};
use crate::error::RemediatorError;
use crate::judge::Judged;
use crate::remediator::{Remediator, Task, out_of_time};
use crate::request::{Close, RequestError};
use crate::response::{Closed, Details, Remaining, Response, Status, count, records};
use crate::rounds::{self, Progress, ROUNDS, Rounds};
use crate::snapshot::{Action, Author, Hold, Vault};

/// One closing.
pub(crate) struct Closing<'a, C, E, P, S> {
    remediator: &'a Remediator<C, E, P, S>,
    request: &'a Close,
    strategy: Strategy,
    vault: Vault<'a, S>,
    changes: Changes,
    /// Where the group as it was before the first change is kept.
    snapshot: Option<String>,
    /// What the latest snapshot is about.
    kept: Option<Kept>,
    /// Exposing rules that were still there in the latest round.
    open: Vec<IngressRule>,
    /// Rules that have to be added although their predecessors are gone, and why they are not there yet.
    due: Vec<(IngressRule, Option<AwsError>)>,
    /// Whether the bucket has a note of what is due.
    owed: bool,
    /// Rules for all traffic that were narrowed.
    narrowed: Vec<IngressRule>,
}

/// A snapshot of this closing.
struct Kept {
    uri: String,
    ingress: Vec<IngressRule>,
}

impl<'a, C, E, P, S> Closing<'a, C, E, P, S>
where
    C: ConfigRules + RemediationExceptions,
    E: SecurityGroups + SecurityGroupRules + ManagedPrefixLists + Clone,
    P: Parameters,
    S: Objects,
{
    pub(crate) fn new(remediator: &'a Remediator<C, E, P, S>, request: &'a Close) -> Self {
        Self {
            remediator,
            request,
            strategy: request.strategy(),
            vault: Vault::new(&remediator.bucket, &request.security_group_id, remediator.now),
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

    /// What may make an end before anything is changed.
    async fn before_anything(&mut self, assessment: &Assessment<'_>) -> Result<Option<Response>, RemediatorError> {
        match assessment.verdict() {
            Verdict::Unknown => return Err(UnjudgedError::new(self.group_id(), assessment).into()),
            Verdict::Exempt => return Ok(Some(self.exempt(assessment))),
            Verdict::NonCompliant | Verdict::Compliant => {}
        }
        // Only strategies that add something can owe something.
        if self.strategy != Strategy::Revoke
            && let Some(owed) = self.vault.owed().await?
        {
            self.owed = true;
            self.due = owed.rules().into_iter().map(|rule| (rule, None)).collect();
            // What is added now belongs to the change that began with that snapshot.
            self.kept = owed.snapshot().map(|uri| Kept { uri: uri.to_owned(), ingress: Vec::new() });
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

    /// Keeps the group as it is, unless a snapshot of this closing has every rule that is about to go.
    async fn keep(&mut self, judged: &Judged, plan: &Plan, open: &[IngressRule]) -> Result<(), RemediatorError> {
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
        let uri = self.vault.keep(author, &judged.group, &judged.egress, &plan, continues).await?;
        self.snapshot.get_or_insert_with(|| uri.clone());
        self.kept = Some(Kept { uri, ingress: judged.group.ingress.clone() });
        Ok(())
    }

    /// Adds first, then revokes, so that nobody legitimate is shut out in between. Whether all of it was done.
    async fn change(&mut self, plan: &Plan, open: &[IngressRule], round: usize) -> bool {
        let ec2 = &self.remediator.ec2;
        let heirs: Vec<_> = plan.authorize.iter().filter(|rule| !self.changes.is_added(rule)).cloned().collect();
        let failed = self.changes.authorize(ec2, self.group_id(), &heirs).await;
        if round < ROUNDS && failed.iter().any(|(_, error)| error.is_transient()) {
            // It may well work in a moment, and until then nobody needs to be shut out.
            return false;
        }
        // The rest cannot be added beside what is there, most likely since the group is full. Closing has priority.
        self.due.extend(failed.into_iter().map(|(rule, error)| (rule, Some(error))));
        if !self.due.is_empty() && !open.is_empty() {
            self.note_what_is_due().await;
        }
        self.changes.revoke(ec2, self.group_id(), open).await;
        let due: Vec<_> = std::mem::take(&mut self.due).into_iter().map(|(rule, _)| rule).collect();
        let failed = self.changes.authorize(ec2, self.group_id(), &due).await;
        self.due = failed.into_iter().map(|(rule, error)| (rule, Some(error))).collect();
        // What has no room now has none a moment later.
        let hopeless = self.due.iter().all(|(_, error)| error.as_ref().is_some_and(|error| !error.is_transient()));
        (self.due.is_empty() || hopeless) && open.iter().all(|rule| self.changes.is_gone(rule))
    }

    /// Should this run end before these rules are added, the next one adds them.
    async fn note_what_is_due(&mut self) {
        let rules: Vec<_> = self.due.iter().map(|(rule, _)| rule.clone()).collect();
        let snapshot = self.kept.as_ref().map(|kept| kept.uri.clone());
        match self.vault.owe(&rules, snapshot).await {
            Ok(()) => self.owed = true,
            // The snapshot has them, too. Closing has priority.
            Err(error) => warn!(security_group.id = self.group_id(), %error, "cannot note what is owed"),
        }
    }

    fn response(&self, status: Status, message: String, closed: Closed) -> Response {
        Response {
            status,
            security_group_id: self.group_id().to_owned(),
            details: Details::Close(closed),
            snapshot: self.snapshot.clone(),
            message,
        }
    }

    fn nothing_to_do(&self) -> Response {
        let message = format!("{} exposes no blocked port", self.group_id());
        self.response(Status::NothingToDo, message, Closed::default())
    }

    fn exempt(&self, assessment: &Assessment<'_>) -> Response {
        let message = format!("{} is left as it is: {}", self.group_id(), Annotation::exempt(assessment));
        self.response(Status::Exempt, message, Closed::default())
    }

    /// The group was restored lately. Now that AWS Config finds it non-compliant it takes the exception that it may have
    /// refused then, and does not ask again until it ends.
    async fn held(&self, hold: &Hold) -> Response {
        let Hold { until, execution_id, config_rule_name, .. } = hold;
        let by = execution_id.as_deref().unwrap_or("somebody");
        let message = format!("restored by {by}; left alone until {until}");
        if !self.request.dry_run {
            let config = &self.remediator.config;
            match config.put_remediation_exception(config_rule_name, self.group_id(), &message, *until).await {
                Ok(None) => {}
                Ok(Some(reason)) => {
                    warn!(security_group.id = self.group_id(), reason, "AWS Config takes no exception");
                }
                Err(error) => warn!(security_group.id = self.group_id(), %error, "AWS Config takes no exception"),
            }
        }
        let message = format!(
            "{} is left as it is: {message}. To close it before, give IgnoreHold (at a terminal --ignore-hold)",
            self.group_id()
        );
        self.response(Status::Exempt, message, Closed { held_until: Some(*until), ..Closed::default() })
    }

    fn planned(&self, plan: &Plan, assessment: &Assessment<'_>) -> Response {
        let due = self.due.iter().map(|(rule, _)| rule);
        let authorized = records(plan.authorize.iter().chain(due));
        let mut parts = vec![format!("{} would be revoked", count(plan.revoke.len()))];
        if !authorized.is_empty() {
            parts.push(format!("{} added", authorized.len()));
        }
        let (group_id, parts, narrowed) = (self.group_id(), parts.join(", "), narrowed_text(&plan.narrowed));
        let message = format!("{group_id}: {parts}{narrowed}; dry run, nothing was changed");
        let closed = Closed {
            revoked: records(&plan.revoke),
            authorized,
            remaining: assessment.unjudged.iter().map(Into::into).collect(),
            ..Closed::default()
        };
        self.response(Status::Planned, message, closed)
    }

    fn done(&self, status: Status, remaining: Vec<Remaining>) -> Response {
        let changes = &self.changes;
        let not_authorized: Vec<_> = self
            .due
            .iter()
            .map(|(rule, error)| match error {
                Some(error) => Remaining::new(rule, error),
                None => Remaining::new(rule, "it was not tried"),
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
        if self.due.iter().any(|(_, error)| error.as_ref().is_some_and(is_quota)) {
            parts.push("raise the quota of rules per security group and close it again within a day".to_owned());
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
            held_until: None,
        };
        self.response(status, message, closed)
    }

    /// No exposure is left. Rules that cannot be judged may still be one, and rules that are owed may be missed, so they
    /// make the outcome partial.
    fn finished(&self, assessment: &Assessment<'_>) -> Result<Response, RemediatorError> {
        let unjudged: Vec<Remaining> = assessment.unjudged.iter().map(Into::into).collect();
        if !unjudged.is_empty() || !self.due.is_empty() {
            return Err(RemediatorError::Incomplete(Box::new(self.done(Status::Partial, unjudged))));
        }
        let is_exempt = assessment.verdict() == Verdict::Exempt;
        // Exempted between two rounds, before anything could be closed.
        if self.changes.is_empty() && is_exempt {
            return Ok(self.exempt(assessment));
        }
        let mut response = self.done(Status::Closed, unjudged);
        if is_exempt {
            response.message = format!("{}; the rest is {}", response.message, Annotation::exempt(assessment));
        }
        Ok(response)
    }

    /// Exposures are left after the last round.
    fn still_open(&self, settling: &[IngressRule]) -> RemediatorError {
        let open = self.open.iter().map(|rule| match self.changes.failure(rule) {
            Some(failure) => Remaining::new(rule, failure),
            None => Remaining::new(rule, "it was added meanwhile"),
        });
        let remaining = settling
            .iter()
            .map(|rule| Remaining::new(rule, "EC2 still lists it although it answered that it is gone"))
            .chain(open)
            .collect();
        let status = if self.changes.revoked.is_empty() { Status::Failed } else { Status::Partial };
        RemediatorError::Incomplete(Box::new(self.done(status, remaining)))
    }
}

impl<C, E, P, S> Rounds for Closing<'_, C, E, P, S>
where
    C: ConfigRules + RemediationExceptions,
    E: SecurityGroups + SecurityGroupRules + ManagedPrefixLists + Clone,
    P: Parameters,
    S: Objects,
{
    async fn round(&mut self, round: usize) -> Result<Progress, RemediatorError> {
        let judged = self.remediator.judge.read(&self.request.config_rule_name, self.group_id()).await?;
        let assessment = judged.assess();
        if round == 1
            && let Some(response) = self.before_anything(&assessment).await?
        {
            return Ok(Progress::Done(Box::new(response)));
        }
        self.due.retain(|(rule, _)| !judged.group.ingress.iter().any(|known| known.admits_the_same_as(rule)));
        let plan = plan(&judged.group, &assessment, &self.strategy, &judged.prefix_lists);
        if let Strategy::Replace(_) = self.strategy {
            replacement_closes(&judged, &plan)?;
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
        self.keep(&judged, &plan, &open).await?;
        // Only now: a closing that cannot begin changes nothing, the hold included.
        if round == 1 && self.request.ignore_hold {
            self.vault.lift_hold().await?;
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

impl<C, E, P, S> Task for Closing<'_, C, E, P, S>
where
    C: ConfigRules + RemediationExceptions,
    E: SecurityGroups + SecurityGroupRules + ManagedPrefixLists + Clone,
    P: Parameters,
    S: Objects,
{
    async fn run(&mut self) -> Result<Response, RemediatorError> {
        let response = rounds::run(self).await?;
        if self.owed && self.due.is_empty() && !self.request.dry_run {
            self.vault.forget_owed().await.unwrap_or_else(|error| {
                // It ends by itself, and what is there already is not added twice.
                warn!(security_group.id = self.group_id(), %error, "cannot forget what was owed");
            });
        }
        Ok(response)
    }

    fn interrupted(&mut self) -> RemediatorError {
        let remaining = self.open.iter().filter(|rule| !self.changes.is_gone(rule));
        let remaining: Vec<_> = remaining.map(|rule| Remaining::new(rule, "there was no time left")).collect();
        let (status, outcome) = out_of_time(self.changes.begun);
        let mut response = self.done(status, remaining);
        response.message = format!("{}; {outcome}", response.message);
        RemediatorError::Incomplete(Box::new(response))
    }
}

/// Replacements that are an exposure themselves close nothing.
fn replacement_closes(judged: &Judged, plan: &Plan) -> Result<(), RequestError> {
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

fn narrowed_text(narrowed: &[IngressRule]) -> String {
    if narrowed.is_empty() {
        return String::new();
    }
    let sources: Vec<_> = narrowed.iter().map(|rule| rule.source.to_string()).collect();
    format!(
        "; of all traffic from {} only TCP, UDP and ICMP still pass, and no other protocol (GRE, ESP, SCTP …)",
        sources.join(", ")
    )
}
