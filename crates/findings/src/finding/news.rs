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
pub enum News {
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
    /// Automatic mode closes the group on another day, or on none.
    ClosingDayChanged,
    /// So many days are left until automatic mode closes the group.
    ClosingReminder(u8),
    /// The owner is known, or another one.
    OwnerChanged,
    /// The opener is known, or another one.
    OpenerChanged,
    /// The finding is muted, or in another way.
    Muted,
    /// The finding is no longer muted.
    Unmuted,
    /// The closing waits until there is room for it.
    ClosingDeferred(Text<64>),
    /// Rules that a closing took are there again.
    Restored(Text<64>),
    /// A straggler changed what is known of the past, and nothing of the present.
    PastCorrected,
}

impl News {
    /// Whether the channels are told: whether it raises the revision of the finding.
    #[must_use]
    pub fn raises_revision(&self) -> bool {
        !matches!(
            self,
            Self::Muted | Self::Unmuted | Self::ClosingDeferred(_) | Self::Restored(_) | Self::PastCorrected
        )
    }
}

/// The news between two contents: none if they are equal, and at least one if they are not.
pub(super) fn between(before: &Content, after: &Content, closed_by: impl FnOnce() -> ClosedBy) -> Vec<News> {
    let mut news = Vec::new();
    match (before.state, after.state) {
        (State::Closed, State::Closed) => {
            let remediation = after.remediation.clone().filter(|_| before.remediation != after.remediation);
            news.extend(remediation.map(News::ClosedByRemediation));
        }
        (_, State::Closed) => news.push(News::Closed(closed_by())),
        (State::Exempt, State::Exempt) if before.exempt != after.exempt => news.push(News::ExemptionChanged),
        (State::NeverOpen | State::Open | State::Closed, State::Exempt) => news.push(News::Exempted),
        (State::NeverOpen, State::Open) => news.push(News::Opened),
        (State::Closed, State::Open) => news.push(News::Reopened),
        (State::Exempt, State::Open) => news.push(News::ExemptionEnded),
        (State::Exempt, State::Exempt) | (State::Open, State::Open) | (_, State::NeverOpen) => {}
    }
    if let (Some(before), Some(after)) = (&before.open, &after.open) {
        news.extend(news_while_open(before, after));
    }
    match (before.contested, after.contested) {
        (false, true) => news.push(News::Contested),
        (true, false) => news.push(News::ContestEnded),
        (true, true) | (false, false) => {}
    }
    news
}

fn news_while_open(before: &OpenContent, after: &OpenContent) -> Vec<News> {
    let mut news = Vec::new();
    let mut differ = |differs: bool, one: News| news.extend(differs.then_some(one));
    differ(before.exposures != after.exposures, News::ExposuresChanged);
    let (from, to) = (before.severity, after.severity);
    differ(from != to, News::SeverityChanged { from, to });
    differ(!before.parked && after.parked, News::Parked);
    differ(before.parked && !after.parked, News::Unparked);
    differ(!before.quarantined && after.quarantined, News::Quarantined);
    differ(before.quarantined && !after.quarantined, News::QuarantineEnded);
    if before.failure != after.failure {
        news.push(after.failure.map_or(News::ClosingRecovered, |(status, _)| News::ClosingFailed(status)));
    }
    let mut differ = |differs: bool, one: News| news.extend(differs.then_some(one));
    differ(before.closes != after.closes, News::ClosingDayChanged);
    if let Some(days) = after.reminder.filter(|_| before.reminder != after.reminder) {
        differ(true, News::ClosingReminder(days));
    }
    // A reminder that turns out to be of another day.
    differ(
        before.closes == after.closes && before.reminder.is_some() && after.reminder.is_none(),
        News::ClosingDayChanged,
    );
    differ(before.owner != after.owner, News::OwnerChanged);
    differ(before.opener != after.opener, News::OpenerChanged);
    news
}
