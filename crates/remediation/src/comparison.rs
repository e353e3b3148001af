//! Compares what EC2 has with the results of AWS Config, once a night: what no event told, and nothing else would notice, such as
//! a change that was not recorded, or a prefix list that another account shares and has edited.
//!
//! AWS Config may be minutes late. So what differs is looked at once more, a quarter of an hour later, and only what differs then
//! counts.

use std::collections::{BTreeMap, BTreeSet};

use aws_traits::config::{RemediationExceptions, ResultType, RuleResults};
use exposure::Verdict;
use jiff::{SignedDuration, Timestamp};
use plain_text::error_message;
use serde::Serialize;
use serde_json::json;
use tracing::{error, warn};

use crate::environment::Environment;
use crate::error::Obstacle;
use crate::exception;
use crate::inputs;
use crate::pace;
use crate::reevaluation::Ledger;
use crate::request::Compare;
use crate::services::{ComparisonServices, InputServices};
use crate::{all_groups, live_group};

/// When what differs is looked at once more.
const AGAIN: SignedDuration = SignedDuration::from_mins(15);
/// Most groups that are looked at once more, each with calls of its own. More differ if AWS Config is not recording, of which the first
/// tell enough.
const MOST: usize = 200;

/// Result of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// Groups whose result is not what EC2 has.
    pub differ: Vec<String>,
    /// Of these, groups that are open, and that automatic mode closes now.
    pub closing: Vec<String>,
    /// Whether AWS Config evaluates the rule again.
    pub evaluated: bool,
    /// When what differs is looked at once more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub again: Option<Timestamp>,
}

/// Looks at all groups, or once more at those that differed.
pub(crate) async fn compare(
    environment: &Environment<impl ComparisonServices>,
    request: &Compare,
) -> Result<Compared, Obstacle> {
    let rule_name = request.config_rule_name.as_str();
    let results = results(environment, rule_name).await?;
    match &request.groups {
        None => first(environment, rule_name, results).await,
        Some(groups) => again(environment, rule_name, groups, &results).await,
    }
}

/// The results of AWS Config, by group.
async fn results(
    environment: &Environment<impl ComparisonServices>,
    rule_name: &str,
) -> Result<BTreeMap<String, ResultType>, Obstacle> {
    let (mut results, mut next_token) = (BTreeMap::new(), None);
    loop {
        let (page, next) = environment.config().rule_results(rule_name, next_token).await?;
        results.extend(page.into_iter().map(|result| (result.group_id, result.compliance)));
        next_token = next;
        if next_token.is_none() {
            return Ok(results);
        }
    }
}

async fn first(
    environment: &Environment<impl ComparisonServices>,
    rule_name: &str,
    results: BTreeMap<String, ResultType>,
) -> Result<Compared, Obstacle> {
    let now = (environment.now)();
    let (mut differ, mut seen) = (Vec::new(), BTreeSet::new());
    all_groups::judge(environment, rule_name, now, async |judged| {
        let id = judged.group.id.clone();
        if differs(judged.assess().verdict(), results.get(&id)) {
            differ.push(id.clone());
        }
        seen.insert(id);
    })
    .await?;
    // Results of groups that do not exist any more.
    let stays = |compliance: &ResultType| matches!(compliance, ResultType::Compliant | ResultType::NonCompliant);
    let gone = results.into_iter().filter(|(id, compliance)| stays(compliance) && !seen.contains(id));
    differ.extend(gone.map(|(id, _)| id));
    differ.truncate(MOST);
    let again = if differ.is_empty() { None } else { look_again(environment, rule_name, &differ, now).await };
    Ok(Compared { differ, again, ..Compared::default() })
}

/// Whether a result is another one than that of a verdict. Of what could not be judged, nothing is known.
fn differs(verdict: Verdict, result: Option<&ResultType>) -> bool {
    match verdict {
        Verdict::Unknown => false,
        Verdict::NonCompliant => result != Some(&ResultType::NonCompliant),
        Verdict::Compliant | Verdict::Exempt => result != Some(&ResultType::Compliant),
    }
}

/// Has this function look once more. Without the schedule, the next night does.
async fn look_again(
    environment: &Environment<impl InputServices>,
    rule_name: &str,
    groups: &[String],
    now: Timestamp,
) -> Option<Timestamp> {
    let at = Timestamp::from_second(now.as_second()).unwrap_or(now).saturating_add(AGAIN).ok()?;
    let payload = json!({"action": "compare", "configRuleName": rule_name, "groups": groups}).to_string();
    let is_made = inputs::schedule(environment, rule_name, &format!("compare {rule_name} {at}"), at, payload).await;
    is_made.then_some(at)
}

async fn again(
    environment: &Environment<impl ComparisonServices>,
    rule_name: &str,
    groups: &[String],
    results: &BTreeMap<String, ResultType>,
) -> Result<Compared, Obstacle> {
    let mut found = Compared::default();
    let exceptions = environment.config().remediation_exceptions(rule_name, None).await?;
    let now = (environment.now)();
    for group_id in groups {
        let verdict = match live_group::read(environment, rule_name, group_id).await {
            Ok(live) => live.judged.assess().verdict(),
            Err(problem) => {
                warn!(security_group.id = group_id, error = error_message(&problem), "security group not judged");
                continue;
            }
        };
        let result = results.get(group_id);
        // A deleted group has no rules. Whether AWS Config has a result of it opens nothing.
        let is_as_good =
            verdict == Verdict::Compliant && result.is_none_or(|result| *result == ResultType::NotApplicable);
        if is_as_good || !differs(verdict, result) {
            continue;
        }
        error!(security_group.id = group_id, config_rule.name = rule_name, live = ?verdict, result = ?result, "AWS Config differs");
        found.differ.push(group_id.clone());
        // With days of grace, the sweep starts what is due, whatever AWS Config has.
        let is_automatic = environment.automatic_mode && environment.grace_days.is_none();
        if verdict == Verdict::NonCompliant && is_automatic && !exception::keeps(&exceptions, group_id, now) {
            pace::ask_for(environment, rule_name, group_id).await;
            found.closing.push(group_id.clone());
        }
    }
    if !found.differ.is_empty() && environment.reevaluations.is_some() {
        let store = environment.store();
        Ledger::read(store, rule_name).await?.wish(store, now).await?;
        found.evaluated = inputs::look(environment, rule_name).await?.evaluated;
    }
    Ok(found)
}
