//! Sets of IPv4 and IPv6 addresses. `0.0.0.0/0`, `15.0.0.0/0` and `0.0.0.0/1 + 128.0.0.0/1` are the same set.

use ipnetwork::IpNetwork;
use range_set_blaze::RangeSetBlaze;
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
    /// Whether the set has no address.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Adds the addresses of a network; host bits are ignored.
    pub fn insert(&mut self, network: IpNetwork) {
        match network {
            IpNetwork::V4(network) => self.v4.ranges_insert(network.network()..=network.broadcast()),
            IpNetwork::V6(network) => self.v6.ranges_insert(network.network()..=network.broadcast()),
        };
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
        let mut set = Self::default();
        for network in networks {
            set.insert(network);
        }
        set
    }
}
