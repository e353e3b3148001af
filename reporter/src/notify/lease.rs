//! One function at a time: marks that say that one is at it.

use findings::store::{Mark, MarkName, Marks, StoreError};
use jiff::{SignedDuration, Timestamp};
use plain_text::error_message;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::places::LEASE;
use crate::SERVICE;
use crate::time::plus;

/// For how long a mark is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Whether this function may be at it.
#[derive(Debug)]
pub(super) enum Lease {
    /// It may, and others wait.
    Taken(Taken),
    /// Another one is at it until this time, or has ended without a word.
    Held(Timestamp),
}

/// A lease that this function has.
#[derive(Debug)]
pub(super) struct Taken {
    name: MarkName,
    mark: Mark,
}

#[derive(Serialize, Deserialize)]
struct Content {
    until: Option<Timestamp>,
}

/// Takes the lease of this name for as long as a function may run.
pub(super) async fn take(store: &impl Marks, name: MarkName, now: Timestamp) -> Result<Lease, StoreError> {
    let end = plus(now, LEASE);
    let known = store.read_mark(&name).await?;
    let held = serde_json::from_str::<Content>(&known.content).ok().and_then(|content| content.until);
    if let Some(until) = held.filter(|until| *until > now) {
        return Ok(Lease::Held(until));
    }
    let taken = write(store, &name, &known, Some(end), now).await?;
    Ok(taken.map_or(Lease::Held(end), |mark| Lease::Taken(Taken { name, mark })))
}

/// Ends a lease. If that fails, it ends by itself.
pub(super) async fn release(store: &impl Marks, Taken { name, mark }: Taken, now: Timestamp) {
    if let Err(error) = write(store, &name, &mark, None, now).await {
        warn!(service = SERVICE, lease = name.of, error = error_message(&error), "lease not ended");
    }
}

async fn write(
    store: &impl Marks,
    name: &MarkName,
    known: &Mark,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Option<Mark>, StoreError> {
    let content = serde_json::to_string(&Content { until }).map_err(|error| StoreError::Other(error.into()))?;
    store.write_mark(name, known, content, plus(now, KEPT)).await
}

/// Name of a mark about a channel.
pub(crate) fn of_channel(channel: &str, name: &str) -> MarkName {
    MarkName { of: format!("channel#{channel}"), name: name.to_owned() }
}
