//! Findings of the page: the most urgent groups, in bounded memory.

use std::collections::BTreeMap;

use findings::{Breadth, ComplianceType, Context, FoundExposure, GroupResult, ScanRecord};
use plain_text::{counted, printable};

use super::super::fix::{Command, Fixes};
use super::super::rank::{Level, Rank, open_to, rank};
use super::super::snippet::{self, Line};
use super::ports::{self, Port};

/// Rules of a group that the page shows at once, and those that it shows at most.
const FIRST_RULES: usize = 3;
const MAX_RULES: usize = 20;

/// Maximum number of accounts whose groups are counted apart.
const MAX_ACCOUNTS: usize = 100_000;

/// A group that is open, or that could not be judged.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) level: &'static str,
    pub(super) mark: &'static str,
    pub(super) group_id: String,
    pub(super) group_name: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) vpc_id: String,
    /// Network interfaces of the group.
    pub(super) context: String,
    /// Position of the group in a file, and lines there.
    pub(super) location: String,
    pub(super) lines: Vec<Line>,
    pub(super) first_port: u32,
    pub(super) rules: Vec<Rule>,
    pub(super) more_rules: Vec<Rule>,
    /// Number of rules beyond [`MAX_RULES`]; empty if there are none.
    pub(super) left_out: String,
    pub(super) close: Option<Command>,
    pub(super) has_revoke: bool,
    pub(super) advice: Vec<String>,
}

/// A rule that exposes ports, or that could not be judged.
#[derive(Debug, Clone, Default)]
pub(super) struct Rule {
    pub(super) ports: Vec<Port>,
    /// Ports on one line, where there are too many for a list of their own.
    pub(super) ports_text: String,
    pub(super) open_to: &'static str,
    pub(super) source: String,
    /// Traffic that the rule admits, where it is more than the ports say.
    pub(super) traffic: String,
    pub(super) is_all_traffic: bool,
    /// Id of the rule.
    pub(super) id: String,
    pub(super) description: String,
    /// Why the rule could not be judged.
    pub(super) reason: String,
    pub(super) revoke: Option<Command>,
}

/// Order in which groups are kept: by rank, and within a rank each account by turns, so that one account does not fill the
/// page.
type Key = (Rank, u64, String, String, String, u64);

/// Keeps the most urgent groups, up to a maximum, and counts the others.
#[derive(Debug)]
pub(super) struct WorstGroups {
    capacity: usize,
    kept: BTreeMap<Key, Finding>,
    by_account: BTreeMap<(Rank, String), u64>,
    seen: u64,
}

impl WorstGroups {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, kept: BTreeMap::new(), by_account: BTreeMap::new(), seen: 0 }
    }

    pub(super) fn add(&mut self, record: &ScanRecord, result: &GroupResult) {
        if result.compliance == ComplianceType::Compliant {
            return;
        }
        let rank = rank(result);
        self.seen += 1;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let turn = self.turn(rank, text(&result.account));
        let key = (rank, turn, text(&result.account), text(&result.region), result.group_id.clone(), self.seen);
        if self.kept.len() >= self.capacity {
            if self.kept.last_key_value().is_none_or(|(last, _)| *last < key) {
                return;
            }
            self.kept.pop_last();
        }
        self.kept.insert(key, Finding::new(record, result));
    }

    /// Number of groups of the account with this rank so far.
    fn turn(&mut self, rank: Rank, account: String) -> u64 {
        let key = (rank, account);
        if !self.by_account.contains_key(&key) && self.by_account.len() >= MAX_ACCOUNTS {
            return self.seen;
        }
        let turn = self.by_account.entry(key).or_default();
        *turn += 1;
        *turn
    }

    /// Number of groups that were not kept.
    pub(super) fn left_out(&self) -> u64 {
        self.seen.saturating_sub(self.kept.len().try_into().unwrap_or(u64::MAX))
    }

    /// The groups by rank, then by account, region and id.
    pub(super) fn into_sorted(self) -> Vec<Finding> {
        let mut kept: Vec<(Key, Finding)> = self.kept.into_iter().collect();
        kept.sort_by(|((rank, _, account, region, id, seen), _), (other, _)| {
            (rank, account, region, id, seen).cmp(&(&other.0, &other.2, &other.3, &other.4, &other.5))
        });
        kept.into_iter().map(|(_, finding)| finding).collect()
    }
}

impl Finding {
    fn new(record: &ScanRecord, result: &GroupResult) -> Self {
        // Names may contain marks that reverse the writing direction and so disguise other text.
        let text = |text: &Option<String>| text.as_deref().map(printable).unwrap_or_default().into_owned();
        let shown = |text: String| printable(&text).into_owned();
        let level = Level::of(result);
        let fixes = Fixes::new(record, result);
        let exposures = result.exposures.iter().map(|exposure| Rule::new(record, &fixes, exposure));
        let unjudged = result.unjudged.iter().filter(|_| level == Level::Unknown).map(|unjudged| Rule {
            source: shown(unjudged.source.clone()),
            id: text(&unjudged.rule_id),
            reason: shown(unjudged.reason.clone()),
            ..Rule::default()
        });
        let mut rules: Vec<Rule> = exposures.chain(unjudged).take(MAX_RULES).collect();
        let left_out = (result.exposures.len() + result.unjudged.len()).saturating_sub(MAX_RULES);
        let more_rules = if rules.len() > FIRST_RULES + 1 { rules.split_off(FIRST_RULES) } else { Vec::new() };
        let (close, advice) = fix(fixes, level);
        Self {
            level: level.as_str(),
            mark: mark(level),
            group_id: shown(result.group_id.clone()),
            group_name: text(&result.group_name.clone().filter(|name| *name != result.group_id)),
            account: text(&result.account),
            region: text(&result.region),
            vpc_id: text(&result.vpc_id),
            context: result.context.as_ref().map(|context| shown(usage(context))).unwrap_or_default(),
            location: result.location.as_ref().map(|location| shown(location.to_string())).unwrap_or_default(),
            lines: result.snippet.as_ref().map(snippet::lines).unwrap_or_default(),
            first_port: rules
                .iter()
                .filter_map(|rule| rule.ports.first())
                .map(|port| ports::number(&port.name))
                .min()
                .unwrap_or(u32::MAX),
            has_revoke: rules.iter().chain(&more_rules).any(|rule| rule.revoke.is_some()),
            rules,
            more_rules,
            left_out: if left_out > 0 { counted(left_out, "more rule") } else { String::new() },
            close,
            advice: advice.into_iter().map(shown).collect(),
        }
    }
}

/// Command that closes the group, or else advice.
fn fix(fixes: Fixes<'_>, level: Level) -> (Option<Command>, Vec<String>) {
    match (level, fixes.close()) {
        (Level::Unknown, Some(_)) => {
            (None, vec!["Check the rule: Portcullis closes only what it can judge.".to_owned()])
        }
        (Level::Unknown, None) => (None, vec![fixes.edit_to_judge()]),
        (_, Some(_)) => (fixes.into_close(), Vec::new()),
        (_, None) => (None, fixes.edits()),
    }
}

impl Rule {
    fn new(record: &ScanRecord, fixes: &Fixes<'_>, exposure: &FoundExposure) -> Self {
        let text = |text: &str| printable(text).into_owned();
        let mut names: Vec<&str> = exposure.ports.iter().map(String::as_str).collect();
        names.sort_by(|a, b| ports::by_number(a, b));
        Self {
            ports: names.into_iter().map(Port::new).collect(),
            ports_text: if exposure.ports.len() > FIRST_RULES {
                text(&record.policy.ports_text(&exposure.ports))
            } else {
                String::new()
            },
            open_to: match open_to(exposure.reach) {
                "world" => "the world",
                _ => "a part of the internet",
            },
            source: text(&exposure.source),
            traffic: if exposure.breadth() == Breadth::Range { text(&exposure.traffic()) } else { String::new() },
            is_all_traffic: exposure.breadth() == Breadth::AllTraffic,
            id: exposure.rule_id.as_deref().map(text).unwrap_or_default(),
            description: exposure.description.as_deref().map(text).unwrap_or_default(),
            reason: String::new(),
            revoke: fixes.revoke(exposure),
        }
    }
}

fn mark(level: Level) -> &'static str {
    match level {
        Level::Critical => "Critical",
        Level::High => "High",
        Level::Medium => "Medium",
        Level::Low => "Low",
        Level::Unknown => "Not judged",
        Level::Exempt => "Exempt",
        Level::Compliant => "Compliant",
    }
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
