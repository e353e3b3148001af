//! Closings of what has been open for the days of grace.

use aws_traits::state::ItemLookup;
use exposure::Assessment;
use judgement::GraceRecord;
use plain_text::counted;

use super::Closing;
use crate::error::RemediationError;
use crate::response::{Closed, Response, Status};
use crate::services::RemediationServices;

impl<S: RemediationServices> Closing<'_, S> {
    /// Reads what is due, if the request asks for no more. If it cannot be read, nothing is closed.
    pub(super) async fn read_record(&mut self) -> Result<(), RemediationError> {
        if !self.request.only_due {
            return Ok(());
        }
        // The days may have been changed, or ended with automatic mode, since the execution was started.
        let Some(days) = self.environment.grace_days else { return Ok(()) };
        let partition = GraceRecord::partition(&self.request.config_rule_name);
        let record: Option<GraceRecord> = self.environment.state().item(&partition, self.group_id()).await?;
        self.record = record.filter(|record| record.is_by(days));
        Ok(())
    }

    /// The assessment without what is not to be closed yet.
    pub(super) fn only_due<'g>(&mut self, mut assessment: Assessment<'g>) -> Assessment<'g> {
        if self.request.only_due {
            let all = assessment.exposures.len();
            let record = self.record.as_ref();
            assessment.exposures.retain(|exposure| record.is_some_and(|record| record.is_due(exposure)));
            self.waiting = all.saturating_sub(assessment.exposures.len());
        }
        assessment
    }

    /// The response if all that is open has days left.
    pub(super) fn nothing_due(&self, assessment: &Assessment<'_>) -> Option<Response> {
        (self.waiting > 0 && assessment.exposures.is_empty()).then(|| {
            let message = format!("{} was not changed: {}", self.group_id(), self.waiting_text());
            self.response(Status::NothingToDo, message, Closed::default())
        })
    }

    /// Such as `1 exposure is not to be closed yet`.
    pub(super) fn waiting_text(&self) -> String {
        let are = if self.waiting == 1 { "is" } else { "are" };
        format!("{} {are} not to be closed yet", counted(self.waiting, "exposure"))
    }
}
