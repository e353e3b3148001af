//! An event bus in memory.

use super::FakeAws;
use crate::error::AwsError;
use crate::events::{EVENTS_PER_CALL, Event, EventBus, Events, RejectedEvent};

/// Most bytes of the events of a call.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>
const BYTES_PER_CALL: usize = 256 * 1024;

impl Events for FakeAws {
    fn bus(&self) -> Option<&EventBus> {
        self.bus.as_ref()
    }

    async fn put_events(&self, events: &[Event]) -> Result<Vec<RejectedEvent>, AwsError> {
        const OPERATION: &str = "events:PutEvents";
        let subject = self.bus.as_ref().map(|bus| bus.name.clone()).unwrap_or_default();
        self.call(OPERATION, &subject, |account| {
            let size = |event: &Event| {
                let resource = event.resource.as_ref().map_or(0, String::len);
                event.source.len() + event.detail_type.len() + resource + event.detail.len()
            };
            let bytes: usize = events.iter().map(size).sum();
            if events.is_empty() || events.len() > EVENTS_PER_CALL || bytes > BYTES_PER_CALL {
                let problem = format!("{} events of {bytes} bytes", events.len());
                return Err(AwsError::new(OPERATION, &subject, Some("ValidationException"), &problem));
            }
            let mut rejected = Vec::new();
            for (index, event) in events.iter().enumerate() {
                if account.rejected_events.iter().any(|text| event.detail.contains(text.as_str())) {
                    let error = AwsError::new(OPERATION, &subject, Some("InternalFailure"), "not taken");
                    rejected.push(RejectedEvent { index, error });
                } else {
                    account.events.push(event.clone());
                }
            }
            Ok(rejected)
        })
        .await
    }
}
