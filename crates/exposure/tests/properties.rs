//! Properties of assessments, plans and restorations, over random groups and policies.
//!
//! `PROPTEST_CASES` sets the number of cases; the full test run asks for 10,000.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use exposure::{
    AddressSet, Assessment, ClosingRecord, Exemptions, Family, IcmpVersion, IngressRule, Policy, PortRange, PortSet,
    PrefixList, PrefixLists, Replacement, SecurityGroup, Source, SourceScope, Strategy as Remediation, Traffic,
    Transport, Undo, Verdict, assess, plan,
};
use ipnetwork::IpNetwork;
use jiff::Timestamp;
use proptest::prelude::*;

/// Ports close to each other and at both ends, so that ranges overlap and touch.
fn port() -> impl Strategy<Value = u16> {
    prop_oneof![4 => 18u16..28, 1 => Just(0), 1 => Just(65535), 1 => any::<u16>()]
}

fn traffic() -> impl Strategy<Value = Traffic> {
    let transport = prop_oneof![Just("tcp"), Just("udp"), Just("6"), Just("17")];
    prop_oneof![
        6 => (transport, port(), port()).prop_map(|(protocol, a, b)| {
            Traffic::parse(protocol, Some(a.min(b).into()), Some(a.max(b).into()))
        }),
        1 => Just(Traffic::parse("tcp", None, None)),
        2 => Just(Traffic::parse("-1", None, None)),
        1 => (-1i64..20, -1i64..20).prop_map(|(kind, code)| Traffic::parse("icmp", Some(kind), Some(code))),
        1 => (0u8..=255).prop_map(|number| Traffic::parse(&number.to_string(), None, None)),
        1 => Just(Traffic::parse("quic", Some(22), Some(22))),
    ]
}

fn cidr() -> impl Strategy<Value = IpNetwork> {
    let v4 = (any::<u32>(), 0u8..=32)
        .prop_map(|(address, prefix)| IpNetwork::new(std::net::Ipv4Addr::from(address).into(), prefix));
    let v6 = (any::<u128>(), 0u8..=128)
        .prop_map(|(address, prefix)| IpNetwork::new(std::net::Ipv6Addr::from(address).into(), prefix));
    prop_oneof![v4, v6].prop_map(Result::unwrap)
}

fn source() -> impl Strategy<Value = Source> {
    let well_known = prop_oneof![
        Just("0.0.0.0/0"),
        Just("::/0"),
        Just("0.0.0.0/1"),
        Just("128.0.0.0/1"),
        Just("10.0.0.0/8"),
        Just("2000::/3"),
        Just("198.41.0.4/32"),
        Just("sg-0bbbbbbbbbbbbbbbb"),
        Just("nonsense"),
        Just("pl-0aaa"),
        Just("pl-0bbb"),
        Just("pl-0ccc"),
        Just("pl-0ddd"),
    ];
    prop_oneof![3 => well_known.prop_map(Source::from), 2 => cidr().prop_map(|cidr| Source::from_cidr(&cidr.to_string()))]
}

prop_compose! {
    fn group(max_rules: usize)(
        mut rules in prop::collection::vec((traffic(), source()), 0..max_rules),
        parts in prop_oneof![4 => Just(0u8), 1 => 100u8..140],
    ) -> SecurityGroup {
        // Sometimes enough blocks of /8 to reach half of the internet together.
        rules.extend((0..parts).map(|octet| {
            (Traffic::parse("tcp", Some(22), Some(22)), Source::from_cidr(&format!("{octet}.0.0.0/8")))
        }));
        let mut ingress: Vec<IngressRule> = Vec::new();
        for (index, (traffic, source)) in rules.into_iter().enumerate() {
            let rule = IngressRule {
                id: Some(format!("sgr-{index:017x}")),
                description: Some(format!("rule {index}")),
                tags: BTreeMap::from([("number".to_owned(), index.to_string())]),
                ..IngressRule::new(traffic, source)
            };
            // As in EC2, no two rules admit the same.
            if !ingress.iter().any(|other| other.admits_the_same_as(&rule)) {
                ingress.push(rule);
            }
        }
        SecurityGroup { id: "sg-0aaaaaaaaaaaaaaaa".into(), ingress, ..SecurityGroup::default() }
    }
}

prop_compose! {
    fn port_set()(ranges in prop::collection::vec((any::<bool>(), port(), port()), 1..4)) -> PortSet {
        let mut set = PortSet::default();
        for (tcp, a, b) in ranges {
            let transport = if tcp { Transport::Tcp } else { Transport::Udp };
            set.insert(transport, PortRange::new(a.min(b), a.max(b)).unwrap());
        }
        set
    }
}

prop_compose! {
    fn policy()(
        ports in port_set(),
        scope in prop_oneof![Just(SourceScope::World), Just(SourceScope::Public)],
        authorized in prop::collection::vec(cidr(), 0..3),
    ) -> Policy {
        Policy { scope, ..Policy::new(ports) }.authorizing(&authorized.into_iter().collect())
    }
}

fn strategy() -> impl Strategy<Value = Remediation> {
    prop_oneof![
        1 => Just(Remediation::Revoke),
        2 => Just(Remediation::Carve),
        1 => Just(Remediation::Replace(Replacement::default())),
    ]
}

fn judge<'g>(group: &'g SecurityGroup, policy: &Policy) -> Assessment<'g> {
    assess(group, policy, &Exemptions::default(), &lists(), now())
}

/// Returns the ports that the rules for exactly this source carry.
fn ports_of(group: &SecurityGroup, source: &Source) -> PortSet {
    let mut all = PortSet::default();
    for transport in Transport::ALL {
        all.insert(transport, PortRange::ALL);
    }
    let mut ports = PortSet::default();
    for rule in group.ingress.iter().filter(|rule| rule.source == *source) {
        ports.extend(&rule.traffic.carries(&all).unwrap_or_default());
    }
    ports
}

/// Returns true if the rules for exactly this source admit every ICMP type of the family.
fn admits_ping(group: &SecurityGroup, source: &Source, family: u8) -> bool {
    let is_of_family = match source {
        Source::Cidr(network) => network.is_ipv4() == (family == 4),
        // The prefix lists of these tests have IPv4 entries only.
        _ => family == 4,
    };
    let version = if family == 4 { IcmpVersion::V4 } else { IcmpVersion::V6 };
    let ping = Traffic::Icmp { version, kind: -1, code: -1 };
    let mut rules = group.ingress.iter().filter(|rule| rule.source == *source);
    is_of_family && rules.any(|rule| rule.traffic == Traffic::All || rule.traffic == ping)
}

fn lists() -> PrefixLists {
    let entries =
        |cidrs: &[&str]| PrefixList::Entries(cidrs.iter().map(|cidr| cidr.parse::<IpNetwork>().unwrap()).collect());
    PrefixLists::from_iter([
        ("pl-0aaa".to_owned(), entries(&["0.0.0.0/1", "128.0.0.0/2"])),
        ("pl-0bbb".to_owned(), entries(&["8.8.8.0/24", "10.0.0.0/8"])),
        ("pl-0ccc".to_owned(), PrefixList::Unreadable { reason: "denied".into() }),
        ("pl-0ddd".to_owned(), PrefixList::AwsOwned),
    ])
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

/// Returns the internet addresses that the rules admit to one port, by a simple computation of its own.
fn reaching(
    group: &SecurityGroup,
    policy: &Policy,
    transport: Transport,
    port: u16,
    keep: impl Fn(&IngressRule) -> bool,
) -> AddressSet {
    let mut only = PortSet::default();
    only.insert(transport, PortRange::new(port, port).unwrap());
    let lists = lists();
    group
        .ingress
        .iter()
        .filter(|rule| keep(rule) && rule.traffic.carries(&only).is_some_and(|ports| !ports.is_empty()))
        .map(|rule| match &rule.source {
            Source::Cidr(network) => AddressSet::from_iter([*network]),
            Source::PrefixList(id) => match lists.get(id) {
                Some(PrefixList::Entries(entries)) => entries.clone(),
                _ => AddressSet::default(),
            },
            _ => AddressSet::default(),
        })
        .fold(AddressSet::default(), |union, set| union.union(&policy.internet.reached_by(&set)))
}

proptest! {
    /// After a plan is applied no exposure is left, and the plan for a closed group is empty.
    #[test]
    fn a_plan_leaves_no_exposure(group in group(12), policy in policy(), strategy in strategy()) {
        let assessment = judge(&group, &policy);
        let planned = plan(&group, &assessment, &strategy, &lists());
        prop_assert_eq!(planned.is_empty(), assessment.verdict() != Verdict::NonCompliant);
        let after = planned.apply(&group);
        let assessment = judge(&after, &policy);
        prop_assert_eq!(&assessment.exposures, &[]);
        prop_assert!(plan(&after, &assessment, &strategy, &lists()).is_empty());
    }

    /// Every strategy revokes the exposing rules and no other rule.
    #[test]
    fn a_plan_revokes_exposing_rules_only(group in group(12), policy in policy(), strategy in strategy()) {
        let assessment = judge(&group, &policy);
        let planned = plan(&group, &assessment, &strategy, &lists());
        let innocent = |rule: &&IngressRule| !assessment.exposures.iter().any(|exposure| exposure.rule == *rule);
        let stays: Vec<_> = group.ingress.iter().filter(innocent).cloned().collect();
        prop_assert_eq!(&planned.apply(&group).ingress[..stays.len()], &stays);
        if strategy == Remediation::Revoke {
            prop_assert_eq!(planned.authorize, []);
        }
    }

    /// Carving removes the exposed ports of each source and no other port, keeps ICMP, and admits nothing new.
    #[test]
    fn carving_removes_the_exposed_ports_only(group in group(12), policy in policy()) {
        let assessment = judge(&group, &policy);
        let planned = plan(&group, &assessment, &Remediation::Carve, &lists());
        let after = planned.apply(&group);
        let mut sources: Vec<_> = group.ingress.iter().map(|rule| rule.source.clone()).collect();
        sources.dedup();
        for source in sources {
            let mut exposed = PortSet::default();
            for exposure in assessment.exposures.iter().filter(|exposure| exposure.rule.source == source) {
                exposed.extend(&exposure.ports);
            }
            prop_assert_eq!(ports_of(&after, &source), ports_of(&group, &source).difference(&exposed));
            for family in [4, 6] {
                prop_assert_eq!(admits_ping(&after, &source, family), admits_ping(&group, &source, family));
            }
            let others = |group: &SecurityGroup| -> BTreeSet<Traffic> {
                let of_source = group.ingress.iter().filter(|rule| rule.source == source);
                of_source.map(|rule| rule.traffic.clone()).filter(|traffic| matches!(traffic, Traffic::Other(_))).collect()
            };
            prop_assert_eq!(others(&after), others(&group));
        }
        let open: Vec<_> = planned.revoke.iter().filter(|rule| rule.traffic == Traffic::All).cloned().collect();
        prop_assert_eq!(planned.narrowed, open);
    }

    /// Replacing admits only the replacements, and only to the traffic that the revoked rule admitted.
    #[test]
    fn replacing_admits_the_replacements_only(group in group(12), policy in policy()) {
        let assessment = judge(&group, &policy);
        let networks = ["203.0.113.0/24", "fd00::/8"].map(|cidr| cidr.parse::<IpNetwork>().unwrap());
        let strategy = Remediation::Replace(networks.into_iter().collect());
        let planned = plan(&group, &assessment, &strategy, &lists());
        for heir in &planned.authorize {
            prop_assert!(networks.iter().any(|network| heir.source == Source::Cidr(*network)));
            prop_assert!(planned.revoke.iter().any(|rule| rule.traffic == heir.traffic));
        }
        let after = planned.apply(&group);
        for rule in &planned.revoke {
            // One of the two networks belongs to the family of the rule.
            let replaced = after.ingress.iter().any(|heir| {
                heir.traffic == rule.traffic && networks.iter().any(|network| heir.source == Source::Cidr(*network))
            });
            prop_assert!(replaced, "{rule:?}");
        }
    }

    /// A new rule has the description and the tags of the rule that it replaces, and no equivalent in the group.
    #[test]
    fn new_rules_keep_description_and_tags(group in group(12), policy in policy(), strategy in strategy()) {
        let assessment = judge(&group, &policy);
        let planned = plan(&group, &assessment, &strategy, &lists());
        for (index, heir) in planned.authorize.iter().enumerate() {
            let is_heir_of = |rule: &&IngressRule| rule.description == heir.description && rule.tags == heir.tags;
            prop_assert!(planned.revoke.iter().find(is_heir_of).is_some());
            prop_assert_eq!(&heir.id, &None);
            prop_assert!(!planned.authorize[..index].iter().any(|other| other.admits_the_same_as(heir)));
            let stays = |rule: &&IngressRule| !planned.revoke.contains(rule);
            prop_assert!(!group.ingress.iter().filter(stays).any(|rule| rule.admits_the_same_as(heir)));
        }
    }

    /// Restoring after a plan yields the original rules, with description and tags, and keeps rules that were added
    /// since.
    #[test]
    fn a_restoration_reverses_a_plan(
        group in group(12), policy in policy(), strategy in strategy(), strangers in group(3),
    ) {
        let assessment = judge(&group, &policy);
        let planned = plan(&group, &assessment, &strategy, &lists());
        let mut live = planned.apply(&group).ingress;
        let strangers: Vec<_> = strangers
            .ingress
            .into_iter()
            .filter(|stranger| !live.iter().chain(&group.ingress).any(|rule| rule.admits_the_same_as(stranger)))
            .map(|rule| IngressRule { id: rule.id.map(|id| format!("{id}-stranger")), ..rule })
            .collect();
        live.extend(strangers.iter().cloned());
        let undo = Undo::from_iter([ClosingRecord {
            before: group.ingress.clone(),
            taken: planned.revoke,
            replacements: planned.authorize,
            payments: Vec::new(),
        }]);
        let back = undo.restoration(&live);
        prop_assert_eq!(&back.leave, &strangers);
        let restored = back.apply(&live);
        let key = |rule: &IngressRule| {
            (rule.traffic.clone(), rule.source.clone(), rule.description.clone(), rule.tags.clone())
        };
        let mut expected: Vec<_> = group.ingress.iter().chain(&strangers).map(key).collect();
        let mut found: Vec<_> = restored.iter().map(key).collect();
        expected.sort();
        found.sort();
        prop_assert_eq!(found, expected);
        prop_assert!(undo.restoration(&restored).is_empty());
    }

    /// If a plan stops after any number of rules, planning again completes it: no rule of the original result is lost,
    /// and no exposure is left.
    #[test]
    fn an_interrupted_plan_is_completed_by_the_next(
        group in group(8), policy in policy(), strategy in strategy(), cut in any::<prop::sample::Index>(),
    ) {
        let assessment = judge(&group, &policy);
        let whole = plan(&group, &assessment, &strategy, &lists());
        let cut = cut.index(whole.authorize.len() + whole.revoke.len() + 1);
        let mut part = whole.clone();
        part.authorize.truncate(cut);
        part.revoke.truncate(cut.saturating_sub(whole.authorize.len()));
        part.authorize = part.authorize.into_iter().enumerate()
            .map(|(index, rule)| IngressRule { id: Some(format!("sgr-new-{index}")), ..rule }).collect();
        let half_way = part.apply(&group);
        let next = plan(&half_way, &judge(&half_way, &policy), &strategy, &lists());
        let after = next.apply(&half_way);
        prop_assert_eq!(judge(&after, &policy).exposures, []);
        for rule in whole.apply(&group).ingress {
            prop_assert!(after.ingress.iter().any(|known| known.admits_the_same_as(&rule)), "lost: {rule:?}");
        }
    }

    /// A closed group without unjudged rules is compliant, and admits less than half of the internet to every focus
    /// port.
    #[test]
    fn a_compliant_group_never_admits_half_of_the_internet(group in group(12), policy in policy()) {
        let assessment = assess(&group, &policy, &Exemptions::default(), &lists(), now());
        let mut group = plan(&group, &assessment, &Remediation::Revoke, &lists()).apply(&group);
        group.ingress.retain(|rule| assessment.unjudged.iter().all(|unjudged| unjudged.rule != rule));
        let verdict = assess(&group, &policy, &Exemptions::default(), &lists(), now()).verdict();
        prop_assert_eq!(verdict, Verdict::Compliant);
        for (transport, range) in policy.focus_ports.ranges() {
            for port in [range.from(), range.to(), 22] {
                if policy.focus_ports.contains(transport, port) {
                    let let_in = reaching(&group, &policy, transport, port, |_| true).sizes();
                    for family in Family::ALL {
                        prop_assert!(let_in.of(family) < policy.internet.whole().of(family).div_ceil(2));
                    }
                    if policy.scope == SourceScope::Public {
                        prop_assert!(let_in.is_empty());
                    }
                }
            }
        }
    }

    /// Every exposure has focus ports that its rule carries, and a source that reaches the internet.
    #[test]
    fn every_exposure_is_real(group in group(12), policy in policy()) {
        let assessment = assess(&group, &policy, &Exemptions::default(), &lists(), now());
        for exposure in &assessment.exposures {
            prop_assert!(!exposure.ports.is_empty());
            prop_assert_eq!(exposure.ports.difference(&policy.focus_ports), PortSet::default());
            prop_assert_eq!(exposure.rule.traffic.carries(&exposure.ports), Some(exposure.ports.clone()));
            let (transport, range) = exposure.ports.ranges().next().unwrap();
            let alone = reaching(&group, &policy, transport, range.from(), |rule| rule == exposure.rule);
            prop_assert!(!alone.is_empty());
        }
    }

    /// A wider scope or more focus ports never yield fewer exposing rules.
    #[test]
    fn a_stricter_policy_finds_at_least_as_many_exposures(group in group(12), policy in policy(), more in port_set()) {
        let lists = lists();
        let flagged = |policy: &Policy| {
            let assessment = assess(&group, policy, &Exemptions::default(), &lists, now());
            assessment.exposures.iter().map(|exposure| exposure.rule.id.clone().unwrap()).collect::<std::collections::BTreeSet<_>>()
        };
        let mut stricter = Policy { scope: SourceScope::Public, ..policy.clone() };
        stricter.focus_ports.extend(&more);
        prop_assert!(flagged(&policy).is_subset(&flagged(&stricter)));
    }

    /// The verdict does not depend on the order of the rules.
    #[test]
    fn rule_order_does_not_matter(group in group(12), policy in policy()) {
        let mut reversed = group.clone();
        reversed.ingress.reverse();
        let lists = lists();
        let one = assess(&group, &policy, &Exemptions::default(), &lists, now());
        let other = assess(&reversed, &policy, &Exemptions::default(), &lists, now());
        prop_assert_eq!(one.exposures, other.exposures);
    }

    /// The text form of a port set reads back as the same set.
    #[test]
    fn port_sets_survive_a_round_trip(set in port_set()) {
        prop_assert_eq!(set.to_string().parse::<PortSet>().unwrap(), set);
    }

    /// Parsing ports never panics, and an error has a message.
    #[test]
    fn any_text_is_a_port_list_or_an_error(text in "\\PC{0,30}") {
        if let Err(error) = text.parse::<PortSet>() {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    /// Measuring a network gives the same result as intersecting sets.
    #[test]
    fn measuring_a_network_agrees_with_sets(network in cidr(), policy in policy()) {
        let sizes = policy.internet.reach_of(network);
        prop_assert_eq!(sizes, policy.internet.reached_by(&AddressSet::from_iter([network])).sizes());
    }
}
