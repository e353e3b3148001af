//! Rows of the table, as they wait for their columns.

use exposure::Reach;
use findings::{Breadth, FoundExposure, GroupResult, ScanPolicy, Severity};
use plain_text::printable;
use serde::{Deserialize, Serialize};

use super::super::rank::{Level, open_to};
use super::super::snippet::{self, Line};

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
    /// What else there is to say of the group, in the first row of it.
    pub(super) notes: Vec<String>,
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
            notes: if is_first { notes(result, exposure.is_some()) } else { Vec::new() },
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

/// Use of the group, the reasons why it could not be judged, and the end of its exemption.
fn notes(result: &GroupResult, is_open: bool) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    let mut add = |note: &str| {
        let note = printable(note).into_owned();
        if !notes.contains(&note) {
            notes.push(note);
        }
    };
    match result.severity {
        Some(Severity::Low) => add("attached to nothing"),
        Some(Severity::Critical) => add("on a public address"),
        Some(Severity::High | Severity::Medium) | None => {}
    }
    if !is_open {
        result.unjudged.iter().for_each(|unjudged| add(&unjudged.reason));
        for exempted in &result.exempted {
            let until = exempted.expires.as_ref().map(|expires| format!(" until {expires}")).unwrap_or_default();
            add(&format!("exempt{until}: {}", exempted.reason));
        }
    }
    notes
}

/// Whether an exposure is open to most of the internet.
pub(super) fn is_world(row: &Row) -> bool {
    row.open_to == open_to(Reach::World)
}
