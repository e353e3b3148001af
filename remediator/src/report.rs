//! Puts the outcome of a request on the event bus.
//!
//! No request depends on the event: what cannot be put is logged, and the time for it is taken from what is left.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_traits::events::{Event, EventBus, Events};
use aws_traits::object_store::ObjectStore;
use findings::event::{EventError, REMEDIATION, RemediationEvent, RemediationSchema, SOURCE};
use findings::security_group_arn;
use jiff::Timestamp;
use plain_text::error_message;
use remediation::{RemediationError, RequestSubject, Response};
use serde_json::Value;
use tokio::time::timeout;
use tracing::warn;

use crate::SERVICE;

/// Longest time for the call.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Time before the deadline that stays for the answer of the function.
const RESERVE: Duration = Duration::from_millis(300);

/// The event about the outcome of a request.
fn event(
    bus: &EventBus,
    account: &str,
    subject: &RequestSubject<'_>,
    result: &Result<Response, RemediationError>,
    time: Timestamp,
) -> Event {
    let (response, error) = match result {
        Ok(response) => (Some(response), None),
        Err(RemediationError::Incomplete(response)) => (Some(&**response), None),
        Err(error) => (None, Some(EventError { kind: error.kind().to_owned(), message: error_message(error) })),
    };
    let detail = RemediationEvent {
        schema: RemediationSchema::V1,
        account: account.to_owned(),
        region: bus.region.clone(),
        config_rule_name: subject.config_rule_name.to_owned(),
        security_group_id: subject.security_group_id.to_owned(),
        action: subject.action.to_owned(),
        dry_run: subject.dry_run,
        execution_id: subject.execution_id.map(str::to_owned),
        time,
        status: response.map_or_else(|| "FAILED".to_owned(), |response| response.status.to_string()),
        response: response.map(|response| match serde_json::to_value(response) {
            Ok(Value::Object(response)) => response,
            _ => serde_json::Map::new(),
        }),
        counts: BTreeMap::new(),
        error,
    };
    let resource = Some(security_group_arn(account, &bus.region, subject.security_group_id));
    Event { source: SOURCE, detail_type: REMEDIATION, resource, detail: detail.fitted().to_json() }
}

/// Puts the outcome of a request on the bus, if there is one and time is left.
pub(crate) async fn report(
    events: &impl Events,
    store: &impl ObjectStore,
    subject: &RequestSubject<'_>,
    result: &Result<Response, RemediationError>,
    (now, deadline): (Timestamp, Timestamp),
) {
    let Some(bus) = events.bus() else { return };
    let event = event(bus, &store.location().account_id, subject, result, now);
    let left = Duration::try_from(deadline.duration_since(now)).unwrap_or_default().saturating_sub(RESERVE);
    let error = match timeout(TIMEOUT.min(left), events.put_events(&[event])).await {
        Ok(Ok(rejected)) => match rejected.into_iter().next() {
            None => return,
            Some(rejected) => rejected.error.to_string(),
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => "events:PutEvents: no answer in the time that was left".to_owned(),
    };
    let (action, id) = (subject.action, subject.security_group_id);
    warn!(service = SERVICE, action, security_group.id = id, error, "event not put");
}
