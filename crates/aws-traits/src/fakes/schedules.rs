//! Schedules in memory. They are not carried out: tests look at them.

use super::FakeAws;
use crate::error::AwsError;
use crate::schedules::{NAME_MAX_CHARS, Schedule, Schedules};

impl Schedules for FakeAws {
    async fn schedule(&self, schedule: &Schedule) -> Result<(), AwsError> {
        const OPERATION: &str = "scheduler:CreateSchedule";
        self.call(OPERATION, &schedule.name, |account| {
            let is_name = |name: &str| {
                (1..=NAME_MAX_CHARS).contains(&name.len())
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            };
            if !is_name(&schedule.name) {
                return Err(AwsError::new(OPERATION, &schedule.name, Some("ValidationException"), "malformed name"));
            }
            account.schedules.entry(schedule.name.clone()).or_insert_with(|| schedule.clone());
            Ok(())
        })
        .await
    }
}
