//! Groups that are closed again and again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::exposures::RuleContent;
use super::text::Text;

/// Closings that are remembered.
pub const MAX_CLOSINGS: usize = 16;
/// Rules of a closing that are remembered.
const MAX_RULES: usize = 24;
/// Closings of the same exposure that make a contest.
const CLOSINGS: usize = 3;
/// The time within which they make one, and without which it ends.
const WITHIN: SignedDuration = SignedDuration::from_hours(24);

/// The newest closings by remediation, by execution.
///
/// An execution whose outcome arrives with two times counts once, at the later one. So the newest executions are the same
/// in whatever order they arrive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Closings(BTreeMap<Text<64>, Revocation>);

/// The rules that an execution revoked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Revocation {
    at: Timestamp,
    /// Digests of the content of the rules. Of too many, the smallest are kept.
    rules: BTreeSet<Text<16>>,
}

impl Closings {
    pub(super) fn learn(&mut self, execution: &Text<64>, at: Timestamp, rules: &[RuleContent]) {
        let rules: BTreeSet<Text<16>> = rules.iter().map(RuleContent::digest).collect();
        let learned = Revocation { at, rules: rules.into_iter().take(MAX_RULES).collect() };
        let known = self.0.entry(execution.clone()).or_insert_with(|| learned.clone());
        if *known < learned {
            *known = learned;
        }
        while self.0.len() > MAX_CLOSINGS {
            let oldest = self.0.iter().min_by_key(|(execution, closing)| (closing.at, *execution));
            let Some(oldest) = oldest.map(|(execution, _)| execution.clone()) else { break };
            self.0.remove(&oldest);
        }
    }

    /// The newest execution that closed the group.
    pub(super) fn newest(&self) -> Option<&Text<64>> {
        self.0.iter().max_by_key(|(execution, closing)| (closing.at, *execution)).map(|(execution, _)| execution)
    }

    /// Whether the same exposure was closed three times within a day, and again within a day of each closing since, the
    /// last of them less than a day before `now`.
    pub(super) fn are_contested(&self, now: Timestamp) -> bool {
        let mut closings: Vec<&Revocation> = self.0.values().collect();
        closings.sort();
        let rules: BTreeSet<&Text<16>> = closings.iter().flat_map(|closing| &closing.rules).collect();
        rules.into_iter().any(|rule| {
            let times = closings.iter().filter(|closing| closing.rules.contains(rule)).map(|closing| closing.at);
            is_contest(&times.collect::<Vec<_>>(), now)
        })
    }
}

/// Whether these closings of one exposure, in order, make a contest that goes on at `now`.
fn is_contest(times: &[Timestamp], now: Timestamp) -> bool {
    let is_within = |first: Timestamp, last: Timestamp| last.duration_since(first) < WITHIN;
    let mut contested = false;
    let mut previous: Option<Timestamp> = None;
    for (index, &time) in times.iter().enumerate() {
        let goes_on = contested && previous.is_some_and(|previous| is_within(previous, time));
        let first = (index + 1).checked_sub(CLOSINGS).and_then(|first| times.get(first));
        contested = goes_on || first.is_some_and(|&first| is_within(first, time));
        previous = Some(time);
    }
    contested && previous.is_some_and(|last| is_within(last, now))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hour * 3_600).unwrap()
    }

    #[rstest]
    #[case::two(&[0, 1], 1, false)]
    #[case::three(&[0, 1, 2], 2, true)]
    #[case::three_in_a_day_and_more(&[0, 12, 24], 24, false)]
    #[case::just_within(&[0, 12, 23], 23, true)]
    #[case::goes_on_at_a_slower_pace(&[0, 1, 2, 22, 44], 60, true)]
    #[case::ended(&[0, 1, 2], 26, false)]
    #[case::ended_and_closed_once_more(&[0, 1, 2, 30], 30, false)]
    #[case::another(&[0, 1, 2, 30, 31, 32], 32, true)]
    fn three_closings_in_a_day_make_a_contest(#[case] hours: &[i64], #[case] now: i64, #[case] expected: bool) {
        let times: Vec<_> = hours.iter().copied().map(hour).collect();
        assert_eq!(is_contest(&times, hour(now)), expected);
    }

    #[test]
    fn other_exposures_are_no_contest() {
        let mut closings = Closings::default();
        for (number, port) in [(1, 22), (2, 23), (3, 3389)] {
            let rule = RuleContent::new("tcp", Some(port), Some(port), "0.0.0.0/0");
            closings.learn(&Text::from(format!("execution-{number}")), hour(number), &[rule]);
        }
        assert!(!closings.are_contested(hour(3)));
        assert_eq!(closings.newest().unwrap().as_str(), "execution-3");
    }

    #[test]
    fn an_execution_counts_once_and_old_ones_make_room() {
        let rule = RuleContent::new("tcp", Some(22), Some(22), "0.0.0.0/0");
        let mut closings = Closings::default();
        for second in 0..3 {
            closings.learn(&"one".into(), hour(second), std::slice::from_ref(&rule));
        }
        assert!(!closings.are_contested(hour(3)));
        for number in 0..100 {
            closings.learn(&Text::from(format!("execution-{number:03}")), hour(number), std::slice::from_ref(&rule));
        }
        assert_eq!(closings.0.len(), MAX_CLOSINGS);
        assert!(closings.0.contains_key(&Text::from("execution-099")) && closings.are_contested(hour(99)));
    }
}
