//! When daily summaries are due.

use aws_traits::sqs::SendMessages;
use findings::store::{FindingStore, Marks, Pace};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use plain_text::error_message;
use routing::Document;
use tracing::warn;

use super::{Run, Sweeper};
use crate::SERVICE;
use crate::documents::Documents;
use crate::job::Job;
use crate::notify::{Day, LATE, has_digest};
use crate::time::{minus, plus};

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The summaries that the next sweep would queue too late. Sweeps are an hour apart, but not to the second.
const AHEAD: SignedDuration = SignedDuration::from_mins(70);

impl<S: FindingStore + Pace + Marks, D: Documents, Q: SendMessages> Sweeper<S, D, Q> {
    /// Queues the daily summaries that are due within the hour, and those that were due and not told.
    pub(super) async fn queue_digests(&self, document: &Document, run: &mut Run) {
        let now = (self.now)();
        let (last, next) = around(document.digest.at, now);
        for channel in document.channels.keys().filter(|channel| has_digest(document, channel)) {
            if next.duration_since(now) <= AHEAD {
                self.queue(run, Job::digest(channel, next), next).await;
            }
            let day = match self.store.read_mark(&Day::name(channel)).await {
                Ok(mark) => Day::read(&mark),
                Err(error) => {
                    let error = error_message(&error);
                    warn!(service = SERVICE, channel, error, "it is not known whether the daily summary was told");
                    run.swept.failed += 1;
                    continue;
                }
            };
            if let Some(error) = &day.error {
                run.complaint.count_digest(channel, error.as_str());
            }
            if day.done < Some(last) && now.duration_since(last) < LATE {
                self.queue(run, Job::digest(channel, last), now).await;
            }
        }
    }
}

/// The last summary that was due at `now`, and the next one.
fn around(time: Time, now: Timestamp) -> (Timestamp, Timestamp) {
    let today = TimeZone::UTC.to_datetime(now).date().to_datetime(time);
    let today = TimeZone::UTC.to_timestamp(today).unwrap_or(now);
    if today <= now { (today, plus(today, DAY)) } else { (minus(today, DAY), today) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-12-01T07:59:59Z", "2026-11-30T08:00:00Z")]
    #[case("2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z")]
    #[case("2026-12-01T23:59:59Z", "2026-12-01T08:00:00Z")]
    fn a_summary_is_due_once_a_day(#[case] now: Timestamp, #[case] last: Timestamp) {
        let next = last + DAY;
        assert_eq!(around(Time::constant(8, 0, 0, 0), now), (last, next));
    }
}
