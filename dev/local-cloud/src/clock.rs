//! Times in the formats of AWS: epoch seconds with milliseconds on the wire, ISO 8601 in events.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Returns the current time, truncated to milliseconds.
pub(crate) fn now() -> Timestamp {
    from_millis(Timestamp::now().as_millisecond())
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
