//! The hold that a restore puts on the group, or ends.

use jiff::{SignedDuration, Timestamp, Unit};
use plain_text::error_message;
use tracing::warn;

use super::Restoring;
use crate::error::RemediationError;
use crate::exception;
use crate::response::{Details, Response};
use crate::services::RemediationServices;
use crate::snapshot::{Hold, HoldState, SnapshotError};

/// Change that a restore has made to the hold.
#[derive(Debug, Default)]
pub(super) struct HoldChange {
    /// The hold before, once a change of it was attempted.
    before: Option<HoldState>,
    /// End of the hold now.
    pub(super) until: Option<Timestamp>,
    /// Why AWS Config did not create the remediation exception.
    pub(super) exception_refused: Option<String>,
}

impl<S: RemediationServices> Restoring<'_, S> {
    /// Puts a hold on the group with its remediation exception; or ends both, if the request asks for none.
    pub(super) async fn change_hold(&mut self) -> Result<(), RemediationError> {
        let before = self.vault.hold_state().await?;
        // Before the first write: a write whose answer is lost is taken back as well.
        self.hold.before = Some(before.clone());
        let (execution_id, rule_name) = (self.request.execution_id.as_deref(), &*self.request.config_rule_name);
        if self.request.exception_hours == 0 {
            if before != HoldState::None {
                self.vault.delete_hold().await.map_err(SnapshotError::NotWritten)?;
                exception::end(self.environment.config(), rule_name, self.group_id()).await;
            }
            return Ok(());
        }
        let until = (self.environment.now)()
            .checked_add(SignedDuration::from_hours(self.request.exception_hours.into()))
            // Fractions of a second would only make the message longer.
            .and_then(|until| until.round(Unit::Second))
            .unwrap_or(Timestamp::MAX);
        self.vault.put_hold(until, execution_id, rule_name).await.map_err(SnapshotError::NotWritten)?;
        self.hold.until = Some(until);
        let message = format!("restored by {}", execution_id.unwrap_or("an operator"));
        // The hold alone keeps the group open. The exception is requested again when AWS Config next starts a closing.
        let config = self.environment.config();
        self.hold.exception_refused = exception::put(config, rule_name, self.group_id(), &message, until).await;
        Ok(())
    }

    /// Puts the hold back that was there before: the restore has changed nothing.
    pub(super) async fn take_back_hold(&mut self) {
        let Some(before) = self.hold.before.take() else { return };
        let rule_name = &*self.request.config_rule_name;
        let result = match &before {
            HoldState::Active(Hold { until, execution_id, .. }) => {
                self.vault.put_hold(*until, execution_id.as_deref(), rule_name).await
            }
            HoldState::None | HoldState::Ended => {
                exception::end(self.environment.config(), rule_name, self.group_id()).await;
                self.vault.delete_hold().await
            }
        };
        if let Err(error) = result {
            warn!(security_group.id = self.group_id(), error = error_message(&error), "hold not taken back");
        }
    }

    /// Adds the hold to the response of a restore that had nothing to change.
    pub(super) fn mention_hold(&self, response: &mut Response) {
        if let Some(until) = self.hold.until {
            response.message = format!("{}; on hold until {until}", response.message);
            if let Details::Restore(restored) = &mut response.details {
                restored.exception_until = Some(until);
            }
        }
    }
}
