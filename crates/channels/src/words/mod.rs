//! The words that all channels share: plain text, which each channel escapes for itself.
//!
//! Names, tags, descriptions and reasons are written by everyone who may write them. They are on one line and of a bounded
//! length, and they are never markup.

mod facts;
mod help;
mod summary;

use findings::finding::{ClosedBy, ExposureList, Finding, KeptExposure, State, Text, told_apart};
use findings::{Openness, Severity};
use jiff::Timestamp;
use plain_text::one_line;
use routing::Address;

pub use self::facts::{Fact, facts};
pub use self::help::{Link, commands, links};
pub use self::summary::{more_findings, summary_lines, summary_title};

use crate::notice::Notice;

/// Longest name of a group in a title, in characters.
const NAME_MAX: usize = 60;
/// Ranges of ports in a title.
const TITLE_PORTS: usize = 3;
/// Sentences of news in one message; earlier ones are counted.
const NEWS_MAX: usize = 20;

/// The finding on one line, such as `sg-0ab… (web) is open to the internet on tcp/22: critical`.
#[must_use]
pub fn title(finding: &Finding) -> String {
    let group = group(finding);
    match finding.state() {
        State::NeverOpen => format!("{group} was never seen open"),
        State::Open => {
            let again = if finding.episodes().reopenings() > 0 { " again" } else { "" };
            let severity = finding.severity().unwrap_or(Severity::High).as_str();
            format!("{group} is open{again}{}: {severity}", extent(finding))
        }
        State::Exempt => match finding.exemption().map(|exemption| exemption.expires.as_ref()) {
            Some(Some(end)) => format!("{group} is exempt until {}", line(end.as_str())),
            Some(None) => format!("{group} is exempt without an end"),
            None => format!("{group} is exempt"),
        },
        State::Closed => {
            let by = finding.closing().map(|closing| closing.by);
            let how = match by {
                Some(ClosedBy::Remediation(_)) => "was closed by a remediation",
                Some(ClosedBy::Deletion) => "was deleted",
                Some(ClosedBy::LeftScope) => "left the scope of the rule",
                Some(ClosedBy::NotApplicable) => "was deleted, or is no longer judged by AWS Config",
                Some(ClosedBy::Change) | None => "was closed by a change",
            };
            format!("{group} {how}")
        }
    }
}

/// Id of the group, and its name unless that is empty or the same: `sg-0ab… (web)`.
#[must_use]
pub fn group(finding: &Finding) -> String {
    let id = finding.key().group_id();
    let name = finding.group().and_then(|group| group.name.as_ref()).map(|name| one_line(name.as_str(), NAME_MAX));
    match name.as_deref().map(str::trim).filter(|name| !name.is_empty() && *name != id) {
        Some(name) => format!("{id} ({name})"),
        None => id.to_owned(),
    }
}

/// The state in one word, with what stands beside it: `open, parked, quarantined`.
#[must_use]
pub fn state(finding: &Finding, now: Timestamp) -> String {
    let state = match finding.state() {
        State::NeverOpen => "never open",
        State::Open => "open",
        State::Exempt => "exempt",
        State::Closed => "closed",
    };
    let beside = [
        (finding.parked().is_some(), "parked"),
        (finding.is_contested(), "contested"),
        (finding.is_quarantined(), "quarantined"),
        (finding.mute(now).is_some(), "muted"),
        (finding.unjudged().is_some(), "unjudged"),
    ];
    let words = beside.into_iter().filter_map(|(is_so, word)| is_so.then_some(word));
    [state].into_iter().chain(words).collect::<Vec<_>>().join(", ")
}

/// What was news since the channel was told last, a sentence each, the oldest first. Of very many, the newest ones, after a
/// sentence that counts the others.
#[must_use]
pub fn news(notice: &Notice<'_>) -> Vec<String> {
    let earlier = notice.news.len().saturating_sub(NEWS_MAX);
    let count =
        (earlier > 0).then(|| format!("{} are not shown.", plain_text::counted(clamped(earlier), "earlier change")));
    let sentences =
        notice.news.iter().skip(earlier).map(|entry| format!("{}: {}", time(entry.at), line(entry.sentence.as_str())));
    count.into_iter().chain(sentences).collect()
}

/// Owners to mention: of an open finding only. The end of a finding asks nothing of anybody.
#[must_use]
pub fn mentions<'n>(notice: &Notice<'n>) -> &'n [Address] {
    if notice.finding.state() == State::Open { &notice.delivery.mentions } else { &[] }
}

/// Exposures of an open finding; of an exempt one those that are exempt; of a closed one the last ones.
#[must_use]
pub fn exposures(finding: &Finding) -> Option<&ExposureList> {
    if finding.state() == State::Exempt { finding.exempted() } else { finding.exposures() }
}

/// The first `max` exposures, one by one. Where several rules open the same blocked ports, all that each of them opens is said.
#[must_use]
pub fn exposure_lines(list: &ExposureList, max: usize) -> Vec<String> {
    let shown: Vec<&KeptExposure> = list.listed.iter().take(max).collect();
    told_apart(&shown, exposure)
}

/// An exposure: `tcp/22 from 0.0.0.0/0 by sgr-0ab… "office"`, and with the traffic that its rule admits `tcp/22 of tcp 20-25 from …`.
fn exposure(exposure: &KeptExposure, traffic: Option<&str>) -> String {
    let ports: Vec<&str> = exposure.ports.iter().map(Text::as_str).collect();
    let ports = and_more(&ports, exposure.ports_total);
    let of_rule = traffic.map(|traffic| format!(" of {}", line(traffic))).unwrap_or_default();
    let rule = exposure.rule_id.as_ref().map(|id| format!(" by {}", line(id.as_str()))).unwrap_or_default();
    let description = exposure.description.as_ref().map(|text| line(text.as_str())).filter(|text| !text.is_empty());
    let description = description.map(|text| format!(" \"{text}\"")).unwrap_or_default();
    format!("{ports}{of_rule} from {}{rule}{description}", line(exposure.rule.source.as_str()))
}

/// A time for a reader, such as `2026-12-01 09:00 UTC`.
#[must_use]
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `a, b and 12 more`, of a list that has `total` members.
pub(crate) fn and_more<T: AsRef<str>>(shown: &[T], total: usize) -> String {
    let list = shown.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    match total.saturating_sub(shown.len()) {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}

/// How far, and on which ports: ` to the internet on tcp/22 and 2 more`.
fn extent(finding: &Finding) -> String {
    let to = match finding.openness() {
        Openness::World => " to the internet",
        Openness::Partial => " to a part of the internet",
        Openness::Unknown | Openness::Restricted => return ", its exposures are not known yet".to_owned(),
    };
    let Some(list) = finding.exposures() else { return to.to_owned() };
    let mut ports: Vec<&str> = Vec::new();
    for range in list.listed.iter().flat_map(|exposure| &exposure.ports) {
        if !ports.contains(&range.as_str()) {
            ports.push(range.as_str());
        }
    }
    let shown: Vec<&str> = ports.iter().copied().take(TITLE_PORTS).collect();
    // Ranges beyond those that a finding lists are not known: they are no number of ports.
    let is_whole = list.total == list.listed.len()
        && list.listed.iter().all(|exposure| exposure.ports_total == exposure.ports.len());
    match (shown.is_empty(), is_whole) {
        (true, _) => to.to_owned(),
        (false, true) => format!("{to} on {}", and_more(&shown, ports.len())),
        (false, false) => format!("{to} on {} and more", shown.join(", ")),
    }
}

/// Text of others on one line, without spaces around it.
pub(crate) fn line(text: &str) -> String {
    one_line(text, 400).trim().to_owned()
}

/// A number that [`plain_text::counted`] takes.
pub(crate) fn clamped(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
