//! The verdicts on a group in the order of their times.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::episode::Episodes;
use super::latest::Moment;
use super::observation::{Gone, Source};
use super::text::Text;

/// Verdicts that are kept one by one. With a sweep an hour they reach back 16 days. No queue of AWS keeps a message longer
/// than 14 days (source: Amazon SQS developer guide, quotas), so no straggler is older.
pub const MAX_POINTS: usize = 128;
/// Changes that are kept of one quarter of a day: the first ones, and the last ones.
const FIRST: usize = 16;
const LAST: usize = 48;
/// In seconds.
const QUARTER_OF_A_DAY: i64 = 6 * 60 * 60;
/// The evaluator announces an exemption after AWS Config has stored the evaluation, in the same run. A function of Lambda runs
/// for 15 minutes at the most. Source: Lambda developer guide, quotas.
const LONGEST_EVALUATION: SignedDuration = SignedDuration::from_mins(15);

/// A verdict and its moment. Of two verdicts of the same moment, the more serious one is the later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Point {
    pub(super) at: Moment,
    pub(super) verdict: Verdict,
    pub(super) source: Source,
}

/// A verdict. The order decides between verdicts of the same moment: unknown is never compliant, so the worst is last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// No longer judged.
    Gone(Gone),
    /// Compliant without reasons, so that an exempt group is not told from a closed one.
    SaidCompliant,
    /// Assessed as compliant.
    Compliant,
    /// A remediation revoked the exposing rules.
    Closed(Text<64>),
    /// An exemption covers every exposure.
    Exempt,
    /// Non-compliant without reasons.
    SaidOpen,
    /// Assessed as open.
    Open,
}

impl Verdict {
    /// Whether the group has exposures, exempt or not.
    pub(super) fn is_exposed(&self) -> bool {
        matches!(self, Self::Exempt | Self::SaidOpen | Self::Open)
    }

    /// Whether the verdict comes from an assessment, which tells exempt from compliant.
    pub(super) fn is_assessed(&self) -> bool {
        matches!(self, Self::Compliant | Self::Exempt | Self::Open)
    }
}

impl Point {
    /// The quarter of a day of the state that was judged.
    fn quarter(&self) -> i64 {
        self.at.ordering.as_second().div_euclid(QUARTER_OF_A_DAY)
    }
}

/// The newest verdicts in order, and the episodes that follow from all of them.
///
/// Of each quarter of a day some verdicts are [kept](kept), and when they are too many, the oldest quarter makes room as a
/// whole.
///
/// INVARIANT: every point is of a later quarter than `settled_to`, and there are at most [`MAX_POINTS`]. What is kept of a
/// quarter is a function of the set of its verdicts, and more verdicts never make it less; so what the timeline holds does
/// not depend on the order of their arrival, unless a verdict arrives after its quarter has made room. Such a verdict is left
/// out, new or not: it may be one that was followed already.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timeline {
    /// In JSON a list: names of members are texts, and a quarter follows from its points.
    #[serde(rename = "points", serialize_with = "as_list", deserialize_with = "from_list")]
    quarters: BTreeMap<i64, BTreeSet<Point>>,
    /// The newest quarter that made room for others.
    settled_to: Option<i64>,
    /// Episodes up to its end.
    settled: Episodes,
}

/// What is kept of the verdicts of one quarter of a day: of the routine confirmations, the first and the last of each
/// verdict; of the changes, the first and the last few.
///
/// Both are the least and the greatest of a set, whatever else is in it. A rule that looks at neighbours would depend on the
/// order of arrival, since a straggler may come between them.
fn kept(quarter: BTreeSet<Point>) -> BTreeSet<Point> {
    let (changes, routine): (Vec<Point>, Vec<Point>) =
        quarter.into_iter().partition(|point| point.source == Source::Change);
    let from_last = changes.len().saturating_sub(LAST);
    let is_kept = |index: &usize| *index < FIRST || *index >= from_last;
    let mut kept: BTreeSet<Point> =
        changes.into_iter().enumerate().filter(|(index, _)| is_kept(index)).map(|(_, point)| point).collect();
    let mut ends: BTreeMap<Verdict, (Point, Point)> = BTreeMap::new();
    for point in routine {
        let verdict = point.verdict.clone();
        ends.entry(verdict).and_modify(|(_, last)| *last = point.clone()).or_insert_with(|| (point.clone(), point));
    }
    kept.extend(ends.into_values().flat_map(|(first, last)| [first, last]));
    kept
}

/// Follows the verdicts of a quarter, but for the words of AWS Config on an exempt group.
fn follow(episodes: &mut Episodes, quarter: &BTreeSet<Point>) {
    for point in quarter.iter().filter(|point| !is_of_exempt(point, quarter)) {
        episodes.follow(point);
    }
}

/// Whether it is AWS Config's word for a state of the group that the next assessment calls exempt. What has the same ordering
/// time is in the same quarter.
fn is_of_exempt(point: &Point, quarter: &BTreeSet<Point>) -> bool {
    let same = |later: &&Point| later.at.ordering == point.at.ordering;
    let next = || quarter.range(point..).take_while(same).find(|later| later.verdict.is_assessed());
    point.verdict == Verdict::SaidCompliant
        && next().is_some_and(|next| {
            let later = next.at.judged.duration_since(point.at.judged);
            next.verdict == Verdict::Exempt && later <= LONGEST_EVALUATION
        })
}

impl Timeline {
    pub(super) fn learn(&mut self, point: Point) {
        let quarter = point.quarter();
        if self.settled_to.is_some_and(|settled| quarter <= settled) {
            return;
        }
        let points = self.quarters.entry(quarter).or_default();
        points.insert(point);
        *points = kept(std::mem::take(points));
        while self.quarters.values().map(BTreeSet::len).sum::<usize>() > MAX_POINTS {
            // One quarter alone is never too many.
            let Some((oldest, points)) = self.quarters.pop_first() else { break };
            follow(&mut self.settled, &points);
            self.settled_to = Some(oldest);
        }
    }

    /// The verdicts that are kept, in order.
    fn points(&self) -> impl DoubleEndedIterator<Item = &Point> {
        self.quarters.values().flatten()
    }

    /// The newest verdict of all, which is always kept.
    pub(super) fn newest(&self) -> Option<&Point> {
        self.points().next_back()
    }

    /// The episodes that follow from all verdicts.
    pub(super) fn episodes(&self) -> Episodes {
        let mut episodes = self.settled.clone();
        for points in self.quarters.values() {
            follow(&mut episodes, points);
        }
        episodes
    }
}

fn as_list<S: Serializer>(quarters: &BTreeMap<i64, BTreeSet<Point>>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(quarters.values().flatten())
}

fn from_list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<i64, BTreeSet<Point>>, D::Error> {
    let mut quarters: BTreeMap<i64, BTreeSet<Point>> = BTreeMap::new();
    for point in Vec::<Point>::deserialize(deserializer)? {
        quarters.entry(point.quarter()).or_default().insert(point);
    }
    Ok(quarters)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn point(second: i64, source: Source) -> Point {
        Point { at: Moment::live(Timestamp::from_second(second).unwrap()), verdict: Verdict::Open, source }
    }

    #[test]
    fn of_a_quarter_the_ends_are_kept() {
        let all = |source| (0..100).map(move |second| point(second, source));
        assert_eq!(kept(all(Source::Sweep).collect()).len(), 2);
        let changes = kept(all(Source::Change).collect());
        assert_eq!(changes.len(), FIRST + LAST);
        assert_eq!(
            (changes.first(), changes.last()),
            (Some(&point(0, Source::Change)), Some(&point(99, Source::Change)))
        );
    }

    #[test]
    fn one_quarter_alone_is_never_too_many() {
        // Eight verdicts can be routine: all but that of an execution.
        const { assert!(FIRST + LAST + 2 * 8 <= MAX_POINTS) };
    }

    #[test]
    fn the_oldest_quarter_makes_room_and_is_not_opened_again() {
        let mut timeline = Timeline::default();
        let first = point(0, Source::Change);
        for number in 0..=i64::try_from(MAX_POINTS).unwrap() {
            timeline.learn(point(number * QUARTER_OF_A_DAY, Source::Change));
        }
        assert_eq!((timeline.points().count(), timeline.settled_to), (MAX_POINTS, Some(0)));
        assert_eq!(timeline.episodes().listed[0].first_seen, first.at.ordering);
        let before = timeline.clone();
        timeline.learn(first);
        timeline.learn(point(1, Source::Sweep));
        assert_eq!(timeline, before);
    }
}
