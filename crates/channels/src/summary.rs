//! One message about many findings: of a burst, or of a day.

use findings::Severity;
use findings::finding::{Finding, FindingKey, State};
use jiff::Timestamp;
use routing::Delivery;

use crate::channel::{Delivered, Failure};
use crate::words;

/// A channel in which one message can be about many findings: those of which
/// [`ChannelKind::has_summary`](routing::ChannelKind::has_summary) is true.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Summarise {
    /// Tells the channel of many findings. A summary is never updated, and after an unknown outcome it is told again.
    ///
    /// # Errors
    ///
    /// If the channel did not take it, or may not have.
    async fn summarise(&self, summary: &Summary<'_>) -> Result<Delivered, Failure>;
}

/// Why there is a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// There was more news within so many minutes than is told one by one.
    Burst {
        /// Length of the window.
        minutes: u32,
    },
    /// A day is over.
    Digest,
}

/// What is told of many findings.
#[derive(Debug, Clone)]
pub struct Summary<'s> {
    /// Name of the summary, which is the same for each repetition.
    pub id: &'s str,
    /// Why there is one.
    pub occasion: Occasion,
    /// Owner of the findings; `None` if they have different ones.
    pub owner: Option<&'s str>,
    /// Channel and recipient.
    pub delivery: &'s Delivery,
    /// The time.
    pub now: Timestamp,
    entries: Vec<SummaryEntry>,
}

/// A finding in a summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryEntry {
    /// Identity.
    pub key: FindingKey,
    /// State.
    pub state: State,
    /// Severity of an open finding.
    pub severity: Option<Severity>,
    /// The finding on one line.
    pub title: String,
    /// When the group was first seen open.
    pub first_seen: Option<Timestamp>,
}

/// Findings of a summary by severity, and those that are not open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Open, by severity: critical, high, medium, low.
    pub open: [usize; 4],
    /// Exempt.
    pub exempt: usize,
    /// Closed.
    pub closed: usize,
}

impl<'s> Summary<'s> {
    /// A summary of these findings, each of which is there once. The worst come first, and of equally bad ones the oldest.
    #[must_use]
    pub fn new(
        id: &'s str,
        occasion: Occasion,
        owner: Option<&'s str>,
        delivery: &'s Delivery,
        mut entries: Vec<SummaryEntry>,
        now: Timestamp,
    ) -> Self {
        entries.sort_by(|one, other| one.key.cmp(&other.key));
        entries.dedup_by(|second, first| second.key == first.key);
        // Those that are not open come last, and of these the closed ones.
        let place = |entry: &SummaryEntry| {
            (entry.severity.is_none(), entry.severity, entry.state != State::Exempt, entry.first_seen)
        };
        entries.sort_by_key(place);
        Self { id, occasion, owner, delivery, now, entries }
    }

    /// The findings, the worst first.
    #[must_use]
    pub fn entries(&self) -> &[SummaryEntry] {
        &self.entries
    }

    /// How many there are of each kind.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for entry in &self.entries {
            let [critical, high, medium, low] = &mut counts.open;
            *match (entry.severity, entry.state) {
                (Some(Severity::Critical), _) => critical,
                (Some(Severity::High), _) => high,
                (Some(Severity::Medium), _) => medium,
                (Some(Severity::Low), _) => low,
                (None, State::Exempt) => &mut counts.exempt,
                (None, _) => &mut counts.closed,
            } += 1;
        }
        counts
    }
}

impl From<&Finding> for SummaryEntry {
    fn from(finding: &Finding) -> Self {
        Self {
            key: finding.key().clone(),
            state: finding.state(),
            severity: finding.severity(),
            title: words::title(finding),
            first_seen: finding.first_seen(),
        }
    }
}
