//! What is known of a finding.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::contest::Closings;
use super::exposures::ExposureList;
use super::latest::{Latest, Moment};
use super::observation::{
    Assessed, AssessedVerdict, Attachment, ConfigVerdict, Deferred, ExemptionFacts, GroupFacts, Mute, NotStarted,
    Observation, Observed, Opener, Outcome, Owner, Remediated, Source, Swept,
};
use super::text::Text;
use super::timeline::{Point, Timeline, Verdict};

/// What is known of a finding: for each fact the newest statement, and a bounded number of verdicts and closings.
///
/// INVARIANT: each member takes observations by a maximum, a minimum or the newest of a set, which commute, associate, and
/// ignore what they have seen. So the facts are a function of the set of observations; for the bound see [`Timeline`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    pub(super) timeline: Timeline,
    /// When the group was first seen exposed, in whatever episode.
    pub(super) first_seen: Option<Timestamp>,
    /// When the group was last seen exposed.
    pub(super) last_seen: Option<Timestamp>,
    /// When the group was last said to be closed.
    pub(super) last_closed: Option<Timestamp>,
    /// The newest time of all observations.
    pub(super) newest: Option<Timestamp>,
    /// Verdict of the newest assessment that reached one.
    pub(super) assessed: Latest<AssessedAs>,
    /// What the newest assessment as open found.
    pub(super) open: Latest<OpenFacts>,
    /// What the newest assessment as exempt found.
    pub(super) exempt: Latest<ExemptFacts>,
    pub(super) group: Latest<GroupFacts>,
    pub(super) unjudged: Latest<Text<256>>,
    pub(super) closings: Closings,
    pub(super) attempt: Latest<Attempt>,
    pub(super) deferred: Latest<Deferral>,
    pub(super) restored: Latest<Text<64>>,
    pub(super) quarantined: Latest<bool>,
    pub(super) parked: Latest<Option<Text<256>>>,
    /// When automatic mode closes the first exposure, if not at once.
    pub(super) closes: Latest<Option<Timestamp>>,
    pub(super) reminder: Latest<Reminder>,
    pub(super) attachment: Latest<Attachment>,
    pub(super) owner: Latest<Owner>,
    pub(super) opener: Latest<Opener>,
    pub(super) mute: Latest<Mute>,
}

/// The verdict of an assessment. The last one counts of the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AssessedAs {
    Compliant,
    Exempt,
    Open,
}

/// Exposures of a group, and the number of those that an exemption covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct OpenFacts {
    pub(super) exposures: ExposureList,
    pub(super) exempted: usize,
}

/// Exposures that an exemption covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct ExemptFacts {
    pub(super) exempted: ExposureList,
    pub(super) exemption: ExemptionFacts,
}

/// A closing that was put off until there is room for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Deferral {
    pub(super) execution_id: Text<64>,
    pub(super) deferred: Deferred,
}

/// A reminder of a closing that is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Reminder {
    pub(super) closes: Timestamp,
    /// Days before it.
    pub(super) days: u8,
}

/// An attempt to close the group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attempt {
    /// How it ended.
    pub status: AttemptStatus,
    /// Execution of the SSM document.
    pub execution_id: Text<64>,
    /// Message of the outcome.
    pub message: Text<256>,
}

/// How an attempt to close a group ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptStatus {
    /// There is no exposure left, or none that may be closed.
    Done,
    /// Some exposures are closed.
    Partial,
    /// No change could be made.
    Failed,
    /// The function did not run.
    NotStarted,
    /// The approval was refused.
    Rejected,
}

impl Facts {
    /// Takes an observation.
    pub(super) fn learn(&mut self, Observation { at, what }: &Observation) {
        let at = *at;
        match what {
            Observed::Remediated(Remediated { dry_run: true, .. } | Remediated { outcome: Outcome::Other, .. }) => {
                return;
            }
            Observed::Assessed(assessed) => self.learn_assessed(at, assessed),
            Observed::Compliance(verdict, source) => self.learn_compliance(at, *verdict, *source),
            Observed::Swept(swept) => self.learn_swept(at, swept),
            Observed::Remediated(remediated) => self.learn_remediated(at, remediated),
            Observed::NotStarted(NotStarted { execution_id, rejected, message }) => {
                let status = if *rejected { AttemptStatus::Rejected } else { AttemptStatus::NotStarted };
                self.learn_attempt(at, status, execution_id, message);
            }
            Observed::Parked(parked) => self.parked.learn(at, parked.clone()),
            Observed::Context(context) => {
                context.attachment.iter().for_each(|attachment| self.attachment.learn(at, attachment.clone()));
                context.owner.iter().for_each(|owner| self.owner.learn(at, owner.clone()));
                context.opener.iter().for_each(|opener| self.opener.learn(at, opener.clone()));
            }
            Observed::Muted(mute) => self.mute.learn(at, mute.clone()),
        }
        self.newest = self.newest.max(Some(at.newest()));
    }

    fn learn_verdict(&mut self, at: Moment, verdict: Verdict, source: Source) {
        // A remediation that revoked rules saw the group open.
        if verdict.is_exposed() || matches!(verdict, Verdict::Closed(_)) {
            self.first_seen = Some(self.first_seen.map_or(at.ordering, |first| first.min(at.ordering)));
            self.last_seen = self.last_seen.max(Some(at.ordering));
        }
        if !verdict.is_exposed() {
            self.last_closed = self.last_closed.max(Some(at.ordering));
        }
        self.timeline.learn(Point { at, verdict, source });
    }

    fn learn_compliance(&mut self, at: Moment, verdict: ConfigVerdict, source: Source) {
        match verdict {
            ConfigVerdict::Compliant => self.learn_verdict(at, Verdict::SaidCompliant, source),
            ConfigVerdict::NonCompliant => self.learn_verdict(at, Verdict::SaidOpen, source),
            ConfigVerdict::Exempt => {
                self.assessed.learn(at, AssessedAs::Exempt);
                self.learn_verdict(at, Verdict::Exempt, source);
            }
            ConfigVerdict::Gone(gone) => self.learn_verdict(at, Verdict::Gone(gone), source),
            ConfigVerdict::InsufficientData => self.unjudged.learn(at, "AWS Config has no verdict".into()),
        }
    }

    fn learn_swept(&mut self, at: Moment, swept: &Swept) {
        let Swept { verdict, first_open, looked, parked, closes, reminder_days } = swept;
        // The beginning of what goes on. Of what is over, the finding knows more than a sweep, or was never told.
        if *verdict == ConfigVerdict::NonCompliant {
            self.learn_verdict(*first_open, Verdict::SaidOpen, Source::Sweep);
            self.closes.learn(Moment::live(*looked), *closes);
            if let (Some(closes), Some(days)) = (*closes, *reminder_days) {
                self.reminder.learn(Moment::live(*looked), Reminder { closes, days });
            }
        }
        self.learn_compliance(at, *verdict, Source::Sweep);
        if let Some(parked) = parked {
            self.parked.learn(Moment::live(*looked), parked.clone());
        }
        self.newest = self.newest.max(Some(*looked)).max(Some(first_open.newest()));
    }

    fn learn_assessed(&mut self, at: Moment, Assessed { source, verdict, group, closes }: &Assessed) {
        self.group.learn(at, group.clone());
        let (verdict, assessed) = match verdict {
            AssessedVerdict::Unjudged { reason } => return self.unjudged.learn(at, reason.clone()),
            AssessedVerdict::Compliant => (Verdict::Compliant, AssessedAs::Compliant),
            AssessedVerdict::Open { exposures, exempted } => {
                self.open.learn(at, OpenFacts { exposures: exposures.clone(), exempted: *exempted });
                // None is no statement: not everybody who judges knows the day.
                if closes.is_some() {
                    self.closes.learn(at, *closes);
                }
                (Verdict::Open, AssessedAs::Open)
            }
            AssessedVerdict::Exempt { exempted, exemption } => {
                self.exempt.learn(at, ExemptFacts { exempted: exempted.clone(), exemption: exemption.clone() });
                (Verdict::Exempt, AssessedAs::Exempt)
            }
        };
        self.assessed.learn(at, assessed);
        self.learn_verdict(at, verdict, *source);
    }

    fn learn_remediated(&mut self, at: Moment, remediated: &Remediated) {
        let Remediated { execution_id, outcome, message, .. } = remediated;
        let status = match outcome {
            Outcome::Closed(revoked) if revoked.total > 0 => {
                self.closings.learn(execution_id, at.ordering, &revoked.listed);
                self.learn_verdict(at, Verdict::Closed(execution_id.clone()), Source::Change);
                AttemptStatus::Done
            }
            // The rules or the group vanished meanwhile: a change closed it.
            Outcome::Closed(_) | Outcome::NothingToClose => {
                self.learn_verdict(at, Verdict::SaidCompliant, Source::Change);
                AttemptStatus::Done
            }
            Outcome::LeftOpen => AttemptStatus::Done,
            Outcome::PartlyClosed => AttemptStatus::Partial,
            Outcome::CloseFailed => AttemptStatus::Failed,
            Outcome::Deferred(deferred) => {
                let deferral = Deferral { execution_id: execution_id.clone(), deferred: *deferred };
                return self.deferred.learn(at, deferral);
            }
            Outcome::Restored => return self.restored.learn(at, execution_id.clone()),
            Outcome::Quarantined => return self.quarantined.learn(at, true),
            Outcome::Released => return self.quarantined.learn(at, false),
            Outcome::Other => return,
        };
        self.learn_attempt(at, status, execution_id, message);
    }

    fn learn_attempt(&mut self, at: Moment, status: AttemptStatus, execution: &Text<64>, message: &Text<256>) {
        let attempt = Attempt { status, execution_id: execution.clone(), message: message.clone() };
        self.attempt.learn(at, attempt);
    }
}
