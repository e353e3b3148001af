//! The duty *follow-up*: closings that were deferred go on, however they were started.
//!
//! The remediator notes a closing for which an hour had no room. Once that hour has ended, this function starts one execution for the
//! note. If the next hour has no room for it either, the remediator writes the note anew, with another end. So a group has one execution an
//! hour from here, and none after its note is gone.

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
use crate::time::plus;

/// Kind of the items in the state table that the remediator writes.
const KIND: &str = "deferred";
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
    /// How exposing rules are closed.
    strategy: String,
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

/// Outcome of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FollowedUp {
    /// Closings that wait, those that go on now included.
    pub deferred: usize,
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
}

impl<A: Automations, T: StateTable> FollowUp<A, T> {
    /// Goes on with closings by this SSM document.
    pub fn new(ssm: A, table: T, document: String, origin: Origin) -> Self {
        Self { ssm, table, document, origin, automatic_mode: false }
    }

    /// Goes on with what automatic mode started, too, as long as that mode is on. Who switches it off wants it to stop.
    #[must_use]
    pub fn in_automatic_mode(self, automatic_mode: bool) -> Self {
        Self { automatic_mode, ..self }
    }

    /// Starts what may go on at the time `now`, before `deadline`.
    ///
    /// # Errors
    ///
    /// If the notes cannot be read.
    pub async fn run(&self, now: Timestamp, deadline: Instant) -> Result<FollowedUp, Gap> {
        let end = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let notes = self.notes(end).await?;
        let mut done = FollowedUp { deferred: notes.len(), ..FollowedUp::default() };
        let mut due: Vec<StateItem<Deferral>> =
            notes.into_iter().filter(|note| self.is_due(&note.value, now)).collect();
        // Who waits for longest goes on first.
        due.sort_by(|one, other| (one.value.since, &one.id).cmp(&(other.value.since, &other.id)));
        for note in due {
            if done.started == MOST {
                break;
            }
            match in_time(end, self.ssm.start_execution(&self.execution(&note))).await {
                Ok(Started::Now(execution)) => {
                    done.started += 1;
                    let (group, rule) = (note.id.as_str(), self.origin.rule.as_str());
                    info!(
                        service = SERVICE,
                        security_group.id = group,
                        config_rule.name = rule,
                        automation_execution.id = execution,
                        "deferred closing goes on"
                    );
                }
                Ok(Started::Before) => {}
                Err(gap) => {
                    done.failed += 1;
                    let (group, error) = (note.id.as_str(), gap.to_string());
                    error!(service = SERVICE, security_group.id = group, error, "deferred closing not started");
                    if !matches!(&gap, Gap::Aws(error) if !error.is_denied()) {
                        // The next ones would fail, too.
                        break;
                    }
                }
            }
        }
        Ok(done)
    }

    fn is_due(&self, deferral: &Deferral, now: Timestamp) -> bool {
        let is_wanted = self.automatic_mode || !deferral.automatic;
        is_wanted && deferral.until <= now && now < plus(deferral.until, GIVE_UP_AFTER)
    }

    async fn notes(&self, end: Instant) -> Result<Vec<StateItem<Deferral>>, Gap> {
        let partition = Partition { kind: KIND, of: self.origin.rule.clone() };
        in_time(end, self.table.all_items(&partition)).await
    }

    /// The execution for a note. Its token is made of what the note says, so that there is one for it, ever.
    fn execution(&self, StateItem { id, value }: &StateItem<Deferral>) -> NewExecution {
        let Origin { account, region, rule } = &self.origin;
        let mut parameters = BTreeMap::from([
            ("SecurityGroupId".to_owned(), id.clone()),
            ("ConfigRuleName".to_owned(), rule.clone()),
            ("Strategy".to_owned(), value.strategy.clone()),
        ]);
        if !value.replacement_cidrs.is_empty() {
            parameters.insert("ReplacementCidrs".to_owned(), value.replacement_cidrs.join(","));
        }
        if value.ignore_hold {
            parameters.insert("IgnoreHold".to_owned(), "true".to_owned());
        }
        let name = serde_json::json!([account, region, parameters, value.until]).to_string();
        let client_token = Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string();
        NewExecution { document: self.document.clone(), parameters, client_token }
    }
}
