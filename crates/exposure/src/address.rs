//! Sets of IPv4 and IPv6 addresses. `0.0.0.0/0`, `15.0.0.0/0` and `0.0.0.0/1 + 128.0.0.0/1` are the same set.

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};
use range_set_blaze::RangeSetBlaze;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A set of addresses of both families.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressSet {
    pub(crate) v4: RangeSetBlaze<Ipv4Addr>,
    pub(crate) v6: RangeSetBlaze<Ipv6Addr>,
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both families, in output order.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family of a network.
    #[must_use]
    pub fn of(network: &IpNetwork) -> Self {
        match network {
            IpNetwork::V4(_) => Self::V4,
            IpNetwork::V6(_) => Self::V6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// How many addresses of each family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FamilySizes {
    /// IPv4 addresses, at most 2^32.
    pub v4: u64,
    /// IPv6 addresses; the whole of IPv6 saturates at `u128::MAX`.
    pub v6: u128,
}

impl FamilySizes {
    /// The number of one family.
    #[must_use]
    pub fn of(self, family: Family) -> u128 {
        match family {
            Family::V4 => self.v4.into(),
            Family::V6 => self.v6,
        }
    }

    /// Whether there is no address at all.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.v4 == 0 && self.v6 == 0
    }
}

impl AddressSet {
    /// Every address of one family.
    #[must_use]
    pub fn every(family: Family) -> Self {
        match family {
            Family::V4 => {
                Self { v4: RangeSetBlaze::from_iter([Ipv4Addr::UNSPECIFIED..=Ipv4Addr::BROADCAST]), ..Self::default() }
            }
            Family::V6 => Self {
                v6: RangeSetBlaze::from_iter([Ipv6Addr::UNSPECIFIED..=Ipv6Addr::from(u128::MAX)]),
                ..Self::default()
            },
        }
    }

    /// The addresses of one family.
    #[must_use]
    pub fn of(&self, family: Family) -> Self {
        match family {
            Family::V4 => Self { v4: self.v4.clone(), ..Self::default() },
            Family::V6 => Self { v6: self.v6.clone(), ..Self::default() },
        }
    }

    /// Whether the set has no address.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Adds the addresses of a network; host bits are ignored.
    pub fn insert(&mut self, network: IpNetwork) {
        // Not `ranges_insert`: it adds up sizes before it takes what overlaps away, and panics above 2^128.
        *self = self.union(&Self::from_iter([network]));
    }

    /// Takes the addresses of a network away; host bits are ignored.
    pub fn remove(&mut self, network: IpNetwork) {
        *self = self.difference(&Self::from_iter([network]));
    }

    /// The addresses in either set.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { v4: &self.v4 | &other.v4, v6: &self.v6 | &other.v6 }
    }

    /// The addresses in any of the sets; in one go, and so in less time than one by one.
    pub(crate) fn union_of<'s>(sets: impl Iterator<Item = &'s Self> + Clone) -> Self {
        Self {
            v4: sets.clone().flat_map(|set| set.v4.ranges()).collect(),
            v6: sets.flat_map(|set| set.v6.ranges()).collect(),
        }
    }

    /// The addresses in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { v4: &self.v4 & &other.v4, v6: &self.v6 & &other.v6 }
    }

    /// The addresses of `self` that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self { v4: &self.v4 - &other.v4, v6: &self.v6 - &other.v6 }
    }

    /// Whether every address of `self` is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.v4.is_subset(&other.v4) && self.v6.is_subset(&other.v6)
    }

    /// Whether no address is in both sets.
    #[must_use]
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.v4.is_disjoint(&other.v4) && self.v6.is_disjoint(&other.v6)
    }

    /// The set as the fewest networks that make it up: IPv4 before IPv6, ascending.
    #[must_use]
    pub fn networks(&self) -> Vec<IpNetwork> {
        let v4 = self.v4.ranges().flat_map(|range| {
            blocks(u32::from(*range.start()).into(), u32::from(*range.end()).into(), 32)
                .filter_map(|(first, prefix)| network_v4(first, prefix))
        });
        let v6 = self.v6.ranges().flat_map(|range| {
            blocks((*range.start()).into(), (*range.end()).into(), 128)
                .filter_map(|(first, prefix)| network_v6(first, prefix))
        });
        v4.chain(v6).collect()
    }

    /// The smallest network that contains all addresses of one family; `None` when there are none.
    #[must_use]
    pub fn hull(&self, family: Family) -> Option<IpNetwork> {
        match family {
            Family::V4 => {
                let (first, last) = (u32::from(self.v4.first()?), u32::from(self.v4.last()?));
                network_v4(first.into(), u8::try_from((first ^ last).leading_zeros()).ok()?)
            }
            Family::V6 => {
                let (first, last) = (u128::from(self.v6.first()?), u128::from(self.v6.last()?));
                network_v6(first, u8::try_from((first ^ last).leading_zeros()).ok()?)
            }
        }
    }

    /// How many addresses of each family the set has.
    #[must_use]
    pub fn sizes(&self) -> FamilySizes {
        FamilySizes {
            v4: self.v4.len(),
            v6: self
                .v6
                .ranges()
                .map(|range| (u128::from(*range.end()) - u128::from(*range.start())).saturating_add(1))
                .fold(0, u128::saturating_add),
        }
    }
}

impl FromIterator<IpNetwork> for AddressSet {
    fn from_iter<I: IntoIterator<Item = IpNetwork>>(networks: I) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in networks {
            match network {
                IpNetwork::V4(network) => v4.push(network.network()..=network.broadcast()),
                IpNetwork::V6(network) => v6.push(network.network()..=network.broadcast()),
            }
        }
        Self { v4: v4.into_iter().collect(), v6: v6.into_iter().collect() }
    }
}

/// The fewest aligned blocks that make up `first..=last`, as first address and prefix, out of addresses this many bits
/// wide.
fn blocks(first: u128, last: u128, width: u8) -> impl Iterator<Item = (u128, u8)> {
    // The host bits of a block with this many of them.
    let mask = |host_bits: u8| u128::MAX.checked_shr(128 - u32::from(host_bits)).unwrap_or(0);
    let mut next = Some(first);
    // INVARIANT: blocks double in size up to the largest one and halve after it, so there are at most two of each size.
    let most = 2 * usize::from(width);
    std::iter::from_fn(move || {
        let start = next?;
        let host_bits =
            (0..=width).rev().find(|&bits| start & mask(bits) == 0 && start + mask(bits) <= last).unwrap_or(0);
        let end = start + mask(host_bits);
        next = end.checked_add(1).filter(|&next| next <= last);
        Some((start, width - host_bits))
    })
    .take(most)
}

/// The IPv4 network with this prefix around an address.
fn network_v4(address: u128, prefix: u8) -> Option<IpNetwork> {
    let network = Ipv4Network::new(u32::try_from(address).ok()?.into(), prefix).ok()?;
    Ipv4Network::new(network.network(), prefix).ok().map(IpNetwork::V4)
}

/// The IPv6 network with this prefix around an address.
fn network_v6(address: u128, prefix: u8) -> Option<IpNetwork> {
    let network = Ipv6Network::new(address.into(), prefix).ok()?;
    Ipv6Network::new(network.network(), prefix).ok().map(IpNetwork::V6)
}
