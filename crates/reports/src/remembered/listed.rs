//! What reports say of a finding.

use findings::Severity;
use findings::finding::{Episode, ExposureList, Finding, FindingKey, State, Text};
use jiff::{SignedDuration, Timestamp};

use super::period::Period;

/// What may stand beside the state of a finding.
pub(super) const BESIDE: [&str; 4] = ["parked", "contested", "quarantined", "muted"];

/// A finding, as far as reports say something of it: a hundredth of what a store has of it, so that thirty thousand fit into
/// the memory of a function.
#[derive(Debug, Clone)]
pub struct ListedFinding {
    pub(super) key: FindingKey,
    pub(super) name: String,
    pub(super) vpc_id: String,
    pub(super) state: State,
    /// Of a finding that is not open: that of its last exposures.
    pub(super) severity: Severity,
    /// Blocked ports, and the sources that reach them; of a finding that is not open the last ones.
    pub(super) ports: String,
    pub(super) sources: String,
    pub(super) owner: String,
    pub(super) first_seen: Option<Timestamp>,
    pub(super) reopenings: u64,
    pub(super) exempt_until: String,
    /// What stands beside the state: words of [`BESIDE`].
    pub(super) beside: Vec<&'static str>,
    /// The newest ones, in the order of their times.
    episodes: Vec<Episode>,
}

impl ListedFinding {
    /// What is to be said of a finding at `now`.
    #[must_use]
    pub fn new(finding: &Finding, now: Timestamp) -> Self {
        let exposures = match finding.state() {
            State::Exempt => finding.exempted(),
            State::NeverOpen | State::Open | State::Closed => finding.exposures(),
        };
        let (ports, sources) = exposures.map(ports_and_sources).unwrap_or_default();
        let group = finding.group();
        let exemption = finding.exemption().and_then(|exemption| exemption.expires.as_ref());
        let episodes = finding.episodes();
        let is_muted = finding.mute(now).is_some();
        let beside = [finding.parked().is_some(), finding.is_contested(), finding.is_quarantined(), is_muted];
        Self {
            key: finding.key().clone(),
            name: text(group.and_then(|group| group.name.as_ref())),
            vpc_id: text(group.and_then(|group| group.vpc_id.as_ref())),
            state: finding.state(),
            severity: finding.last_severity(),
            ports,
            sources,
            owner: text(finding.owner().map(|owner| &owner.name)),
            first_seen: finding.first_seen(),
            reopenings: episodes.reopenings(),
            exempt_until: text(exemption),
            beside: BESIDE.into_iter().zip(beside).filter_map(|(word, is_so)| is_so.then_some(word)).collect(),
            episodes: episodes.listed,
        }
    }

    /// The key of the finding.
    #[must_use]
    pub fn key(&self) -> &FindingKey {
        &self.key
    }

    /// Its place in a list: open ones first, the most severe of them before all, the oldest of equals.
    pub(super) fn rank(&self) -> (State, Severity, Option<Timestamp>, &FindingKey) {
        (self.state, self.severity, self.first_seen, &self.key)
    }

    /// Whether the group is closed.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state, State::Closed | State::NeverOpen)
    }

    /// The newest episode.
    pub(super) fn newest(&self) -> Option<&Episode> {
        self.episodes.last()
    }

    /// The episodes that began in a period.
    pub(super) fn opened_in(&self, period: Period) -> impl Iterator<Item = &Episode> {
        self.episodes.iter().filter(move |episode| period.has(episode.first_seen))
    }

    /// The episodes that ended in a period.
    pub(super) fn closed_in(&self, period: Period) -> impl Iterator<Item = &Episode> {
        let has_ended = move |episode: &&Episode| episode.closed.as_ref().is_some_and(|closing| period.has(closing.at));
        self.episodes.iter().filter(has_ended)
    }

    /// Whether an episode began or ended in a period.
    pub(super) fn changed_in(&self, period: &Period) -> bool {
        self.opened_in(*period).next().is_some() || self.closed_in(*period).next().is_some()
    }
}

/// How long an episode was, if it has ended.
pub(super) fn length(episode: &Episode) -> Option<SignedDuration> {
    let length = episode.closed.as_ref()?.at.duration_since(episode.first_seen);
    Some(length.max(SignedDuration::ZERO))
}

fn text<const MAX: usize>(text: Option<&Text<MAX>>) -> String {
    text.map(|text| text.as_str().to_owned()).unwrap_or_default()
}

/// Ports and sources of exposures, each once. An ellipsis stands for those that the finding does not list.
fn ports_and_sources(list: &ExposureList) -> (String, String) {
    let is_whole = list.listed.len() == list.total;
    let has_all_ports = list.listed.iter().all(|exposure| exposure.ports.len() == exposure.ports_total);
    let ports = list.listed.iter().flat_map(|exposure| &exposure.ports).map(Text::as_str);
    let sources = list.listed.iter().map(|exposure| exposure.rule.source.as_str());
    (each_once(ports, is_whole && has_all_ports), each_once(sources, is_whole))
}

fn each_once<'t>(texts: impl Iterator<Item = &'t str>, is_whole: bool) -> String {
    let mut texts: Vec<&str> = texts.collect();
    texts.sort_unstable();
    texts.dedup();
    if !is_whole {
        texts.push("…");
    }
    texts.join(" ")
}
