//! The internet as a set of addresses, and how much of it a source reaches.
//!
//! An address belongs to the internet if the IANA special-purpose address registries do not exclude it from global
//! reachability, and if it is neither multicast nor reserved.
//!
//! ```
//! use exposure::{AddressSet, Internet, Reach};
//!
//! let internet = Internet::without(&AddressSet::default());
//! let reach = |cidr: &str| Reach::of(internet.reach_of(cidr.parse().unwrap()));
//! assert_eq!(reach("0.0.0.0/1"), Reach::World);
//! assert_eq!(reach("8.8.8.8/32"), Reach::Partial);
//! assert_eq!(reach("10.0.0.0/8"), Reach::None);
//! // Half of this /7 is private, and the other half is a /8.
//! assert_eq!(reach("10.0.0.0/7"), Reach::Partial);
//! ```

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};
use range_set_blaze::RangeSetBlaze;

use crate::address::{AddressSet, FamilySizes};

/// Date on which the tables of special-purpose addresses were copied from the IANA registries.
///
/// Source: <https://www.iana.org/assignments/iana-ipv4-special-registry/> and
/// <https://www.iana.org/assignments/iana-ipv6-special-registry/>
pub const INTERNET_TABLE_DATE: &str = "2026-07-18";

const GLOBAL: bool = true;
const NOT_GLOBAL: bool = false;

/// The rows of the IPv4 registry with their column "Globally Reachable", of which only True counts as reachable, and
/// multicast, which has a registry of its own. A row overrides the larger block around it, so shorter prefixes come
/// first.
const IPV4_BLOCKS: [(Ipv4Network, bool); 27] = [
    (v4([224, 0, 0, 0], 4), NOT_GLOBAL), // multicast, RFC 5771
    (v4([240, 0, 0, 0], 4), NOT_GLOBAL),
    (v4([0, 0, 0, 0], 8), NOT_GLOBAL),
    (v4([10, 0, 0, 0], 8), NOT_GLOBAL),
    (v4([127, 0, 0, 0], 8), NOT_GLOBAL),
    (v4([100, 64, 0, 0], 10), NOT_GLOBAL),
    (v4([172, 16, 0, 0], 12), NOT_GLOBAL),
    (v4([198, 18, 0, 0], 15), NOT_GLOBAL),
    (v4([169, 254, 0, 0], 16), NOT_GLOBAL),
    (v4([192, 168, 0, 0], 16), NOT_GLOBAL),
    (v4([192, 0, 0, 0], 24), NOT_GLOBAL),
    (v4([192, 0, 2, 0], 24), NOT_GLOBAL),
    (v4([192, 31, 196, 0], 24), GLOBAL),
    (v4([192, 52, 193, 0], 24), GLOBAL),
    (v4([192, 88, 99, 0], 24), NOT_GLOBAL),
    (v4([192, 175, 48, 0], 24), GLOBAL),
    (v4([198, 51, 100, 0], 24), NOT_GLOBAL),
    (v4([203, 0, 113, 0], 24), NOT_GLOBAL),
    (v4([192, 0, 0, 0], 29), NOT_GLOBAL),
    (v4([0, 0, 0, 0], 32), NOT_GLOBAL),
    (v4([192, 0, 0, 8], 32), NOT_GLOBAL),
    (v4([192, 0, 0, 9], 32), GLOBAL),
    (v4([192, 0, 0, 10], 32), GLOBAL),
    (v4([192, 0, 0, 170], 32), NOT_GLOBAL),
    (v4([192, 0, 0, 171], 32), NOT_GLOBAL),
    (v4([192, 88, 99, 2], 32), NOT_GLOBAL),
    (v4([255, 255, 255, 255], 32), NOT_GLOBAL),
];

/// The rows of the IPv6 registry inside `2000::/3`, the only block that IANA has assigned to global unicast addresses.
///
/// Source: <https://www.iana.org/assignments/ipv6-address-space/>
const IPV6_BLOCKS: [(Ipv6Network, bool); 15] = [
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), NOT_GLOBAL), // 6to4: "N/A"
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), NOT_GLOBAL),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), NOT_GLOBAL),
    (v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28), NOT_GLOBAL),
    (v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28), GLOBAL),
    (v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28), GLOBAL),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), NOT_GLOBAL), // Teredo: "N/A"
    (v6([0x2001, 3, 0, 0, 0, 0, 0, 0], 32), GLOBAL),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), NOT_GLOBAL),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), NOT_GLOBAL),
    (v6([0x2001, 4, 0x112, 0, 0, 0, 0, 0], 48), GLOBAL),
    (v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), GLOBAL),
    (v6([0x2001, 1, 0, 0, 0, 0, 0, 1], 128), GLOBAL),
    (v6([0x2001, 1, 0, 0, 0, 0, 0, 2], 128), GLOBAL),
    (v6([0x2001, 1, 0, 0, 0, 0, 0, 3], 128), GLOBAL),
];

const IPV6_GLOBAL_UNICAST: Ipv6Network = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

#[expect(clippy::panic, reason = "runs at compile time only: a bad row does not compile")]
pub(crate) const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Network {
    match Ipv4Network::new_checked(Ipv4Addr::new(a, b, c, d), prefix) {
        Some(network) => network,
        None => panic!("prefix above 32"),
    }
}

#[expect(
    clippy::panic,
    clippy::many_single_char_names,
    reason = "runs at compile time only: a bad row does not compile"
)]
pub(crate) const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> Ipv6Network {
    match Ipv6Network::new_checked(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix) {
        Some(network) => network,
        None => panic!("prefix above 128"),
    }
}

/// Largest reach of IPv4 that is still partial: a /8.
const WORLD_ABOVE_V4: u64 = 1 << 24;
/// Largest reach of IPv6 that is still partial: a /16.
const WORLD_ABOVE_V6: u128 = 1 << 112;

/// How much of the internet a source reaches. Authorised addresses do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// No internet address: private, special-purpose or authorised addresses only.
    None,
    /// At least one internet address, and at most 2^24 of IPv4 (a /8) and 2^112 of IPv6 (a /16).
    Partial,
    /// More than 2^24 internet addresses of IPv4 or more than 2^112 of IPv6.
    World,
}

impl Reach {
    /// Returns the reach of a source that contains this many internet addresses.
    #[must_use]
    pub fn of(sizes: FamilySizes) -> Self {
        if sizes.v4 > WORLD_ABOVE_V4 || sizes.v6 > WORLD_ABOVE_V6 {
            Self::World
        } else if sizes.is_empty() {
            Self::None
        } else {
            Self::Partial
        }
    }
}

/// The addresses of the internet without those that the operator has authorised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Internet {
    whole: FamilySizes,
    unauthorized: AddressSet,
    // The ranges of `unauthorized` as sorted lists, to measure a network without building a set.
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Internet {
    /// Returns the internet without the addresses in `authorized`.
    #[must_use]
    pub fn without(authorized: &AddressSet) -> Self {
        let internet = &*REACHABLE;
        let unauthorized = internet.difference(authorized);
        Self {
            whole: internet.sizes(),
            v4: unauthorized.v4.ranges().map(|range| ((*range.start()).into(), (*range.end()).into())).collect(),
            v6: unauthorized.v6.ranges().map(|range| ((*range.start()).into(), (*range.end()).into())).collect(),
            unauthorized,
        }
    }

    /// Returns the size of the internet, including authorised addresses.
    #[must_use]
    pub fn whole(&self) -> FamilySizes {
        self.whole
    }

    /// Returns the internet addresses in `set` that are not authorised.
    #[must_use]
    pub fn reached_by(&self, set: &AddressSet) -> AddressSet {
        self.unauthorized.intersection(set)
    }

    /// Returns the number of unauthorised internet addresses in a network; host bits are ignored.
    #[must_use]
    pub fn reach_of(&self, network: IpNetwork) -> FamilySizes {
        match network {
            IpNetwork::V4(network) => {
                let (first, last) = (u32::from(network.network()), u32::from(network.broadcast()));
                let v4 = overlapping(&self.v4, first, last)
                    .map(|(from, to)| u64::from(to.min(last) - from.max(first)) + 1)
                    .sum();
                FamilySizes { v4, v6: 0 }
            }
            IpNetwork::V6(network) => {
                let (first, last) = (u128::from(network.network()), u128::from(network.broadcast()));
                // INVARIANT: all ranges lie in 2000::/3, so the sum stays below 2^125.
                let v6 = overlapping(&self.v6, first, last).map(|(from, to)| to.min(last) - from.max(first) + 1).sum();
                FamilySizes { v4: 0, v6 }
            }
        }
    }
}

/// Returns those of the sorted, disjoint ranges that overlap `first..=last`.
fn overlapping<T: Copy + Ord>(ranges: &[(T, T)], first: T, last: T) -> impl Iterator<Item = (T, T)> {
    let start = ranges.partition_point(|&(_, to)| to < first);
    ranges.iter().skip(start).copied().take_while(move |&(from, _)| from <= last)
}

/// Built once: every policy needs the same set, and building it takes longer than the assessment of a group.
static REACHABLE: LazyLock<AddressSet> = LazyLock::new(globally_reachable);

/// Returns the addresses that the registries list as globally reachable.
fn globally_reachable() -> AddressSet {
    let mut set = AddressSet {
        v4: RangeSetBlaze::from_iter([Ipv4Addr::UNSPECIFIED..=Ipv4Addr::BROADCAST]),
        ..AddressSet::default()
    };
    set.insert(IpNetwork::V6(IPV6_GLOBAL_UNICAST));
    let ipv4 = IPV4_BLOCKS.map(|(network, global)| (IpNetwork::V4(network), global));
    let ipv6 = IPV6_BLOCKS.map(|(network, global)| (IpNetwork::V6(network), global));
    for (network, global) in ipv4.into_iter().chain(ipv6) {
        if global { set.insert(network) } else { set.remove(network) }
    }
    set
}
