//! A finding: one security group under one rule of AWS Config, and its life.
//!
//! A [`Finding`] takes [observations](Observation) in any order and any number, and says what of them is news. It is a value
//! without a clock: all times come with the observations, or as an argument. `docs/findings.md` is the page for its users.
//!
//! ```
//! use findings::finding::{ConfigVerdict, Finding, Moment, Observation, Observed, Source, State};
//!
//! let mut finding = Finding::new("123456789012/eu-west-1/sg-0aaaaaaaaaaaaaaaa/portcullis".parse()?);
//! let said = |time: &str, verdict| Observation {
//!     at: Moment::live(time.parse().unwrap()),
//!     what: Observed::Compliance(verdict, Source::Change),
//! };
//! let closed = said("2026-11-29T12:05:00Z", ConfigVerdict::Compliant);
//! assert!(finding.apply(&said("2026-11-29T12:00:00Z", ConfigVerdict::NonCompliant)).is_news());
//! assert!(finding.apply(&closed).is_news());
//! assert_eq!((finding.state(), finding.revision()), (State::Closed, 2));
//!
//! // Neither a duplicate nor a straggler is news.
//! assert!(!finding.apply(&closed).is_news());
//! assert!(!finding.apply(&said("2026-11-29T12:01:00Z", ConfigVerdict::NonCompliant)).is_news());
//! assert_eq!((finding.state(), finding.revision()), (State::Closed, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod content;
mod contest;
mod delivery;
mod document;
mod episode;
mod exposures;
mod facts;
mod history;
mod key;
mod latest;
mod news;
mod observation;
mod stamp;
mod text;
mod timeline;

use jiff::{SignedDuration, Timestamp};

use self::content::Content;
use self::delivery::Deliveries;
use self::facts::Facts;
use self::stamp::Stamp;

pub use self::content::State;
pub use self::contest::MAX_CLOSINGS;
pub use self::delivery::{Channel, Delivery, Due, MAX_CHANNELS, Manner, Told, TooManyChannels};
pub use self::document::{FORMAT, UnknownFormat};
pub use self::episode::{ClosedBy, Closing, Episode, Episodes, MAX_EPISODES};
pub use self::exposures::{ExposureList, KeptExposure, MAX_EXPOSURES, RuleContent, told_apart};
pub use self::facts::{Attempt, AttemptStatus};
pub use self::history::HistoryEntry;
pub use self::key::{FindingKey, KeyError};
pub use self::latest::Moment;
pub use self::news::News;
pub use self::observation::{
    Assessed, AssessedVerdict, Attachment, ConfigVerdict, Context, Deferred, ExemptionFacts, Gone, GroupFacts, Mute,
    NotStarted, Observation, Observed, Opener, Outcome, Owner, OwnerSource, Remediated, Revoked, Source, Swept,
};
pub use self::text::{Text, hex};
pub use self::timeline::MAX_POINTS;

use crate::{Openness, Severity};

/// The evaluator announces an assessment at once after AWS Config has stored the evaluation.
const ASSESSMENT_WAIT: SignedDuration = SignedDuration::from_secs(5);

/// A security group under a rule of AWS Config: what is known of it, its revision, and what the channels were told.
///
/// What is known, and all that follows from it, does not depend on the order in which observations arrive, nor on how often
/// one arrives. The revision and the name of the newest news do, since they follow from what was news at the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    key: FindingKey,
    facts: Facts,
    revision: u64,
    newest_news: Option<Stamp>,
    version: u64,
    deliveries: Deliveries,
}

/// What an observation changed in a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The changes, whether they raise the revision or not; none if the observation was known, or says nothing new.
    pub news: Vec<News>,
    /// Entries for the history, one per change.
    pub history: Vec<HistoryEntry>,
}

impl Transition {
    /// Whether the observation was news, and the revision of the finding rose by one.
    #[must_use]
    pub fn is_news(&self) -> bool {
        self.news.iter().any(News::raises_revision)
    }
}

impl Finding {
    /// A finding of which nothing is known.
    #[must_use]
    pub fn new(key: FindingKey) -> Self {
        let (facts, deliveries) = (Facts::default(), Deliveries::default());
        Self { key, facts, revision: 0, newest_news: None, version: 0, deliveries }
    }

    /// Takes an observation. The revision rises by one if the observation is news.
    pub fn apply(&mut self, observation: &Observation) -> Transition {
        let before = Content::of(&self.facts);
        let exposed = self.exposures().cloned();
        let mute = self.facts.mute.value().cloned();
        let deferral = self.facts.deferred.value().cloned();
        let restored = self.facts.restored.value().cloned();
        let episodes = self.facts.timeline.episodes();
        self.facts.learn(observation);

        let after = Content::of(&self.facts);
        let mut news = news::between(&before, &after, || self.closing_or_newest().by);
        if before != after {
            self.revision = self.revision.saturating_add(1);
            self.newest_news = Some(Stamp::after(self.newest_news, observation.at));
        }
        let known = self.facts.mute.value();
        if known != mute.as_ref() {
            let is_in_force = |mute: Option<&Mute>| mute.is_some_and(|mute| mute.is_in_force(observation.at.ordering));
            match (is_in_force(mute.as_ref()), is_in_force(known)) {
                (_, true) => news.push(News::Muted),
                (true, false) => news.push(News::Unmuted),
                (false, false) => {}
            }
        }
        if let Some(known) = self.facts.deferred.value().filter(|known| Some(*known) != deferral.as_ref()) {
            news.push(News::ClosingDeferred(known.execution_id.clone()));
        }
        if self.facts.restored.value() != restored.as_ref() {
            news.extend(self.facts.restored.value().cloned().map(News::Restored));
        }
        if news.is_empty() && self.facts.timeline.episodes().differ_in_the_past(&episodes) {
            news.push(News::PastCorrected);
        }
        let history = news.iter().map(|one| self.entry(observation.at.ordering, one, exposed.as_ref())).collect();
        Transition { news, history }
    }

    /// Identity of the finding.
    #[must_use]
    pub fn key(&self) -> &FindingKey {
        &self.key
    }

    /// Number of the changes that were news when they arrived.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Version of the stored item that this finding was read from; 0 if it was never stored. A store writes the finding
    /// only if the item still has this version, and so loses no update of another writer.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The finding as it is after a write: with the next version.
    #[must_use]
    pub fn stored(self) -> Self {
        Self { version: self.version.saturating_add(1), ..self }
    }

    /// Digest of what would be news if it changed. To be compared by one version of the program, not to be stored.
    #[must_use]
    pub fn content_digest(&self) -> String {
        Content::of(&self.facts).digest()
    }

    /// State of the finding.
    #[must_use]
    pub fn state(&self) -> State {
        self.facts.state()
    }

    /// Severity of an open finding; `None` in another state.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        (self.state() == State::Open).then(|| self.facts.severity())
    }

    /// Severity of an open finding, and otherwise the one of the exposures that it last had.
    #[must_use]
    pub fn last_severity(&self) -> Severity {
        let last = || self.exposures().and_then(|exposures| exposures.openness).unwrap_or(Openness::Unknown);
        self.severity().unwrap_or_else(|| self.facts.severity_of(last()))
    }

    /// How far the group is open; [`Openness::Unknown`] while no assessment says it.
    #[must_use]
    pub fn openness(&self) -> Openness {
        match self.state() {
            State::Open => self.facts.openness(),
            State::NeverOpen | State::Exempt | State::Closed => Openness::Restricted,
        }
    }

    /// Exposures of an open finding, and otherwise those that it last had. `None` while no assessment has named them since
    /// the group was last closed.
    #[must_use]
    pub fn exposures(&self) -> Option<&ExposureList> {
        match self.state() {
            State::Open => self.facts.named_exposures(),
            State::NeverOpen | State::Exempt | State::Closed => self.facts.open.value().map(|open| &open.exposures),
        }
    }

    /// Ordering time of the newest assessment that named exposures.
    #[must_use]
    pub fn exposures_at(&self) -> Option<Timestamp> {
        self.facts.open.dated().map(|open| open.at.ordering)
    }

    /// Exposures that the exemption of an exempt finding covers.
    #[must_use]
    pub fn exempted(&self) -> Option<&ExposureList> {
        self.facts.named_exemption().filter(|_| self.state() == State::Exempt).map(|exempt| &exempt.exempted)
    }

    /// The exemption of an exempt finding.
    #[must_use]
    pub fn exemption(&self) -> Option<&ExemptionFacts> {
        self.facts.named_exemption().filter(|_| self.state() == State::Exempt).map(|exempt| &exempt.exemption)
    }

    /// When the group was first seen open, in its first episode.
    #[must_use]
    pub fn first_seen(&self) -> Option<Timestamp> {
        self.facts.first_seen
    }

    /// When the group was last seen open.
    #[must_use]
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.facts.last_seen
    }

    /// The episodes during which the group was open.
    #[must_use]
    pub fn episodes(&self) -> Episodes {
        self.facts.timeline.episodes()
    }

    /// When and by what a closed finding was closed; `None` in another state.
    #[must_use]
    pub fn closing(&self) -> Option<Closing> {
        (self.state() == State::Closed).then(|| self.closing_or_newest())
    }

    /// The end of the newest episode. If that is too long ago to be known, the newest verdict.
    fn closing_or_newest(&self) -> Closing {
        let closing = self.episodes().newest().and_then(|episode| episode.closed.clone());
        let newest = || {
            let point = self.facts.timeline.newest();
            point.map(|point| Closing { at: point.at.ordering, by: (&point.verdict).into() })
        };
        closing.or_else(newest).unwrap_or(Closing { at: Timestamp::UNIX_EPOCH, by: ClosedBy::Change })
    }

    /// Whether the same exposure was closed three times within a day, and the last time less than a day before the newest
    /// observation.
    #[must_use]
    pub fn is_contested(&self) -> bool {
        self.facts.are_contested()
    }

    /// Reason of the remediation exception because of which AWS Config does not close an open group.
    #[must_use]
    pub fn parked(&self) -> Option<&Text<256>> {
        self.facts.parked.value().and_then(Option::as_ref).filter(|_| self.state() == State::Open)
    }

    /// When automatic mode closes the first exposure of an open group, if not at once.
    #[must_use]
    pub fn closes(&self) -> Option<Timestamp> {
        self.facts.closes.value().copied().flatten().filter(|_| self.state() == State::Open)
    }

    /// Whether network ACLs deny ports to it.
    #[must_use]
    pub fn is_quarantined(&self) -> bool {
        self.facts.quarantined.value() == Some(&true)
    }

    /// The mute that is in force at `now`.
    #[must_use]
    pub fn mute(&self, now: Timestamp) -> Option<&Mute> {
        self.facts.mute.value().filter(|mute| mute.is_in_force(now))
    }

    /// Why the group could not be judged, if that is the newest that is known of its verdict.
    #[must_use]
    pub fn unjudged(&self) -> Option<&Text<256>> {
        let unjudged = self.facts.unjudged.dated()?;
        let is_newest = self.facts.timeline.newest().is_none_or(|point| point.at < unjudged.at);
        is_newest.then_some(&unjudged.value)
    }

    /// The group, as last assessed.
    #[must_use]
    pub fn group(&self) -> Option<&GroupFacts> {
        self.facts.group.value()
    }

    /// Interfaces of the group, as last looked up.
    #[must_use]
    pub fn attachment(&self) -> Option<&Attachment> {
        self.facts.attachment.value()
    }

    /// Until when a message waits for what comes at the same time: after the word of AWS Config the assessment, which has the
    /// reasons; and for an open group what surrounds it, for `wait` from the newest judgement.
    #[must_use]
    pub fn waits(&self, wait: SignedDuration) -> Option<Timestamp> {
        let judged = self.facts.timeline.newest()?.at.judged;
        let is_named = match self.state() {
            State::Open => self.facts.named_exposures().is_some(),
            State::Exempt => self.facts.named_exemption().is_some(),
            State::NeverOpen | State::Closed => true,
        };
        let for_reasons = (!is_named).then(|| judged.saturating_add(ASSESSMENT_WAIT).unwrap_or(judged));
        for_reasons.max(self.waits_for_context(judged, wait))
    }

    /// `None` if what surrounds the group was looked up since it was opened.
    fn waits_for_context(&self, judged: Timestamp, wait: SignedDuration) -> Option<Timestamp> {
        if self.state() != State::Open {
            return None;
        }
        let opened = self.episodes().newest()?.first_seen;
        let looked_up = self.facts.attachment.dated().map(|attachment| attachment.at.ordering);
        let is_known = looked_up.is_some_and(|looked_up| opened <= looked_up);
        (!is_known).then(|| judged.saturating_add(wait).unwrap_or(judged))
    }

    /// Owner of the group, as last looked up.
    #[must_use]
    pub fn owner(&self) -> Option<&Owner> {
        self.facts.owner.value()
    }

    /// The principal that opened the group in the newest episode, if it was looked up since.
    #[must_use]
    pub fn opener(&self) -> Option<&Opener> {
        let episodes = self.episodes();
        let earlier = episodes.listed.iter().rev().nth(1);
        let closed = earlier.and_then(|episode| episode.closed.as_ref()).map(|closing| closing.at);
        self.facts.opener.value().filter(|opener| closed.is_none_or(|closed| closed <= opener.at))
    }

    /// The newest attempt to close the group.
    #[must_use]
    pub fn attempt(&self) -> Option<&Attempt> {
        self.facts.attempt.value()
    }

    /// The newest attempt to close an open group, if it failed. One before the group was last closed says nothing of what is
    /// open now.
    #[must_use]
    pub fn failed_attempt(&self) -> Option<&Attempt> {
        let attempt = self.facts.attempt.dated().filter(|_| self.state() == State::Open)?;
        let is_of_now = self.facts.last_closed.is_none_or(|closed| closed <= attempt.at.ordering);
        (is_of_now && attempt.value.status != AttemptStatus::Done).then_some(&attempt.value)
    }
}
