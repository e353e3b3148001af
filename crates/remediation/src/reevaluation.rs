//! Has AWS Config evaluate the rule again when a closing judges otherwise than AWS Config did: an exemption or a prefix list
//! was changed, which AWS Config does not notice. Otherwise automatic mode would start closings for ever.
//!
//! An evaluation judges all groups of the rule, and is paid for each. So there is at most one in an interval, and a number of
//! them a day; a wish for one is remembered until then.

use std::collections::BTreeMap;

use aws_traits::config::{Reevaluations, StoredResult};
use aws_traits::object_store::{ObjectStore, StoreError, StoreLocation};
use jiff::{SignedDuration, Timestamp};
use plain_text::error_message;
use tracing::{error, warn};

use crate::environment::Environment;
use crate::exception;
use crate::request::Close;
use crate::response::{Response, Status};
use crate::services::RemediationServices;

/// Time that AWS Config has to notice a change of the group itself.
const NOTICE: SignedDuration = SignedDuration::from_mins(10);
/// Time between two closings of a group that has nothing to close, until AWS Config evaluates it. Short, since automatic mode
/// does not close the group meanwhile.
const BRAKE: SignedDuration = SignedDuration::from_secs(30);
/// Days begin at midnight, UTC.
const SECONDS_A_DAY: i64 = 86_400;
/// Name of the object that remembers a wish.
const WISH: &str = "wish.json";
/// End of the names of the objects that record evaluations; before it comes the time.
const JSON: &str = ".json";

/// Limits of evaluations on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReevaluationLimits {
    /// Least time between two evaluations.
    pub interval: SignedDuration,
    /// Most evaluations a day, in UTC.
    pub per_day: usize,
}

impl Default for ReevaluationLimits {
    fn default() -> Self {
        Self { interval: SignedDuration::from_mins(15), per_day: 12 }
    }
}

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// AWS Config evaluates the rule now.
    Granted,
    /// It is remembered.
    Remembered,
}

/// Asks for an evaluation after a closing that found nothing to close, if AWS Config has the group as non-compliant.
pub(crate) async fn after_closing(
    environment: &Environment<impl RemediationServices>,
    request: &Close,
    has_prefix_lists: bool,
    response: &mut Response,
) {
    let Some(limits) = environment.reevaluations else { return };
    let is_held = response.closed().is_some_and(|closed| closed.held_until.is_some());
    let is_idle = response.snapshot.is_none() && matches!(response.status, Status::Exempt | Status::NothingToDo);
    if is_held || !is_idle {
        return;
    }
    let (rule_name, group_id) = (&*request.config_rule_name, &*request.security_group_id);
    let stored = match environment.config().stored_result(rule_name, group_id).await {
        Ok(Some(stored)) => stored,
        Ok(None) => return,
        Err(error) => return warn!(security_group.id = group_id, %error, "result of AWS Config not read"),
    };
    let StoredResult { is_non_compliant, recorded } = stored;
    let now = (environment.now)();
    // AWS Config notices a change of the group by itself, only later.
    let is_soon_noticed =
        response.status == Status::NothingToDo && !has_prefix_lists && now.duration_since(recorded) < NOTICE;
    if !is_non_compliant || is_soon_noticed {
        return;
    }
    match wish(environment, limits, rule_name).await {
        Ok(Wish::Granted) => response.message.push_str("; AWS Config evaluates the rule again"),
        Ok(Wish::Remembered) => {
            response.message.push_str("; AWS Config is to evaluate the rule again");
            let until = now.checked_add(BRAKE).unwrap_or(Timestamp::MAX);
            exception::put(environment.config(), rule_name, group_id, "an evaluation is due", until).await;
        }
        Err(error) => {
            error!(config_rule.name = rule_name, error = error_message(&error), "evaluation not requested");
        }
    }
}

/// Evaluates the rule, if an earlier wish is remembered and its time has come.
pub(crate) async fn remembered(
    environment: &Environment<impl RemediationServices>,
    rule_name: &str,
) -> Result<Option<Wish>, StoreError> {
    let Some(limits) = environment.reevaluations else { return Ok(None) };
    let store = environment.store();
    let key = format!("{}{WISH}", prefix(store.location(), rule_name));
    let is_remembered = store.list(&key).await?.contains(&key);
    if is_remembered { wish(environment, limits, rule_name).await.map(Some) } else { Ok(None) }
}

/// Evaluates the rule now, or remembers to do so.
async fn wish(
    environment: &Environment<impl RemediationServices>,
    limits: ReevaluationLimits,
    rule_name: &str,
) -> Result<Wish, StoreError> {
    let (store, now) = (environment.store(), (environment.now)());
    let prefix = prefix(store.location(), rule_name);
    let keys = store.list(&prefix).await?;
    let wish = format!("{prefix}{WISH}");
    let is_remembered = keys.contains(&wish);
    let started = keys.iter().filter_map(|key| started_at(key.strip_prefix(&prefix)?)).collect::<Vec<_>>();
    let is_too_early = started.iter().any(|at| now.duration_since(*at) < limits.interval);
    let day = |at: &Timestamp| at.as_second().div_euclid(SECONDS_A_DAY);
    let today = started.iter().filter(|at| day(at) == day(&now)).count();
    if today >= limits.per_day {
        error!(config_rule.name = rule_name, evaluations = today, "evaluations of the day used up");
    }
    if !is_too_early && today < limits.per_day {
        let record = format!("{prefix}{now}{JSON}");
        // Before the call: after an interruption, an evaluation too many would cost more than one too few.
        if store.put_new(&record, "{}".to_owned()).await? {
            match environment.config().start_evaluation(rule_name).await {
                Ok(true) => {
                    if is_remembered {
                        store.delete(&wish).await?;
                    }
                    return Ok(Wish::Granted);
                }
                Ok(false) => {}
                Err(error) => warn!(config_rule.name = rule_name, %error, "evaluation not started"),
            }
            store.delete(&record).await?;
        }
    }
    if !is_remembered {
        store.put(&wish, "{}".to_owned(), BTreeMap::new()).await?;
    }
    Ok(Wish::Remembered)
}

/// Beginning of the keys of the evaluations of a rule.
fn prefix(location: &StoreLocation, rule_name: &str) -> String {
    let StoreLocation { account_id, region, .. } = location;
    let name: String = rule_name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    format!("evaluations/{account_id}/{region}/{name}/")
}

/// Time of the evaluation with the record `name`; `None` for another object.
fn started_at(name: &str) -> Option<Timestamp> {
    name.strip_suffix(JSON)?.parse().ok()
}
