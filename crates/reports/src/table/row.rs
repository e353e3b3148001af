//! Rows of the table, as they wait for their columns.

use exposure::Reach;
use findings::{Breadth, FoundExposure, GroupResult, ScanPolicy, Severity};
use plain_text::printable;
use serde::{Deserialize, Serialize};

use super::super::rank::{Level, open_to};
use super::super::snippet::{self, Line};
use super::super::wording::{each_once, until};

/// An exposure, or a group without one.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) level: Level,
    /// Whether it is the first row of its group.
    pub(super) is_first: bool,
    pub(super) group: String,
    pub(super) name: String,
    pub(super) account: String,
    pub(super) region: String,
    /// Position in a template or a plan: `web.yaml:7`.
    pub(super) place: String,
    pub(super) open_to: String,
    pub(super) traffic: String,
    pub(super) ports: String,
    pub(super) source: String,
    pub(super) rule: String,
    pub(super) description: String,
    /// Use of the group in few words, in the first row of it.
    pub(super) note: String,
    /// Reasons why the group could not be judged or is exempt: sentences, for which a column is too narrow.
    pub(super) reasons: Vec<String>,
    /// Lines of the file, in the last row of the group.
    pub(super) lines: Vec<Line>,
}

impl Row {
    /// The row of an exposure, or of the whole group if it is `None`.
    pub(super) fn new(policy: &ScanPolicy, result: &GroupResult, exposure: Option<&FoundExposure>) -> Self {
        let text = |text: Option<&String>| text.map(|text| printable(text).into_owned()).unwrap_or_default();
        let is = |other: Option<&FoundExposure>| {
            exposure.is_none_or(|exposure| other.is_some_and(|other| std::ptr::eq(other, exposure)))
        };
        let (is_first, is_last) = (is(result.exposures.first()), is(result.exposures.last()));
        let name = result.group_name.as_ref().filter(|name| is_first && **name != result.group_id);
        Self {
            is_first,
            level: exposure.map_or_else(|| Level::of(result), |exposure| Level::of_exposure(result, exposure)),
            group: text(Some(&result.group_id)),
            name: text(name),
            account: text(result.account.as_ref()),
            region: text(result.region.as_ref()),
            // A rule that is a resource of its own has a position of its own.
            place: exposure
                .and_then(|exposure| exposure.location.as_ref())
                .or(result.location.as_ref())
                .map(|location| printable(&location.to_string()).into_owned())
                .unwrap_or_default(),
            open_to: exposure.map(|exposure| open_to(exposure.reach)).unwrap_or_default().to_owned(),
            traffic: exposure.map(|exposure| printable(&exposure.traffic()).into_owned()).unwrap_or_default(),
            ports: exposure.map(|exposure| ports(policy, exposure)).unwrap_or_default(),
            source: match exposure {
                Some(exposure) => text(Some(&exposure.source)),
                None => sources(result),
            },
            rule: text(exposure.and_then(|exposure| exposure.rule_id.as_ref())),
            description: text(exposure.and_then(|exposure| exposure.description.as_ref())),
            note: if is_first { note(result) } else { String::new() },
            reasons: if exposure.is_none() { reasons(result) } else { Vec::new() },
            lines: result.snippet.as_ref().filter(|_| is_last).map(snippet::lines).unwrap_or_default(),
        }
    }
}

impl Row {
    /// The blocked ports without the traffic of the rule.
    pub(super) fn ports_alone(&self) -> &str {
        self.ports.strip_prefix(ALL_TRAFFIC).unwrap_or(&self.ports)
    }
}

/// What is in front of the ports of a rule that admits all traffic, unless another column says so.
const ALL_TRAFFIC: &str = "all traffic: ";

/// Ports of an exposure on one line. A rule that admits all traffic reads as such.
fn ports(policy: &ScanPolicy, exposure: &FoundExposure) -> String {
    let ports = policy.ports_text(&exposure.ports);
    if exposure.breadth() == Breadth::AllTraffic { format!("{ALL_TRAFFIC}{ports}") } else { ports }
}

/// Sources of rules that could not be judged, each once.
fn sources(result: &GroupResult) -> String {
    let mut sources: Vec<String> = Vec::new();
    for unjudged in &result.unjudged {
        let source = printable(&unjudged.source).into_owned();
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources.join("\n")
}

/// Use of the group, as far as it is known.
fn note(result: &GroupResult) -> String {
    let note = match result.severity {
        Some(Severity::Low) => "attached to nothing",
        Some(Severity::Critical) => "on a public address",
        Some(Severity::High | Severity::Medium) | None => "",
    };
    note.to_owned()
}

/// Reasons why the group could not be judged, or is exempt; each once.
fn reasons(result: &GroupResult) -> Vec<String> {
    let unjudged = result.unjudged.iter().map(|unjudged| unjudged.reason.clone());
    let exempted = result.exempted.iter().map(|exempted| format!("exempt{}: {}", until(exempted), exempted.reason));
    each_once(unjudged.chain(exempted).map(|reason| printable(&reason).into_owned()))
}

/// Whether an exposure is open to most of the internet.
pub(super) fn is_world(row: &Row) -> bool {
    row.open_to == open_to(Reach::World)
}
