//! What people have decided, what closings took, and what they owe.

use std::collections::{BTreeMap, BTreeSet};

use exposure::IngressRule;
use jiff::{SignedDuration, Timestamp};

use super::action::Action;
use super::reach::{Point, content, contents, exposes, is_private, reach};
use super::world::clock;

/// Strategies of closings, in the order of their index.
pub(super) const STRATEGIES: [&str; 3] = ["Revoke", "Carve", "Replace"];

/// Time after which nothing is owed any more.
const A_DAY: SignedDuration = SignedDuration::from_hours(24);

/// Points that the closings so far may still open: they took them along with an exposure.
#[derive(Debug, Clone)]
struct Owed {
    /// By the source of the rules that were taken.
    points: BTreeMap<String, BTreeSet<Point>>,
    since: Timestamp,
    /// Rules of these sources beside them. If their owner changes them, nothing is owed any more.
    beside: BTreeSet<String>,
    /// Rules that a closing added before it was killed: it may owe them for all that is recorded.
    uncertain: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Rules of the owner that no policy forbids.
    pub(super) innocent: BTreeSet<String>,
    /// Rules that closings took. A restore may add them.
    pub(super) taken: BTreeSet<String>,
    /// Rules that the last closing took which took any.
    taken_last: Vec<IngressRule>,
    /// Rules that closings added. A restore may remove them.
    pub(super) added: BTreeSet<String>,
    /// Rules that closings added, and whose predecessors they left, since they were killed or EC2 refused.
    premature: BTreeSet<String>,
    /// Those whose predecessors their owner has changed since. A restore that removes them leaves what the owner has decided.
    pub(super) moot: BTreeSet<String>,
    pub(super) hold: Option<Timestamp>,
    owed: Option<Owed>,
    /// Points that the next complete closing must give back, since nobody has decided anything meanwhile.
    pub(super) promised: BTreeSet<Point>,
    promised_at: Option<Timestamp>,
}

/// Points of `gone` that a closing must leave: with `Carve` the ports that are not blocked, with `Replace` the private sources.
fn remainder(strategy: &str, gone: &[IngressRule], blocked: &[i64]) -> BTreeSet<Point> {
    let mut points = reach(gone);
    points.retain(|point| match strategy {
        "Carve" => !blocked.contains(&point.1),
        "Replace" => is_private(point),
        _ => false,
    });
    points
}

/// A closing, as it was observed.
pub(super) struct Seen<'s> {
    pub(super) strategy: &'s str,
    pub(super) blocked: &'s [i64],
    pub(super) before: &'s [IngressRule],
    pub(super) after: &'s [IngressRule],
    /// Whether the function was killed: nobody knows what it has revoked, and what its owner has removed meanwhile.
    pub(super) is_killed: bool,
}

impl Seen<'_> {
    pub(super) fn gone(&self) -> Vec<IngressRule> {
        without(self.before, self.after)
    }

    pub(super) fn come(&self) -> Vec<IngressRule> {
        without(self.after, self.before)
    }

    /// Points that the closing must leave, and has not.
    pub(super) fn lost(&self) -> BTreeSet<Point> {
        let kept = reach(self.before.iter().filter(|rule| !exposes(rule, self.blocked)));
        let due = remainder(self.strategy, &self.gone(), self.blocked);
        kept.union(&due).copied().collect::<BTreeSet<_>>().difference(&reach(self.after)).copied().collect()
    }
}

/// Rules of `rules` that `others` do not have.
pub(super) fn without(rules: &[IngressRule], others: &[IngressRule]) -> Vec<IngressRule> {
    let others = contents(others);
    rules.iter().filter(|rule| !others.contains(&content(rule))).cloned().collect()
}

impl Ledger {
    /// Notes what the owner has decided by the difference between two states.
    pub(super) fn owner(&mut self, before: &[IngressRule], after: &[IngressRule], policies: &[i64]) {
        for rule in without(before, after) {
            self.innocent.remove(&content(&rule));
        }
        if without(before, after).iter().any(|rule| exposes(rule, policies)) {
            self.moot.append(&mut self.premature);
        }
        let is_innocent = |rule: &&IngressRule| !exposes(rule, policies);
        self.innocent.extend(without(after, before).iter().filter(is_innocent).map(content));
        if contents(before) != contents(after) {
            self.promised.clear();
        }
    }

    /// Notes a decision that may change what the next closing gives back.
    pub(super) fn decide(&mut self, action: Action) {
        if matches!(action, Action::Exempt(_) | Action::Policy(_) | Action::Key(_)) {
            self.promised.clear();
        }
    }

    pub(super) fn time_passed(&mut self) {
        self.hold = self.hold.filter(|until| *until > clock());
        if self.promised_at.is_some_and(|at| clock().duration_since(at) >= A_DAY) {
            self.promised.clear();
        }
    }

    /// Points that the closing may open.
    pub(super) fn may_open(&self, seen: &Seen<'_>) -> BTreeSet<Point> {
        self.still_owed(seen).into_values().flatten().collect()
    }

    /// Points that are owed before the closing, by the source of the rules that were taken.
    fn still_owed(&self, seen: &Seen<'_>) -> BTreeMap<String, BTreeSet<Point>> {
        let Some(owed) = &self.owed else { return BTreeMap::new() };
        let is_over = clock().duration_since(owed.since) >= A_DAY;
        if seen.strategy == "Revoke" || is_over {
            return BTreeMap::new();
        }
        let mut now = beside(seen.before, &owed.points, seen.blocked);
        now.retain(|rule| !owed.uncertain.contains(rule));
        let is_current = now.is_subset(&owed.beside) && owed.beside.is_subset(&contents(seen.before));
        let mut points = owed.points.clone();
        for points in points.values_mut() {
            points.retain(|point| is_current || is_private(point));
        }
        points
    }

    pub(super) fn closing(&mut self, seen: &Seen<'_>, is_complete: bool) {
        let gone = seen.gone();
        let may_be_gone: Vec<_> = if seen.is_killed {
            seen.before.iter().filter(|rule| exposes(rule, seen.blocked)).cloned().collect()
        } else {
            gone.clone()
        };
        self.taken.extend(may_be_gone.iter().map(content));
        if seen.is_killed && gone.len() < may_be_gone.len() {
            // If the owner removes the rest, it looks as if this closing had taken it.
            self.taken_last.clear();
        } else if !gone.is_empty() {
            self.taken_last = gone;
        }
        self.added.extend(seen.come().iter().map(content));
        if seen.after.iter().any(|rule| exposes(rule, seen.blocked)) {
            self.premature.extend(seen.come().iter().map(content));
        }
        if seen.strategy == "Revoke" {
            self.promised.clear();
            return;
        }
        if is_complete {
            (self.owed, self.promised) = (None, BTreeSet::new());
            return;
        }
        let lost = seen.lost();
        if !lost.is_empty() {
            self.promised.extend(&lost);
            self.promised_at = Some(clock());
        }
        let mut points = self.still_owed(seen);
        for rule in &may_be_gone {
            let due = remainder(seen.strategy, std::slice::from_ref(rule), seen.blocked);
            points.entry(rule.source.to_string()).or_default().extend(due);
        }
        let (given, uncertain) = if seen.is_killed {
            (BTreeSet::new(), contents(&seen.come()))
        } else {
            (reach(&seen.come()), BTreeSet::new())
        };
        // What a source has been given is no longer owed to it.
        points.retain(|_, points| {
            points.retain(|point| !given.contains(point));
            !points.is_empty()
        });
        let mut beside = beside(seen.after, &points, seen.blocked);
        beside.retain(|rule| !uncertain.contains(rule));
        self.owed = (!points.is_empty()).then(|| Owed { points, since: clock(), beside, uncertain });
    }

    /// Rules of the last closing that a restore of it still has to give back. A rule that a closing itself added may go with the rule
    /// in whose place it was, which is back.
    pub(super) fn missing(&self, rules: &[IngressRule]) -> Vec<String> {
        let (there, reached) = (contents(rules), reach(rules));
        let is_back = |rule: &IngressRule| {
            let content = content(rule);
            there.contains(&content) || (self.added.contains(&content) && reach([rule]).is_subset(&reached))
        };
        self.taken_last.iter().filter(|rule| !is_back(rule)).map(content).collect()
    }

    /// Whether any closing is known to have taken rules.
    pub(super) fn has_taken(&self) -> bool {
        !self.taken_last.is_empty()
    }

    pub(super) fn restored(&mut self) {
        self.owed = None;
        self.promised.clear();
    }
}

/// Rules of the sources of `owed` that are not exposing.
fn beside(rules: &[IngressRule], owed: &BTreeMap<String, BTreeSet<Point>>, blocked: &[i64]) -> BTreeSet<String> {
    contents(rules.iter().filter(|rule| owed.contains_key(&rule.source.to_string()) && !exposes(rule, blocked)))
}

/// Ports of `blocked` that the rules open to the world.
pub(super) fn open_ports(rules: &[IngressRule], blocked: &[i64]) -> BTreeSet<i64> {
    blocked.iter().copied().filter(|port| rules.iter().any(|rule| exposes(rule, &[*port]))).collect()
}
