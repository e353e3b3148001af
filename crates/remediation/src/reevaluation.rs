//! Has AWS Config evaluate the rule again, when an exemption or a prefix list was changed, which AWS Config does not notice. A
//! closing that judges otherwise than AWS Config did asks for it; otherwise automatic mode would start closings for ever. So do
//! changes of the inputs of the policy, and the ends of exemptions: see [`inputs`](crate::inputs).
//!
//! An evaluation judges all groups of the rule, and is paid for each. So there is at most one in an interval, and a number of
//! them a day; a wish for one is remembered until then.
//!
//! A wish is an object whose name says from when on an evaluation has to begin to answer it. An evaluation that began then, or
//! later, answers all wishes up to its own time. So no wish is lost to an evaluation that runs already, however many ask at once.

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
/// Time after which an evaluation that AWS Config refused is asked for again: it takes one call a minute.
const REFUSED: SignedDuration = SignedDuration::from_secs(60);
/// Days begin at midnight, UTC.
const SECONDS_A_DAY: i64 = 86_400;
/// Beginning of the names of the objects that remember wishes; behind it comes the time.
const WISH: &str = "wish";
/// End of the names of all these objects. Without [`WISH`], the time before it is that of an evaluation.
const JSON: &str = ".json";
/// Their content.
const EMPTY: &str = "{}";

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

/// What became of the wishes for a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    /// Whether AWS Config evaluates the rule now.
    pub(crate) evaluated: bool,
    /// When the next one of those that are remembered may be granted.
    pub(crate) next: Option<Timestamp>,
}

/// What the store has of the evaluations of a rule: the objects below one prefix, which say everything by their names.
pub(crate) struct Ledger {
    prefix: String,
    /// Times at which evaluations began.
    started: Vec<Timestamp>,
    /// Keys of the wishes, with the times from which an evaluation answers them.
    wishes: BTreeMap<String, Timestamp>,
    /// Names of the other objects.
    pub(crate) notes: Vec<String>,
}

impl Ledger {
    pub(crate) async fn read(store: &impl ObjectStore, rule_name: &str) -> Result<Self, StoreError> {
        let prefix = prefix(store.location(), rule_name);
        let keys = store.list(&prefix).await?;
        let mut ledger = Self { prefix, started: Vec::new(), wishes: BTreeMap::new(), notes: Vec::new() };
        for key in keys {
            let name = key.strip_prefix(&ledger.prefix).and_then(|name| name.strip_suffix(JSON)).unwrap_or_default();
            if let Ok(at) = name.parse() {
                ledger.started.push(at);
            } else if let Some(due) = due(name) {
                ledger.wishes.insert(key, due);
            } else {
                ledger.notes.push(name.to_owned());
            }
        }
        Ok(ledger)
    }

    /// Remembers the wish for an evaluation that begins at `due` or later. Returns false if one has begun already.
    pub(crate) async fn wish(&mut self, store: &impl ObjectStore, due: Timestamp) -> Result<bool, StoreError> {
        if self.started.iter().any(|at| *at >= due) {
            return Ok(false);
        }
        // What answers a later wish answers this one.
        if !self.wishes.values().any(|other| *other >= due) {
            let key = self.put(store, &format!("{WISH}-{due}")).await?;
            self.wishes.insert(key, due);
        }
        Ok(true)
    }

    /// Has AWS Config evaluate the rule if there is a wish that is due, and the limits allow it.
    pub(crate) async fn grant(
        &mut self,
        environment: &Environment<impl RemediationServices>,
        rule_name: &str,
    ) -> Result<Granted, StoreError> {
        let (Some(limits), false) = (environment.reevaluations, self.wishes.is_empty()) else {
            return Ok(Granted::default());
        };
        let now = (environment.now)();
        let today = self.today(now);
        if today >= limits.per_day {
            error!(config_rule.name = rule_name, evaluations = today, "evaluations of the day used up");
        }
        let mut next = self.next(limits, now);
        let mut evaluated = false;
        if next.is_some_and(|next| next <= now) {
            evaluated = self.evaluate(environment, rule_name, now).await?;
            let refused = now.checked_add(REFUSED).unwrap_or(Timestamp::MAX);
            next = if evaluated { self.next(limits, now) } else { Some(refused) };
        }
        Ok(Granted { evaluated, next })
    }

    /// Begins an evaluation, and forgets the wishes that it answers. Returns false if AWS Config refused it.
    async fn evaluate(
        &mut self,
        environment: &Environment<impl RemediationServices>,
        rule_name: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let store = environment.store();
        let record = format!("{}{now}{JSON}", self.prefix);
        // Before the call: after an interruption, an evaluation too many would cost more than one too few.
        if !store.put_new(&record, EMPTY.to_owned()).await? {
            return Ok(false);
        }
        match environment.config().start_evaluation(rule_name).await {
            Ok(true) => {
                self.started.push(now);
                for (key, _) in self.wishes.extract_if(.., |_, due| *due <= now) {
                    store.delete(&key).await?;
                }
                return Ok(true);
            }
            Ok(false) => {}
            Err(error) => warn!(config_rule.name = rule_name, %error, "evaluation not started"),
        }
        store.delete(&record).await?;
        Ok(false)
    }

    /// The earliest time at which an evaluation may begin that answers a wish; `None` if there is no wish.
    pub(crate) fn next(&self, limits: ReevaluationLimits, now: Timestamp) -> Option<Timestamp> {
        let first = self.wishes.values().min()?;
        let last = self.started.iter().max();
        let free = last.map_or(Timestamp::MIN, |last| last.checked_add(limits.interval).unwrap_or(Timestamp::MAX));
        let day = if self.today(now) < limits.per_day { Timestamp::MIN } else { tomorrow(now) };
        Some(free.max(day).max(*first))
    }

    /// Number of evaluations that began on this day.
    fn today(&self, now: Timestamp) -> usize {
        self.started.iter().filter(|at| day(**at) == day(now)).count()
    }

    /// Puts an object without content. Returns its key.
    pub(crate) async fn put(&self, store: &impl ObjectStore, name: &str) -> Result<String, StoreError> {
        let key = format!("{}{name}{JSON}", self.prefix);
        store.put(&key, EMPTY.to_owned(), BTreeMap::new()).await?;
        Ok(key)
    }

    /// Deletes an object.
    pub(crate) async fn delete(&self, store: &impl ObjectStore, name: &str) -> Result<(), StoreError> {
        store.delete(&format!("{}{name}{JSON}", self.prefix)).await
    }
}

fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(SECONDS_A_DAY)
}

fn tomorrow(now: Timestamp) -> Timestamp {
    Timestamp::from_second((day(now) + 1).saturating_mul(SECONDS_A_DAY)).unwrap_or(Timestamp::MAX)
}

/// Asks for an evaluation after a closing that found nothing to close, if AWS Config has the group as non-compliant.
pub(crate) async fn after_closing(
    environment: &Environment<impl RemediationServices>,
    request: &Close,
    has_prefix_lists: bool,
    response: &mut Response,
) {
    if environment.reevaluations.is_none() {
        return;
    }
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
    match asked(environment, rule_name, now).await {
        Ok(true) => response.message.push_str("; AWS Config evaluates the rule again"),
        Ok(false) => {
            response.message.push_str("; AWS Config is to evaluate the rule again");
            let until = now.checked_add(BRAKE).unwrap_or(Timestamp::MAX);
            exception::put(environment.config(), rule_name, group_id, "an evaluation is due", until).await;
        }
        Err(error) => {
            error!(config_rule.name = rule_name, error = error_message(&error), "evaluation not requested");
        }
    }
}

/// Asks for an evaluation from `due` on. Returns true if it has begun.
async fn asked(
    environment: &Environment<impl RemediationServices>,
    rule_name: &str,
    due: Timestamp,
) -> Result<bool, StoreError> {
    let store = environment.store();
    let mut ledger = Ledger::read(store, rule_name).await?;
    Ok(!ledger.wish(store, due).await? || ledger.grant(environment, rule_name).await?.evaluated)
}

/// Beginning of the keys of the evaluations of a rule.
fn prefix(location: &StoreLocation, rule_name: &str) -> String {
    let StoreLocation { account_id, region, .. } = location;
    let name: String = rule_name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    format!("evaluations/{account_id}/{region}/{name}/")
}

/// The time from which an evaluation answers the wish `name`; `None` for another object. That of version 0.1 had no time.
fn due(name: &str) -> Option<Timestamp> {
    match name.strip_prefix(WISH)? {
        "" => Some(Timestamp::MIN),
        at => at.strip_prefix('-')?.parse().ok(),
    }
}
