//! Handles one invocation: from an event of AWS Config to evaluations.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_events::config::{ConfigurationItem, ItemSummary, Notification, RuleInvocation, SECURITY_GROUP_RESOURCE_TYPE};
use aws_traits::config::{ConfigurationHistory, Evaluation, ResultType, RuleResults};
use aws_traits::ec2::SecurityGroups;
use aws_traits::events::Events;
use aws_traits::state::ItemLookup;
use exposure::{Assessment, SecurityGroup};
use findings::event::{AssessmentOrigin, DELETED, LEFT_SCOPE, Trigger};
use jiff::{SignedDuration, Timestamp};
use judgement::{
    COPIES_LAST, CachedExemptions, CachedPrefixLists, Criteria, GraceDays, GraceRecord, RuleParameters, UnjudgedError,
    evaluation,
};
use plain_text::error_message;
use serde_json::{Map, Value};
use tracing::info;

use crate::SERVICE;
use crate::batches::Batches;
use crate::error::EvaluatorError;
use crate::outbox::Announcement;
use crate::services::EvaluatorServices;
use crate::summary::InvocationSummary;

/// Judges security groups, and sends the results to AWS Config. Created once per process, and used for every
/// invocation.
#[derive(Debug)]
pub struct Evaluator<S> {
    services: S,
    exemptions: CachedExemptions,
    prefix_lists: CachedPrefixLists,
    /// Days for which automatic mode leaves open what it closes.
    grace_days: Option<GraceDays>,
    now: fn() -> Timestamp,
    cold: AtomicBool,
}

/// A judged group: its evaluation, unless the verdict is unknown, and the event about it.
struct Judged {
    evaluation: Result<Evaluation, UnjudgedError>,
    announcement: Option<Announcement>,
}

impl<S: EvaluatorServices> Evaluator<S> {
    /// An evaluator with `services`. `now` decides which exemptions and cached values have expired.
    pub fn new(services: S, now: fn() -> Timestamp) -> Self {
        Self {
            services,
            // A copy counts only for notifications that are older than it, and for a short time: who changes an exemption and
            // has the rule evaluated again gets a judgement by the new one.
            exemptions: CachedExemptions::new(COPIES_LAST),
            prefix_lists: CachedPrefixLists::new(COPIES_LAST),
            grace_days: None,
            now,
            cold: AtomicBool::new(true),
        }
    }

    /// Says when what is open is closed, after so many days.
    #[must_use]
    pub fn with_grace(self, days: GraceDays) -> Self {
        Self { grace_days: Some(days), ..self }
    }

    /// Handles one invocation.
    ///
    /// # Errors
    ///
    /// If a verdict could not be reached or delivered; see [`EvaluatorError`].
    pub async fn handle(&self, payload: Map<String, Value>) -> Result<InvocationSummary, EvaluatorError> {
        let cold_start = self.cold.swap(false, Ordering::Relaxed);
        let invocation = RuleInvocation::from_payload(payload).map_err(EvaluatorError::from).inspect_err(|error| {
            tracing::error!(service = SERVICE, cold_start, error = error_message(error), "event refused");
        })?;
        // Boxed, because the compiler limits how deeply futures are nested, and the AWS SDK comes close to it.
        let result = Box::pin(self.dispatch(&invocation)).await;
        let rule = invocation.rule_name.as_str();
        match &result {
            Ok(summary) => info!(
                service = SERVICE,
                cold_start,
                config_rule.name = rule,
                account.id = invocation.account_id,
                evaluations.compliant = summary.compliant,
                evaluations.non_compliant = summary.non_compliant,
                evaluations.not_applicable = summary.not_applicable,
                ignored = summary.ignored,
                "invocation done"
            ),
            Err(error) => {
                let error = error_message(error);
                tracing::error!(service = SERVICE, cold_start, config_rule.name = rule, error, "invocation failed");
            }
        }
        result
    }

    async fn dispatch(&self, invocation: &RuleInvocation) -> Result<InvocationSummary, EvaluatorError> {
        match &invocation.notification {
            Notification::Change { item, left_scope } => self.changed(invocation, item, *left_scope).await,
            Notification::Oversized { summary, left_scope } => self.oversized(invocation, summary, *left_scope).await,
            Notification::Scheduled { at } => self.all_groups(invocation, *at).await,
            Notification::Other { message_type } => {
                Ok(InvocationSummary::ignored(format!("message type {message_type}")))
            }
            // AWS documents neither the event of this mode nor the answer to it.
            Notification::Proactive => Ok(InvocationSummary::ignored("evaluation mode PROACTIVE".to_owned())),
        }
    }

    async fn changed(
        &self,
        invocation: &RuleInvocation,
        item: &ConfigurationItem,
        left_scope: bool,
    ) -> Result<InvocationSummary, EvaluatorError> {
        let ConfigurationItem { resource_type, resource_id, capture_time, .. } = item;
        if let Some(why) = not_applicable(resource_type, &item.status, left_scope) {
            let evaluation = Evaluation::not_applicable(resource_type, resource_id, why, *capture_time);
            return self.report_one(invocation, Ok(evaluation), None).await;
        }
        let parameters = parameters(invocation)?;
        let occasion = (Trigger::Change, *capture_time);
        let judged = self.judge(invocation, &parameters, item.security_group()?, occasion).await?;
        self.report_one(invocation, judged.evaluation, judged.announcement).await
    }

    async fn oversized(
        &self,
        invocation: &RuleInvocation,
        summary: &ItemSummary,
        left_scope: bool,
    ) -> Result<InvocationSummary, EvaluatorError> {
        let ItemSummary { resource_type, resource_id, configuration_item_status: status, .. } = summary;
        let captured = summary.configuration_item_capture_time;
        let not_judged = |why| Ok(Evaluation::not_applicable(resource_type, resource_id, why, captured));
        if let Some(why) = not_applicable(resource_type, status, left_scope) {
            return self.report_one(invocation, not_judged(why), None).await;
        }
        let parameters = parameters(invocation)?;
        let item = self.services.config().configuration_item(summary).await?;
        // The history can lag behind the notification. Its times are floating-point seconds, hence the tolerance.
        if captured.duration_since(item.capture_time) > SignedDuration::from_millis(1) {
            return Err(EvaluatorError::NotRecordedYet { resource_id: resource_id.clone() });
        }
        if let Some(why) = not_applicable(resource_type, &item.status, left_scope) {
            return self.report_one(invocation, not_judged(why), None).await;
        }
        let occasion = (Trigger::Oversized, captured);
        let judged = self.judge(invocation, &parameters, item.security_group()?, occasion).await?;
        self.report_one(invocation, judged.evaluation, judged.announcement).await
    }

    /// Judges every group of the account and region, and withdraws the results of deleted groups.
    async fn all_groups(
        &self,
        invocation: &RuleInvocation,
        at: Timestamp,
    ) -> Result<InvocationSummary, EvaluatorError> {
        let parameters = parameters(invocation)?;
        // Read before the groups: a group that is created and reported meanwhile does not count as deleted.
        let reported = self.reported_groups(&invocation.rule_name).await?;
        let mut batches = self.batches(invocation);
        let mut summary = InvocationSummary::default();
        let mut errors: Vec<UnjudgedError> = Vec::new();
        let mut existing: BTreeSet<String> = BTreeSet::new();
        let mut next_token = None;
        loop {
            let (groups, next) = self.services.ec2().security_groups(next_token).await?;
            // In a shared VPC, the owner sees the groups of other accounts, which are judged by the rules of those
            // accounts.
            let own = |group: &SecurityGroup| {
                group.owner_id.is_none() || invocation.account_id.is_none() || group.owner_id == invocation.account_id
            };
            for group in groups.into_iter().filter(own) {
                existing.insert(group.id.clone());
                let judged = self.judge(invocation, &parameters, group, (Trigger::Scheduled, at)).await?;
                match judged.evaluation {
                    Ok(evaluation) => {
                        summary.count(&evaluation);
                        batches.add(evaluation, judged.announcement).await?;
                    }
                    Err(error) => {
                        batches.announce(judged.announcement).await;
                        errors.push(error);
                    }
                }
            }
            if next.is_none() || batches.is_refused() {
                break;
            }
            next_token = next;
        }
        // AWS Config keeps the results of a periodic rule until they are withdrawn.
        for id in reported.iter().filter(|id| !existing.contains(*id)) {
            let evaluation = Evaluation::not_applicable(SECURITY_GROUP_RESOURCE_TYPE, id, DELETED, at);
            summary.count(&evaluation);
            batches.add(evaluation, None).await?;
        }
        batches.finish().await?;
        if errors.is_empty() {
            Ok(summary)
        } else {
            Err(EvaluatorError::SomeUnjudged { evaluated: existing.len(), errors })
        }
    }

    /// Ids of the groups for which the rule has a result.
    async fn reported_groups(&self, rule_name: &str) -> Result<Vec<String>, EvaluatorError> {
        let mut reported = Vec::new();
        let mut next_token = None;
        loop {
            let (page, next) = self.services.config().rule_results(rule_name, next_token).await?;
            let judged = page.into_iter().filter(|result| result.compliance != ResultType::NotApplicable);
            reported.extend(judged.map(|result| result.group_id));
            if next.is_none() {
                return Ok(reported);
            }
            next_token = next;
        }
    }

    /// Judges one group. The error stops the invocation; that in the evaluation concerns this group only.
    async fn judge(
        &self,
        invocation: &RuleInvocation,
        parameters: &Arc<RuleParameters>,
        group: SecurityGroup,
        (trigger, ordering_timestamp): (Trigger, Timestamp),
    ) -> Result<Judged, EvaluatorError> {
        let (at, since) = ((self.now)(), invocation.notified);
        let name = parameters.exemptions_parameter.as_deref();
        let exemptions = self.exemptions.read(self.services.ssm(), name, since, at).await?;
        let criteria = Criteria { parameters: Arc::clone(parameters), exemptions, at, since };
        let judged = criteria.judge(group, self.services.ec2(), &self.prefix_lists).await;
        let (group, assessment) = (&judged.group, judged.assess());
        let closed = self.closed(&invocation.rule_name, &group.id, &assessment, at).await;
        let evaluation = evaluation(&group.id, &assessment, parameters.policy.scope, ordering_timestamp, &closed);
        match &evaluation {
            Ok(evaluation) => info!(
                service = SERVICE,
                security_group.id = group.id,
                account.id = group.owner_id,
                compliance = ?evaluation.compliance,
                annotation = %evaluation.annotation,
                "security group judged"
            ),
            Err(error) => {
                tracing::warn!(service = SERVICE, security_group.id = group.id, %error, "security group not judged");
            }
        }
        let announcement = self.services.events().bus().and_then(|bus| {
            let origin = AssessmentOrigin {
                account: invocation.account_id.as_deref(),
                region: &bus.region,
                config_rule_name: &invocation.rule_name,
                ordering_timestamp,
                trigger,
                closes: closed.iter().copied().min(),
            };
            Announcement::new(origin, group, &assessment)
        });
        Ok(Judged { evaluation, announcement })
    }

    /// When each exposure of a group is closed, if that is not at once. Without it, the verdict is the same.
    async fn closed(
        &self,
        rule_name: &str,
        group_id: &str,
        assessment: &Assessment<'_>,
        at: Timestamp,
    ) -> Vec<Timestamp> {
        let Some(days) = self.grace_days.filter(|_| !assessment.exposures.is_empty()) else { return Vec::new() };
        match self.services.state().item(&GraceRecord::partition(rule_name), group_id).await {
            Ok(record) => record.unwrap_or_else(|| GraceRecord::new(days)).closes(assessment, days, at),
            Err(error) => {
                tracing::warn!(service = SERVICE, security_group.id = group_id, %error, "grace not read");
                Vec::new()
            }
        }
    }

    /// Reports one group. Without a verdict there is no evaluation, but an event: the group may be open.
    async fn report_one(
        &self,
        invocation: &RuleInvocation,
        evaluation: Result<Evaluation, UnjudgedError>,
        announcement: Option<Announcement>,
    ) -> Result<InvocationSummary, EvaluatorError> {
        let mut summary = InvocationSummary::default();
        let mut batches = self.batches(invocation);
        match evaluation {
            Ok(evaluation) => {
                summary.count(&evaluation);
                batches.add(evaluation, announcement).await?;
                batches.finish().await?;
                Ok(summary)
            }
            Err(error) => {
                batches.announce(announcement).await;
                batches.finish().await?;
                Err(error.into())
            }
        }
    }

    fn batches<'a>(&'a self, invocation: &'a RuleInvocation) -> Batches<'a, S::Config, S::Events> {
        let services = &self.services;
        Batches::new(services.config(), services.events(), &invocation.result_token, invocation.is_test())
    }
}

/// Reason for which the rule does not apply to a resource; `None` if the resource is to be judged.
fn not_applicable(resource_type: &str, status: &str, left_scope: bool) -> Option<&'static str> {
    match status {
        _ if resource_type != SECURITY_GROUP_RESOURCE_TYPE => Some("the rule judges security groups only"),
        _ if left_scope => Some(LEFT_SCOPE),
        "OK" | "ResourceDiscovered" => None,
        "ResourceDeleted" => Some(DELETED),
        _ => Some("the security group is not recorded by AWS Config"),
    }
}

fn parameters(invocation: &RuleInvocation) -> Result<Arc<RuleParameters>, EvaluatorError> {
    let parameters = RuleParameters::of_rule(&invocation.rule_name, invocation.rule_parameters.as_deref())?;
    Ok(Arc::new(parameters))
}
