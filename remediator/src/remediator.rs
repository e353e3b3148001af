//! Closing the exposures of one group.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws::config::ConfigRules;
use aws::ec2::{ManagedPrefixLists, SecurityGroupRules, SecurityGroups};
use aws::ssm::Parameters;
use aws::{Lookups, Warm};
use config_rule::{RuleParameters, UnjudgedError};
use exposure::{Assessment, IngressRule, PrefixLists, SecurityGroup, Verdict, assess, plan};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tracing::{error, info};

use crate::error::RemediatorError;
use crate::request::{Action, Request};
use crate::response::{Remaining, Response, Status};
use crate::revoke::Revocations;

const SERVICE: &str = "remediator";

/// How often the group is read again and closed again, in case somebody else opens it meanwhile.
const ROUNDS: usize = 4;
/// How long a revoked rule may take to vanish from a describe; EC2 is eventually consistent. Doubles every round.
const PROPAGATION: Duration = Duration::from_millis(100);

/// How long the parameters of the rule are kept while the function is warm. Exemptions and prefix lists are not: who has
/// just been exempted is not closed.
const PARAMETERS_TIME_TO_LIVE: SignedDuration = SignedDuration::from_secs(60);

/// Closes exposures. Made once per process, used for every invocation.
#[derive(Debug)]
pub struct Remediator<C, E, P> {
    config: C,
    ec2: E,
    lookups: Lookups<P, E>,
    parameters: Warm<Arc<RuleParameters>>,
    now: fn() -> Timestamp,
    cold: AtomicBool,
}

impl<C, E, P> Remediator<C, E, P>
where
    C: ConfigRules,
    E: SecurityGroups + SecurityGroupRules + ManagedPrefixLists + Clone,
    P: Parameters,
{
    /// A remediator on these services. `now` decides which exemptions have expired, and how long settings stay cached.
    pub fn new(config: C, ec2: E, parameters: P, now: fn() -> Timestamp) -> Self {
        let lookups = Lookups::new(parameters, ec2.clone(), SignedDuration::ZERO);
        Self { config, ec2, lookups, parameters: Warm::new(PARAMETERS_TIME_TO_LIVE), now, cold: AtomicBool::new(true) }
    }

    /// Handles one invocation.
    ///
    /// # Errors
    ///
    /// When the request is refused, when it is not known what to close, or when an exposure remains.
    pub async fn handle(&self, payload: Value) -> Result<Response, RemediatorError> {
        let cold_start = self.cold.swap(false, Ordering::Relaxed);
        let request = Request::from_payload(payload)
            .inspect_err(|problem| error!(service = SERVICE, cold_start, error = %problem, "request refused"))?;
        let Request { action: Action::Close, .. } = request;
        let result = self.close(&request).await;
        let group_id = request.security_group_id.as_str();
        let execution_id = request.execution_id.as_deref();
        let rule_name = request.config_rule_name.as_str();
        match &result {
            Ok(response) => info!(
                service = SERVICE,
                cold_start,
                security_group.id = group_id,
                config_rule.name = rule_name,
                automation_execution.id = execution_id,
                dry_run = request.dry_run,
                status = %response.status,
                rules.revoked = response.revoked.len(),
                rules.already_absent = response.already_absent.len(),
                evidence = serde_json::to_string(response).unwrap_or_default(),
                "close done"
            ),
            Err(problem) => error!(
                service = SERVICE,
                cold_start,
                security_group.id = group_id,
                config_rule.name = rule_name,
                automation_execution.id = execution_id,
                dry_run = request.dry_run,
                error = %problem,
                evidence = match problem {
                    RemediatorError::Incomplete(response) => serde_json::to_string(response).ok(),
                    _ => None,
                },
                "close failed"
            ),
        }
        result
    }

    async fn close(&self, request: &Request) -> Result<Response, RemediatorError> {
        let parameters = self.rule_parameters(&request.config_rule_name).await?;
        let group_id = request.security_group_id.as_str();
        let mut revocations = Revocations::default();
        let mut round = 0;
        let mut settled = true;
        loop {
            round += 1;
            // Never between judgement and revoke: what is judged has to be what is there.
            if !settled {
                tokio::time::sleep(PROPAGATION * (1 << round)).await;
            }
            let judged = match self.read(group_id, &parameters).await {
                Ok(judged) => judged,
                // Nothing has been changed yet: the error itself says all there is to say.
                Err(error) if round == 1 => return Err(error),
                Err(error) => return Err(unverified(group_id, revocations, &error)),
            };
            let assessment = judged.assess(&parameters, (self.now)());
            if round == 1 {
                match assessment.verdict() {
                    Verdict::NonCompliant => {}
                    Verdict::Unknown => return Err(UnjudgedError::new(group_id, &assessment).into()),
                    Verdict::Exempt => return Ok(exempt(group_id, &assessment)),
                    Verdict::Compliant => return Ok(nothing_to_do(group_id)),
                }
            }
            let plan = plan(&assessment, request.strategy.into());
            if request.dry_run {
                return Ok(planned(group_id, &plan.revoke, &assessment));
            }
            let (settling, open): (Vec<_>, Vec<_>) =
                plan.revoke.into_iter().partition(|rule| revocations.is_gone(rule));
            if settling.is_empty() && open.is_empty() {
                return finished(group_id, revocations, &assessment);
            }
            if round > ROUNDS || (settling.is_empty() && revocations.all_denied(&open)) {
                return Err(still_open(group_id, revocations, &settling, &open));
            }
            revocations.revoke(&self.ec2, group_id, &open).await;
            settled = settling.is_empty() && open.iter().all(|rule| revocations.is_gone(rule));
        }
    }

    /// The parameters of the rule: the same that the evaluator gets, and the only place where the policy is kept.
    async fn rule_parameters(&self, rule_name: &str) -> Result<Arc<RuleParameters>, RemediatorError> {
        let now = (self.now)();
        if let Some(parameters) = self.parameters.get(rule_name, now) {
            return Ok(parameters);
        }
        let json = self.config.input_parameters(rule_name).await?;
        let parameters = RuleParameters::from_json(json.as_deref())
            .map_err(|problem| RemediatorError::RuleParameters { rule_name: rule_name.to_owned(), problem })?;
        let parameters = Arc::new(parameters);
        self.parameters.put(rule_name, Arc::clone(&parameters), now);
        Ok(parameters)
    }

    /// Reads everything that the judgement of the group needs, as it is now.
    async fn read(&self, group_id: &str, parameters: &RuleParameters) -> Result<Judged, RemediatorError> {
        let now = (self.now)();
        let exemptions = self.lookups.exemptions(parameters.exemptions_parameter.as_deref(), now).await?;
        let ingress = self.ec2.ingress_rules(group_id).await?;
        let mut group = SecurityGroup { id: group_id.to_owned(), ingress, ..SecurityGroup::default() };
        // Names, tags and owner are not part of a rule. Most policies do not ask for them, which saves a call.
        let needs_the_group = parameters.policy.exemption_tag_key.is_some() || exemptions.need_the_group();
        if needs_the_group && !group.ingress.is_empty() {
            // A group that is being deleted, or EC2 at odds with itself: without its name and tags nobody can tell
            // whether it is exempt.
            let described = self
                .ec2
                .security_group(group_id)
                .await?
                .ok_or_else(|| RemediatorError::Contradiction { group_id: group_id.to_owned() })?;
            group = SecurityGroup { ingress: group.ingress, ..described };
        }
        let prefix_lists = self.lookups.prefix_lists(&parameters.policy, &group, now).await;
        Ok(Judged { group, exemptions, prefix_lists })
    }
}

/// A group as it was read, with what its judgement needs.
struct Judged {
    group: SecurityGroup,
    exemptions: Arc<exposure::Exemptions>,
    prefix_lists: PrefixLists,
}

impl Judged {
    fn assess(&self, parameters: &RuleParameters, now: Timestamp) -> Assessment<'_> {
        assess(&self.group, &parameters.policy, &self.exemptions, &self.prefix_lists, now)
    }
}

fn response(status: Status, group_id: &str, message: String) -> Response {
    Response {
        status,
        security_group_id: group_id.to_owned(),
        revoked: Vec::new(),
        authorized: Vec::new(),
        already_absent: Vec::new(),
        remaining: Vec::new(),
        snapshot: None,
        message,
    }
}

fn nothing_to_do(group_id: &str) -> Response {
    response(Status::NothingToDo, group_id, format!("{group_id} exposes no blocked port"))
}

fn exempt(group_id: &str, assessment: &Assessment<'_>) -> Response {
    let annotation = config_rule::Annotation::exempt(assessment);
    response(Status::Exempt, group_id, format!("{group_id} is left as it is: {annotation}"))
}

fn planned(group_id: &str, rules: &[IngressRule], assessment: &Assessment<'_>) -> Response {
    let message = format!("{group_id}: {} would be revoked; dry run, nothing was changed", count(rules.len()));
    Response {
        revoked: rules.iter().map(Into::into).collect(),
        remaining: assessment.unjudged.iter().map(Into::into).collect(),
        ..response(Status::Planned, group_id, message)
    }
}

fn done(status: Status, group_id: &str, revocations: Revocations, remaining: Vec<Remaining>) -> Response {
    let Revocations { revoked, already_absent, .. } = revocations;
    let mut message = format!("{group_id}: {} revoked", count(revoked.len()));
    if !already_absent.is_empty() {
        message.push_str(", ");
        message.push_str(&already_absent.len().to_string());
        message.push_str(" already gone");
    }
    if let Some(first) = remaining.first() {
        message.push_str(", ");
        message.push_str(&remaining.len().to_string());
        message.push_str(" still open; first ");
        message.push_str(&first.to_string());
    }
    Response {
        revoked: revoked.iter().map(Into::into).collect(),
        already_absent: already_absent.iter().map(Into::into).collect(),
        remaining,
        ..response(status, group_id, message)
    }
}

/// No exposure is left. Rules that cannot be judged may still be one, so they make the outcome partial.
fn finished(
    group_id: &str,
    revocations: Revocations,
    assessment: &Assessment<'_>,
) -> Result<Response, RemediatorError> {
    let unjudged: Vec<Remaining> = assessment.unjudged.iter().map(Into::into).collect();
    if unjudged.is_empty() {
        // Exempted between two rounds, before anything could be closed.
        if revocations.is_empty() && assessment.verdict() == Verdict::Exempt {
            return Ok(exempt(group_id, assessment));
        }
        let mut response = done(Status::Closed, group_id, revocations, unjudged);
        if assessment.verdict() == Verdict::Exempt {
            response.message =
                format!("{}; the rest is {}", response.message, config_rule::Annotation::exempt(assessment));
        }
        Ok(response)
    } else {
        Err(RemediatorError::Incomplete(Box::new(done(Status::Partial, group_id, revocations, unjudged))))
    }
}

/// Exposures are left after the last round.
fn still_open(
    group_id: &str,
    revocations: Revocations,
    settling: &[IngressRule],
    open: &[IngressRule],
) -> RemediatorError {
    let remaining = settling
        .iter()
        .map(|rule| Remaining::new(rule, "EC2 still lists it although it answered that it is gone"))
        .chain(open.iter().map(|rule| {
            let failure = rule.id.as_ref().and_then(|id| revocations.failures.get(id));
            let reason = failure.map_or_else(|| "it was added meanwhile".to_owned(), ToString::to_string);
            Remaining::new(rule, &reason)
        }))
        .collect();
    let status = if revocations.revoked.is_empty() { Status::Failed } else { Status::Partial };
    RemediatorError::Incomplete(Box::new(done(status, group_id, revocations, remaining)))
}

/// Rules were revoked, and then the group could not be read again.
fn unverified(group_id: &str, revocations: Revocations, error: &RemediatorError) -> RemediatorError {
    let mut response = done(Status::Partial, group_id, revocations, Vec::new());
    response.message = format!("{}; the result could not be verified: {error}", response.message);
    RemediatorError::Incomplete(Box::new(response))
}

fn count(rules: usize) -> String {
    if rules == 1 { "1 rule".to_owned() } else { format!("{rules} rules") }
}
