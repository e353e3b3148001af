//! Regular check of what no event reports: groups that automatic mode no longer closes, changes of the inputs of the policy, ends
//! of exemptions, evaluations that are due, and days of grace that are over.

use aws_traits::config::RemediationExceptions;
use exposure::Verdict;
use jiff::Timestamp;
use plain_text::error_message;
use serde::Serialize;
use tracing::error;

use crate::environment::Environment;
use crate::error::{Obstacle, RemediationError};
use crate::grace::{self, Graces};
use crate::inputs;
use crate::live_group;
use crate::services::InputServices;

/// Result of a sweep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sweep {
    /// Groups that are open, and that automatic mode does not close because of a remediation exception that is not ours: AWS
    /// Config adds one after too many attempts.
    pub parked: Vec<String>,
    /// Groups with such an exception that could not be judged.
    pub unjudged: Vec<String>,
    /// Whether AWS Config evaluates the rule again, as an input of the policy or an earlier closing asked.
    pub evaluated: bool,
    /// What is open and due, if closings have days of grace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace: Option<Graces>,
}

/// Looks for parked groups of a rule, for changes of its inputs and for what is due, and grants a wish for an evaluation whose time
/// has come. `at` is the time of the schedule.
pub(crate) async fn sweep(
    environment: &Environment<impl InputServices>,
    rule_name: &str,
    at: Option<Timestamp>,
) -> Result<Sweep, RemediationError> {
    let mut found = Sweep::default();
    match inputs::look(environment, rule_name).await {
        Ok(looked) => found.evaluated = looked.evaluated,
        // Without the exemptions, every evaluation would fail.
        Err(error) => error!(config_rule.name = rule_name, error = error_message(&error), "evaluation not requested"),
    }
    let exceptions = environment.config().remediation_exceptions(rule_name, None).await.map_err(Obstacle::from)?;
    if let Some(grace_days) = environment.grace_days {
        // A schedule that Lambda repeats is older than now.
        let now = (environment.now)();
        let now = at.map_or(now, |at| at.max(now));
        match grace::look(environment, rule_name, grace_days, &exceptions, now).await {
            Ok(graces) => found.grace = Some(graces),
            // The next sweep sees the same.
            Err(error) => error!(config_rule.name = rule_name, error = error_message(&error), "grace not looked at"),
        }
    }
    for exception in exceptions.iter().filter(|exception| !exception.is_ours()) {
        let group_id = exception.group_id.as_str();
        let message = exception.message.as_deref().unwrap_or_default();
        let until = exception.expires.as_ref().map(Timestamp::to_string);
        match live_group::read(environment, rule_name, group_id).await {
            Ok(live) => match live.judged.assess().verdict() {
                Verdict::NonCompliant => {
                    error!(
                        security_group.id = group_id,
                        config_rule.name = rule_name,
                        exception = message,
                        until,
                        "security group parked"
                    );
                    found.parked.push(group_id.to_owned());
                }
                Verdict::Unknown => found.unjudged.push(group_id.to_owned()),
                Verdict::Compliant | Verdict::Exempt => {}
            },
            Err(problem) => {
                error!(security_group.id = group_id, error = error_message(&problem), "security group not judged");
                found.unjudged.push(group_id.to_owned());
            }
        }
    }
    Ok(found)
}
