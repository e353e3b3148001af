//! Properties of restorations, over random closings in a group with little room: some rules are added by a later closing.
//!
//! `PROPTEST_CASES` sets the number of cases; the full test run asks for 10,000.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;

use exposure::{
    Assessment, ClosingRecord, Exemptions, IngressRule, Policy, PortRange, PortSet, PrefixLists, Restoration,
    SecurityGroup, Strategy as Remediation, Traffic, Transport, Undo, assess, plan,
};
use jiff::Timestamp;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Event {
    /// The owner adds a rule for these ports.
    Add { from: i64, to: i64, source: &'static str },
    /// The owner removes a rule.
    Remove(prop::sample::Index),
    /// A closing of the ports, in a group that has room for some rules only.
    Close { port: u16, room: usize },
}

fn event() -> impl Strategy<Value = Event> {
    let sources = prop::sample::select(vec!["0.0.0.0/0", "0.0.0.0/1", "::/0"]);
    prop_oneof![
        4 => (18..28_i64, 0..8_i64, sources).prop_map(|(from, more, source)| Event::Add { from, to: from + more, source }),
        1 => any::<prop::sample::Index>().prop_map(Event::Remove),
        4 => (18..28_u16, 0..4_usize).prop_map(|(port, room)| Event::Close { port, room }),
    ]
}

fn has(rules: &[IngressRule], rule: &IngressRule) -> bool {
    rules.iter().any(|other| other.admits_the_same_as(rule))
}

fn group(ingress: Vec<IngressRule>) -> SecurityGroup {
    SecurityGroup { id: "sg-0aaaaaaaaaaaaaaaa".into(), ingress, ..SecurityGroup::default() }
}

fn judge<'g>(group: &'g SecurityGroup, policy: &Policy) -> Assessment<'g> {
    assess(group, policy, &Exemptions::default(), &PrefixLists::default(), Timestamp::UNIX_EPOCH)
}

#[derive(Debug, Default)]
struct World {
    live: Vec<IngressRule>,
    /// Owed rules, each with the closing that owes it first.
    due: Vec<(IngressRule, usize)>,
    closings: Vec<ClosingRecord>,
    /// Rules that a closing added for an earlier one, each with that one.
    paid: Vec<(IngressRule, usize)>,
    made: usize,
}

impl World {
    fn after(events: &[Event], strategy: &Remediation) -> Self {
        let mut world = Self::default();
        for event in events {
            match event {
                Event::Add { from, to, source } => {
                    world.add(IngressRule::new(Traffic::parse("tcp", Some(*from), Some(*to)), (*source).into()));
                }
                Event::Remove(index) if !world.live.is_empty() => {
                    drop(world.live.remove(index.index(world.live.len())));
                }
                Event::Remove(_) => {}
                Event::Close { port, room } => world.close(*port, *room, strategy),
            }
        }
        world
    }

    /// As EC2 does, with an id that no other rule has had, and never twice the same.
    fn add(&mut self, rule: IngressRule) {
        if !has(&self.live, &rule) {
            self.made += 1;
            self.live.push(IngressRule { id: Some(format!("sgr-{:017x}", self.made)), ..rule });
        }
        self.due.retain(|(due, _)| !has(&self.live, due));
    }

    fn close(&mut self, port: u16, room: usize, strategy: &Remediation) {
        let policy = Policy::new(format!("tcp/{port}").parse().unwrap());
        let before = group(self.live.clone());
        let planned = plan(&before, &judge(&before, &policy), strategy, &PrefixLists::default());
        // A rule that is forbidden by now is no longer owed.
        self.due.retain(|(due, _)| judge(&group(vec![due.clone()]), &policy).exposures.is_empty());
        let payments: Vec<_> = self.due.iter().map(|(due, _)| due.clone()).collect();
        if planned.revoke.is_empty() && payments.is_empty() {
            return;
        }
        self.live.retain(|rule| !planned.revoke.contains(rule));
        let this = self.closings.len();
        let mut due = std::mem::take(&mut self.due);
        due.extend(planned.authorize.iter().filter(|heir| !has(&payments, heir)).map(|heir| (heir.clone(), this)));
        for (index, (rule, of)) in due.into_iter().enumerate() {
            if index < room {
                self.add(rule.clone());
                if of < this {
                    self.paid.push((rule, of));
                }
            } else {
                self.due.push((rule, of));
            }
        }
        self.closings.push(ClosingRecord {
            before: before.ingress,
            taken: planned.revoke,
            replacements: planned.authorize,
            payments,
        });
    }

    /// Undoes the closings of `which`, a bit for each.
    fn undo(&self, which: u64) -> Undo {
        let of = self.closings.iter().enumerate().filter(|(index, _)| is_undone(which, *index));
        of.map(|(_, closing)| closing.clone()).collect()
    }
}

fn is_undone(which: u64, closing: usize) -> bool {
    which >> (closing % 64) & 1 == 1
}

/// TCP ports that each source is admitted to.
fn reach(rules: &[IngressRule]) -> BTreeMap<String, PortSet> {
    let mut all = PortSet::default();
    all.insert(Transport::Tcp, PortRange::ALL);
    let mut reach: BTreeMap<String, PortSet> = BTreeMap::new();
    for rule in rules {
        let ports = rule.traffic.carries(&all).unwrap_or_default();
        reach.entry(rule.source.to_string()).or_default().extend(&ports);
    }
    reach
}

fn strategy() -> impl Strategy<Value = Remediation> {
    prop_oneof![
        1 => Just(Remediation::Revoke),
        3 => Just(Remediation::Carve),
        1 => Just(Remediation::Replace(exposure::Replacement::default())),
    ]
}

proptest! {
    /// Whichever closings are undone: what a group admits after carves, it admits after the restoration.
    #[test]
    fn a_restoration_of_carves_loses_nothing(events in prop::collection::vec(event(), 1..20), which in any::<u64>()) {
        let world = World::after(&events, &Remediation::Carve);
        let after = reach(&world.undo(which).restoration(&world.live).apply(&world.live));
        for (source, ports) in reach(&world.live) {
            let lost = ports.difference(after.get(&source).unwrap_or(&PortSet::default()));
            prop_assert!(lost.is_empty(), "{source} loses {lost}");
        }
    }

    /// A payment stays, unless the closing that owed it is undone as well. A closing may have added the same rule again on its
    /// own account, after the owner has removed the payment.
    #[test]
    fn a_payment_stays_without_its_closing(
        events in prop::collection::vec(event(), 1..20), which in any::<u64>(), strategy in strategy(),
    ) {
        let world = World::after(&events, &strategy);
        let Restoration { revoke, .. } = world.undo(which).restoration(&world.live);
        for (payment, _) in world.paid.iter().filter(|(_, of)| !is_undone(which, *of)) {
            let is_added_anew = world.closings.iter().enumerate().any(|(index, closing)| {
                is_undone(which, index) && has(&closing.replacements, payment) && !has(&closing.payments, payment)
            });
            prop_assert!(is_added_anew || !has(&revoke, payment), "{payment:?}");
        }
    }

    /// What was taken is back, nothing is removed but replacements, and a second restoration has nothing to do.
    #[test]
    fn a_restoration_gives_back_what_was_taken(
        events in prop::collection::vec(event(), 1..20), which in any::<u64>(), strategy in strategy(),
    ) {
        let world = World::after(&events, &strategy);
        let undo = world.undo(which);
        let restoration = undo.restoration(&world.live);
        let after = restoration.apply(&world.live);
        prop_assert!(undo.taken().iter().all(|rule| has(&after, rule)));
        for rule in &restoration.revoke {
            prop_assert!(undo.replaces(rule));
            prop_assert!(world.closings.iter().any(|closing| has(&closing.replacements, rule)));
        }
        prop_assert!(undo.restoration(&after).is_empty());
    }

    /// All closings undone, without a change of the owner in between, the group is as it was before.
    #[test]
    fn all_closings_undone_the_group_is_as_before(
        adds in prop::collection::vec(event(), 1..12), closings in prop::collection::vec((18..28_u16, 0..4_usize), 1..6),
        strategy in strategy(),
    ) {
        let adds: Vec<_> = adds.into_iter().filter(|event| !matches!(event, Event::Close { .. })).collect();
        let before = World::after(&adds, &strategy).live;
        let closings = closings.into_iter().map(|(port, room)| Event::Close { port, room });
        let world = World::after(&adds.into_iter().chain(closings).collect::<Vec<_>>(), &strategy);
        let after = world.undo(u64::MAX).restoration(&world.live).apply(&world.live);
        let contents = |rules: &[IngressRule]| {
            let mut contents: Vec<_> = rules.iter().map(|rule| format!("{} {}", rule.traffic, rule.source)).collect();
            contents.sort();
            contents
        };
        prop_assert_eq!(contents(&after), contents(&before));
    }
}
