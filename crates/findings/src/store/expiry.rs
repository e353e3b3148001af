//! How long a finding is kept.

use jiff::{SignedDuration, Timestamp};

use crate::finding::{Finding, State};

/// A group that was never open is kept until no event about an older state of it can arrive: EventBridge tries for a day.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html>
const NEVER_OPEN: SignedDuration = SignedDuration::from_hours(48);

/// When a finding is forgotten, if nothing more is learned of it; `None` while it is open or exempt. `written` is the time of
/// the write, and `retention` says how long a closed finding is kept.
///
/// A closed finding is kept from its last write, not from its closing: what was learned late is kept as long.
#[must_use]
pub fn forgotten_at(finding: &Finding, written: Timestamp, retention: SignedDuration) -> Option<Timestamp> {
    let kept = match finding.state() {
        State::Open | State::Exempt => return None,
        State::NeverOpen => NEVER_OPEN,
        State::Closed => retention,
    };
    Some(written.saturating_add(kept).unwrap_or(Timestamp::MAX))
}
