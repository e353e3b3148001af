//! What is news: the part of a finding whose change raises its revision.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::exposures::ExposureList;
use super::facts::{AssessedAs, Attempt, AttemptStatus, ExemptFacts, Facts};
use super::latest::Dated;
use super::observation::{ExemptionFacts, Opener};
use super::text::{Text, hex};
use super::timeline::Verdict;
use crate::{Openness, Severity};

/// State of a finding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The group was never seen open.
    #[default]
    NeverOpen,
    /// The group has an exposure that no exemption covers.
    Open,
    /// An exemption covers every exposure.
    Exempt,
    /// The group has no exposure, or is no longer judged.
    Closed,
}

impl State {
    /// The name in JSON, such as `never_open`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverOpen => "never_open",
            Self::Open => "open",
            Self::Exempt => "exempt",
            Self::Closed => "closed",
        }
    }
}

/// What a person would call news if it changed. What a state does not show, such as the owner of a closed group, is empty.
///
/// INVARIANT: it follows from the newest statements and the newest closings only, which are the same for any order of the
/// observations, without any bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) state: State,
    /// Of a finding in any state but the first.
    pub(super) contested: bool,
    /// Of an open finding.
    pub(super) open: Option<OpenContent>,
    /// Of an exempt finding: digest of the exposures, and the exemption.
    pub(super) exempt: Option<(Text<32>, ExemptionFacts)>,
    /// Of a closed finding: the newest execution that closed the group.
    pub(super) remediation: Option<Text<64>>,
}

/// What is news of an open finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenContent {
    /// Digest of the exposures; `None` while no assessment has named them.
    pub(super) exposures: Option<Text<32>>,
    pub(super) severity: Severity,
    pub(super) parked: bool,
    pub(super) quarantined: bool,
    /// A closing that failed: once a day.
    pub(super) failure: Option<(AttemptStatus, Date)>,
    /// The day of the closing by automatic mode, if that is not at once.
    pub(super) closes: Option<Date>,
    /// Days before it, of the newest reminder.
    pub(super) reminder: Option<u8>,
    pub(super) owner: Option<Text<256>>,
    pub(super) opener: Option<Opener>,
}

impl Content {
    pub(super) fn of(facts: &Facts) -> Self {
        let state = facts.state();
        if state == State::NeverOpen {
            return Self::default();
        }
        let exempt = |exempt: &ExemptFacts| (exempt.exempted.digest.clone(), exempt.exemption.clone());
        Self {
            state,
            contested: facts.are_contested(),
            open: (state == State::Open).then(|| OpenContent::of(facts)),
            exempt: facts.named_exemption().filter(|_| state == State::Exempt).map(exempt),
            remediation: facts.closings.newest().filter(|_| state == State::Closed).cloned(),
        }
    }

    /// Digest of the content: equal if there is no news between two findings. To be compared by one version of the program
    /// only, and never stored.
    pub(super) fn digest(&self) -> String {
        hex(Sha256::digest(format!("{self:?}")).iter().take(16))
    }
}

impl OpenContent {
    fn of(facts: &Facts) -> Self {
        let day = |at: Timestamp| TimeZone::UTC.to_datetime(at).date();
        let closes = facts.closes.value().copied().flatten().map(day);
        Self {
            closes,
            // One of another day is over.
            reminder: facts.reminder.value().filter(|known| Some(day(known.closes)) == closes).map(|known| known.days),
            exposures: facts.named_exposures().map(|exposures| exposures.digest.clone()),
            severity: facts.severity(),
            parked: facts.parked.value().is_some_and(Option::is_some),
            quarantined: facts.quarantined.value() == Some(&true),
            failure: facts.attempt.dated().and_then(failure),
            owner: facts.owner.value().map(|owner| owner.name.clone()),
            opener: facts.opener.value().cloned(),
        }
    }
}

/// The failure of an attempt with its day, so that retries on one day are one piece of news.
fn failure(attempt: &Dated<Attempt>) -> Option<(AttemptStatus, Date)> {
    let status = attempt.value.status;
    let day = TimeZone::UTC.to_datetime(attempt.at.ordering).date();
    (status != AttemptStatus::Done).then_some((status, day))
}

impl Facts {
    pub(super) fn state(&self) -> State {
        let newest = self.timeline.newest();
        let (Some(newest), Some(_)) = (newest, self.first_seen) else { return State::NeverOpen };
        match newest.verdict {
            Verdict::Open | Verdict::SaidOpen => State::Open,
            Verdict::Exempt => State::Exempt,
            // An exempt group is compliant for AWS Config. This is its word for the same state of the group.
            Verdict::SaidCompliant => {
                let repeats_exempt = self.assessed.dated().is_some_and(|assessed| {
                    assessed.at.ordering == newest.at.ordering && assessed.value == AssessedAs::Exempt
                });
                if repeats_exempt { State::Exempt } else { State::Closed }
            }
            Verdict::Compliant | Verdict::Closed(_) | Verdict::Gone(_) => State::Closed,
        }
    }

    pub(super) fn are_contested(&self) -> bool {
        self.newest.is_some_and(|now| self.closings.are_contested(now))
    }

    /// Exposures of an open finding, if an assessment named them since the group was last closed.
    pub(super) fn named_exposures(&self) -> Option<&ExposureList> {
        let open = self.open.dated().filter(|open| self.last_closed.is_none_or(|closed| closed <= open.at.ordering));
        open.map(|open| &open.value.exposures)
    }

    /// The exemption of an exempt finding, if an assessment of its newest state named it.
    pub(super) fn named_exemption(&self) -> Option<&ExemptFacts> {
        let newest = self.timeline.newest()?.at.ordering;
        self.exempt.dated().filter(|exempt| newest <= exempt.at.ordering).map(|exempt| &exempt.value)
    }

    /// How far the group is open. Unknown until an assessment says it.
    pub(super) fn openness(&self) -> Openness {
        self.named_exposures().and_then(|exposures| exposures.openness).unwrap_or(Openness::Unknown)
    }

    /// Severity of an open finding. What is unknown counts as open to the world.
    pub(super) fn severity(&self) -> Severity {
        self.severity_of(self.openness())
    }

    /// Severity of a group that is open so far, with the interfaces that it was last seen with.
    pub(super) fn severity_of(&self, openness: Openness) -> Severity {
        let openness = match openness {
            Openness::Unknown => Openness::World,
            known => known,
        };
        match self.attachment.value() {
            Some(attached) => Severity::of_attached(openness, attached.interfaces > 0, attached.public),
            None => Severity::without_context(openness).unwrap_or(Severity::High),
        }
    }
}
