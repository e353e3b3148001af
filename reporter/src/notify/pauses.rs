//! Channels that are left alone for a while: one that throttles or does not answer would cost the others the time of the
//! function. Afterwards its deliveries begin one after the other: at once, a channel that takes one in a second would refuse the
//! others, again and again. What is remembered lasts as long as the process.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use channels::{Failure, Retry};
use jiff::Timestamp;
use work_queue::delay;

use super::retry::{LONGEST, UNKNOWN, after};

/// Doublings of the first pause: shorter ones are not worth the receipt of the messages.
const DOUBLINGS: u32 = 3;
/// Pause after refused credentials: with each further attempt the receiver may lock the user out.
const CREDENTIALS: Duration = Duration::from_mins(5);
/// Shortest and longest time from one delivery to the next after a pause.
const DISTANCE_MIN: Duration = Duration::from_secs(1);
const DISTANCE_MAX: Duration = Duration::from_secs(5);
/// How long deliveries begin one after the other once the channel has throttled.
const PACED: Duration = Duration::from_mins(5);
/// Time within which all that wait begin.
const SPREAD: Duration = Duration::from_mins(10);

/// The channels, by name, that failed of late.
#[derive(Debug, Default)]
pub(super) struct Pauses(RefCell<BTreeMap<String, Pause>>);

#[derive(Debug, Clone, Copy)]
struct Pause {
    /// The end of the pause.
    until: Timestamp,
    /// Failures since the last success.
    failures: u32,
    /// Time from one delivery to the next.
    distance: Duration,
    /// When deliveries begin at once again; `None`: after the first success.
    paced_until: Option<Timestamp>,
    /// The end of the distance from the last delivery that began.
    free_at: Timestamp,
    /// The place of the next delivery that has to wait.
    next_place: Timestamp,
}

impl Pause {
    fn opens_at(&self) -> Timestamp {
        self.until.max(self.free_at)
    }

    /// A time to wait for, which is another one for each delivery.
    fn place(&mut self, now: Timestamp) -> Timestamp {
        let first = self.opens_at().max(now);
        let place = self.next_place.max(first);
        // There are more than find a place: they go round.
        let place = if place > after(first, SPREAD) { first } else { place };
        self.next_place = after(place, self.distance);
        place
    }
}

impl Pauses {
    /// When a delivery to the channel can begin, if not now.
    pub(super) fn hold(&self, channel: &str, now: Timestamp) -> Option<Timestamp> {
        let mut pauses = self.0.borrow_mut();
        let pause = pauses.get_mut(channel)?;
        (pause.opens_at() > now).then(|| pause.place(now))
    }

    /// Begins a delivery to the channel; if none can begin now, returns when it can.
    pub(super) fn enter(&self, channel: &str, now: Timestamp) -> Option<Timestamp> {
        let held = self.hold(channel, now);
        if held.is_none()
            && let Some(pause) = self.0.borrow_mut().get_mut(channel)
        {
            pause.free_at = after(now, pause.distance);
        }
        held
    }

    /// Learns what became of a delivery.
    pub(super) fn learn(&self, channel: &str, failure: Option<&Failure>, now: Timestamp) {
        let mut pauses = self.0.borrow_mut();
        let known = pauses.get(channel).copied();
        let Some(failure) = failure else {
            match known {
                Some(known) if known.paced_until.is_some_and(|until| until > now) => {
                    pauses.insert(channel.to_owned(), Pause { failures: 0, ..known });
                }
                _ => drop(pauses.remove(channel)),
            }
            return;
        };
        let failures = known.map_or(0, |known| known.failures).saturating_add(1);
        let growing = delay(failures.saturating_add(DOUBLINGS));
        let known_pace = known.and_then(|known| Some((known.distance, known.paced_until?)));
        let mut pace = known_pace.map_or((DISTANCE_MIN, None), |(distance, until)| (distance, Some(until)));
        let (asked, otherwise, least) = match failure {
            Failure::Refused { retry: Retry::Later(asked), .. } => (*asked, growing, Duration::ZERO),
            Failure::Unanswered { wait, .. } => (*wait, growing, UNKNOWN),
            Failure::Refused { retry: Retry::AfterNewCredentials, .. } => (None, CREDENTIALS, Duration::ZERO),
            // These are about one finding, or one of many recipients.
            Failure::Refused { retry: Retry::AfterRepair | Retry::OtherRecipient, .. } | Failure::NotBefore(_) => {
                return;
            }
        };
        if let Some(asked) = asked {
            pace = (asked.clamp(DISTANCE_MIN, DISTANCE_MAX), Some(after(now, PACED)));
        }
        let pause = asked.map_or(otherwise, |asked| asked.min(LONGEST)).max(least);
        let until = after(now, pause);
        let (distance, paced_until) = pace;
        let pause = match known {
            // Of deliveries at once, the longest pause counts. Those that wait keep their places.
            Some(known) => Pause { until: known.until.max(until), failures, distance, paced_until, ..known },
            None => Pause { until, failures, distance, paced_until, free_at: until, next_place: until },
        };
        pauses.insert(channel.to_owned(), pause);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use jiff::SignedDuration;
    use rstest::rstest;

    use super::*;

    fn now() -> Timestamp {
        "2026-12-01T09:00:00Z".parse().unwrap()
    }

    fn refused(retry: Retry) -> Failure {
        Failure::Refused { error: "refused".to_owned(), retry }
    }

    fn unanswered(wait: Option<Duration>) -> Failure {
        Failure::Unanswered { error: "no answer".to_owned(), wait }
    }

    fn seconds_after(failures: &[Failure]) -> Option<i64> {
        let pauses = Pauses::default();
        for failure in failures {
            pauses.learn("chat", Some(failure), now());
        }
        assert_eq!(pauses.hold("tickets", now()), None);
        pauses.hold("chat", now()).map(|until| until.duration_since(now()).as_secs())
    }

    #[rstest]
    #[case::asked(refused(Retry::Later(Some(Duration::from_secs(17)))), Some(17))]
    #[case::asked_for_too_long(refused(Retry::Later(Some(Duration::from_hours(24)))), Some(6 * 3600))]
    #[case::down(refused(Retry::Later(None)), Some(16))]
    #[case::silent(unanswered(None), Some(60))]
    #[case::unavailable(unanswered(Some(Duration::from_hours(1))), Some(3600))]
    #[case::unavailable_for_a_second(unanswered(Some(Duration::from_secs(1))), Some(60))]
    #[case::credentials(refused(Retry::AfterNewCredentials), Some(300))]
    // About one finding.
    #[case::repair(refused(Retry::AfterRepair), None)]
    #[case::recipient(refused(Retry::OtherRecipient), None)]
    #[case::not_before(Failure::NotBefore(now() + SignedDuration::from_mins(5)), None)]
    fn a_channel_that_fails_is_left_alone(#[case] failure: Failure, #[case] expected: Option<i64>) {
        assert_eq!(seconds_after(&[failure]), expected);
    }

    #[test]
    fn the_pause_grows_with_the_failures_and_ends_with_a_success() {
        let down = || refused(Retry::Later(None));
        assert_eq!(seconds_after(&[down(), down(), down()]), Some(64));
        let pauses = Pauses::default();
        pauses.learn("chat", Some(&down()), now());
        pauses.learn("chat", None, now());
        assert_eq!(pauses.hold("chat", now()), None);
    }

    #[test]
    fn what_waits_begins_one_after_the_other() {
        let pauses = Pauses::default();
        pauses.learn("chat", Some(&refused(Retry::Later(Some(Duration::from_secs(2))))), now());
        let waits = || pauses.hold("chat", now()).unwrap().duration_since(now()).as_secs();
        assert_eq!([waits(), waits(), waits()], [2, 4, 6]);
        pauses.learn("chat", Some(&refused(Retry::Later(Some(Duration::from_secs(2))))), now());
        assert_eq!(waits(), 8);
        let latest = (0..1_000).map(|_| waits()).max().unwrap();
        assert!(latest <= 2 + 600, "{latest}");
        // At the end of the pause one begins, and after a distance the next one, for as long as the channel may throttle.
        let at = |seconds: i64| now() + SignedDuration::from_secs(seconds);
        assert_eq!(pauses.enter("chat", at(2)), None);
        pauses.learn("chat", None, at(2));
        assert!(pauses.enter("chat", at(3)).is_some());
        assert_eq!(pauses.enter("chat", at(4)), None);
        pauses.learn("chat", None, at(300));
        assert_eq!([pauses.enter("chat", at(300)), pauses.enter("chat", at(300))], [None, None]);
    }
}
