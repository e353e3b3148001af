//! Grace: since when each group is open, and what of it is due.
//!
//! The sweep judges all groups of the account as EC2 has them, and is the only one that writes the records. So what it says does not
//! depend on events, nor on the results of AWS Config; and a sweep that was lost changes no date but that of what it would have seen
//! first. Another function starts the executions.

use std::collections::BTreeMap;

use aws_traits::config::RemediationException;
use aws_traits::state::{ItemDeletion, StateItem, StateTable};
use exposure::Assessment;
use jiff::Timestamp;
use judgement::{GraceDays, GraceRecord};
use plain_text::error_message;
use serde::Serialize;
use tracing::{error, info};

use crate::all_groups;
use crate::environment::Environment;
use crate::error::Obstacle;
use crate::exception;
use crate::services::RemediationServices;

/// What a sweep saw.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Graces {
    /// Groups that are open.
    pub open: usize,
    /// Of these, groups with an exposure that is due.
    pub due: usize,
    /// Groups whose record could not be written. The next sweep tries again.
    pub not_remembered: usize,
}

/// Takes what is open now. Of a group that was not read, nothing is said.
pub(crate) async fn look(
    environment: &Environment<impl RemediationServices>,
    rule_name: &str,
    grace_days: GraceDays,
    exceptions: &[RemediationException],
    now: Timestamp,
) -> Result<Graces, Obstacle> {
    let records = environment.state().all_items::<GraceRecord>(&GraceRecord::partition(rule_name)).await?;
    let mut records: BTreeMap<_, _> = records.into_iter().map(|item| (item.id, item.value)).collect();
    let sweep = Sweep { environment, rule_name, grace_days, exceptions, now };
    let mut found = Graces::default();
    all_groups::judge(environment, rule_name, now, async |judged| {
        let record = records.remove(&judged.group.id);
        sweep.see(&judged.group.id, &judged.assess(), record, &mut found).await;
    })
    .await?;
    // Deleted groups.
    for (group_id, record) in records {
        sweep.see(&group_id, &Assessment::default(), Some(record), &mut found).await;
    }
    Ok(found)
}

struct Sweep<'a, S> {
    environment: &'a Environment<S>,
    rule_name: &'a str,
    grace_days: GraceDays,
    exceptions: &'a [RemediationException],
    now: Timestamp,
}

impl<S: RemediationServices> Sweep<'_, S> {
    async fn see(&self, group_id: &str, assessment: &Assessment<'_>, before: Option<GraceRecord>, found: &mut Graces) {
        let mut record = before.clone().unwrap_or_else(|| GraceRecord::new(self.grace_days));
        record.see(assessment, self.grace_days, self.now);
        if !assessment.exposures.is_empty() {
            found.open += 1;
        }
        // A group with an exception is closed when that ends, as by automatic mode of AWS Config: one that Portcullis has put, after
        // a restore or because an hour is full, and one by others.
        if exception::keeps(self.exceptions, group_id, self.now) {
            record.keep_open();
        }
        found.due += usize::from(record.due_from.is_some());
        if before.as_ref().is_some_and(|before| *before == record) || (before.is_none() && record.is_empty()) {
            return;
        }
        self.report(group_id, before.as_ref(), &record);
        if let Err(problem) = self.write(group_id, record).await {
            found.not_remembered += 1;
            let (rule_name, error) = (self.rule_name, error_message(&problem));
            error!(security_group.id = group_id, config_rule.name = rule_name, error, "grace not remembered");
        }
    }

    async fn write(&self, group_id: &str, record: GraceRecord) -> Result<(), aws_traits::AwsError> {
        let (table, partition) = (self.environment.state(), GraceRecord::partition(self.rule_name));
        if record.is_empty() {
            return table.delete_item(&partition, group_id).await;
        }
        let expires = record.expires(self.now);
        table.put_item(&partition, &StateItem { id: group_id.to_owned(), value: record }, expires).await
    }

    fn report(&self, group_id: &str, before: Option<&GraceRecord>, record: &GraceRecord) {
        let rule_name = self.rule_name;
        if record.closes != before.and_then(|before| before.closes) {
            let closes = record.closes.map(tracing::field::display);
            info!(security_group.id = group_id, config_rule.name = rule_name, closes, "grace");
        }
    }
}
