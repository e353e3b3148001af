//! Properties of the algebra and of the plan, over random groups and policies.
//!
//! `PROPTEST_CASES` sets the number of cases; the full test run asks for 10,000.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use exposure::{
    AddressSet, Exemptions, Family, IngressRule, Policy, PortRange, PortSet, PrefixList, PrefixLists, SecurityGroup,
    Source, SourceScope, Strategy as Remediation, Traffic, Transport, Verdict, assess, plan,
};
use ipnetwork::IpNetwork;
use jiff::Timestamp;
use proptest::prelude::*;

/// Ports close together and at both ends, so that ranges overlap and touch.
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
        // Now and then, enough /8s to be the world together.
        rules.extend((0..parts).map(|octet| {
            (Traffic::parse("tcp", Some(22), Some(22)), Source::from_cidr(&format!("{octet}.0.0.0/8")))
        }));
        let ingress = rules.into_iter().enumerate().map(|(index, (traffic, source))| {
            IngressRule { id: Some(format!("sgr-{index:017x}")), ..IngressRule::new(traffic, source) }
        });
        SecurityGroup { id: "sg-0aaaaaaaaaaaaaaaa".into(), ingress: ingress.collect(), ..SecurityGroup::default() }
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

/// The internet addresses that a group lets in to one port, brute force.
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
    /// After the plan is applied no exposure is left.
    #[test]
    fn a_revoke_plan_leaves_no_exposure(group in group(12), policy in policy()) {
        let assessment = assess(&group, &policy, &Exemptions::default(), &lists(), now());
        let after = plan(&assessment, Remediation::Revoke).apply(&group);
        prop_assert_eq!(assess(&after, &policy, &Exemptions::default(), &lists(), now()).exposures, []);
    }

    /// No rule outside the exposures is lost, and none comes.
    #[test]
    fn a_revoke_plan_takes_exposing_rules_only(group in group(12), policy in policy()) {
        let assessment = assess(&group, &policy, &Exemptions::default(), &lists(), now());
        let after = plan(&assessment, Remediation::Revoke).apply(&group);
        let innocent = |rule: &&IngressRule| !assessment.exposures.iter().any(|exposure| exposure.rule == *rule);
        prop_assert_eq!(after.ingress, group.ingress.iter().filter(innocent).cloned().collect::<Vec<_>>());
    }

    /// The plan of a closed group is empty.
    #[test]
    fn the_plan_of_a_closed_group_is_empty(group in group(12), policy in policy()) {
        let assessment = assess(&group, &policy, &Exemptions::default(), &lists(), now());
        let plan = plan(&assessment, Remediation::Revoke);
        prop_assert_eq!(plan.is_empty(), assessment.verdict() != Verdict::NonCompliant);
    }

    /// Once closed, and rid of what could not be judged, a group is compliant, and lets less than half of the internet in
    /// to every blocked port, whatever its rules say.
    #[test]
    fn a_compliant_group_never_lets_half_of_the_internet_in(group in group(12), policy in policy()) {
        let assessment = assess(&group, &policy, &Exemptions::default(), &lists(), now());
        let mut group = plan(&assessment, Remediation::Revoke).apply(&group);
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

    /// Every exposure names blocked ports that its rule carries, and a source that reaches the internet.
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

    /// A wider scope or a longer block-list never flags less.
    #[test]
    fn a_stricter_policy_flags_at_least_as_much(group in group(12), policy in policy(), more in port_set()) {
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
    fn port_sets_read_back(set in port_set()) {
        prop_assert_eq!(set.to_string().parse::<PortSet>().unwrap(), set);
    }

    /// Reading ports never panics, and what is refused is named.
    #[test]
    fn any_text_is_ports_or_an_error(text in "\\PC{0,30}") {
        if let Err(error) = text.parse::<PortSet>() {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    /// Measuring one network agrees with the algebra of sets.
    #[test]
    fn measuring_a_network_agrees_with_sets(network in cidr(), policy in policy()) {
        let sizes = policy.internet.reach_of(network);
        prop_assert_eq!(sizes, policy.internet.reached_by(&AddressSet::from_iter([network])).sizes());
    }
}
