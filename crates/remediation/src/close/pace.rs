//! Closings that are more than an hour may have.

use plain_text::counted;
use tracing::warn;

use super::Closing;
use crate::environment::Environment;
use crate::error::{Obstacle, RemediationError};
use crate::exception;
use crate::pace::{self, Full};
use crate::response::{Closed, Response, Status};
use crate::services::RemediationServices;

impl<S: RemediationServices> Closing<'_, S> {
    /// The response for a group that must not be closed in this hour. Also puts a remediation exception that ends with the hour,
    /// so that AWS Config starts one execution for the group in it, and remembers the closing, however it was started.
    pub(super) async fn deferred(&mut self) -> Result<Option<Response>, RemediationError> {
        let (environment, request): (&Environment<S>, _) = (self.environment, self.request);
        if self.is_admitted {
            return Ok(None);
        }
        let Some(Full { closings, until }) = pace::admit(environment, request).await.map_err(Obstacle::Uncounted)?
        else {
            self.is_admitted = true;
            return Ok(None);
        };
        let group_id = self.group_id();
        let had = format!("this hour has had {}", counted(closings, "closing"));
        // A line for each group, so that a metric counts them.
        warn!(
            security_group.id = group_id,
            config_rule.name = request.config_rule_name,
            until = %until,
            closings,
            "closing deferred"
        );
        // The exception of a hold ends later, and has the group closed by nobody until then.
        if !request.ignore_hold || self.current_hold().await?.is_none() {
            let message = format!("closing deferred until {until}: {had}");
            exception::put(environment.config(), &request.config_rule_name, group_id, &message, until).await;
        }
        // What is due is started again by its record.
        if !request.only_due {
            pace::remember(environment, request, until).await;
        }
        let so_far = self.done(Status::Deferred, Vec::new());
        let begin = if self.changes.begun { so_far.message.clone() } else { format!("{group_id} is still open") };
        let message = format!(
            "{begin}: closing deferred until {until}, since {had}; to close it now, set \
             IgnorePace; to close more an hour, raise ClosingsPerHour of the stack; to stop, set its RemediationMode to False"
        );
        let closed = so_far.closed().cloned().unwrap_or_default();
        let closed = Closed {
            // Rules that are owed are still owed when the closing goes on.
            not_authorized: Vec::new(),
            deferred_until: Some(until),
            closings_per_hour: Some(closings),
            ..closed
        };
        Ok(Some(self.response(Status::Deferred, message, closed)))
    }

    /// Forgets an earlier deferral, unless the closing is still to be done.
    pub(super) async fn forget_deferral(&self, response: &Response) {
        if matches!(response.status, Status::Closed | Status::NothingToDo | Status::Exempt) {
            pace::forget(self.environment, self.request).await;
        }
    }
}
