//! What changed in a finding.

use serde::{Deserialize, Serialize};

use super::content::{Content, OpenContent, State};
use super::episode::ClosedBy;
use super::facts::AttemptStatus;
use super::text::Text;
use crate::Severity;

/// A change of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The group was seen open for the first time.
    Opened,
    /// A closed group is open again.
    Reopened,
    /// The group is closed, or was open and closed meanwhile.
    Closed(ClosedBy),
    /// A closed finding turns out to have been closed by a remediation, or was closed by one once more.
    ClosedByRemediation(Text<64>),
    /// An exemption covers every exposure now.
    Exempted,
    /// Another exemption, or other exposures that it covers.
    ExemptionChanged,
    /// No exemption covers the exposures any more.
    ExemptionEnded,
    /// More, fewer or other exposures.
    ExposuresChanged,
    /// The severity rose or fell.
    SeverityChanged {
        /// Before.
        from: Severity,
        /// Now.
        to: Severity,
    },
    /// AWS Config will not close the group: it has an exception that nothing explains.
    Parked,
    /// AWS Config closes the group again.
    Unparked,
    /// The same exposure was closed three times in a day.
    Contested,
    /// The contest is over.
    ContestEnded,
    /// Network ACLs deny the ports.
    Quarantined,
    /// Network ACLs no longer deny the ports.
    QuarantineEnded,
    /// An attempt to close the group failed.
    ClosingFailed(AttemptStatus),
    /// The newest attempt to close the group no longer failed.
    ClosingRecovered,
    /// The owner is known, or another one.
    OwnerChanged,
    /// The opener is known, or another one.
    OpenerChanged,
    /// The finding is muted, or in another way.
    Muted,
    /// The finding is no longer muted.
    Unmuted,
    /// Rules that a closing took are there again.
    Restored(Text<64>),
    /// A straggler changed what is known of the past, and nothing of the present.
    PastCorrected,
}

impl Event {
    /// Whether a person would call it news: whether it raises the revision.
    #[must_use]
    pub fn is_news(&self) -> bool {
        !matches!(self, Self::Muted | Self::Unmuted | Self::Restored(_) | Self::PastCorrected)
    }
}

/// The news between two contents: none if they are equal, and at least one event if they are not.
pub(super) fn news(before: &Content, after: &Content, closed_by: impl FnOnce() -> ClosedBy) -> Vec<Event> {
    let mut events = Vec::new();
    match (before.state, after.state) {
        (State::Closed, State::Closed) => {
            let remediation = after.remediation.clone().filter(|_| before.remediation != after.remediation);
            events.extend(remediation.map(Event::ClosedByRemediation));
        }
        (_, State::Closed) => events.push(Event::Closed(closed_by())),
        (State::Exempt, State::Exempt) if before.exempt != after.exempt => events.push(Event::ExemptionChanged),
        (State::NeverOpen | State::Open | State::Closed, State::Exempt) => events.push(Event::Exempted),
        (State::NeverOpen, State::Open) => events.push(Event::Opened),
        (State::Closed, State::Open) => events.push(Event::Reopened),
        (State::Exempt, State::Open) => events.push(Event::ExemptionEnded),
        (State::Exempt, State::Exempt) | (State::Open, State::Open) | (_, State::NeverOpen) => {}
    }
    if let (Some(before), Some(after)) = (&before.open, &after.open) {
        events.extend(news_while_open(before, after));
    }
    match (before.contested, after.contested) {
        (false, true) => events.push(Event::Contested),
        (true, false) => events.push(Event::ContestEnded),
        (true, true) | (false, false) => {}
    }
    events
}

fn news_while_open(before: &OpenContent, after: &OpenContent) -> Vec<Event> {
    let mut events = Vec::new();
    let mut differ = |differs: bool, event: Event| events.extend(differs.then_some(event));
    differ(before.exposures != after.exposures, Event::ExposuresChanged);
    let (from, to) = (before.severity, after.severity);
    differ(from != to, Event::SeverityChanged { from, to });
    differ(!before.parked && after.parked, Event::Parked);
    differ(before.parked && !after.parked, Event::Unparked);
    differ(!before.quarantined && after.quarantined, Event::Quarantined);
    differ(before.quarantined && !after.quarantined, Event::QuarantineEnded);
    if before.failure != after.failure {
        events.push(after.failure.map_or(Event::ClosingRecovered, |(status, _)| Event::ClosingFailed(status)));
    }
    let mut differ = |differs: bool, event: Event| events.extend(differs.then_some(event));
    differ(before.owner != after.owner, Event::OwnerChanged);
    differ(before.opener != after.opener, Event::OpenerChanged);
    events
}
