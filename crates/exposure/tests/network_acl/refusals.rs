//! Quarantines that cannot be planned.

use exposure::{AclError, AclShortage, DEFAULT_ACL_QUOTA, Family, NetworkAcl, private_addresses, quarantine};
use rstest::rstest;

use crate::notation::{DEFAULT_ACL, acl, entry, networks, ports};

fn refused(acl: &NetworkAcl, list: &str) -> AclError {
    quarantine(acl, &ports(list), &private_addresses(), DEFAULT_ACL_QUOTA).unwrap_err()
}

/// No entry can precede rule number 1.
#[test]
fn no_room_ahead_of_rule_1() {
    let error = refused(&acl(["1 allow all traffic from 203.0.113.0/24"]), "tcp/22");
    assert_eq!(
        error.to_string(),
        "network ACL acl-0a has no room ahead of `1 allow all traffic from 203.0.113.0/24`: rule numbers needed: 1, free: 0"
    );
}

/// The families share the rule numbers: if the numbers suffice for either but not for both, the planning fails.
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

/// Both families need the number 4. The other one has no usable number, because its deny must follow its allow for
/// private addresses.
#[test]
fn no_number_for_the_second_family() {
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

/// The error names the first of several unrecognised entries, whatever its ports.
#[test]
fn the_first_unrecognized_entry_is_named() {
    let before = acl(["90 perhaps tcp 3389 from 0.0.0.0/0", "95 perhaps tcp 22 from 0.0.0.0/0", DEFAULT_ACL[0]]);
    match refused(&before, "tcp/22, tcp/3389") {
        AclError::NotUnderstood { entry, .. } => assert_eq!(entry.number, 90),
        error => panic!("{error}"),
    }
}

/// The error for a full ACL has the numbers of each family.
#[test]
fn a_full_acl_is_an_error_with_numbers() {
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

/// The numbers in the error are those of the position that needs the fewest entries.
#[test]
fn an_error_asks_for_no_more_entries_than_needed() {
    let before = acl(["50 allow tcp 22 from 10.0.0.0/8", "100 allow all traffic from 0.0.0.0/0"]);
    let error = quarantine(&before, &ports("tcp/22"), &private_addresses(), 6).unwrap_err();
    let shortages = vec![AclShortage { family: Family::V4, needed: 4, present: 3, limit: 6 }];
    assert_eq!(error, AclError::Quota { acl: "acl-0a".into(), shortages });
}

/// The planning fails because of an unrecognised entry, and names it, unless the entry cannot matter.
#[rstest]
#[case::protocol("90 allow quic 22 from 10.0.0.0/8", false)]
#[case::reversed_ports("90 deny tcp 30-20 from 0.0.0.0/0", false)]
#[case::action("90 perhaps tcp 22 from 0.0.0.0/0", false)]
#[case::source("90 deny tcp 22 from everywhere", false)]
#[case::other_ports("90 perhaps tcp 23 from 0.0.0.0/0", true)]
#[case::no_ports("90 perhaps icmp from 0.0.0.0/0", true)]
#[case::behind_all_traffic("110 perhaps all traffic from everywhere", true)]
fn an_unrecognized_entry_is_named(#[case] text: &str, #[case] harmless: bool) {
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
