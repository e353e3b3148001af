//! How many messages a recipient gets within a time: so many one by one, and one about all that is more.
//!
//! INVARIANT: of all functions together, no more messages of their own are sent to a recipient within a window than the
//! routing document says. What is more is noted as waiting, and a job queued that tells it, before the message is dropped that
//! asked to tell it.

use aws_traits::sqs::SendMessages;
use findings::finding::{Due, Finding};
use findings::store::{Admission, FindingStore, Marks, Pace, Waiting, Window};
use jiff::{SignedDuration, Timestamp};
use routing::{ChannelKind, Document, Timing};
use tracing::info;

use super::places::{Place, digest};
use super::{Notifier, NotifyError, Outlets};
use crate::SERVICE;
use crate::job::Job;
use crate::time::plus;

/// Time after the end of a window for whoever has just noted that a finding waits.
const GRACE: SignedDuration = SignedDuration::from_secs(5);

/// Whether a delivery counts: it would be a message of its own, and could be part of one about many. A message that is
/// updated is none, and tickets and pages are about one finding.
pub(super) fn is_paced(place: &Place, due: &Due) -> bool {
    let kind = place.delivery.kind;
    let is_update = kind == ChannelKind::Slack && due.external_id.is_some();
    kind.has_summary() && place.delivery.timing == Timing::Normal && !is_update
}

/// When the window ends in which `now` is. Windows follow one another, and are the same for all functions.
pub(super) fn window_end(now: Timestamp, minutes: u32) -> Timestamp {
    let length = i64::from(minutes.max(1)) * 60;
    let end = (now.as_second().div_euclid(length) + 1).saturating_mul(length);
    Timestamp::from_second(end).unwrap_or(Timestamp::MAX)
}

impl<S: FindingStore + Pace + Marks, O: Outlets, Q: SendMessages> Notifier<S, O, Q> {
    /// Whether a place may be told of a finding by a message of its own. If not, it is told with others at the end of the
    /// window.
    pub(super) async fn is_admitted(
        &self,
        document: &Document,
        finding: &Finding,
        place: &Place,
    ) -> Result<bool, NotifyError> {
        let now = (self.now)();
        let Some((window, is_queued)) = self.is_full(document, finding, place, now).await? else { return Ok(true) };
        let (channel, end) = (window.channel.as_str(), window.end);
        let waiting = Waiting { until: end, finding: finding.key().clone() };
        self.store.wait(channel, &waiting).await?;
        if !is_queued {
            self.jobs.add_for(Job::burst(channel, end), plus(end, GRACE), now).await?;
            self.store.mark_queued(&window).await?;
        }
        info!(service = SERVICE, finding = %finding.key(), channel = place.key.as_str(), until = %end, "waits in a burst");
        Ok(false)
    }

    /// The window that has no room for another message, and whether the job for it is queued; `None` if the place may be told.
    pub(super) async fn is_full(
        &self,
        document: &Document,
        finding: &Finding,
        place: &Place,
        now: Timestamp,
    ) -> Result<Option<(Window, bool)>, NotifyError> {
        let pending = place.pending(finding, now).filter(|pending| pending.not_before(now).is_none());
        // What has nothing to tell now is not told, whether it is admitted or not.
        let Some(pending) = pending.filter(|pending| is_paced(place, &pending.due)) else { return Ok(None) };
        let end = window_end(now, document.burst.minutes);
        let window = Window { channel: place.delivery.channel.clone(), place: place.key.to_string(), end };
        let message = name_of(finding, &pending.due);
        Ok(match self.store.admit(&window, &message, document.burst.findings).await? {
            Admission::Admitted => None,
            Admission::Full { is_queued } => Some((window, is_queued)),
        })
    }
}

/// Name of a message, which is the same when it is asked for again. After an attempt whose outcome is not known, it may be a
/// second message.
fn name_of(finding: &Finding, due: &Due) -> String {
    let earlier = due.last_unknown.map(|time| time.to_string()).unwrap_or_default();
    digest(&format!("{} {} {earlier}", finding.key(), due.revision))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-12-01T09:00:00Z", 10, "2026-12-01T09:10:00Z")]
    #[case("2026-12-01T09:09:59.9Z", 10, "2026-12-01T09:10:00Z")]
    #[case("2026-12-01T09:10:00Z", 10, "2026-12-01T09:20:00Z")]
    #[case("2026-12-01T09:10:00Z", 1440, "2026-12-02T00:00:00Z")]
    #[case("2026-12-01T09:10:00Z", 0, "2026-12-01T09:11:00Z")]
    fn windows_follow_one_another(#[case] now: Timestamp, #[case] minutes: u32, #[case] end: Timestamp) {
        assert_eq!(window_end(now, minutes), end);
    }
}
