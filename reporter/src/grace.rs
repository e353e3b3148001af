//! When automatic mode closes a group, as the sweep of the remediator has written it down.

use aws_traits::state::{Partition, StateItem, StateTable};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use tokio::time::Instant;
use work_queue::{Gap, in_time};

/// Kind of the records in the state table.
const KIND: &str = "grace";
/// Days before a closing for which there is a reminder, the last one first.
const REMINDERS: [u8; 2] = [1, 7];

/// What is read of a record.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Grace {
    /// Days from when an exposure was first seen.
    #[serde(rename = "graceDays")]
    days: u16,
    /// When the first exposure is closed.
    #[serde(default)]
    pub(crate) closes: Option<Timestamp>,
    /// From when the group may be closed, if something of it is due.
    #[serde(default)]
    pub(crate) due_from: Option<Timestamp>,
}

/// The records of a rule, of those that were made by the days that the stack has now; 0 for none.
pub(crate) async fn records(
    table: &impl StateTable,
    rule: &str,
    grace_days: u16,
    end: Instant,
) -> Result<Vec<StateItem<Grace>>, Gap> {
    if grace_days == 0 {
        return Ok(Vec::new());
    }
    let partition = Partition { kind: KIND, of: rule.to_owned() };
    let mut records = in_time(end, table.all_items::<Grace>(&partition)).await?;
    records.retain(|record| record.value.days == grace_days);
    Ok(records)
}

impl Grace {
    /// The number of days of the reminder for which it is time. None for as many days as there were at first: whoever has three
    /// days was told so when they began.
    pub(crate) fn reminder_days(&self, now: Timestamp) -> Option<u8> {
        let left = self.closes?.duration_since(now);
        let is_time =
            |days: &u8| u16::from(*days) < self.days && left <= SignedDuration::from_hours(24 * i64::from(*days));
        REMINDERS.into_iter().find(is_time)
    }
}
