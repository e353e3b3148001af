//! Grace: automatic mode closes what is open some days after it was first seen.
//!
//! A record for each group says since when its exposures are open. One program writes it, which sees all groups regularly; others read
//! when a group is to be closed, and what of it.

use aws_traits::state::Partition;
use exposure::{Assessment, Exposure, PortSet};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// An exposure that opens again within this time goes on where it was. Also the time for which one that is gone is known.
const GOES_ON_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Hours of a day of grace.
const HOURS_A_DAY: i64 = 24;

/// Days from the first sight of an exposure to its closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GraceDays(u16);

impl GraceDays {
    /// The most.
    pub const MAX: u16 = 365;

    /// Days of grace, from 1 to [`MAX`](Self::MAX).
    #[must_use]
    pub fn new(days: u16) -> Option<Self> {
        (1..=Self::MAX).contains(&days).then_some(Self(days))
    }

    /// Reads the days of a stack, where 0 is no grace.
    ///
    /// # Errors
    ///
    /// If the text is not a number of days from 0 to [`MAX`](Self::MAX).
    pub fn read(text: &str) -> Result<Option<Self>, GraceDaysError> {
        // Only this text, which the template compares, is none.
        if text == "0" {
            return Ok(None);
        }
        let days = text.parse().ok().and_then(Self::new);
        days.map(Some).ok_or_else(|| GraceDaysError(text.to_owned()))
    }

    fn after(self, time: Timestamp) -> Timestamp {
        plus(time, SignedDuration::from_hours(HOURS_A_DAY.saturating_mul(self.0.into())))
    }
}

/// A text is no number of days of grace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a number of days of grace, from 0 to 365")]
pub struct GraceDaysError(String);

/// Since when the exposures of a group are open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GraceRecord {
    /// Days by which it was found what is due.
    grace_days: GraceDays,
    /// Since when something is due; `None` if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_from: Option<Timestamp>,
    /// When the next of its exposures is closed, or was to be closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<Timestamp>,
    exposures: Vec<KnownExposure>,
}

/// An exposure that is open, or was until recently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KnownExposure {
    /// Protocol and ports of the rule.
    traffic: String,
    /// Source of the rule.
    source: String,
    /// Ports that are exposed.
    ports: String,
    /// When it was seen first.
    first_seen: Timestamp,
    /// From when its days count: `first_seen`, and later by the time for which it was not open.
    counts_from: Timestamp,
    /// Since when it is not open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone: Option<Timestamp>,
    /// Whether its days are over.
    #[serde(default)]
    is_due: bool,
}

impl KnownExposure {
    fn new(exposure: &Exposure<'_>, now: Timestamp) -> Self {
        Self {
            traffic: exposure.rule.traffic.to_string(),
            source: exposure.rule.source.to_string(),
            ports: exposure.ports.to_string(),
            first_seen: now,
            counts_from: now,
            gone: None,
            is_due: false,
        }
    }

    fn is(&self, other: &Self) -> bool {
        (&self.traffic, &self.source) == (&other.traffic, &other.source)
    }

    /// Whether both open a port.
    fn overlaps(&self, other: &Self) -> bool {
        match (self.ports.parse::<PortSet>(), other.ports.parse::<PortSet>()) {
            (Ok(one), Ok(another)) => !one.intersection(&another).is_empty(),
            _ => false,
        }
    }

    /// From when its days count if it is open again.
    fn goes_on(&self, now: Timestamp) -> Timestamp {
        let closed = self.gone.map_or(SignedDuration::ZERO, |gone| now.duration_since(gone));
        plus(self.counts_from, closed.max(SignedDuration::ZERO))
    }

    fn is_forgotten(&self, now: Timestamp) -> bool {
        self.gone.is_some_and(|gone| now.duration_since(gone) > GOES_ON_WITHIN)
    }
}

impl GraceRecord {
    /// Where the records of a rule are, by the id of the group.
    #[must_use]
    pub fn partition(rule_name: &str) -> Partition {
        Partition { kind: "grace", of: rule_name.to_owned() }
    }

    /// A record of a group that was not seen before.
    #[must_use]
    pub fn new(grace_days: GraceDays) -> Self {
        Self { grace_days, due_from: None, closes: None, exposures: Vec::new() }
    }

    /// Takes what of the group is open now, and what of it is due. What is gone stays known for a week: opened again, it goes on
    /// where it was.
    ///
    /// A rule that opens a port of one that is gone takes its place: an edit of a rule does not buy time.
    pub fn see(&mut self, assessment: &Assessment<'_>, grace_days: GraceDays, now: Timestamp) {
        let open = self.open(assessment, now);
        let is_open = |known: &KnownExposure| open.iter().any(|(one, _)| one.is(known));
        let is_replaced = |known: &KnownExposure| open.iter().any(|(_, before)| before.as_ref() == Some(known));
        // What cannot be judged may be one of them.
        let are_gone = assessment.unjudged.is_empty();
        let mut exposures: Vec<KnownExposure> =
            self.exposures.iter().filter(|known| !is_open(known) && !is_replaced(known)).cloned().collect();
        for known in &mut exposures {
            if are_gone && known.gone.is_none() {
                (known.gone, known.is_due) = (Some(now), false);
            }
        }
        exposures.retain(|known| !known.is_forgotten(now));
        exposures.extend(open.into_iter().map(|(mut one, _)| {
            one.is_due = grace_days.after(one.counts_from) <= now;
            one
        }));
        exposures.sort_by(|one, other| (&one.traffic, &one.source).cmp(&(&other.traffic, &other.source)));
        (self.grace_days, self.exposures) = (grace_days, exposures);
        let open = self.exposures.iter().filter(|known| known.gone.is_none());
        self.closes = open.map(|known| grace_days.after(known.counts_from)).min();
        // Kept as it was, so that a group is not written at each sweep.
        let since = self.due_from.unwrap_or(now);
        self.due_from = self.exposures.iter().any(|known| known.is_due).then_some(since);
    }

    /// Has nothing be due, although days are over: an exception keeps the group open. What whoever closes reads is this, and not the
    /// exception, so that an execution that was started before it closes nothing.
    pub fn keep_open(&mut self) {
        self.due_from = None;
        for known in &mut self.exposures {
            known.is_due = false;
        }
    }

    /// Whether nothing is left that has to be remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exposures.is_empty()
    }

    /// When each exposure of the group is closed, in their order.
    #[must_use]
    pub fn closes(&self, assessment: &Assessment<'_>, grace_days: GraceDays, now: Timestamp) -> Vec<Timestamp> {
        self.open(assessment, now).into_iter().map(|(one, _)| grace_days.after(one.counts_from)).collect()
    }

    /// Whether what is due was found by so many days.
    #[must_use]
    pub fn is_by(&self, grace_days: GraceDays) -> bool {
        self.grace_days == grace_days
    }

    /// Whether the days of an exposure are over.
    #[must_use]
    pub fn is_due(&self, exposure: &Exposure<'_>) -> bool {
        let exposure = KnownExposure::new(exposure, Timestamp::UNIX_EPOCH);
        self.exposures.iter().any(|known| known.is_due && known.is(&exposure))
    }

    /// How long the record is of use after `now`, if nobody writes it again.
    #[must_use]
    pub fn expires(&self, now: Timestamp) -> Timestamp {
        let last = self.exposures.iter().map(|known| self.grace_days.after(known.counts_from)).max();
        // Long after the last sweep: a record that is lost would give all days anew.
        plus(last.unwrap_or(now).max(now), GOES_ON_WITHIN.saturating_mul(13))
    }

    /// The exposures of the group, and for each the one that is gone and whose place it takes.
    fn open(&self, assessment: &Assessment<'_>, now: Timestamp) -> Vec<(KnownExposure, Option<KnownExposure>)> {
        let open: Vec<KnownExposure> =
            assessment.exposures.iter().map(|exposure| KnownExposure::new(exposure, now)).collect();
        let gone: Vec<&KnownExposure> =
            self.exposures.iter().filter(|known| !open.iter().any(|one| one.is(known))).collect();
        let place = |one: &KnownExposure| {
            if let Some(known) = self.exposures.iter().find(|known| known.is(one) && !known.is_forgotten(now)) {
                return (Some(known), None);
            }
            let before = gone.iter().filter(|known| !known.is_forgotten(now) && known.overlaps(one));
            let before = before.min_by_key(|known| known.goes_on(now)).copied();
            (before, before.cloned())
        };
        let with_times = |mut one: KnownExposure| {
            let (known, before) = place(&one);
            if let Some(known) = known {
                (one.first_seen, one.counts_from) = (known.first_seen, known.goes_on(now));
            }
            (one, before)
        };
        open.iter().cloned().map(with_times).collect()
    }
}

fn plus(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}
