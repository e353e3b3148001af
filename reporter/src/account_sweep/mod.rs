//! The duty *account-sweep*: what AWS Config has of one account is compared with what earlier sweeps saw, and announced.
//!
//! Events may be lost, and an exception of a remediation is no event at all. So a sweep repeats on the bus what AWS Config has.
//!
//! INVARIANT: a sweep says something of a group only if it has read it. It concludes that a group is gone only from two
//! complete reads of two sweeps. So an error at one page leaves the rest as it is.

mod announce;
mod known;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::Duration;

use aws_traits::config::{GroupResult, RemediationException, RemediationExceptions, RuleResults};
use aws_traits::events::Events;
use aws_traits::state::{Partition, StateItem, StateTable};
use findings::event::SweptCompliance;
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use plain_text::error_message;
use serde::Serialize;
use tokio::time::Instant;
use tracing::{error, info, warn};
use work_queue::{Gap, in_time};

use self::announce::Announcer;
use self::known::Known;
use crate::SERVICE;
use crate::grace::{self, Grace};

/// Kind of the items in the state table.
const KIND: &str = "compliance";
/// Time that is left for the answer when the deadline of the function comes.
const MARGIN: Duration = Duration::from_secs(5);
/// Items that are written at once.
const AT_ONCE: usize = 8;

/// The rule that is swept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Account of the rule.
    pub account: String,
    /// Region.
    pub region: String,
    /// Name of the AWS Config rule.
    pub rule: String,
}

/// Outcome of a sweep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountSwept {
    /// Results that were read, of all groups.
    pub results: usize,
    /// Groups that are non-compliant.
    pub non_compliant: usize,
    /// Of these, groups that AWS Config will not close, because of an exception that is not ours.
    pub parked: usize,
    /// Groups that were announced.
    pub announced: usize,
    /// Groups that were to be announced, and were not.
    pub not_announced: usize,
    /// Groups that could not be remembered.
    pub not_remembered: usize,
    /// Whether all results and exceptions were read, and all was announced and remembered.
    pub complete: bool,
}

/// Sweeps one account.
#[derive(Debug)]
pub struct AccountSweep<C, E, T> {
    config: C,
    events: E,
    table: T,
    origin: Origin,
    grace_days: u16,
}

/// A group, as it was known and as it is.
struct Work {
    group_id: String,
    before: Option<Known>,
    known: Known,
}

impl<C: RuleResults + RemediationExceptions, E: Events, T: StateTable> AccountSweep<C, E, T> {
    /// A sweep of this rule.
    pub fn new(config: C, events: E, table: T, origin: Origin) -> Self {
        Self { config, events, table, origin, grace_days: 0 }
    }

    /// Says when groups are closed that automatic mode closes after so many days; 0 for at once.
    #[must_use]
    pub fn with_grace(self, grace_days: u16) -> Self {
        Self { grace_days, ..self }
    }

    /// Sweeps the account, at the time `now` and before `deadline`.
    pub async fn run(&self, now: Timestamp, deadline: Instant) -> AccountSwept {
        let end = deadline.checked_sub(MARGIN).unwrap_or(deadline);
        let mut swept = AccountSwept { complete: true, ..AccountSwept::default() };
        // Without it, every group would be new.
        let known = match self.known(end).await {
            Ok(known) => known,
            Err(gap) => {
                swept.complete = false;
                incomplete("the state of earlier sweeps was not read", &gap);
                return swept;
            }
        };
        let exceptions = match self.foreign_exceptions(now, end).await {
            Ok(exceptions) => Some(exceptions),
            Err(gap) => {
                swept.complete = false;
                incomplete("remediation exceptions were not read", &gap);
                None
            }
        };
        let grace = match self.grace(end).await {
            Ok(grace) => Some(grace),
            Err(gap) => {
                swept.complete = false;
                incomplete("days of grace were not read", &gap);
                None
            }
        };
        let mut work = self.compare(known, now, end, &mut swept).await;
        for Work { group_id, known, .. } in &mut work {
            if let Some(exceptions) = &exceptions {
                known.except(exceptions.get(group_id), now);
            }
            if let Some(grace) = &grace {
                known.plan(grace.get(group_id), now);
            }
            swept.non_compliant += usize::from(known.compliance == SweptCompliance::NonCompliant);
            if known.is_parked() {
                swept.parked += 1;
                self.report_parked(group_id, known);
            }
        }
        self.announce_and_remember(work, exceptions.is_some(), now, end, &mut swept).await;
        info!(
            service = SERVICE,
            config_rule.name = self.origin.rule,
            results.read = swept.results,
            groups.non_compliant = swept.non_compliant,
            groups.parked = swept.parked,
            groups.announced = swept.announced,
            complete = swept.complete,
            "account swept"
        );
        swept
    }

    /// Groups that earlier sweeps saw.
    async fn known(&self, end: Instant) -> Result<BTreeMap<String, Known>, Gap> {
        let known = in_time(end, self.table.all_items(&self.partition())).await?;
        Ok(known.into_iter().map(|StateItem { id, value }| (id, value)).collect())
    }

    /// When groups are closed, by the days that the stack has now.
    async fn grace(&self, end: Instant) -> Result<BTreeMap<String, Grace>, Gap> {
        let records = grace::records(&self.table, &self.origin.rule, self.grace_days, end).await?;
        Ok(records.into_iter().map(|StateItem { id, value }| (id, value)).collect())
    }

    /// Exceptions by group that others put, and that have not ended.
    async fn foreign_exceptions(
        &self,
        now: Timestamp,
        end: Instant,
    ) -> Result<BTreeMap<String, RemediationException>, Gap> {
        let all = in_time(end, self.config.remediation_exceptions(&self.origin.rule, None)).await?;
        let is_foreign = |exception: &RemediationException| !exception.is_ours() && exception.is_in_force(now);
        Ok(all.into_iter().filter(is_foreign).map(|exception| (exception.group_id.clone(), exception)).collect())
    }

    /// Compares the results page by page with what is known. Returns the groups that were read, as they are now. Of groups that
    /// are neither non-compliant nor known, nothing is kept.
    async fn compare(
        &self,
        mut known: BTreeMap<String, Known>,
        now: Timestamp,
        end: Instant,
        swept: &mut AccountSwept,
    ) -> Vec<Work> {
        // Half of the time is for the events.
        let begun = Instant::now();
        let end = begun + end.saturating_duration_since(begun) / 2;
        let (mut work, mut seen, mut next_token) = (Vec::new(), BTreeSet::new(), None);
        let gap = loop {
            match in_time(end, self.config.rule_results(&self.origin.rule, next_token.take())).await {
                Ok((results, next)) => {
                    swept.results += results.len();
                    for result in results {
                        // A result that is stored meanwhile may be on two pages.
                        if let Some(one) = seen_now(&mut known, &result, now)
                            && seen.insert(result.group_id)
                        {
                            work.push(one);
                        }
                    }
                    next_token = next;
                }
                Err(gap) => break Some(gap),
            }
            if next_token.is_none() {
                break None;
            }
        };
        match gap {
            Some(gap) => {
                swept.complete = false;
                incomplete("results of AWS Config were not read to the end", &gap);
            }
            // A rule without any result was made or evaluated anew.
            None if swept.results == 0 => {}
            None => work.extend(known.into_iter().map(|(group_id, before)| {
                let mut known = before.clone();
                known.miss(now);
                Work { group_id, before: Some(before), known }
            })),
        }
        work
    }

    /// Announces what is due, and writes down what changed: ten groups at a time, so that a sweep that ends early has done a
    /// part.
    async fn announce_and_remember(
        &self,
        work: Vec<Work>,
        exceptions_read: bool,
        now: Timestamp,
        end: Instant,
        swept: &mut AccountSwept,
    ) {
        let has_bus = self.events.bus().is_some();
        let (mut due, others): (Vec<Work>, Vec<Work>) =
            work.into_iter().partition(|one| has_bus && one.known.is_due(now));
        due.sort_by_key(|one| one.known.last_announced());
        let mut announcer = Announcer::new(&self.events, &self.origin, exceptions_read, now, end);
        while !due.is_empty() {
            let rest = due.split_off(due.len().min(announce::AT_ONCE));
            announcer.announce(&mut due).await;
            self.remember(due, now, end, swept).await;
            due = rest;
        }
        (swept.announced, swept.not_announced) = (announcer.announced, announcer.not_announced);
        self.remember(others, now, end, swept).await;
        if swept.not_announced > 0 {
            incomplete("groups were not announced", &announcer.why.unwrap_or_default());
        }
        if swept.not_remembered > 0 {
            incomplete("groups were not remembered", &swept.not_remembered);
        }
        swept.complete &= swept.not_announced == 0 && swept.not_remembered == 0;
    }

    async fn remember(&self, work: Vec<Work>, now: Timestamp, end: Instant, swept: &mut AccountSwept) {
        let partition = &self.partition();
        let write = |Work { group_id, known, .. }: Work| async move {
            let (expires, item) = (known.expires(now), StateItem { id: group_id, value: known });
            let written = in_time(end, self.table.put_item(partition, &item, expires)).await;
            if let Err(gap) = &written {
                let error = error_message(gap);
                warn!(service = SERVICE, security_group.id = item.id, error, "security group not remembered");
            }
            usize::from(written.is_err())
        };
        let changed = work.into_iter().filter(|one| one.known.differs(one.before.as_ref()));
        let mut outcomes = stream::iter(changed).map(write).buffer_unordered(AT_ONCE);
        while let Some(failed) = outcomes.next().await {
            swept.not_remembered += failed;
        }
    }

    fn report_parked(&self, group_id: &str, known: &Known) {
        let exception = known.exception.as_ref();
        let message = exception.and_then(|exception| exception.message.as_deref());
        let until = exception.and_then(|exception| exception.expires).map(|until| until.to_string());
        let rule = self.origin.rule.as_str();
        error!(
            service = SERVICE,
            security_group.id = group_id,
            config_rule.name = rule,
            exception = message,
            until,
            "security group parked"
        );
    }

    fn partition(&self) -> Partition {
        Partition { kind: KIND, of: self.origin.rule.clone() }
    }
}

/// The group of a result, if it is known or to be known. What was known is taken from `known`.
fn seen_now(known: &mut BTreeMap<String, Known>, result: &GroupResult, now: Timestamp) -> Option<Work> {
    let group_id = result.group_id.clone();
    match known.remove(&group_id) {
        Some(before) => {
            let mut known = before.clone();
            known.see(result, now);
            Some(Work { group_id, before: Some(before), known })
        }
        None => Some(Work { group_id, before: None, known: Known::first(result, now)? }),
    }
}

/// An alarm of the stack rings for this line.
fn incomplete(what: &str, why: &impl Display) {
    error!(service = SERVICE, step = what, error = why.to_string(), "account sweep incomplete");
}
