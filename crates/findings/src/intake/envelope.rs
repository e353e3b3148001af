//! The fields that EventBridge adds to an event.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::IntakeError;

/// The fields by which kinds of events are told apart.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    pub(super) source: String,
    #[serde(rename = "detail-type")]
    pub(super) detail_type: String,
}

impl Head {
    pub(super) fn of(event: &Value) -> Result<Self, IntakeError> {
        serde_path_to_error::deserialize(event).map_err(|error| IntakeError::malformed("event", "", error))
    }
}

/// An event of a known kind.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) kind: &'static str,
    /// The account that put the event on a bus. EventBridge sets it, and keeps it when a rule forwards the event.
    ///
    /// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html>
    pub(super) account: String,
    pub(super) time: Timestamp,
    pub(super) region: String,
    detail: Value,
}

#[derive(Deserialize)]
struct Fields {
    account: String,
    time: Timestamp,
    region: String,
    detail: Value,
}

impl Envelope {
    pub(super) fn of(kind: &'static str, event: Value) -> Result<Self, IntakeError> {
        let read = serde_path_to_error::deserialize(event);
        let Fields { account, time, region, detail } = read.map_err(|error| IntakeError::malformed(kind, "", error))?;
        Ok(Self { kind, account, time, region, detail })
    }

    /// Reads the detail, with a message that names the field if it is malformed.
    pub(super) fn detail<T: DeserializeOwned>(&self) -> Result<T, IntakeError> {
        serde_path_to_error::deserialize(&self.detail)
            .map_err(|error| IntakeError::malformed(self.kind, "detail", error))
    }

    /// Refuses an event about another account than the one that sent it.
    ///
    /// Whoever may put events on the bus could otherwise open and close the findings of every account.
    pub(super) fn is_about(&self, account: &str) -> Result<(), IntakeError> {
        if account == self.account {
            return Ok(());
        }
        Err(IntakeError::foreign(self.kind, &self.account, account))
    }
}
