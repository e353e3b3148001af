//! The table of internet addresses, compared with the IANA registries from which it was copied.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use exposure::{AddressSet, Internet};
use ipnetwork::IpNetwork;
use rstest::rstest;

/// Returns the address blocks of a registry, each with true if its column "Globally Reachable" is True.
fn rows(registry: &str) -> Vec<(IpNetwork, bool)> {
    let mut rows = Vec::new();
    for record in csv::Reader::from_reader(registry.as_bytes()).records() {
        let record = record.unwrap();
        for block in record[0].split(',') {
            // Cut off footnotes such as in `192.0.0.0/24 [2]` and `False [1]`.
            let network = block.split_whitespace().next().unwrap().parse().unwrap();
            rows.push((network, record[8].split_whitespace().next() == Some("True")));
        }
    }
    rows
}

/// Returns the globally reachable addresses in `space`. The most specific row that contains an address decides.
fn reachable(space: &str, registry: &str) -> AddressSet {
    let space = AddressSet::from_iter([space.parse::<IpNetwork>().unwrap()]);
    let mut rows = rows(registry);
    rows.sort_by_key(|(network, _)| network.prefix());
    let mut reachable = space.clone();
    for (network, global) in rows {
        if global { reachable.insert(network) } else { reachable.remove(network) }
    }
    reachable.intersection(&space)
}

fn everything() -> AddressSet {
    ["0.0.0.0/0", "::/0"].iter().map(|network| network.parse::<IpNetwork>().unwrap()).collect()
}

/// Of IPv4, all addresses belong to the internet except multicast, reserved space and the special-purpose blocks whose
/// column "Globally Reachable" is not True; more specific rows with True belong to it. Of IPv6, `2000::/3` belongs to
/// it, with the same exceptions.
#[test]
fn the_table_agrees_with_the_iana_registries() {
    let mut expected = reachable("0.0.0.0/0", include_str!("iana/ipv4.csv"));
    expected.remove("224.0.0.0/4".parse().unwrap());
    let expected = expected.union(&reachable("2000::/3", include_str!("iana/ipv6.csv")));
    let internet = Internet::without(&AddressSet::default());
    assert_eq!(internet.reached_by(&everything()), expected);
    assert_eq!(internet.whole(), expected.sizes());
}

#[rstest]
#[case("8.8.8.8", true)]
#[case("100.63.255.255", true)]
#[case("100.64.0.0", false)]
#[case("192.0.0.8", false)]
#[case("192.0.0.9", true)]
#[case("192.88.99.1", false)]
#[case("223.255.255.255", true)]
#[case("224.0.0.0", false)]
#[case("255.255.255.255", false)]
#[case("2001:db8::1", false)]
#[case("2001:4860:4860::8888", true)]
#[case("2001:20::1", true)]
#[case("2002:808:808::1", false)]
#[case("3fff::1", false)]
#[case("5f00::1", false)]
#[case("64:ff9b::808:808", false)]
#[case("fd00::1", false)]
#[case("::ffff:8.8.8.8", false)]
fn an_address_belongs_to_the_internet_or_not(#[case] address: IpNetwork, #[case] internet: bool) {
    let sizes = Internet::without(&AddressSet::default()).reach_of(address);
    assert_eq!(!sizes.is_empty(), internet);
}

/// Measuring a network gives the same result as intersecting sets.
#[rstest]
#[case("0.0.0.0/0")]
#[case("15.0.0.0/0")]
#[case("192.0.0.0/8")]
#[case("0.0.0.0/1")]
#[case("10.0.0.0/8")]
#[case("::/0")]
#[case("2000::/3")]
#[case("2001::/16")]
#[case("2001:db8::/32")]
fn both_ways_of_measuring_agree(#[case] network: IpNetwork) {
    let authorized = ["8.8.0.0/16", "2001:4860::/32"].iter().map(|network| network.parse::<IpNetwork>().unwrap());
    let internet = Internet::without(&authorized.collect());
    assert_eq!(internet.reach_of(network), internet.reached_by(&AddressSet::from_iter([network])).sizes());
}
