//! Ranges of ports that no entry of an ACL divides.

use std::collections::BTreeSet;

use super::entry::AclEntry;
use crate::port::{PortRange, PortSet, Transport};
use crate::traffic::Traffic;

/// A range of ports that neither an entry nor a range to block divides: the ACL treats all its ports alike.
#[derive(Debug)]
pub(super) struct PortSlice {
    pub(super) transport: Transport,
    pub(super) range: PortRange,
}

impl PortSlice {
    /// Cuts all ports of one transport into slices, ascending.
    pub(super) fn cut(entries: &[&AclEntry], ports: &PortSet, transport: Transport) -> Vec<Self> {
        let ranges = entries.iter().filter_map(|entry| match &entry.traffic {
            Traffic::Ports { transport: its, range } if *its == transport => Some(*range),
            _ => None,
        });
        let mut starts = BTreeSet::from([0]);
        for range in ranges.chain(ports.ranges_of(transport)) {
            starts.insert(range.from());
            starts.extend(range.to().checked_add(1));
        }
        let ends = starts.iter().skip(1).map(|start| start - 1).chain([u16::MAX]);
        let range = |(&from, to)| PortRange::new(from, to).map(|range| Self { transport, range });
        starts.iter().zip(ends).filter_map(range).collect()
    }

    /// Returns true if the traffic contains the slice, or if it is not recognised and may contain it.
    pub(super) fn may_be_in(&self, traffic: &Traffic) -> bool {
        match traffic {
            Traffic::All | Traffic::Unrecognized { .. } => true,
            Traffic::Ports { transport, range } => {
                *transport == self.transport && range.from() <= self.range.from() && self.range.to() <= range.to()
            }
            Traffic::Icmp { .. } | Traffic::Other(_) => false,
        }
    }
}
