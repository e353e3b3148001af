//! Amazon EventBridge.

use crate::error::AwsError;

/// Most events per call of [`Events::put_events`].
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
pub const EVENTS_PER_CALL: usize = 10;

/// An event bus in the region of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBus {
    /// Name, or ARN if another account owns the bus.
    pub name: String,
    /// Region.
    pub region: String,
}

/// A custom event. The caller keeps its detail small: a call takes 256 KB in sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `source`.
    pub source: &'static str,
    /// `detail-type`.
    pub detail_type: &'static str,
    /// ARN of the resource that the event concerns.
    pub resource: Option<String>,
    /// `detail`, a JSON object as text.
    pub detail: String,
}

/// An event that the bus did not take although the call succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedEvent {
    /// Index of the event in the call.
    pub index: usize,
    /// The error.
    pub error: AwsError,
}

/// Puts events on a bus.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Events {
    /// The bus that gets the events; `None` if events are switched off.
    fn bus(&self) -> Option<&EventBus>;

    /// `PutEvents` of 1 to [`EVENTS_PER_CALL`] events. Returns those that were not taken. Takes a few seconds at most.
    ///
    /// # Errors
    ///
    /// If the call fails.
    async fn put_events(&self, events: &[Event]) -> Result<Vec<RejectedEvent>, AwsError>;
}
