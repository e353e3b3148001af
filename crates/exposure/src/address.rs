//! Sets of IPv4 and IPv6 addresses.
//!
//! Sources are compared as sets of addresses and never as text, because one set has many spellings:
//!
//! ```
//! use exposure::AddressSet;
//!
//! let set = |cidrs: &[&str]| cidrs.iter().map(|cidr| cidr.parse().unwrap()).collect::<AddressSet>();
//! let ipv4 = set(&["0.0.0.0/0"]);
//! assert_eq!(set(&["15.0.0.0/0"]), ipv4);
//! assert_eq!(set(&["0.0.0.0/1", "128.0.0.0/1"]), ipv4);
//! assert_eq!(set(&["0.0.0.0/1", "128.0.0.0/1"]).networks(), ["0.0.0.0/0".parse()?]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};
use range_set_blaze::RangeSetBlaze;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::internet::Reach;

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

    /// Returns the family of a network.
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

/// Numbers of addresses, by family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FamilySizes {
    /// IPv4 addresses, at most 2^32.
    pub v4: u64,
    /// IPv6 addresses; the whole of IPv6 saturates at `u128::MAX`.
    pub v6: u128,
}

impl FamilySizes {
    /// Returns the number of addresses of one family.
    #[must_use]
    pub fn of(self, family: Family) -> u128 {
        match family {
            Family::V4 => self.v4.into(),
            Family::V6 => self.v6,
        }
    }

    /// Sort key by which a larger reach follows a smaller one.
    pub(crate) fn order(self) -> (Reach, u64, u128) {
        (Reach::of(self), self.v4, self.v6)
    }

    /// Returns true if both numbers are 0.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.v4 == 0 && self.v6 == 0
    }
}

impl AddressSet {
    /// Returns all addresses of one family.
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

    /// Returns the addresses of the set that belong to one family.
    #[must_use]
    pub fn of(&self, family: Family) -> Self {
        match family {
            Family::V4 => Self { v4: self.v4.clone(), ..Self::default() },
            Family::V6 => Self { v6: self.v6.clone(), ..Self::default() },
        }
    }

    /// Returns true if the set contains no address.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Adds the addresses of a network; host bits are ignored.
    pub fn insert(&mut self, network: IpNetwork) {
        // `ranges_insert` panics here: it sums up overlapping ranges first, and the sum may exceed 2^128.
        *self = self.union(&Self::from_iter([network]));
    }

    /// Removes the addresses of a network; host bits are ignored.
    pub fn remove(&mut self, network: IpNetwork) {
        *self = self.difference(&Self::from_iter([network]));
    }

    /// Returns the addresses that are in at least one of the sets.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self { v4: &self.v4 | &other.v4, v6: &self.v6 | &other.v6 }
    }

    /// Returns the addresses that are in at least one of the sets. Faster than repeated calls of
    /// [`union`](Self::union).
    pub(crate) fn union_of<'s>(sets: impl Iterator<Item = &'s Self> + Clone) -> Self {
        Self {
            v4: sets.clone().flat_map(|set| set.v4.ranges()).collect(),
            v6: sets.flat_map(|set| set.v6.ranges()).collect(),
        }
    }

    /// Returns the addresses that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { v4: &self.v4 & &other.v4, v6: &self.v6 & &other.v6 }
    }

    /// Returns the addresses of `self` that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self { v4: &self.v4 - &other.v4, v6: &self.v6 - &other.v6 }
    }

    /// Returns true if every address of `self` is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.v4.is_subset(&other.v4) && self.v6.is_subset(&other.v6)
    }

    /// Returns true if no address is in both sets.
    #[must_use]
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.v4.is_disjoint(&other.v4) && self.v6.is_disjoint(&other.v6)
    }

    /// Returns the smallest list of networks that covers exactly this set: IPv4 before IPv6, ascending.
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

    /// Returns the smallest network that contains all addresses of one family, or `None` if there are none.
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

    /// Returns the number of addresses of each family.
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

/// Returns the smallest list of aligned blocks that covers exactly `first..=last`, as pairs of first address and prefix
/// length. `width` is the length of an address in bits.
fn blocks(first: u128, last: u128, width: u8) -> impl Iterator<Item = (u128, u8)> {
    // Mask of this many host bits.
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

/// Returns the IPv4 network with this prefix length that contains an address.
fn network_v4(address: u128, prefix: u8) -> Option<IpNetwork> {
    let network = Ipv4Network::new(u32::try_from(address).ok()?.into(), prefix).ok()?;
    Ipv4Network::new(network.network(), prefix).ok().map(IpNetwork::V4)
}

/// Returns the IPv6 network with this prefix length that contains an address.
fn network_v6(address: u128, prefix: u8) -> Option<IpNetwork> {
    let network = Ipv6Network::new(address.into(), prefix).ok()?;
    Ipv6Network::new(network.network(), prefix).ok().map(IpNetwork::V6)
}
