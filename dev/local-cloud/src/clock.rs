//! Times as AWS writes them: milliseconds, epoch seconds on the wire, ISO 8601 in events.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Now, to the millisecond.
pub(crate) fn now() -> Timestamp {
    from_millis(Timestamp::now().as_millisecond())
}

/// A time from milliseconds since the epoch; out of range is the epoch.
pub(crate) fn from_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `seconds` after `time`; past the end of time, `time` itself.
pub(crate) fn after(time: Timestamp, seconds: f64) -> Timestamp {
    SignedDuration::try_from_secs_f64(seconds).ok().and_then(|d| time.checked_add(d).ok()).unwrap_or(time)
}

/// Epoch seconds with milliseconds, as awsJson1.1 wants them.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double's 53 bits for 285,000 years")]
pub(crate) fn epoch(time: Timestamp) -> Value {
    Value::from(time.as_millisecond() as f64 / 1000.0)
}

/// `epoch` of a time that may be missing, as null.
pub(crate) fn epoch_or_null(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, epoch)
}

/// `2026-03-01T10:15:30.123Z`.
pub(crate) fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Reads epoch seconds, or ISO 8601 text, as both are sent by clients.
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
