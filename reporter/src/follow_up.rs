//! The duty *follow-up*: closings that were deferred go on, however they were started.
//!
//! The remediator notes a closing for which an hour had no room. Once that hour has ended, this function starts one execution for the
//! note. If the next hour has no room for it either, the remediator writes the note anew, with another end. So a group has one execution an
//! hour from here, and none after its note is gone.
//!
//! Automatic mode with days of grace is started from here as well: the sweep of the remediator writes down what is due. One execution an
//! hour, as long as it is.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_traits::ssm::{Automations, NewExecution, Started};
use aws_traits::state::{Partition, StateItem, StateTable};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::{error, info};
use uuid::Uuid;
use work_queue::{Gap, in_time};

use crate::SERVICE;
use crate::account_sweep::Origin;
use crate::grace::{self, Grace};
use crate::time::plus;

/// Kind of the items in the state table that the remediator writes.
const KIND: &str = "deferred";
const SECONDS_AN_HOUR: i64 = 3_600;
/// Most executions that are started at once: as many as Systems Manager runs at a time.
///
/// Source: <https://docs.aws.amazon.com/general/latest/gr/ssm.html#limits_ssm>
const MOST: usize = 100;
/// A note that nothing came of for so long is left to people: its executions failed, and rang an alarm.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(2);
/// Time that is left for the answer when the deadline of the function comes.
const MARGIN: Duration = Duration::from_secs(3);
/// Namespace of the client tokens.
const NAMESPACE: Uuid = Uuid::from_u128(0x3d0c_b9a1_77e2_4f0b_9d6b_0b5d_64f2_1e90);

/// A closing that was deferred, as the remediator writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deferral {
    /// When the group may be closed.
    until: Timestamp,
    /// When it was deferred, the latest time.
    since: Timestamp,
    /// How exposing rules are closed, if not as the stack does.
    #[serde(default)]
    strategy: Option<String>,
    /// Sources that replace an exposing one.
    #[serde(default)]
    replacement_cidrs: Vec<String>,
    /// Close the group although a restore put it on hold.
    #[serde(default)]
    ignore_hold: bool,
    /// Whether automatic mode was on.
    #[serde(default)]
    automatic: bool,
}

/// A closing that may begin.
struct Ready {
    group_id: String,
    since: Timestamp,
    execution: NewExecution,
}

/// Outcome of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FollowedUp {
    /// Closings that wait, those that go on now included.
    pub deferred: usize,
    /// Groups that were open for the days of grace, and are to be closed now.
    pub due: usize,
    /// Executions that were started.
    pub started: usize,
    /// Executions that could not be started. The next run tries again.
    pub failed: usize,
}

/// Goes on with the deferred closings of a rule.
#[derive(Debug)]
pub struct FollowUp<A, T> {
    ssm: A,
    table: T,
    document: String,
    origin: Origin,
    automatic_mode: bool,
    grace_days: u16,
}

impl<A: Automations, T: StateTable> FollowUp<A, T> {
    /// Goes on with closings by this SSM document.
    pub fn new(ssm: A, table: T, document: String, origin: Origin) -> Self {
        Self { ssm, table, document, origin, automatic_mode: false, grace_days: 0 }
    }

    /// Goes on with what automatic mode started, too, as long as that mode is on. Who switches it off wants it to stop.
    #[must_use]
    pub fn in_automatic_mode(self, automatic_mode: bool) -> Self {
        Self { automatic_mode, ..self }
    }

    /// Starts what automatic mode closes after so many days of grace; 0 for none.
    #[must_use]
    pub fn with_grace(self, grace_days: u16) -> Self {
        Self { grace_days, ..self }
    }

    /// Starts what may go on at the time `now`, before `deadline`.
    ///
    /// # Errors
    ///
    /// If the notes cannot be read.
    pub async fn run(&self, now: Timestamp, deadline: Instant) -> Result<FollowedUp, Gap> {
        let end = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let notes = self.notes(end).await?;
        let records = self.records(end).await?;
        let mut done = FollowedUp { deferred: notes.len(), ..FollowedUp::default() };
        let mut ready: Vec<Ready> = notes.into_iter().filter_map(|note| self.goes_on(note, now)).collect();
        let due = records.into_iter().filter_map(|record| self.begins(&record, now));
        ready.extend(due.inspect(|_| done.due += 1));
        // Who waits for longest goes on first.
        ready.sort_by(|one, other| (one.since, &one.group_id).cmp(&(other.since, &other.group_id)));
        for Ready { group_id, execution, .. } in ready {
            if done.started == MOST {
                break;
            }
            match in_time(end, self.ssm.start_execution(&execution)).await {
                Ok(Started::Now(execution)) => {
                    done.started += 1;
                    let rule = self.origin.rule.as_str();
                    info!(
                        service = SERVICE,
                        security_group.id = group_id,
                        config_rule.name = rule,
                        automation_execution.id = execution,
                        "closing started"
                    );
                }
                Ok(Started::Before) => {}
                Err(gap) => {
                    done.failed += 1;
                    let error = gap.to_string();
                    error!(service = SERVICE, security_group.id = group_id, error, "closing not started");
                    if !matches!(&gap, Gap::Aws(error) if !error.is_denied()) {
                        // The next ones would fail, too.
                        break;
                    }
                }
            }
        }
        Ok(done)
    }

    /// The closing for a note, if its time has come.
    fn goes_on(&self, note: StateItem<Deferral>, now: Timestamp) -> Option<Ready> {
        let StateItem { id: group_id, value } = note;
        let is_wanted = self.automatic_mode || !value.automatic;
        let is_due = value.until <= now && now < plus(value.until, GIVE_UP_AFTER);
        (is_wanted && is_due).then(|| {
            let mut parameters: BTreeMap<_, _> =
                value.strategy.into_iter().map(|strategy| ("Strategy".to_owned(), strategy)).collect();
            if !value.replacement_cidrs.is_empty() {
                parameters.insert("ReplacementCidrs".to_owned(), value.replacement_cidrs.join(","));
            }
            if value.ignore_hold {
                parameters.insert("IgnoreHold".to_owned(), "true".to_owned());
            }
            // There is one execution for a note, ever.
            let execution = self.execution(&group_id, parameters, value.until);
            Ready { group_id, since: value.since, execution }
        })
    }

    /// The closing for a record, if something of it is due.
    fn begins(&self, StateItem { id, value }: &StateItem<Grace>, now: Timestamp) -> Option<Ready> {
        let since = value.due_from.filter(|due| *due <= now)?;
        let parameters = BTreeMap::from([("OnlyDue".to_owned(), "true".to_owned())]);
        let execution = self.execution(id, parameters, hour(now));
        Some(Ready { group_id: id.clone(), since, execution })
    }

    async fn notes(&self, end: Instant) -> Result<Vec<StateItem<Deferral>>, Gap> {
        let partition = Partition { kind: KIND, of: self.origin.rule.clone() };
        in_time(end, self.table.all_items(&partition)).await
    }

    async fn records(&self, end: Instant) -> Result<Vec<StateItem<Grace>>, Gap> {
        let grace_days = if self.automatic_mode { self.grace_days } else { 0 };
        grace::records(&self.table, &self.origin.rule, grace_days, end).await
    }

    /// An execution of the document, by the parameters of the stack where it has no others. There is one of them for a group and a
    /// time.
    fn execution(&self, group_id: &str, mut parameters: BTreeMap<String, String>, of: Timestamp) -> NewExecution {
        let Origin { account, region, rule } = &self.origin;
        parameters.insert("SecurityGroupId".to_owned(), group_id.to_owned());
        parameters.insert("ConfigRuleName".to_owned(), rule.clone());
        let name = serde_json::json!([account, region, parameters, of]).to_string();
        let client_token = Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string();
        NewExecution { document: self.document.clone(), parameters, client_token }
    }
}

/// Begin of the hour of a time, in UTC.
fn hour(time: Timestamp) -> Timestamp {
    let second = time.as_second();
    Timestamp::from_second(second - second.rem_euclid(SECONDS_AN_HOUR)).unwrap_or(time)
}
