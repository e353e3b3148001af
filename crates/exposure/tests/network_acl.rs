//! Quarantine and release of network ACLs: examples, then properties over random ACLs against a simulator of its own.
//!
//! `PROPTEST_CASES` sets the number of cases; the full test run asks for 10,000.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use exposure::{
    AclAction, AclEntry, AclError, AclPlan, AclShortage, AddressSet, DEFAULT_ACL_QUOTA, Family, NetworkAcl, PortRange,
    PortSet, Source, Traffic, Transport, private_addresses, quarantine, release,
};
use ipnetwork::IpNetwork;
use proptest::prelude::*;
use proptest::sample::Index;
use rstest::rstest;

// --- Writing ACLs down

/// Reads `90 deny tcp 22 from 0.0.0.0/0`.
fn entry(text: &str) -> AclEntry {
    let (rule, source) = text.split_once(" from ").unwrap();
    let mut words = rule.split(' ');
    let number = words.next().unwrap().parse().unwrap();
    let action = AclAction::parse(words.next().unwrap());
    let traffic = match words.collect::<Vec<_>>()[..] {
        ["all", "traffic"] => Traffic::All,
        ["protocol", number] => Traffic::parse(number, None, None),
        [protocol] => Traffic::parse(protocol, None, None),
        [protocol, ports] => {
            let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
            Traffic::parse(protocol, from.parse().ok(), to.parse().ok())
        }
        _ => panic!("{text}"),
    };
    AclEntry { number, action, traffic, source: Source::from_cidr(source) }
}

fn acl<'a>(entries: impl IntoIterator<Item = &'a str>) -> NetworkAcl {
    NetworkAcl { id: "acl-0a".into(), ingress: entries.into_iter().map(entry).collect() }
}

fn ports(text: &str) -> PortSet {
    text.parse().unwrap()
}

fn networks<'a>(cidrs: impl IntoIterator<Item = &'a str>) -> AddressSet {
    cidrs.into_iter().map(|cidr| cidr.parse::<IpNetwork>().unwrap()).collect()
}

fn texts(entries: &[AclEntry]) -> Vec<String> {
    entries.iter().map(ToString::to_string).collect()
}

/// What a quarantine of these ports adds, private addresses kept.
fn added(acl: &NetworkAcl, list: &str) -> Vec<String> {
    texts(&quarantine(acl, &ports(list), &private_addresses(), DEFAULT_ACL_QUOTA).unwrap().add)
}

fn refused(acl: &NetworkAcl, list: &str) -> AclError {
    quarantine(acl, &ports(list), &private_addresses(), DEFAULT_ACL_QUOTA).unwrap_err()
}

const DEFAULT_ACL: [&str; 4] = [
    "100 allow all traffic from 0.0.0.0/0",
    "101 allow all traffic from ::/0",
    "32767 deny all traffic from 0.0.0.0/0",
    "32768 deny all traffic from ::/0",
];

// --- Examples

/// In the ACL that AWS makes, each private block is kept by one allow of all traffic, and each range of ports takes one deny
/// per family, right ahead of the entries that let the internet in.
#[test]
fn the_default_acl() {
    assert_eq!(
        added(&acl(DEFAULT_ACL), "tcp/22, tcp/3389"),
        [
            "94 allow all traffic from 10.0.0.0/8",
            "95 allow all traffic from 100.64.0.0/10",
            "96 allow all traffic from 172.16.0.0/12",
            "97 allow all traffic from 192.168.0.0/16",
            "91 allow all traffic from fc00::/7",
            "98 deny tcp 22 from 0.0.0.0/0",
            "99 deny tcp 3389 from 0.0.0.0/0",
            "92 deny tcp 22 from ::/0",
            "93 deny tcp 3389 from ::/0",
        ]
    );
}

/// Each of these ACLs takes these entries for these ports.
#[rstest]
#[case::closed_ports_take_none(&["100 allow tcp 443 from 0.0.0.0/0"], "22", &[])]
#[case::an_empty_acl_takes_none(&[], "22", &[])]
#[case::the_other_transport_does_not_count(&["100 allow udp 22 from 0.0.0.0/0"], "tcp/22", &[])]
#[case::icmp_carries_no_port(&["100 allow icmp from 0.0.0.0/0", "110 allow protocol 47 from 0.0.0.0/0"], "0-65535", &[])]
#[case::already_denied(&["90 deny tcp 20-25 from 0.0.0.0/0", "100 allow all traffic from 0.0.0.0/0"], "tcp/22", &[])]
#[case::only_private_sources_are_admitted(
    &["100 allow all traffic from 10.0.0.0/8", "110 allow tcp 22 from fd00::/8"], "22", &[]
)]
#[case::ipv6_only(
    &["100 allow tcp 443 from 0.0.0.0/0", "110 allow tcp 22 from ::/0"],
    "22",
    &["108 allow tcp 22 from fc00::/7", "109 deny tcp 22 from ::/0"]
)]
#[case::private_sources_admitted_ahead_need_no_allow(
    &["50 allow tcp 22 from 10.0.0.0/8", "60 allow tcp 22 from 172.16.0.0/12", "100 allow tcp 22 from 0.0.0.0/0"],
    "tcp/22",
    &["97 allow tcp 22 from 100.64.0.0/10", "98 allow tcp 22 from 192.168.0.0/16", "99 deny tcp 22 from 0.0.0.0/0"]
)]
#[case::a_private_block_denied_ahead_stays_denied(
    &["50 deny all traffic from 10.0.0.0/8", "60 deny tcp 22 from 172.16.0.0/12", "100 allow all traffic from 0.0.0.0/0"],
    "tcp/22",
    &[
        "97 allow all traffic from 100.64.0.0/10", "98 allow all traffic from 192.168.0.0/16",
        "99 deny tcp 22 from 0.0.0.0/0",
    ]
)]
#[case::a_private_block_denied_behind_stays_denied(
    &["100 allow tcp 22 from 0.0.0.0/0", "110 deny all traffic from 10.0.0.0/8", "120 allow all traffic from 0.0.0.0/0"],
    "tcp/22-23",
    &[
        "95 allow tcp 22 from 10.0.0.0/8", "96 allow all traffic from 100.64.0.0/10",
        "97 allow all traffic from 172.16.0.0/12", "98 allow all traffic from 192.168.0.0/16",
        "99 deny tcp 22-23 from 0.0.0.0/0",
    ]
)]
#[case::what_is_not_admitted_altogether_is_kept_by_port(
    &["100 allow tcp 22 from 0.0.0.0/0", "110 allow tcp 1024-65535 from 0.0.0.0/0"],
    "tcp/22,tcp/3306,tcp/3389",
    &[
        "89 allow tcp 22 from 10.0.0.0/8", "90 allow tcp 3306-3389 from 10.0.0.0/8",
        "91 allow tcp 22 from 100.64.0.0/10", "92 allow tcp 3306-3389 from 100.64.0.0/10",
        "93 allow tcp 22 from 172.16.0.0/12", "94 allow tcp 3306-3389 from 172.16.0.0/12",
        "95 allow tcp 22 from 192.168.0.0/16", "96 allow tcp 3306-3389 from 192.168.0.0/16",
        "97 deny tcp 22 from 0.0.0.0/0", "98 deny tcp 3306 from 0.0.0.0/0", "99 deny tcp 3389 from 0.0.0.0/0",
    ]
)]
#[case::adjacent_ports_are_one_range(
    &["100 allow tcp 0-65535 from 203.0.113.0/24"], "tcp/22,tcp/23,tcp/24-25", &["99 deny tcp 22-25 from 0.0.0.0/0"]
)]
#[case::ports_at_both_ends(
    &["100 allow all traffic from 203.0.113.0/24"],
    "tcp/0,udp/65535",
    &["98 deny tcp 0 from 0.0.0.0/0", "99 deny udp 65535 from 0.0.0.0/0"]
)]
#[case::only_ports_that_are_admitted_are_denied(
    &["100 allow tcp 24-30 from 203.0.113.0/24"], "20-25", &["99 deny tcp 24-25 from 0.0.0.0/0"]
)]
#[case::a_narrow_deny_that_needs_no_allow_is_better(
    &["90 allow tcp 443 from 0.0.0.0/0", "100 allow tcp 22 from 203.0.113.0/24", "110 allow tcp 22 from 10.0.0.0/8"],
    "tcp/22",
    &["99 deny tcp 22 from 203.0.113.0/24"]
)]
#[case::a_narrow_deny_that_needs_fewer_allows_is_better(
    &["100 allow tcp 22 from 172.0.0.0/8", "110 allow tcp 22 from 10.0.0.0/8", "120 allow tcp 22 from 192.168.0.0/16"],
    "tcp/22",
    &["98 allow tcp 22 from 172.16.0.0/12", "99 deny tcp 22 from 172.0.0.0/8"]
)]
#[case::several_denies_that_need_no_allows_are_better(
    &[
        "100 allow tcp 22 from 9.9.9.0/24", "101 allow tcp 22 from 203.0.113.0/24", "102 allow tcp 22 from 10.0.0.0/8",
        "103 allow tcp 22 from 172.16.0.0/12", "104 allow tcp 22 from 192.168.0.0/16",
    ],
    "tcp/22",
    &["98 deny tcp 22 from 9.9.9.0/24", "99 deny tcp 22 from 203.0.113.0/24"]
)]
#[case::used_numbers_are_passed_over(
    &["5 allow tcp 443 from ::/0", "6 allow all traffic from 203.0.113.0/24"],
    "22",
    &["3 deny tcp 22 from 0.0.0.0/0", "4 deny udp 22 from 0.0.0.0/0"]
)]
#[case::without_room_in_front_it_goes_further_up(
    &[
        "98 deny tcp 22 from 10.0.0.0/8", "99 allow tcp 22 from 172.16.0.0/12", "100 allow tcp 22 from 203.0.113.0/24",
        "110 allow tcp 22 from 10.0.0.0/8",
    ],
    "22",
    &["97 deny tcp 22 from 203.0.113.0/24"]
)]
#[case::between_dense_entries_the_free_numbers_are_used(
    &[
        "1 allow icmp from 0.0.0.0/0", "3 allow tcp 80 from 0.0.0.0/0", "5 allow tcp 443 from 0.0.0.0/0",
        "7 allow tcp 22-23 from 203.0.113.0/24", "9 allow udp 22 from 203.0.113.0/24",
    ],
    "22,23",
    &["4 deny tcp 22-23 from 0.0.0.0/0", "6 deny udp 22 from 0.0.0.0/0"]
)]
#[case::no_allow_spans_what_is_not_understood(
    &[
        "100 allow tcp 22 from ::/0", "101 allow tcp 24 from ::/0", "102 allow tcp 25 from ::/0",
        "103 allow tcp 23 from everywhere",
    ],
    "tcp/22,tcp/24-25",
    &[
        "96 allow tcp 22 from fc00::/7", "97 allow tcp 24-25 from fc00::/7", "98 deny tcp 22 from ::/0",
        "99 deny tcp 24-25 from ::/0",
    ]
)]
fn entries_that_are_added(#[case] before: &[&str], #[case] list: &str, #[case] expected: &[&str]) {
    assert_eq!(added(&acl(before.iter().copied()), list), expected);
}

/// Addresses of the operator are kept like private ones, wherever they are, by the fewest networks.
#[test]
fn authorized_addresses_are_kept() {
    let keep = networks(["198.51.100.0/25", "198.51.100.128/25", "2001:db8::/32"]);
    let plan = quarantine(&acl(DEFAULT_ACL), &ports("tcp/22"), &keep, DEFAULT_ACL_QUOTA).unwrap();
    assert_eq!(
        texts(&plan.add),
        [
            "98 allow all traffic from 198.51.100.0/24",
            "96 allow all traffic from 2001:db8::/32",
            "99 deny tcp 22 from 0.0.0.0/0",
            "97 deny tcp 22 from ::/0",
        ]
    );
    let everyone = networks(["0.0.0.0/0", "::/0"]);
    assert!(quarantine(&acl(DEFAULT_ACL), &ports("0-65535"), &everyone, DEFAULT_ACL_QUOTA).unwrap().is_empty());
}

/// No ports, no entries.
#[test]
fn no_ports_no_entries() {
    let plan = quarantine(&acl(DEFAULT_ACL), &PortSet::default(), &private_addresses(), DEFAULT_ACL_QUOTA);
    assert_eq!(plan, Ok(AclPlan::default()));
}

/// An allow at rule 1 cannot be beaten.
#[test]
fn no_room_ahead_of_rule_1() {
    let error = refused(&acl(["1 allow all traffic from 203.0.113.0/24"]), "tcp/22");
    assert_eq!(
        error.to_string(),
        "network ACL acl-0a has no room ahead of `1 allow all traffic from 203.0.113.0/24`: rule numbers needed: 1, free: 0"
    );
}

/// Both families draw on the same numbers: with room for either but not for both, the plan is refused.
#[rstest]
#[case(
    "2 allow tcp 22 from 203.0.113.0/24",
    "3 allow tcp 22 from 2001:db8::/32",
    "3 allow tcp 22 from 2001:db8::/32",
    2,
    1
)]
#[case(
    "3 allow tcp 22 from 203.0.113.0/24",
    "2 allow tcp 22 from 2001:db8::/32",
    "3 allow tcp 22 from 203.0.113.0/24",
    2,
    1
)]
#[case(
    "2 allow tcp 22 from 203.0.113.0/24",
    "1 allow tcp 22 from 2001:db8::/32",
    "1 allow tcp 22 from 2001:db8::/32",
    1,
    0
)]
fn no_room_for_both_families(
    #[case] v4: &str,
    #[case] v6: &str,
    #[case] expected_entry: &str,
    #[case] expected_needed: usize,
    #[case] expected_free: usize,
) {
    match refused(&acl([v4, v6]), "tcp/22") {
        AclError::NoRoom { entry, needed, free, .. } => {
            assert_eq!((entry.to_string().as_str(), needed, free), (expected_entry, expected_needed, expected_free));
        }
        error => panic!("{error}"),
    }
}

/// Both families need the number 4: the one that does not get it must not go ahead of its allow for private addresses.
#[test]
fn a_family_without_a_number_is_refused() {
    let before = acl([
        "2 allow tcp 22 from 10.0.0.0/8",
        "3 allow tcp 22 from fc00::/7",
        "5 allow tcp 22 from 0.0.0.0/0",
        "6 allow tcp 22 from ::/0",
    ]);
    let keep = networks(["10.0.0.0/8", "fc00::/7"]);
    let error = quarantine(&before, &ports("tcp/22"), &keep, DEFAULT_ACL_QUOTA).unwrap_err();
    assert!(matches!(error, AclError::NoRoom { .. }), "{error}");
}

/// A family that needs no entry is not short of any, however many it has.
#[test]
fn a_full_family_does_not_keep_the_other_from_its_entries() {
    let mut before = acl(["100 allow tcp 22 from 203.0.113.0/24"]);
    before
        .ingress
        .extend((0..25).map(|index| entry(&format!("{} allow tcp 443 from 2001:db8::{index}/128", 200 + index))));
    assert_eq!(added(&before, "tcp/22"), ["99 deny tcp 22 from 0.0.0.0/0"]);
}

/// Of several entries that are not understood, the one that comes first is named, whatever ports it is for.
#[test]
fn the_first_entry_that_is_not_understood_is_named() {
    let before = acl(["90 perhaps tcp 3389 from 0.0.0.0/0", "95 perhaps tcp 22 from 0.0.0.0/0", DEFAULT_ACL[0]]);
    match refused(&before, "tcp/22, tcp/3389") {
        AclError::NotUnderstood { entry, .. } => assert_eq!(entry.number, 90),
        error => panic!("{error}"),
    }
}

/// Where both families want the same numbers, the one that can use fewer of them goes first.
#[test]
fn families_share_the_free_numbers() {
    let before = acl([
        "2 allow icmp from 0.0.0.0/0",
        "3 allow tcp 22 from fc00::/7",
        "5 allow tcp 22 from 203.0.113.0/24",
        "6 allow tcp 22 from ::/0",
    ]);
    assert_eq!(added(&before, "tcp/22"), ["1 deny tcp 22 from 0.0.0.0/0", "4 deny tcp 22 from ::/0"]);
}

/// A full ACL is refused with the numbers of each family, before anything is changed.
#[test]
fn a_full_acl_is_refused_with_numbers() {
    let mut full = acl(DEFAULT_ACL);
    full.ingress
        .extend((0..18).map(|index| entry(&format!("{} allow tcp 443 from 198.51.100.{index}/32", 200 + index))));
    full.ingress
        .extend((0..18).map(|index| entry(&format!("{} allow tcp 443 from 2001:db8::{index}/128", 300 + index))));
    let error = refused(&full, "tcp/22");
    assert_eq!(
        error.to_string(),
        "network ACL acl-0a is full: IPv4 entries needed: 5, present: 20 with the final deny, allowed: 20; IPv6 entries \
         needed: 2, present: 20 with the final deny, allowed: 20"
    );
    assert!(quarantine(&full, &ports("tcp/22"), &private_addresses(), 25).is_ok());
    let error = quarantine(&full, &ports("tcp/22"), &private_addresses(), 24).unwrap_err();
    assert!(matches!(error, AclError::Quota { shortages, .. } if shortages.len() == 1));
}

/// The numbers of a refusal are those of the place where the fewest entries are needed.
#[test]
fn a_refusal_asks_for_no_more_than_needed() {
    let before = acl(["50 allow tcp 22 from 10.0.0.0/8", "100 allow all traffic from 0.0.0.0/0"]);
    let error = quarantine(&before, &ports("tcp/22"), &private_addresses(), 6).unwrap_err();
    let shortages = vec![AclShortage { family: Family::V4, needed: 4, present: 3, limit: 6 }];
    assert_eq!(error, AclError::Quota { acl: "acl-0a".into(), shortages });
}

/// An entry that is not understood makes the plan fail by name, unless it cannot matter.
#[rstest]
#[case::protocol("90 allow quic 22 from 10.0.0.0/8", false)]
#[case::reversed_ports("90 deny tcp 30-20 from 0.0.0.0/0", false)]
#[case::action("90 perhaps tcp 22 from 0.0.0.0/0", false)]
#[case::source("90 deny tcp 22 from everywhere", false)]
#[case::other_ports("90 perhaps tcp 23 from 0.0.0.0/0", true)]
#[case::no_ports("90 perhaps icmp from 0.0.0.0/0", true)]
#[case::behind_everything("110 perhaps all traffic from everywhere", true)]
fn what_is_not_understood_is_refused_by_name(#[case] text: &str, #[case] harmless: bool) {
    let mut acl = acl(DEFAULT_ACL);
    acl.ingress.push(entry(text));
    match quarantine(&acl, &ports("tcp/22"), &private_addresses(), DEFAULT_ACL_QUOTA) {
        Ok(_) => assert!(harmless),
        Err(error) => {
            assert!(!harmless);
            let name = acl.ingress.last().unwrap().to_string();
            assert!(matches!(error, AclError::NotUnderstood { .. }) && error.to_string().contains(&name), "{error}");
        }
    }
}

/// Entries that somebody deleted or changed are left and told; all others go, denies first.
#[test]
fn a_release_leaves_what_somebody_changed() {
    let before = acl(DEFAULT_ACL);
    let plan = quarantine(&before, &ports("tcp/22"), &private_addresses(), DEFAULT_ACL_QUOTA).unwrap();
    let mut meanwhile = plan.apply(&before);
    meanwhile.ingress.retain(|entry| entry.number != 95);
    meanwhile.ingress.iter_mut().find(|entry| entry.number == 96).unwrap().action = AclAction::Deny;
    let release = release(&meanwhile, &plan.add);
    assert!(!plan.is_empty() && !release.is_empty());
    assert_eq!(
        release.left.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "`95 allow all traffic from 10.0.0.0/8` is not there any more",
            "`96 allow all traffic from 100.64.0.0/10` has become `96 deny all traffic from 100.64.0.0/10`",
        ]
    );
    assert_eq!(
        texts(&release.remove),
        [
            "94 deny tcp 22 from ::/0",
            "99 deny tcp 22 from 0.0.0.0/0",
            "93 allow all traffic from fc00::/7",
            "98 allow all traffic from 192.168.0.0/16",
            "97 allow all traffic from 172.16.0.0/12",
        ]
    );
}

/// An ACL spells every protocol as a number.
#[rstest]
#[case("tcp", "6")]
#[case("17", "17")]
#[case("icmp", "1")]
#[case("icmpv6", "58")]
#[case("-1", "-1")]
#[case("47", "47")]
#[case("quic", "quic")]
fn protocols_are_numbers(#[case] protocol: &str, #[case] expected: &str) {
    let entry = AclEntry { traffic: Traffic::parse(protocol, None, None), ..entry("1 allow all traffic from ::/0") };
    assert_eq!(entry.protocol(), expected);
}

// --- Simulator

/// An entry as the simulator reads it. For ICMP, the range is that of the types.
#[derive(Debug)]
struct Row {
    number: u16,
    allow: bool,
    protocol: Option<u8>,
    range: (u16, u16),
    family: Family,
    addresses: (u128, u128),
}

/// First and last address.
fn ends(network: IpNetwork) -> (u128, u128) {
    match network {
        IpNetwork::V4(network) => (u32::from(network.network()).into(), u32::from(network.broadcast()).into()),
        IpNetwork::V6(network) => (network.network().into(), network.broadcast().into()),
    }
}

fn rows(acl: &NetworkAcl) -> Vec<Row> {
    let mut rows: Vec<Row> = acl
        .ingress
        .iter()
        .map(|entry| {
            let Source::Cidr(network) = entry.source else { panic!("{entry}") };
            let port = |port: Option<i64>| port.and_then(|port| u16::try_from(port).ok());
            Row {
                number: entry.number,
                allow: entry.action == AclAction::Allow,
                protocol: (entry.protocol() != "-1").then(|| entry.protocol().parse().unwrap()),
                range: match (port(entry.traffic.from_port()), port(entry.traffic.to_port())) {
                    (Some(from), Some(to)) => (from, to),
                    (Some(kind), None) => (kind, kind),
                    _ => (0, u16::MAX),
                },
                family: if network.is_ipv4() { Family::V4 } else { Family::V6 },
                addresses: ends(network),
            }
        })
        .collect();
    rows.sort_by_key(|row| row.number);
    rows
}

/// Whether the ACL lets a packet in.
fn admits(rows: &[Row], protocol: u8, port: u16, family: Family, address: u128) -> bool {
    rows.iter()
        .find(|row| {
            row.family == family
                && row.protocol.is_none_or(|its| its == protocol)
                && (row.range.0..=row.range.1).contains(&port)
                && (row.addresses.0..=row.addresses.1).contains(&address)
        })
        .is_some_and(|row| row.allow)
}

/// One packet for every kind of packets that these ACLs, ports and addresses could tell apart.
struct Packets {
    /// Protocol, port and whether it is one of the ports.
    traffic: Vec<(u8, u16, bool)>,
    /// Family, address and whether it is kept.
    sources: Vec<(Family, u128, bool)>,
}

impl Packets {
    fn of(acls: &[&[Row]], ports: &PortSet, keep: &AddressSet) -> Self {
        let keep = keep.networks().into_iter().map(|network| (Family::of(&network), ends(network))).collect::<Vec<_>>();
        let mut traffic = BTreeSet::from([1, 6, 17, 58, 47, 50, 132].map(|protocol| (protocol, 0)));
        traffic.extend([(1, 8), (58, 8)]);
        let mut sources = BTreeSet::from(Family::ALL.map(|family| (family, 0)));
        for row in acls.iter().copied().flatten() {
            for start in [Some(row.range.0), row.range.1.checked_add(1)].into_iter().flatten() {
                traffic.extend([(6, start), (17, start)]);
            }
            let last = if row.family == Family::V4 { u32::MAX.into() } else { u128::MAX };
            sources.insert((row.family, row.addresses.0));
            sources.extend((row.addresses.1 < last).then(|| (row.family, row.addresses.1 + 1)));
        }
        for (_, range) in ports.ranges() {
            for start in [Some(range.from()), range.to().checked_add(1)].into_iter().flatten() {
                traffic.extend([(6, start), (17, start)]);
            }
        }
        for (family, (first, last)) in &keep {
            sources.insert((*family, *first));
            sources.extend(
                last.checked_add(1).filter(|next| *family == Family::V6 || *next < 1 << 32).map(|next| (*family, next)),
            );
        }
        let wanted = |protocol, port| match protocol {
            6 => ports.contains(Transport::Tcp, port),
            17 => ports.contains(Transport::Udp, port),
            _ => false,
        };
        let kept = |family, address| {
            keep.iter().any(|(its, (first, last))| *its == family && (*first..=*last).contains(&address))
        };
        Self {
            traffic: traffic.into_iter().map(|(protocol, port)| (protocol, port, wanted(protocol, port))).collect(),
            sources: sources.into_iter().map(|(family, address)| (family, address, kept(family, address))).collect(),
        }
    }
}

/// What may become of a packet: whether it is to be quarantined, whether it was and whether it is admitted.
type Expectation = fn(out: bool, was: bool, is: bool) -> bool;

/// The internet is shut out of the ports, and everything else is as it was.
const QUARANTINED: Expectation = |out, was, is| is == (was && !out);

/// Whoever is kept, and all other traffic, is treated as before.
const UNDISTURBED: Expectation = |out, was, is| if out { was || !is } else { was == is };

/// Whether every packet is treated as expected.
fn check(
    expected: Expectation,
    before: &NetworkAcl,
    after: &NetworkAcl,
    ports: &PortSet,
    keep: &AddressSet,
) -> Result<(), TestCaseError> {
    let (before, after) = (rows(before), rows(after));
    let Packets { traffic, sources } = Packets::of(&[&before, &after], ports, keep);
    for (protocol, port, wanted) in traffic {
        for &(family, address, kept) in &sources {
            let was = admits(&before, protocol, port, family, address);
            let is = admits(&after, protocol, port, family, address);
            let as_expected = expected(wanted && !kept, was, is);
            prop_assert!(as_expected, "protocol {} port {} {} {:x}: {} {}", protocol, port, family, address, was, is);
        }
    }
    Ok(())
}

// --- Random ACLs

/// Ports close together and at both ends, so that ranges overlap and touch.
fn port() -> impl Strategy<Value = u16> {
    prop_oneof![6 => 18u16..28, 1 => Just(0), 1 => Just(65535), 1 => any::<u16>()]
}

fn traffic() -> impl Strategy<Value = Traffic> {
    prop_oneof![
        6 => Just(Traffic::All),
        6 => (prop_oneof![Just("6"), Just("17")], port(), port()).prop_map(|(protocol, a, b)| {
            Traffic::parse(protocol, Some(a.min(b).into()), Some(a.max(b).into()))
        }),
        2 => Just(Traffic::parse("6", Some(0), Some(65535))),
        1 => Just(Traffic::parse("17", Some(0), Some(65535))),
        1 => (prop_oneof![Just("1"), Just("58")], prop_oneof![Just(-1), Just(8)])
            .prop_map(|(protocol, kind)| Traffic::parse(protocol, Some(kind), Some(-1))),
        1 => prop_oneof![Just("47"), Just("50")].prop_map(|protocol| Traffic::parse(protocol, None, None)),
    ]
}

fn cidr() -> impl Strategy<Value = IpNetwork> {
    let known = prop::sample::select(vec![
        "0.0.0.0/0",
        "::/0",
        "0.0.0.0/1",
        "128.0.0.0/1",
        "10.0.0.0/8",
        "10.5.0.0/16",
        "11.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "203.0.113.0/24",
        "203.0.113.7/32",
        "255.255.255.255/32",
        "2000::/3",
        "fc00::/7",
        "fd00::/8",
        "2001:db8::/32",
        "2001:db8::1/128",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
    ]);
    let any_v4 = (any::<u32>(), 0u8..=32)
        .prop_map(|(address, prefix)| IpNetwork::new(std::net::Ipv4Addr::from(address).into(), prefix).unwrap());
    let any_v6 = (any::<u128>(), 0u8..=128)
        .prop_map(|(address, prefix)| IpNetwork::new(std::net::Ipv6Addr::from(address).into(), prefix).unwrap());
    let world = prop_oneof![Just("0.0.0.0/0"), Just("::/0")];
    prop_oneof![
        3 => world.prop_map(|text| text.parse().unwrap()),
        6 => known.prop_map(|text| text.parse().unwrap()),
        1 => any_v4,
        1 => any_v6,
    ]
}

/// Sparse, dense, at both ends.
fn number() -> impl Strategy<Value = u16> {
    prop_oneof![3 => 1u16..=32766, 4 => 1u16..=24, 2 => 90u16..=110, 1 => 32750u16..=32766, 1 => Just(1)]
}

fn entries(number: impl Strategy<Value = u16>, most: usize) -> impl Strategy<Value = Vec<AclEntry>> {
    let body = (prop_oneof![3 => Just(AclAction::Allow), 2 => Just(AclAction::Deny)], traffic(), cidr());
    prop::collection::btree_map(number, body, 0..most).prop_map(|entries| {
        let entry = |(number, (action, traffic, network)): (u16, (_, _, IpNetwork))| AclEntry {
            number,
            action,
            traffic,
            source: Source::from_cidr(&network.to_string()),
        };
        entries.into_iter().map(entry).collect()
    })
}

prop_compose! {
    /// Now and then the final denies are listed, and the entries are in no order.
    fn network_acl(numbers: fn() -> BoxedStrategy<u16>)(
        ingress in entries(numbers(), 14).prop_shuffle(),
        finals in any::<bool>(),
    ) -> NetworkAcl {
        let mut acl = NetworkAcl { id: "acl-0a".into(), ingress };
        if finals {
            acl.ingress.extend(DEFAULT_ACL[2..].iter().map(|text| entry(text)));
        }
        acl
    }
}

fn any_acl() -> impl Strategy<Value = NetworkAcl> {
    network_acl(|| number().boxed())
}

prop_compose! {
    fn port_set()(ranges in prop::collection::vec((any::<bool>(), port(), port()), 1..5)) -> PortSet {
        let mut set = PortSet::default();
        for (tcp, a, b) in ranges {
            let transport = if tcp { Transport::Tcp } else { Transport::Udp };
            set.insert(transport, PortRange::new(a.min(b), a.max(b)).unwrap());
        }
        set
    }
}

fn keep() -> impl Strategy<Value = AddressSet> {
    (any::<bool>(), prop::collection::vec(cidr(), 0..3)).prop_map(|(private, more)| {
        let more = more.into_iter().filter(|network| network.prefix() > 0).collect();
        if private { private_addresses().union(&more) } else { more }
    })
}

/// More entries than any of these ACLs needs.
const NO_LIMIT: usize = 10_000;

/// A plan, if there is room for one.
fn planned(acl: &NetworkAcl, ports: &PortSet, keep: &AddressSet) -> Option<AclPlan> {
    match quarantine(acl, ports, keep, NO_LIMIT) {
        Ok(plan) => Some(plan),
        Err(AclError::NoRoom { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// The part of a plan that was carried out before something stopped it.
fn cut(entries: &[AclEntry], at: Index) -> AclPlan {
    AclPlan { add: entries[..at.index(entries.len() + 1)].to_vec() }
}

proptest! {
    /// After a quarantine nobody outside of `keep` is admitted to the ports, whoever is in `keep` is admitted exactly if
    /// they were before, and all other traffic is decided as before.
    #[test]
    fn a_quarantine_shuts_the_internet_out_and_nobody_else(acl in any_acl(), ports in port_set(), keep in keep()) {
        if let Some(plan) = planned(&acl, &ports, &keep) {
            check(QUARANTINED, &acl, &plan.apply(&acl), &ports, &keep)?;
        }
    }

    /// Wherever the making of the entries stops, nobody who is kept is shut out, nobody is let in, and it can be finished.
    #[test]
    fn a_quarantine_can_stop_anywhere(acl in any_acl(), ports in port_set(), keep in keep(), at in any::<Index>()) {
        if let Some(plan) = planned(&acl, &ports, &keep) {
            let partly = cut(&plan.add, at).apply(&acl);
            check(UNDISTURBED, &acl, &partly, &ports, &keep)?;
            let rest = planned(&partly, &ports, &keep);
            prop_assert!(rest.is_some(), "cannot be finished");
            check(QUARANTINED, &acl, &rest.unwrap().apply(&partly), &ports, &keep)?;
        }
    }

    /// Wherever a release stops, nobody who is kept is shut out, and nobody is let in who was not before the quarantine,
    /// in whatever order the entries are given.
    #[test]
    fn a_release_can_stop_anywhere(acl in any_acl(), ports in port_set(), keep in keep(), at in any::<Index>()) {
        if let Some(plan) = planned(&acl, &ports, &keep) {
            let after = plan.apply(&acl);
            let mut added = plan.add;
            let turn = at.index(added.len() + 1);
            added.rotate_left(turn);
            let mut partly = release(&after, &added);
            partly.remove.truncate(at.index(partly.remove.len() + 1));
            check(UNDISTURBED, &acl, &partly.apply(&after), &ports, &keep)?;
        }
    }

    /// The new rule numbers are free, distinct and from 1 to 32766; allows come before denies in the plan; the same ACL gets
    /// the same plan, in whatever order its entries are; and the plan of a quarantined ACL is empty.
    #[test]
    fn a_plan_is_well_formed(acl in any_acl(), ports in port_set(), keep in keep()) {
        if let Some(plan) = planned(&acl, &ports, &keep) {
            let after = plan.apply(&acl);
            let numbers: BTreeSet<_> = after.ingress.iter().map(|entry| entry.number).collect();
            prop_assert_eq!(numbers.len(), after.ingress.len());
            prop_assert!(plan.add.iter().all(|entry| (1..=32766).contains(&entry.number)));
            prop_assert!(plan.add.is_sorted_by_key(|entry| entry.action == AclAction::Deny));
            let mut reversed = acl.clone();
            reversed.ingress.reverse();
            prop_assert_eq!(planned(&reversed, &ports, &keep), Some(plan));
            prop_assert_eq!(planned(&after, &ports, &keep), Some(AclPlan::default()));
        }
    }

    /// No entry is superfluous: without it, somebody would be let in, or shut out. And only ports that the internet is
    /// admitted to are denied.
    #[test]
    fn no_entry_is_superfluous(acl in any_acl(), ports in port_set(), keep in keep(), one in any::<Index>()) {
        let Some(plan) = planned(&acl, &ports, &keep).filter(|plan| !plan.is_empty()) else { return Ok(()) };
        let one = one.get(&plan.add);
        let family = one.family();
        let ours: Vec<_> = plan.add.iter().filter(|entry| entry.family() == family).map(|entry| entry.number).collect();
        let span = *ours.iter().min().unwrap()..=*ours.iter().max().unwrap();
        // Where there are not enough numbers in one place, an allow may come ahead of an entry that decides likewise.
        if acl.ingress.iter().all(|entry| entry.family() != family || !span.contains(&entry.number)) {
            let mut without = plan.clone();
            without.add.retain(|entry| entry != one);
            prop_assert!(check(QUARANTINED, &acl, &without.apply(&acl), &ports, &keep).is_err(), "{}", one);
        }
        let before = rows(&acl);
        let packets = Packets::of(&[&before], &ports, &keep);
        for deny in plan.add.iter().filter(|entry| entry.action == AclAction::Deny) {
            for &(protocol, port, _) in &packets.traffic {
                if deny.protocol() == protocol.to_string()
                    && (deny.traffic.from_port().unwrap()..=deny.traffic.to_port().unwrap()).contains(&port.into())
                {
                    prop_assert!(
                        packets.sources.iter().any(|&(family, address, kept)| !kept
                            && deny.family() == Some(family)
                            && admits(&before, protocol, port, family, address)),
                        "{}", deny
                    );
                }
            }
        }
    }

    /// A release gives back the ACL exactly, whatever others added and deleted meanwhile; once more is nothing to do;
    /// and what somebody deleted or changed of the quarantine is left and told.
    #[test]
    fn a_release_takes_exactly_the_quarantine_away(
        acl in any_acl(),
        ports in port_set(),
        keep in keep(),
        others in entries(number(), 6),
        deleted in any::<Index>(),
        tampered in prop::collection::vec((any::<Index>(), any::<bool>()), 0..3),
    ) {
        let Some(plan) = planned(&acl, &ports, &keep) else { return Ok(()) };
        let mut meanwhile = plan.apply(&acl);
        let mut expected = acl.clone();
        if !acl.ingress.is_empty() {
            let deleted = deleted.get(&acl.ingress);
            meanwhile.ingress.retain(|entry| entry != deleted);
            expected.ingress.retain(|entry| entry != deleted);
        }
        for other in others {
            if meanwhile.ingress.iter().all(|entry| entry.number != other.number) {
                meanwhile.ingress.push(other.clone());
                expected.ingress.push(other);
            }
        }
        let whole = release(&meanwhile, &plan.add);
        prop_assert_eq!(&whole.left, &[]);
        prop_assert!(whole.remove.is_sorted_by_key(|entry| entry.action == AclAction::Allow));
        let released = whole.apply(&meanwhile);
        prop_assert_eq!(&released, &expected);
        prop_assert!(release(&released, &plan.add).is_empty());
        prop_assert_eq!(release(&released, &plan.add).left.len(), plan.add.len());

        if plan.is_empty() {
            return Ok(());
        }
        let tampered: BTreeMap<u16, bool> =
            tampered.iter().map(|(index, change)| (index.get(&plan.add).number, *change)).collect();
        meanwhile.ingress.retain(|entry| tampered.get(&entry.number) != Some(&false));
        for entry in &mut meanwhile.ingress {
            if tampered.contains_key(&entry.number) {
                entry.traffic = Traffic::Other(51);
            }
        }
        let rest = release(&meanwhile, &plan.add);
        for left in &rest.left {
            prop_assert_eq!(tampered.get(&left.entry.number), Some(&left.found.is_some()));
        }
        prop_assert_eq!(rest.left.len(), tampered.len());
        prop_assert_eq!(rest.left.len() + rest.remove.len(), plan.add.len());
        prop_assert!(rest.apply(&meanwhile).ingress.iter().all(|entry| !plan.add.contains(entry)));
    }

    /// The quota is respected, and a refusal states numbers that are true: so many entries would be too many, or so many
    /// numbers too few.
    #[test]
    fn a_refusal_is_true(acl in any_acl(), ports in port_set(), keep in keep(), limit in 1usize..24) {
        let present = |family| {
            1 + acl.ingress.iter().filter(|entry| entry.family() == Some(family) && entry.number <= 32766).count()
        };
        let needed = |plan: &AclPlan, family| plan.add.iter().filter(|entry| entry.family() == Some(family)).count();
        match quarantine(&acl, &ports, &keep, limit) {
            Ok(plan) => {
                for family in Family::ALL {
                    prop_assert!(needed(&plan, family) == 0 || present(family) + needed(&plan, family) <= limit);
                }
            }
            Err(AclError::Quota { shortages, .. }) => {
                prop_assert!(!shortages.is_empty());
                for short in shortages {
                    prop_assert_eq!((short.present, short.limit), (present(short.family), limit));
                    prop_assert!(short.present + short.needed > limit);
                }
            }
            Err(AclError::NoRoom { entry, needed, free, .. }) => {
                prop_assert!(acl.ingress.contains(&entry));
                let used = acl.ingress.iter().filter(|used| used.number < entry.number).count();
                prop_assert_eq!(free, usize::from(entry.number) - 1 - used);
                prop_assert!(needed > free);
            }
            Err(error @ AclError::NotUnderstood { .. }) => panic!("{error}"),
        }
    }

    /// With free numbers between all entries there is always a plan.
    #[test]
    fn with_room_there_is_always_a_plan(
        acl in network_acl(|| (1u16..60).prop_map(|number| number * 500).boxed()),
        ports in port_set(),
        keep in keep(),
    ) {
        prop_assert!(planned(&acl, &ports, &keep).is_some());
    }

    /// An entry that is not understood makes the plan fail, or else the plan is right whatever the entry means.
    #[test]
    fn what_is_not_understood_is_never_taken_for_harmless(
        mut acl in any_acl(),
        (number, action, traffic, source) in (number(), any::<bool>(), traffic(), cidr()),
        unknown in 1u8..8,
        ports in port_set(),
        keep in keep(),
    ) {
        acl.ingress.retain(|entry| entry.number != number);
        let action = if action { AclAction::Allow } else { AclAction::Deny };
        let meant = AclEntry { number, action, traffic, source: Source::Cidr(source) };
        let mut odd = meant.clone();
        if unknown & 1 > 0 {
            odd.action = AclAction::parse("perhaps");
        }
        if unknown & 2 > 0 {
            odd.traffic = Traffic::parse("quic", None, None);
        }
        if unknown & 4 > 0 {
            odd.source = Source::from_cidr("everywhere");
        }
        let with = |entry: AclEntry| {
            let mut acl = acl.clone();
            acl.ingress.push(entry);
            acl
        };
        match quarantine(&with(odd.clone()), &ports, &keep, NO_LIMIT) {
            Ok(plan) => {
                let acl = with(meant);
                check(QUARANTINED, &acl, &plan.apply(&acl), &ports, &keep)?;
            }
            Err(AclError::NotUnderstood { entry, .. }) => prop_assert_eq!(*entry, odd),
            Err(AclError::NoRoom { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
