//! The time, which tests can move ahead, and times in the formats of AWS: epoch seconds with milliseconds on the wire,
//! ISO 8601 in events.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::Notify;

/// By how many milliseconds the time is ahead of that of the machine. There is one clock for all services.
static AHEAD: AtomicI64 = AtomicI64::new(0);
static MOVED: Notify = Notify::const_new();

/// Returns the current time, truncated to milliseconds.
pub(crate) fn now() -> Timestamp {
    from_millis(Timestamp::now().as_millisecond().saturating_add(AHEAD.load(Ordering::SeqCst)))
}

/// Returns by how many milliseconds the time is ahead of that of the machine.
pub(crate) fn ahead() -> i64 {
    AHEAD.load(Ordering::SeqCst)
}

/// Sets by how many milliseconds the time is ahead, and wakes what waits in [`passed`].
pub(crate) fn set_ahead(millis: i64) {
    AHEAD.store(millis, Ordering::SeqCst);
    MOVED.notify_waiters();
}

/// Waits until so many seconds have passed on this clock.
pub(crate) async fn passed(seconds: f64) {
    let end = after(now(), seconds);
    loop {
        let moved = MOVED.notified();
        let left = end.as_millisecond().saturating_sub(now().as_millisecond());
        let Ok(left @ 1..) = u64::try_from(left) else { return };
        // A move between the look at the clock and the wait is seen by the notification, which was made before.
        let _ = tokio::time::timeout(Duration::from_millis(left), moved).await;
    }
}

/// Converts milliseconds since the epoch; out of range yields the epoch.
pub(crate) fn from_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Returns `time` plus `seconds`, or `time` if the sum is out of range.
pub(crate) fn after(time: Timestamp, seconds: f64) -> Timestamp {
    SignedDuration::try_from_secs_f64(seconds).ok().and_then(|d| time.checked_add(d).ok()).unwrap_or(time)
}

/// Formats a time as awsJson1.1 does: epoch seconds with milliseconds.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double's 53 bits for 285,000 years")]
pub(crate) fn epoch(time: Timestamp) -> Value {
    Value::from(time.as_millisecond() as f64 / 1000.0)
}

/// Formats an optional time like [`epoch`]; null if there is none.
pub(crate) fn epoch_or_null(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, epoch)
}

/// Formats a time as `2026-03-01T10:15:30.123Z`.
pub(crate) fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Reads epoch seconds or ISO 8601 text; clients send either.
#[expect(clippy::cast_possible_truncation, reason = "checked by the range of `from_millis`")]
pub(crate) fn parse(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => number.as_f64().map(|seconds| from_millis((seconds * 1000.0).round() as i64)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_times_keep_their_milliseconds() {
        let time = parse(&Value::from(1_772_360_130.123)).unwrap();
        assert_eq!(iso(time), "2026-03-01T10:15:30.123Z");
        assert_eq!(epoch(time), Value::from(1_772_360_130.123));
        assert_eq!(parse(&Value::from("2026-03-01T10:15:30.123Z")), Some(time));
    }
}
