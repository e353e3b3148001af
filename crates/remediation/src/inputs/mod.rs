//! Inputs of the policy that AWS Config does not notice: the exemptions, their ends, and prefix lists. A change of one of them
//! has the rule evaluated again.
//!
//! Changes come as events, of which each asks for an evaluation. The sweep looks for what no event told: an event that was lost,
//! and an exemption that has ended. Ends in the near future get a schedule, so that they do not have to wait for the sweep.

mod ends;
mod event;
mod exemptions;

use aws_traits::ec2::{PrefixListChanges, SelectedGroups, Selection};
use aws_traits::object_store::ObjectStore;
use aws_traits::schedules::{Schedule, Schedules};
use jiff::{SignedDuration, Timestamp};
use judgement::COPIES_LAST;
use serde::Serialize;
use serde_json::json;
use tracing::warn;

use crate::environment::Environment;
use crate::error::Obstacle;
use crate::fingerprint::fingerprint;
use crate::reevaluation::{Granted, Ledger};
use crate::request::Reevaluate;
use crate::services::InputServices;

/// Time after a change for which evaluators may still use copies that are older, with a margin for clocks that differ.
pub(crate) const SETTLE: SignedDuration = COPIES_LAST.saturating_add(SignedDuration::from_secs(5));
/// Time ahead for which there are schedules: longer than from one sweep to the next.
const AHEAD: SignedDuration = SignedDuration::from_mins(20);
/// Longest wait until changes of prefix lists are applied.
const APPLIED: SignedDuration = SignedDuration::from_secs(60);
/// Time that is waited, and by which schedules are late, so that what is due is due by other clocks, too.
const LEEWAY: SignedDuration = SignedDuration::from_secs(2);
/// Time between two looks at a prefix list that is being changed.
const PAUSE: SignedDuration = SignedDuration::from_secs(2);

/// What became of a request for an evaluation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reevaluated {
    /// Whether AWS Config evaluates the rule again.
    pub evaluated: bool,
    /// When AWS Config is to evaluate the rule next, if that is soon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    /// Why nothing is to be evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
}

impl Reevaluated {
    fn ignored(why: impl Into<String>) -> Self {
        Self { ignored: Some(why.into()), ..Self::default() }
    }
}

/// Follows a change that an event tells, or looks for what no event tells.
pub(crate) async fn reevaluate(
    environment: &Environment<impl InputServices>,
    request: &Reevaluate,
) -> Result<Reevaluated, Obstacle> {
    let rule_name = request.config_rule_name.as_str();
    if let Some(detail) = &request.parameter {
        let at = request.at.as_deref().and_then(|at| at.parse().ok());
        return of_parameter(environment, rule_name, detail, at).await;
    }
    if let Some(detail) = &request.call {
        return match event::prefix_lists(detail) {
            Ok(ids) => of_prefix_lists(environment, rule_name, &ids).await,
            Err(why) => Ok(Reevaluated::ignored(why)),
        };
    }
    look(environment, rule_name).await
}

/// A parameter was changed: has the rule evaluated if it is the one with the exemptions of the rule.
async fn of_parameter(
    environment: &Environment<impl InputServices>,
    rule_name: &str,
    detail: &serde_json::Value,
    at: Option<Timestamp>,
) -> Result<Reevaluated, Obstacle> {
    let parameters = environment.policy.rule_parameters(rule_name).await?;
    let is_meant = |name: &String| event::is_name_of(detail, name);
    if !parameters.exemptions_parameter.as_ref().is_some_and(is_meant) {
        return Ok(Reevaluated::ignored("the exemptions of the rule are not in this parameter"));
    }
    // By a document that cannot be read, every evaluation would fail. So none is asked for: this fails instead, which is told at
    // once, and the next change comes with an event of its own.
    let exemptions = exemptions::read(environment, &parameters).await?;
    let (store, now) = (environment.store(), (environment.now)());
    let mut ledger = Ledger::read(store, rule_name).await?;
    let due = after(at.map_or(now, |at| at.min(now)));
    let is_new = ledger.wish(store, due).await?;
    exemptions::note(&mut ledger, store, &exemptions).await?;
    if !is_new {
        return Ok(Reevaluated::ignored("an evaluation has begun since the change"));
    }
    wait(environment, &ledger, due).await;
    look(environment, rule_name).await
}

/// Prefix lists were changed: has the rule evaluated if a group of this account admits one of them.
async fn of_prefix_lists(
    environment: &Environment<impl InputServices>,
    rule_name: &str,
    ids: &[String],
) -> Result<Reevaluated, Obstacle> {
    let (mut are_used, mut waited) = (false, SignedDuration::ZERO);
    for id in ids {
        if is_used(environment, id).await? {
            are_used = true;
            applied(environment, id, &mut waited).await?;
        }
    }
    if !are_used {
        return Ok(Reevaluated::ignored("no security group of this account admits the prefix list"));
    }
    // The call was made earlier, but it is not known when the change was applied.
    let (store, due) = (environment.store(), after((environment.now)()));
    let mut ledger = Ledger::read(store, rule_name).await?;
    ledger.wish(store, due).await?;
    wait(environment, &ledger, due).await;
    look(environment, rule_name).await
}

async fn is_used(environment: &Environment<impl InputServices>, id: &str) -> Result<bool, Obstacle> {
    let own = &environment.store().location().account_id;
    let mut next_token = None;
    loop {
        let selection = Selection::AdmitsPrefixList(id);
        let (groups, next) = environment.ec2().selected_groups(own, selection, next_token).await?;
        if !groups.is_empty() || next.is_none() {
            return Ok(!groups.is_empty());
        }
        next_token = next;
    }
}

/// Waits until the changes of a prefix list are applied. `waited` is the time that was waited for others.
async fn applied(
    environment: &Environment<impl InputServices>,
    id: &str,
    waited: &mut SignedDuration,
) -> Result<(), Obstacle> {
    while environment.ec2().is_changing(id).await? {
        if *waited >= APPLIED {
            return Err(Obstacle::PrefixListChanging { id: id.to_owned() });
        }
        tokio::time::sleep(PAUSE.unsigned_abs()).await;
        *waited = waited.saturating_add(PAUSE);
    }
    Ok(())
}

/// The time from which no evaluator uses a copy from before a change.
fn after(change: Timestamp) -> Timestamp {
    change.checked_add(SETTLE).unwrap_or(Timestamp::MAX)
}

/// Waits until a wish is due, unless the limits let no evaluation begin then. It is remembered, so that the sweep grants it if the
/// function ends meanwhile.
async fn wait(environment: &Environment<impl InputServices>, ledger: &Ledger, due: Timestamp) {
    let now = (environment.now)();
    let next = environment.reevaluations.and_then(|limits| ledger.next(limits, now));
    let left = due.duration_since(now);
    if left.is_positive() && next.is_some_and(|next| next <= due) {
        tokio::time::sleep(left.min(SETTLE).saturating_add(LEEWAY).unsigned_abs()).await;
    }
}

/// Looks for changes that no event told and for ends of exemptions, and grants what is remembered.
pub(crate) async fn look(
    environment: &Environment<impl InputServices>,
    rule_name: &str,
) -> Result<Reevaluated, Obstacle> {
    if environment.reevaluations.is_none() {
        return Ok(Reevaluated::ignored("evaluations on demand are switched off"));
    }
    let parameters = environment.policy.rule_parameters(rule_name).await?;
    let exemptions = exemptions::read(environment, &parameters).await?;
    let (store, now) = (environment.store(), (environment.now)());
    let ends = ends::near(environment, &parameters, &exemptions, now).await?;
    let mut ledger = Ledger::read(store, rule_name).await?;
    if exemptions::have_changed(&ledger, &exemptions) {
        ledger.wish(store, after(now)).await?;
    }
    exemptions::note(&mut ledger, store, &exemptions).await?;
    if let Some(last) = ends.passed {
        ledger.wish(store, last).await?;
    }
    let Granted { evaluated, next } = ledger.grant(environment, rule_name).await?;
    let next = next.filter(|next| next.duration_since(now) <= AHEAD);
    for at in ends.ahead.into_iter().chain(next) {
        look_again(environment, rule_name, at).await;
    }
    Ok(Reevaluated { evaluated, next, ignored: None })
}

/// Has this function look again after `at`. What fails is left to the sweep.
async fn look_again(environment: &Environment<impl InputServices>, rule_name: &str, at: Timestamp) {
    let second = at.as_second().saturating_add(1).saturating_add(LEEWAY.as_secs());
    let Ok(at) = Timestamp::from_second(second) else { return };
    let payload = json!({"action": "reevaluate", "configRuleName": rule_name}).to_string();
    schedule(environment, rule_name, &format!("{rule_name} {second}"), at, payload).await;
}

/// Has this function invoked with a payload at a time. Schedules for the same `purpose` are one. Returns false if there is none.
pub(crate) async fn schedule(
    environment: &Environment<impl InputServices>,
    rule_name: &str,
    purpose: &str,
    at: Timestamp,
    payload: String,
) -> bool {
    let schedule = Schedule { name: format!("portcullis-{}", fingerprint(purpose)), at, payload };
    let made = environment.services().events().schedule(&schedule).await;
    if let Err(error) = &made {
        warn!(config_rule.name = rule_name, %error, "schedule not made");
    }
    made.is_ok()
}
