//! Most groups that are closed in an hour, so that a mistake in a parameter cannot close a company before somebody looks.
//!
//! Hours are those of the clock, in UTC. The groups of an hour are a set in the table of the account, for all rules of the stack.

use std::num::NonZeroU32;

use aws_traits::AwsError;
use aws_traits::state::{Admissions, ItemDeletion, Partition, StateItem, StateTable};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::environment::Environment;
use crate::request::{Close, StrategyName};
use crate::services::RemediationServices;

const SECONDS_AN_HOUR: i64 = 3_600;
/// For how long the set of an hour is kept after it: for who asks what was closed.
const HOUR_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// For how long a deferral is kept after its end, if nobody goes on with it.
const DEFERRAL_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Most groups that are closed in an hour; `None` for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosingsPerHour(Option<NonZeroU32>);

impl From<u32> for ClosingsPerHour {
    /// 0 for no limit.
    fn from(most: u32) -> Self {
        Self(NonZeroU32::new(most))
    }
}

/// A closing that was deferred, as the table remembers it: what a later closing of the group needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deferral {
    /// When the group may be closed.
    pub until: Timestamp,
    /// When the closing was deferred, the latest time.
    pub since: Timestamp,
    /// Its SSM Automation execution.
    pub execution_id: Option<String>,
    /// How exposing rules are closed; `None` as the stack does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyName>,
    /// Sources that replace an exposing one.
    #[serde(default)]
    pub replacement_cidrs: Vec<String>,
    /// Close the group although a restore put it on hold.
    #[serde(default)]
    pub ignore_hold: bool,
    /// Whether automatic mode was on. Who switches it off wants what it started to stop.
    #[serde(default)]
    pub automatic: bool,
}

impl Deferral {
    /// Where the deferrals of a rule are, by the id of the group.
    #[must_use]
    pub fn partition(rule_name: &str) -> Partition {
        Partition { kind: "deferred", of: rule_name.to_owned() }
    }
}

/// An hour that has no room for another closing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Full {
    /// Number of groups that were closed in it.
    pub(crate) closings: u32,
    /// Its end.
    pub(crate) until: Timestamp,
}

/// Counts the closing of a group. Returns the hour if it has no room for it; a group that was counted in it has.
///
/// # Errors
///
/// If the closing cannot be counted.
pub(crate) async fn admit(
    environment: &Environment<impl RemediationServices>,
    request: &Close,
) -> Result<Option<Full>, AwsError> {
    let Some(ClosingsPerHour(Some(most))) = environment.closings_per_hour else { return Ok(None) };
    let (begin, until) = hour((environment.now)());
    let partition = Partition { kind: "pace", of: "closings".to_owned() };
    let limit = (!request.ignore_pace).then_some(most.get());
    let (id, expires) = (begin.to_string(), later(until, HOUR_KEPT));
    let group_id = &*request.security_group_id;
    match environment.state().admit(&partition, &id, group_id, limit, expires).await {
        Ok(true) => Ok(None),
        Ok(false) => Ok(Some(Full { closings: most.get(), until })),
        // Who ignores the pace does not ask whether there is room.
        Err(error) if request.ignore_pace => {
            warn!(security_group.id = group_id, %error, "closing not counted");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Remembers that the closing of a group is deferred, so that a later run goes on with it.
pub(crate) async fn remember(environment: &Environment<impl RemediationServices>, request: &Close, until: Timestamp) {
    let value = Deferral {
        until,
        since: (environment.now)(),
        execution_id: request.execution_id.clone(),
        strategy: Some(request.strategy),
        replacement_cidrs: request.replacement_cidrs.iter().map(ToString::to_string).collect(),
        ignore_hold: request.ignore_hold,
        automatic: environment.automatic_mode,
    };
    leave(environment, &request.config_rule_name, &request.security_group_id, value).await;
}

/// Has a group closed that automatic mode would close, if AWS Config knew that it is open.
pub(crate) async fn ask_for(environment: &Environment<impl RemediationServices>, rule_name: &str, group_id: &str) {
    let now = (environment.now)();
    let value = Deferral {
        until: now,
        since: now,
        execution_id: None,
        strategy: None,
        replacement_cidrs: Vec::new(),
        ignore_hold: false,
        automatic: true,
    };
    leave(environment, rule_name, group_id, value).await;
}

async fn leave(environment: &Environment<impl RemediationServices>, rule_name: &str, group_id: &str, value: Deferral) {
    let expires = later(value.until, DEFERRAL_KEPT);
    let item = StateItem { id: group_id.to_owned(), value };
    if let Err(error) = environment.state().put_item(&Deferral::partition(rule_name), &item, expires).await {
        warn!(security_group.id = group_id, %error, "deferral not remembered");
    }
}

/// Forgets that the closing of a group was deferred.
pub(crate) async fn forget(environment: &Environment<impl RemediationServices>, request: &Close) {
    if environment.closings_per_hour.is_none() {
        return;
    }
    let (group_id, partition) = (&*request.security_group_id, Deferral::partition(&request.config_rule_name));
    if let Err(error) = environment.state().delete_item(&partition, group_id).await {
        warn!(security_group.id = group_id, %error, "deferral not forgotten");
    }
}

/// Begin and end of the hour of a time.
fn hour(time: Timestamp) -> (Timestamp, Timestamp) {
    let begin = time.as_second().div_euclid(SECONDS_AN_HOUR).saturating_mul(SECONDS_AN_HOUR);
    let at = |second| Timestamp::from_second(second).unwrap_or(time);
    (at(begin), at(begin.saturating_add(SECONDS_AN_HOUR)))
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}
