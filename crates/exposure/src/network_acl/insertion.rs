//! The entries that quarantine a lane, drafted for one position in the list.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use ipnetwork::IpNetwork;

use super::entry::{AclAction, AclEntry};
use super::lane::{Lane, LaneEntry};
use crate::address::AddressSet;
use crate::group::Source;
use crate::port::{PortRange, PortSet, Transport};
use crate::traffic::Traffic;

/// An entry to add, before it has a rule number.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    action: AclAction,
    traffic: Traffic,
    network: IpNetwork,
}

impl Draft {
    pub(super) fn numbered(self, number: u16) -> AclEntry {
        AclEntry { number, action: self.action, traffic: self.traffic, source: Source::Cidr(self.network) }
    }
}

/// A position in a lane: entries with a lower index are ahead of it, the others are behind it.
#[derive(Debug)]
pub(super) struct InsertionPoint<'l, 'a> {
    lane: &'l Lane<'a>,
    position: usize,
    /// The kept addresses that the entries behind admit, by slice.
    admitted: Vec<OnceCell<AddressSet>>,
    /// The kept addresses that the entries behind admit with all traffic.
    admitted_with_all_traffic: OnceCell<AddressSet>,
}

impl<'l, 'a> InsertionPoint<'l, 'a> {
    pub(super) fn new(lane: &'l Lane<'a>, position: usize) -> Self {
        let admitted = lane.slices.iter().map(|_| OnceCell::new()).collect();
        Self { lane, position, admitted, admitted_with_all_traffic: OnceCell::new() }
    }

    fn behind(&self) -> &'l [LaneEntry<'a>] {
        self.lane.entries.get(self.position..).unwrap_or_default()
    }

    /// Returns the kept addresses that the entries behind admit to a slice. Addresses that an unrecognised entry may
    /// match are left out.
    fn kept(&self, slice: usize) -> AddressSet {
        let (Some(cell), Some(slice)) = (self.admitted.get(slice), self.lane.slices.get(slice)) else {
            return AddressSet::default();
        };
        cell.get_or_init(|| {
            let matching = self.behind().iter().rev().filter(|behind| slice.may_be_in(&behind.entry.traffic));
            let admitted = matching.fold(AddressSet::default(), |admitted, LaneEntry { entry, addresses }| {
                if entry.is_understood() && entry.action == AclAction::Allow {
                    admitted.union(addresses)
                } else {
                    admitted.difference(addresses)
                }
            });
            admitted.intersection(&self.lane.keep)
        })
        .clone()
    }

    /// Returns the kept addresses that the entries behind admit with all traffic. Addresses that several allows admit
    /// only together are left out.
    fn kept_with_all_traffic(&self) -> &AddressSet {
        self.admitted_with_all_traffic.get_or_init(|| {
            let mut undecided = self.lane.keep.clone();
            let mut admitted = AddressSet::default();
            for LaneEntry { entry, addresses } in self.behind() {
                if !entry.is_understood() || entry.action == AclAction::Deny {
                    undecided = undecided.difference(addresses);
                } else if entry.traffic == Traffic::All {
                    admitted = admitted.union(&undecided.intersection(addresses));
                    undecided = undecided.difference(addresses);
                }
            }
            admitted
        })
    }

    /// Returns the addresses that no entry ahead matches for a slice.
    fn undecided(&self, slice: usize) -> AddressSet {
        let Some(slice) = self.lane.slices.get(slice) else { return AddressSet::default() };
        let ahead = self.lane.entries.iter().take(self.position).filter(|ahead| slice.may_be_in(&ahead.entry.traffic));
        ahead.fold(self.lane.all_addresses.clone(), |undecided, ahead| undecided.difference(&ahead.addresses))
    }

    /// Drafts the entries that quarantine the lane if they are inserted here: allows, then denies.
    pub(super) fn drafts(&self) -> Vec<Draft> {
        let lane = self.lane;
        let all_addresses = lane.all_addresses.networks();
        let slices: Vec<_> = lane
            .exposed
            .iter()
            .map(|exposed| {
                // A deny would block these, so they need an allow.
                let kept = self.kept(exposed.slice).intersection(&self.undecided(exposed.slice));
                // Networks to deny that contain no kept address.
                let exact: Vec<_> = touching(&lane.all_addresses.difference(&kept), &exposed.to_deny)
                    .into_iter()
                    .filter_map(|network| {
                        AddressSet::from_iter([network]).intersection(&exposed.to_deny).hull(lane.family)
                    })
                    .collect();
                let hull: Vec<_> = exposed.to_deny.hull(lane.family).into_iter().collect();
                (exposed.slice, kept, hull, exact)
            })
            .collect();
        // A reader expects one deny for the whole family, with allows for the kept addresses. Narrower denies are used
        // only if they save entries; on a tie `min_by_key` returns the first.
        [
            self.with_denies(slices.iter().map(|(slice, kept, ..)| (*slice, kept, &all_addresses))),
            self.with_denies(slices.iter().map(|(slice, kept, hull, _)| (*slice, kept, hull))),
            self.with_denies(slices.iter().map(|(slice, kept, _, exact)| (*slice, kept, exact))),
        ]
        .into_iter()
        .min_by_key(Vec::len)
        .unwrap_or_default()
    }

    /// Drafts the entries that deny each slice to the given networks: allows for the kept addresses in these networks,
    /// then the denies.
    fn with_denies<'s>(&self, slices: impl Iterator<Item = (usize, &'s AddressSet, &'s Vec<IpNetwork>)>) -> Vec<Draft> {
        let mut to_allow = Vec::new();
        let mut denied: BTreeMap<IpNetwork, PortSet> = BTreeMap::new();
        for (index, kept, networks) in slices {
            let Some(slice) = self.lane.slices.get(index) else { continue };
            to_allow.push((index, kept.intersection(&networks.iter().copied().collect())));
            for network in networks {
                denied.entry(*network).or_default().insert(slice.transport, slice.range);
            }
        }
        let mut drafts = self.allows(to_allow);
        for (network, ports) in denied {
            drafts.extend(ports.ranges().map(|(transport, range)| Draft {
                action: AclAction::Deny,
                traffic: Traffic::Ports { transport, range },
                network,
            }));
        }
        drafts
    }

    /// Drafts allows, as few as practical, that admit these addresses to these slices. They admit no traffic that the
    /// entries behind do not admit.
    fn allows(&self, mut to_allow: Vec<(usize, AddressSet)>) -> Vec<Draft> {
        to_allow.retain(|(_, addresses)| !addresses.is_empty());
        let allowable = union(to_allow.iter().map(|(slice, _)| self.kept(*slice)));
        let mut allows = Vec::new();
        // Two networks are nested or disjoint. Each allow therefore lies within one of these, and they can be handled
        // one by one.
        for region in allowable.networks() {
            let region = AddressSet::from_iter([region]);
            let within: Vec<_> = to_allow
                .iter()
                .map(|(slice, addresses)| (*slice, addresses.intersection(&region)))
                .filter(|(_, addresses)| !addresses.is_empty())
                .collect();
            let by_ports = self.allows_by_ports(&within, &region);
            let with_all_traffic = region.intersection(self.kept_with_all_traffic());
            let wanted = union(within.iter().map(|(_, addresses)| addresses.clone()));
            let rest: Vec<_> = within
                .iter()
                .map(|(slice, addresses)| (*slice, addresses.difference(&with_all_traffic)))
                .filter(|(_, addresses)| !addresses.is_empty())
                .collect();
            let mut by_all_traffic: Vec<_> = touching(&with_all_traffic, &wanted)
                .into_iter()
                .map(|network| Draft { action: AclAction::Allow, traffic: Traffic::All, network })
                .collect();
            by_all_traffic.extend(self.allows_by_ports(&rest, &region));
            allows.extend(if by_all_traffic.len() <= by_ports.len() { by_all_traffic } else { by_ports });
        }
        allows
    }

    /// Drafts the fewest allows by port range. A range may span several slices and the ports between them.
    ///
    /// This is a dynamic program: the fewest allows for the first n slices end with a range over the last k of them,
    /// preceded by the fewest allows for the first n - k.
    fn allows_by_ports(&self, to_allow: &[(usize, AddressSet)], region: &AddressSet) -> Vec<Draft> {
        let mut allows = Vec::new();
        for transport in Transport::ALL {
            let of_transport: Vec<_> = to_allow
                .iter()
                .filter_map(|(index, addresses)| {
                    let slice = self.lane.slices.get(*index).filter(|slice| slice.transport == transport)?;
                    Some((*index, slice.range, addresses))
                })
                .collect();
            // The fewest allows for no slice, for the first slice, for the first two, and so on.
            let mut fewest: Vec<Vec<Draft>> = vec![Vec::new()];
            for (done, &(last, last_range, _)) in of_transport.iter().enumerate() {
                let mut best: Option<Vec<Draft>> = None;
                let mut from_slice = last;
                let mut allowable = self.kept(last).intersection(region);
                let mut wanted = AddressSet::default();
                for (&(first, first_range, addresses), before) in of_transport.iter().zip(&fewest).take(done + 1).rev()
                {
                    for between in first..from_slice {
                        allowable = allowable.intersection(&self.kept(between));
                    }
                    from_slice = first;
                    wanted = wanted.union(addresses);
                    if !wanted.is_subset(&allowable) {
                        break;
                    }
                    let Some(range) = PortRange::new(first_range.from(), last_range.to()) else { break };
                    let mut drafts = before.clone();
                    drafts.extend(touching(&allowable, &wanted).into_iter().map(|network| Draft {
                        action: AclAction::Allow,
                        traffic: Traffic::Ports { transport, range },
                        network,
                    }));
                    if best.as_ref().is_none_or(|best| drafts.len() < best.len()) {
                        best = Some(drafts);
                    }
                }
                fewest.push(best.unwrap_or_default());
            }
            allows.extend(fewest.pop().unwrap_or_default());
        }
        allows
    }
}

/// Returns the union of the sets.
fn union(sets: impl Iterator<Item = AddressSet>) -> AddressSet {
    sets.reduce(|union, set| union.union(&set)).unwrap_or_default()
}

/// Returns the largest networks within `set` that contain an address of `wanted`. No smaller number of networks within
/// `set` can cover `wanted`.
fn touching(set: &AddressSet, wanted: &AddressSet) -> Vec<IpNetwork> {
    let mut networks = set.networks();
    networks.retain(|network| !AddressSet::from_iter([*network]).is_disjoint(wanted));
    networks
}
