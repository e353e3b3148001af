//! Sets of addresses.
//!
//! `PROPTEST_CASES` sets the number of cases; the full test run asks for 10,000.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use exposure::{AddressSet, Family};
use ipnetwork::IpNetwork;
use proptest::prelude::*;
use rstest::rstest;

fn networks<'a>(cidrs: impl IntoIterator<Item = &'a str>) -> AddressSet {
    cidrs.into_iter().map(|cidr| cidr.parse::<IpNetwork>().unwrap()).collect()
}

/// The order of insertion does not matter, even for sets as large as a whole family.
#[rstest]
#[case(&["::/1", "fc00::/7", "::/0"])]
#[case(&["::/1", "c000::/2", "8000::/1"])]
#[case(&["128.0.0.0/1", "::/0", "10.0.0.0/8", "0.0.0.0/0", "::/0"])]
fn the_order_of_insertion_does_not_matter(#[case] cidrs: &[&str]) {
    let collected = networks(cidrs.iter().copied());
    let mut inserted = AddressSet::default();
    for cidr in cidrs {
        inserted.insert(cidr.parse().unwrap());
    }
    assert_eq!(collected, inserted);
    assert_eq!(collected.union(&inserted), inserted);
    assert_eq!(inserted.sizes().of(Family::V6), u128::MAX);
}

/// A set is listed as the smallest number of networks.
#[rstest]
#[case(&[], &[])]
#[case(&["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"], &["0.0.0.0/0", "::/0"])]
#[case(&["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/30"], &["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/30"])]
#[case(&["255.255.255.255/32", "255.255.255.254/32"], &["255.255.255.254/31"])]
#[case(&["::1/128", "::/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"],
       &["::/127", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"])]
fn a_set_is_listed_as_the_fewest_networks(#[case] cidrs: &[&str], #[case] expected: &[&str]) {
    assert_eq!(
        networks(cidrs.iter().copied()).networks().iter().map(ToString::to_string).collect::<Vec<_>>(),
        expected
    );
}

/// All addresses except the first and the last need the largest number of networks of all ranges: two of each size.
#[rstest]
#[case("0.0.0.0/0", "0.0.0.0/32", "255.255.255.255/32", 62)]
#[case("::/0", "::/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", 254)]
fn the_longest_list_has_two_networks_of_each_size(
    #[case] all: IpNetwork,
    #[case] first: IpNetwork,
    #[case] last: IpNetwork,
    #[case] expected: usize,
) {
    let mut set = AddressSet::from_iter([all]);
    set.remove(first);
    set.remove(last);
    let networks = set.networks();
    assert_eq!(networks.len(), expected);
    assert_eq!(AddressSet::from_iter(networks), set);
}

/// Neighbouring and overlapping networks at both ends of a family, and arbitrary ones.
fn cidr() -> impl Strategy<Value = IpNetwork> {
    let v4 = (prop_oneof![0u32..=255, u32::MAX - 255..=u32::MAX, any::<u32>()], prop_oneof![0u8..=32, 24u8..=32])
        .prop_map(|(address, prefix)| IpNetwork::new(std::net::Ipv4Addr::from(address).into(), prefix));
    let v6 =
        (prop_oneof![0u128..=255, u128::MAX - 255..=u128::MAX, any::<u128>()], prop_oneof![0u8..=128, 120u8..=128])
            .prop_map(|(address, prefix)| IpNetwork::new(std::net::Ipv6Addr::from(address).into(), prefix));
    prop_oneof![v4, v6].prop_map(Result::unwrap)
}

proptest! {
    /// The networks of a set cover exactly the set, and no two of them could be merged.
    #[test]
    fn the_networks_of_a_set_cover_it(cidrs in prop::collection::vec(cidr(), 0..8)) {
        let set: AddressSet = cidrs.into_iter().collect();
        let networks = set.networks();
        prop_assert_eq!(&networks.iter().copied().collect::<AddressSet>(), &set);
        for (index, &network) in networks.iter().enumerate() {
            let parent = network.prefix().checked_sub(1).map(|prefix| IpNetwork::new(network.ip(), prefix).unwrap());
            prop_assert!(parent.is_none_or(|parent| !AddressSet::from_iter([parent]).is_subset(&set)));
            for &other in &networks[..index] {
                prop_assert!(AddressSet::from_iter([network]).is_disjoint(&AddressSet::from_iter([other])));
            }
        }
        for family in Family::ALL {
            let hull = set.hull(family);
            prop_assert_eq!(hull.is_none(), set.of(family).is_empty());
            prop_assert!(set.of(family).is_subset(&hull.into_iter().collect()));
            // No smaller network suffices: both halves contain an address of the set.
            for end in hull.into_iter().flat_map(|hull| [hull.network(), hull.broadcast()]) {
                if let Ok(half) = IpNetwork::new(end, hull.unwrap().prefix() + 1) {
                    prop_assert!(!AddressSet::from_iter([half]).is_disjoint(&set));
                }
            }
        }
    }
}
