//! Examples of quarantines and releases.

use exposure::{
    AclAction, AclEntry, AclPlan, DEFAULT_ACL_QUOTA, NetworkAcl, PortSet, Traffic, private_addresses, quarantine,
    release,
};
use rstest::rstest;

use crate::notation::{DEFAULT_ACL, acl, entry, networks, ports, texts};

/// Returns the entries that a quarantine of these ports adds if it keeps private addresses.
fn added(acl: &NetworkAcl, list: &str) -> Vec<String> {
    texts(&quarantine(acl, &ports(list), &private_addresses(), DEFAULT_ACL_QUOTA).unwrap().add)
}

/// In the default ACL of AWS, one allow of all traffic keeps each private block, and one deny per family blocks each
/// range of ports, directly ahead of the entries that admit the internet.
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

/// To each of these ACLs a quarantine of these ports adds these entries.
#[rstest]
#[case::closed_ports_need_none(&["100 allow tcp 443 from 0.0.0.0/0"], "22", &[])]
#[case::an_empty_acl_needs_none(&[], "22", &[])]
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
#[case::sources_admitted_to_some_ports_are_kept_by_port(
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
#[case::used_numbers_are_skipped(
    &["5 allow tcp 443 from ::/0", "6 allow all traffic from 203.0.113.0/24"],
    "22",
    &["3 deny tcp 22 from 0.0.0.0/0", "4 deny udp 22 from 0.0.0.0/0"]
)]
#[case::without_room_directly_ahead_the_entries_go_further_up(
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
#[case::no_allow_spans_an_unrecognized_entry(
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
fn a_quarantine_adds_entries(#[case] before: &[&str], #[case] list: &str, #[case] expected: &[&str]) {
    assert_eq!(added(&acl(before.iter().copied()), list), expected);
}

/// Authorised addresses are kept like private ones, by the smallest number of networks.
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

/// A quarantine of no ports adds no entries.
#[test]
fn no_ports_need_no_entries() {
    let plan = quarantine(&acl(DEFAULT_ACL), &PortSet::default(), &private_addresses(), DEFAULT_ACL_QUOTA);
    assert_eq!(plan, Ok(AclPlan::default()));
}

/// A family that needs no entry does not exceed the quota, however many entries it has.
#[test]
fn a_full_family_does_not_prevent_entries_of_the_other() {
    let mut before = acl(["100 allow tcp 22 from 203.0.113.0/24"]);
    before
        .ingress
        .extend((0..25).map(|index| entry(&format!("{} allow tcp 443 from 2001:db8::{index}/128", 200 + index))));
    assert_eq!(added(&before, "tcp/22"), ["99 deny tcp 22 from 0.0.0.0/0"]);
}

/// If both families need the same numbers, the one with fewer usable numbers chooses first.
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

/// A release reports entries that were deleted or changed, and deletes all others, denies first.
#[test]
fn a_release_leaves_changed_entries() {
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
            "`95 allow all traffic from 10.0.0.0/8` was deleted",
            "`96 allow all traffic from 100.64.0.0/10` was changed to `96 deny all traffic from 100.64.0.0/10`",
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

/// An ACL writes every protocol as a number.
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
