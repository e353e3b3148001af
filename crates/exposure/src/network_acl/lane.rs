//! One address family of a network ACL.

use super::entry::{AclAction, AclEntry};
use super::port_slice::PortSlice;
use crate::address::{AddressSet, Family};
use crate::group::Source;
use crate::port::{PortSet, Transport};

/// An entry of a lane, with the addresses that it is for.
#[derive(Debug)]
pub(super) struct LaneEntry<'a> {
    pub(super) entry: &'a AclEntry,
    pub(super) addresses: AddressSet,
}

/// A slice to which somebody outside of `keep` is admitted.
#[derive(Debug)]
pub(super) struct Exposed {
    /// Its place among the slices.
    pub(super) slice: usize,
    /// Who, outside of `keep`, is admitted.
    pub(super) to_deny: AddressSet,
}

/// One family of an ACL: the other family's entries decide nothing here.
#[derive(Debug)]
pub(super) struct Lane<'a> {
    pub(super) family: Family,
    pub(super) everybody: AddressSet,
    pub(super) keep: AddressSet,
    pub(super) entries: Vec<LaneEntry<'a>>,
    /// TCP before UDP, ascending.
    pub(super) slices: Vec<PortSlice>,
    pub(super) exposed: Vec<Exposed>,
    /// The place of the first entry that admits somebody outside of `keep`: everything must be inserted ahead of it.
    pub(super) first_admitting: usize,
    /// The first entry that may decide about the ports and is not understood.
    pub(super) not_understood: Option<&'a AclEntry>,
}

impl<'a> Lane<'a> {
    pub(super) fn new(entries: &[&'a AclEntry], ports: &PortSet, keep: &AddressSet, family: Family) -> Self {
        let everybody = AddressSet::every(family);
        let entries: Vec<_> =
            entries.iter().copied().filter(|entry| entry.family().is_none_or(|its| its == family)).collect();
        let slices =
            Transport::ALL.into_iter().flat_map(|transport| PortSlice::cut(&entries, ports, transport)).collect();
        let with_addresses = |entry: &'a AclEntry| {
            let addresses = match &entry.source {
                Source::Cidr(network) => AddressSet::from_iter([*network]),
                _ => everybody.clone(),
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
            everybody,
        };
        lane.judge(ports);
        lane
    }

    /// Finds out who is admitted to `ports`.
    fn judge(&mut self, ports: &PortSet) {
        for (index, slice) in self.slices.iter().enumerate() {
            if !ports.contains(slice.transport, slice.range.from()) {
                continue;
            }
            let mut undecided = self.everybody.clone();
            let mut to_deny = AddressSet::default();
            for (place, LaneEntry { entry, addresses }) in self.entries.iter().enumerate() {
                if !slice.may_be_in(&entry.traffic) || undecided.is_disjoint(addresses) {
                    continue;
                }
                if !entry.is_understood() {
                    self.not_understood =
                        self.not_understood.into_iter().chain([*entry]).min_by_key(|entry| entry.number);
                } else if entry.action == AclAction::Allow {
                    let admitted = undecided.intersection(addresses).difference(&self.keep);
                    if !admitted.is_empty() {
                        self.first_admitting = self.first_admitting.min(place);
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

    /// The entry that has to be beaten, if there is one.
    pub(super) fn to_beat(&self) -> Option<&'a AclEntry> {
        self.entries.get(self.first_admitting).map(|entry| entry.entry)
    }

    /// A deny for each of these ports is needed wherever it is inserted.
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
