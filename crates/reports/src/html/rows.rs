//! Rows of the table: the worst findings, in bounded memory.

use std::collections::BTreeMap;

use exposure::Reach;
use findings::{ComplianceType, Context, FoundExposure, GroupResult, Location, Severity, reach_name};
use plain_text::printable;

use super::super::fix::Fix;
use super::super::wording;
use super::ports::{self, Port};

/// A row: an exposure, or a group that could not be judged.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Position by urgency: the most urgent rows have the smallest rank.
    pub(super) rank: u8,
    /// Class of the mark: `world`, `partial` or `unknown`.
    pub(super) kind: &'static str,
    /// Text of the mark.
    pub(super) mark: &'static str,
    /// Severity, if the network interfaces of the group are known.
    pub(super) severity: Option<&'static str>,
    pub(super) group_id: String,
    pub(super) group_name: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) vpc_id: String,
    pub(super) ports: Vec<Port>,
    pub(super) first_port: u32,
    pub(super) source: String,
    /// Traffic that the rule admits.
    pub(super) traffic: String,
    pub(super) rule_id: String,
    pub(super) description: String,
    /// Why the group could not be judged.
    pub(super) reason: String,
    /// Network interfaces of the group.
    pub(super) context: String,
    /// Position of the group in a file.
    pub(super) location: String,
    pub(super) commands: Vec<Command>,
    pub(super) advice: String,
}

/// A command to copy.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) title: &'static str,
    pub(super) text: String,
}

/// Order of the rows: by rank, region, account and group, then in the order of the results.
type Key = (u8, String, String, String, u64);

/// Keeps the worst rows, up to a maximum, and counts the others.
#[derive(Debug)]
pub(super) struct WorstRows {
    capacity: usize,
    kept: BTreeMap<Key, Row>,
    seen: u64,
}

impl WorstRows {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, kept: BTreeMap::new(), seen: 0 }
    }

    /// Adds the rows of a group.
    pub(super) fn add(&mut self, result: &GroupResult) {
        match result.compliance {
            ComplianceType::Compliant => {}
            ComplianceType::NonCompliant => {
                for exposure in &result.exposures {
                    self.add_one(result, Some(exposure));
                }
            }
            ComplianceType::InsufficientData => self.add_one(result, None),
        }
    }

    fn add_one(&mut self, result: &GroupResult, exposure: Option<&FoundExposure>) {
        let rank = rank(result, exposure);
        self.seen += 1;
        // Most rows are no worse than the kept ones: building a key for them would be wasted.
        if self.kept.len() >= self.capacity && self.kept.last_key_value().is_some_and(|(last, _)| last.0 < rank) {
            return;
        }
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let key = (rank, text(&result.region), text(&result.account), result.group_id.clone(), self.seen);
        if self.kept.len() >= self.capacity {
            if self.kept.last_key_value().is_none_or(|(last, _)| *last < key) {
                return;
            }
            self.kept.pop_last();
        }
        self.kept.insert(key, Row::new(rank, result, exposure));
    }

    /// Number of rows that were not kept.
    pub(super) fn left_out(&self) -> u64 {
        self.seen.saturating_sub(self.kept.len().try_into().unwrap_or(u64::MAX))
    }

    /// The rows, worst first.
    pub(super) fn into_sorted(self) -> Vec<Row> {
        self.kept.into_values().collect()
    }
}

fn rank(result: &GroupResult, exposure: Option<&FoundExposure>) -> u8 {
    let Some(exposure) = exposure else { return 5 };
    match (result.severity, exposure.reach) {
        (Some(Severity::Critical), Reach::World) => 0,
        (Some(Severity::Critical), _) | (Some(Severity::High) | None, Reach::World) => 1,
        (Some(Severity::High), _) => 2,
        (Some(Severity::Medium) | None, _) => 3,
        (Some(Severity::Low), _) => 4,
    }
}

impl Row {
    fn new(rank: u8, result: &GroupResult, exposure: Option<&FoundExposure>) -> Self {
        // Names may contain marks that reverse the writing direction and so disguise other text.
        let text = |text: &Option<String>| text.as_deref().map(printable).unwrap_or_default().into_owned();
        let shown = |text: String| printable(&text).into_owned();
        let (commands, advice) = match Fix::of(result, exposure) {
            Fix::Commands { revoke, close } => {
                let revoke = revoke.map(|text| Command { title: "Revoke this rule", text });
                let close =
                    Command { title: "Or close every exposure of the group, with a snapshot first", text: close };
                (revoke.into_iter().chain([close]).collect(), String::new())
            }
            Fix::Edit(advice) => (Vec::new(), advice),
        };
        let (commands, advice) = if exposure.is_some() {
            (commands, advice)
        } else if advice.is_empty() {
            (Vec::new(), "Check the rule: Portcullis closes only what it can judge.".to_owned())
        } else {
            (Vec::new(), advice)
        };
        let mut names: Vec<&str> =
            exposure.into_iter().flat_map(|exposure| &exposure.ports).map(String::as_str).collect();
        names.sort_by(|a, b| ports::by_number(a, b));
        Self {
            rank,
            kind: exposure.map_or("unknown", |exposure| reach_name(exposure.reach)),
            mark: match exposure.map(|exposure| exposure.reach) {
                Some(Reach::World) => "World",
                Some(Reach::Partial | Reach::None) => "Partly",
                None => "Not judged",
            },
            severity: result.severity.map(|severity| match severity {
                Severity::Critical => "Critical",
                Severity::High => "High",
                Severity::Medium => "Medium",
                Severity::Low => "Low",
            }),
            group_id: shown(result.group_id.clone()),
            group_name: text(&result.group_name),
            account: text(&result.account),
            region: text(&result.region),
            vpc_id: text(&result.vpc_id),
            first_port: names.first().map_or(u32::MAX, |port| ports::number(port)),
            ports: names.into_iter().map(Port::new).collect(),
            source: exposure.map(|exposure| shown(exposure.source.clone())).unwrap_or_default(),
            traffic: exposure.map(|exposure| shown(exposure.traffic())).unwrap_or_default(),
            rule_id: exposure.map(|exposure| text(&exposure.rule_id)).unwrap_or_default(),
            description: exposure.map(|exposure| text(&exposure.description)).unwrap_or_default(),
            reason: if exposure.is_none() { shown(wording::why_unjudged(result)) } else { String::new() },
            context: result.context.as_ref().map(|context| shown(usage(context))).unwrap_or_default(),
            location: result.location.as_ref().map(|location| shown(place(location))).unwrap_or_default(),
            commands,
            advice: shown(advice),
        }
    }
}

fn place(location: &Location) -> String {
    let line = location.line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{}{line}", location.file)
}

/// Network interfaces of a group on one line.
fn usage(context: &Context) -> String {
    let Some(first) = context.attached_to.first() else { return "attached to nothing".to_owned() };
    // A public interface is the most important one.
    let first = context.attached_to.iter().find(|attached| !attached.public_addresses.is_empty()).unwrap_or(first);
    let name = first.resource.as_ref().unwrap_or(&first.network_interface_id);
    let address = first.public_addresses.first().map(|address| format!(" at {address}")).unwrap_or_default();
    match context.attached_to.len().saturating_sub(1) {
        0 => format!("used by {name}{address}"),
        more => format!("used by {name}{address} and {more} more"),
    }
}
