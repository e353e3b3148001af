//! Episodes: the times during which a group was open.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::observation::Gone;
use super::text::Text;
use super::timeline::{Point, Verdict};

/// Episodes that a finding lists; earlier ones are counted.
pub const MAX_EPISODES: usize = 10;

/// AWS Config may record a closing before the remediation that did it ends. A function of Lambda runs for 15 minutes at
/// the most. Source: Lambda developer guide, quotas.
const LONGEST_REMEDIATION: SignedDuration = SignedDuration::from_mins(15);

/// What closed a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedBy {
    /// A remediation, by the execution of its document.
    Remediation(Text<64>),
    /// A change that was no remediation.
    Change,
    /// The deletion of the group.
    Deletion,
    /// The group left the scope of the rule.
    LeftScope,
    /// AWS Config no longer judges the group, and does not say why.
    NotApplicable,
}

impl fmt::Display for ClosedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remediation(execution) => write!(f, "remediation {execution}"),
            Self::Change => f.write_str("a change that was no remediation"),
            Self::Deletion => f.write_str("the deletion of the group"),
            Self::LeftScope => f.write_str("the group's leaving the scope of the rule"),
            Self::NotApplicable => f.write_str("its deletion, or because AWS Config no longer judges it"),
        }
    }
}

impl From<&Verdict> for ClosedBy {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Closed(execution) => Self::Remediation(execution.clone()),
            Verdict::Gone(Gone::Deleted) => Self::Deletion,
            Verdict::Gone(Gone::LeftScope) => Self::LeftScope,
            Verdict::Gone(Gone::NotApplicable) => Self::NotApplicable,
            _ => Self::Change,
        }
    }
}

/// A time during which a group was open, exempt times included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// When it was first seen open.
    pub first_seen: Timestamp,
    /// When it was last seen open.
    pub last_seen: Timestamp,
    /// When and by what it was closed, unless it goes on.
    pub closed: Option<Closing>,
}

/// The end of an episode.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Closing {
    /// When.
    pub at: Timestamp,
    /// By what.
    pub by: ClosedBy,
}

/// The episodes of a finding: the newest of them, and the number of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episodes {
    /// Number of episodes, those that are not listed included.
    pub total: u64,
    /// The newest episodes, in the order of their times.
    pub listed: Vec<Episode>,
    /// Ordering time of the newest assessment, and whether it was exempt.
    assessed: Option<(Timestamp, bool)>,
}

impl Episodes {
    /// The newest episode.
    #[must_use]
    pub fn newest(&self) -> Option<&Episode> {
        self.listed.last()
    }

    /// How often the group was opened again.
    #[must_use]
    pub fn reopenings(&self) -> u64 {
        self.total.saturating_sub(1)
    }

    /// Takes the next verdict in the order of time.
    pub(super) fn follow(&mut self, point: &Point) {
        let at = point.at.ordering;
        if point.verdict.is_assessed() {
            self.assessed = Some((at, point.verdict == Verdict::Exempt));
        }
        // An exempt group is compliant for AWS Config. This is its word for the same state of the group.
        let repeats_exempt = point.verdict == Verdict::SaidCompliant && self.assessed == Some((at, true));
        let is_exposed = point.verdict.is_exposed() || repeats_exempt;
        match self.listed.last_mut() {
            Some(open) if open.closed.is_none() && is_exposed => open.last_seen = at,
            Some(open) if open.closed.is_none() => {
                open.closed = Some(Closing { at, by: (&point.verdict).into() });
            }
            _ if is_exposed => self.begin(Episode { first_seen: at, last_seen: at, closed: None }),
            known => {
                let by = ClosedBy::from(&point.verdict);
                if !matches!(by, ClosedBy::Remediation(_)) {
                    return;
                }
                // A remediation that revoked rules of a closed group: either it is the one that closed it, or the group was
                // open for so short a time that no verdict says so.
                match known.and_then(|episode| episode.closed.as_mut()) {
                    Some(closing) if closing.by == by => {}
                    Some(closing) if is_same_closing(closing, at) => closing.by = by,
                    _ => self.begin(Episode { first_seen: at, last_seen: at, closed: Some(Closing { at, by }) }),
                }
            }
        }
    }

    /// Whether episodes began or ended at other times, apart from a later last-seen of the newest.
    pub(super) fn differ_in_the_past(&self, before: &Self) -> bool {
        let times = |episodes: &Self| -> Vec<(Timestamp, Option<Closing>)> {
            episodes.listed.iter().map(|episode| (episode.first_seen, episode.closed.clone())).collect()
        };
        self.total != before.total || times(self) != times(before)
    }

    fn begin(&mut self, episode: Episode) {
        self.total = self.total.saturating_add(1);
        self.listed.push(episode);
        if self.listed.len() > MAX_EPISODES {
            self.listed.remove(0);
        }
    }
}

/// Whether a remediation that ended at `at` did the closing that AWS Config recorded.
fn is_same_closing(closing: &Closing, at: Timestamp) -> bool {
    !matches!(closing.by, ClosedBy::Remediation(_)) && at.duration_since(closing.at) <= LONGEST_REMEDIATION
}
