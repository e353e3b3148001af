//! The entries of one address family, and the ports to which they admit the internet.

use super::entry::{AclAction, AclEntry};
use super::port_slice::PortSlice;
use crate::address::{AddressSet, Family};
use crate::group::Source;
use crate::port::{PortSet, Transport};

/// An entry of a lane with the addresses that it matches.
#[derive(Debug)]
pub(super) struct LaneEntry<'a> {
    pub(super) entry: &'a AclEntry,
    pub(super) addresses: AddressSet,
}

/// A slice of the ports to block to which an address outside `keep` is admitted.
#[derive(Debug)]
pub(super) struct Exposed {
    /// Index of the slice in the lane.
    pub(super) slice: usize,
    /// The admitted addresses outside `keep`.
    pub(super) to_deny: AddressSet,
}

/// The entries of one address family, in the order in which AWS evaluates them. The families are independent of each
/// other except for the rule numbers, which they share.
#[derive(Debug)]
pub(super) struct Lane<'a> {
    pub(super) family: Family,
    pub(super) all_addresses: AddressSet,
    pub(super) keep: AddressSet,
    pub(super) entries: Vec<LaneEntry<'a>>,
    /// TCP before UDP, ascending.
    pub(super) slices: Vec<PortSlice>,
    pub(super) exposed: Vec<Exposed>,
    /// Index of the first entry that admits an address outside `keep`. New entries must precede it.
    pub(super) first_admitting: usize,
    /// The first unrecognised entry that may decide about the ports.
    pub(super) not_understood: Option<&'a AclEntry>,
}

impl<'a> Lane<'a> {
    pub(super) fn new(entries: &[&'a AclEntry], ports: &PortSet, keep: &AddressSet, family: Family) -> Self {
        let all_addresses = AddressSet::every(family);
        let entries: Vec<_> =
            entries.iter().copied().filter(|entry| entry.family().is_none_or(|its| its == family)).collect();
        let slices =
            Transport::ALL.into_iter().flat_map(|transport| PortSlice::cut(&entries, ports, transport)).collect();
        let with_addresses = |entry: &'a AclEntry| {
            let addresses = match &entry.source {
                Source::Cidr(network) => AddressSet::from_iter([*network]),
                _ => all_addresses.clone(),
            };
            LaneEntry { entry, addresses }
        };
        let mut lane = Self {
            family,
            keep: keep.of(family),
            entries: entries.into_iter().map(with_addresses).collect(),
            slices,
            exposed: Vec::new(),
            first_admitting: usize::MAX,
            not_understood: None,
            all_addresses,
        };
        lane.judge(ports);
        lane
    }

    /// Finds the addresses that are admitted to `ports`.
    fn judge(&mut self, ports: &PortSet) {
        for (index, slice) in self.slices.iter().enumerate() {
            if !ports.contains(slice.transport, slice.range.from()) {
                continue;
            }
            let mut undecided = self.all_addresses.clone();
            let mut to_deny = AddressSet::default();
            for (position, LaneEntry { entry, addresses }) in self.entries.iter().enumerate() {
                if !slice.may_be_in(&entry.traffic) || undecided.is_disjoint(addresses) {
                    continue;
                }
                if !entry.is_understood() {
                    self.not_understood =
                        self.not_understood.into_iter().chain([*entry]).min_by_key(|entry| entry.number);
                } else if entry.action == AclAction::Allow {
                    let admitted = undecided.intersection(addresses).difference(&self.keep);
                    if !admitted.is_empty() {
                        self.first_admitting = self.first_admitting.min(position);
                        to_deny = to_deny.union(&admitted);
                    }
                }
                undecided = undecided.difference(addresses);
            }
            if !to_deny.is_empty() {
                self.exposed.push(Exposed { slice: index, to_deny });
            }
        }
    }

    /// Returns the first entry that admits an address outside `keep`: the entries of a quarantine must precede it.
    pub(super) fn entry_to_precede(&self) -> Option<&'a AclEntry> {
        self.entries.get(self.first_admitting).map(|entry| entry.entry)
    }

    /// Returns the number of denies that are needed at any position: one for each range of exposed ports.
    pub(super) fn fewest_denies(&self) -> usize {
        let mut ports = PortSet::default();
        for exposed in &self.exposed {
            if let Some(slice) = self.slices.get(exposed.slice) {
                ports.insert(slice.transport, slice.range);
            }
        }
        ports.ranges().count()
    }
}
