//! What the sources of rules stand for: managed prefix lists and their entries, which the caller looks up before the
//! assessment, and the addresses that an unrecognised source may turn into.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnetwork::{IpNetwork, Ipv4Network};

use crate::address::{AddressSet, Family, FamilySizes};
use crate::internet::Internet;

/// The entries of a prefix list, or the reason why they are unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrefixList {
    /// A list that AWS owns (S3, `CloudFront` …). Its addresses count as authorised.
    ///
    /// Source: <https://docs.aws.amazon.com/vpc/latest/userguide/working-with-aws-managed-prefix-lists.html>
    AwsOwned,
    /// The entries of a customer-managed list.
    Entries(AddressSet),
    /// The list could not be read. It may contain the whole internet, so a rule with it is unjudged.
    Unreadable {
        /// Error message, usually the answer of AWS.
        reason: String,
    },
}

/// Addresses that an [unrecognised source](crate::Source::Unrecognized) may stand for. A template may leave open which
/// ones it will be, and still say enough: a rule for one address never opens a port to the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PossibleSource {
    /// One of these sets.
    OneOf(Vec<AddressSet>),
    /// A network of this prefix length, anywhere in the address space of its family.
    Network {
        /// IPv4 or IPv6.
        family: Family,
        /// Prefix length.
        prefix: u8,
    },
}

/// Longest prefix for which all networks are looked at one by one: longer ones are partial at most, since a /8 is.
const LONGEST_ENUMERATED: u8 = 7;

impl PossibleSource {
    /// Numbers of unauthorised internet addresses that the source may contain.
    pub(crate) fn sizes(&self, internet: &Internet) -> Vec<FamilySizes> {
        match self {
            Self::OneOf(sets) => sets.iter().map(|set| internet.reached_by(set).sizes()).collect(),
            Self::Network { family: Family::V4, prefix } if *prefix <= LONGEST_ENUMERATED => (0..1_u32 << prefix)
                .filter_map(|number| {
                    let first = number.checked_shl(32 - u32::from(*prefix)).unwrap_or(0);
                    Ipv4Network::new(Ipv4Addr::from(first), *prefix).ok()
                })
                .map(|network| internet.reach_of(IpNetwork::V4(network)))
                .collect(),
            Self::Network { family, prefix } => {
                let every = internet.reached_by(&AddressSet::every(*family)).sizes();
                let most = match family {
                    Family::V4 => {
                        let most = 1_u64.checked_shl(32_u32.saturating_sub((*prefix).into()));
                        FamilySizes { v4: most.unwrap_or(u64::MAX).min(every.v4), v6: 0 }
                    }
                    Family::V6 => {
                        let most = 1_u128.checked_shl(128_u32.saturating_sub((*prefix).into()));
                        FamilySizes { v4: 0, v6: most.unwrap_or(u128::MAX).min(every.v6) }
                    }
                };
                let least = if *prefix == 0 { most } else { FamilySizes::default() };
                vec![least, most]
            }
        }
    }

    /// The largest set of unauthorised internet addresses that the source may contain; `None` if its place is not known.
    pub(crate) fn largest(&self, internet: &Internet) -> Option<AddressSet> {
        match self {
            Self::OneOf(sets) => sets.iter().map(|set| internet.reached_by(set)).max_by_key(|set| set.sizes().order()),
            Self::Network { .. } => None,
        }
    }
}

/// Prefix lists by id, and what else sources are known to stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrefixLists {
    lists: BTreeMap<String, PrefixList>,
    possible: BTreeMap<String, PossibleSource>,
}

impl PrefixLists {
    /// Returns the list with this id, or `None` if it was not looked up.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&PrefixList> {
        self.lists.get(id)
    }

    /// Adds a list, and replaces an earlier one with the same id.
    pub fn insert(&mut self, id: String, list: PrefixList) {
        self.lists.insert(id, list);
    }

    /// Returns what the unrecognised source with this text may stand for, or `None` if it may stand for anything.
    #[must_use]
    pub fn possible(&self, text: &str) -> Option<&PossibleSource> {
        if cfg!(feature = "possible-sources") { self.possible.get(text) } else { None }
    }

    /// Says what the unrecognised source with this text may stand for.
    #[cfg(feature = "possible-sources")]
    pub fn insert_possible(&mut self, text: String, source: PossibleSource) {
        self.possible.insert(text, source);
    }
}

impl FromIterator<(String, PrefixList)> for PrefixLists {
    fn from_iter<I: IntoIterator<Item = (String, PrefixList)>>(lists: I) -> Self {
        Self { lists: lists.into_iter().collect(), possible: BTreeMap::new() }
    }
}
