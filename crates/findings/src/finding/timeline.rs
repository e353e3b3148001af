//! The verdicts on a group in the order of their times.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::episode::Episodes;
use super::latest::Moment;
use super::observation::{Gone, Source};
use super::text::Text;

/// Verdicts that are kept one by one. With a sweep an hour they reach back 16 days. No queue of AWS keeps a message longer
/// than 14 days (source: Amazon SQS developer guide, quotas), so no straggler is older.
pub const MAX_POINTS: usize = 128;

/// In seconds.
const QUARTER_OF_A_DAY: i64 = 6 * 60 * 60;

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
    /// Points of which only the first and the last are kept: routine confirmations of one verdict within one quarter of a
    /// day.
    fn routine(&self) -> Option<(i64, &Verdict)> {
        (self.source != Source::Change)
            .then(|| (self.at.judged.as_second().div_euclid(QUARTER_OF_A_DAY), &self.verdict))
    }
}

/// The newest verdicts in order, and the episodes that follow from all of them.
///
/// INVARIANT: every point is later than `settled_to`, and there are at most [`MAX_POINTS`]. So what the timeline holds is a
/// function of the set of the verdicts, and not of the order of their arrival, as long as no verdict arrives after
/// [`MAX_POINTS`] later ones. A verdict that does is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Timeline {
    points: BTreeSet<Point>,
    /// The newest point that made room for others.
    settled_to: Option<Point>,
    /// Episodes up to that point.
    settled: Episodes,
}

impl Timeline {
    pub(super) fn learn(&mut self, point: Point) {
        if self.settled_to.as_ref().is_some_and(|settled| point <= *settled) {
            return;
        }
        self.insert(point);
        while self.points.len() > MAX_POINTS {
            let Some(oldest) = self.points.pop_first() else { break };
            self.settled.follow(&oldest);
            self.settled_to = Some(oldest);
        }
    }

    /// Inserts a point, and removes the points between the first and the last routine one of its kind.
    fn insert(&mut self, point: Point) {
        let Some(routine) = point.routine() else {
            self.points.insert(point);
            return;
        };
        let mut same: Vec<Point> =
            self.points.iter().filter(|known| known.routine() == Some(routine)).cloned().collect();
        same.push(point.clone());
        same.sort();
        let (first, last) = (same.first().cloned(), same.last().cloned());
        for known in same {
            self.points.remove(&known);
        }
        self.points.extend(first.into_iter().chain(last));
    }

    /// The newest verdict of all.
    pub(super) fn newest(&self) -> Option<&Point> {
        self.points.last().or(self.settled_to.as_ref())
    }

    /// The episodes that follow from all verdicts.
    pub(super) fn episodes(&self) -> Episodes {
        let mut episodes = self.settled.clone();
        for point in &self.points {
            episodes.follow(point);
        }
        episodes
    }
}
