//! A simulator of network ACLs that decides packet by packet.

use std::collections::BTreeSet;

use exposure::{AclAction, AddressSet, Family, NetworkAcl, PortSet, Source, Transport};
use ipnetwork::IpNetwork;
use proptest::prelude::*;

/// An entry of the simulator. For ICMP, the range is the range of types.
#[derive(Debug)]
pub(crate) struct Row {
    number: u16,
    allow: bool,
    protocol: Option<u8>,
    range: (u16, u16),
    family: Family,
    addresses: (u128, u128),
}

/// Returns the first and the last address of a network.
pub(crate) fn ends(network: IpNetwork) -> (u128, u128) {
    match network {
        IpNetwork::V4(network) => (u32::from(network.network()).into(), u32::from(network.broadcast()).into()),
        IpNetwork::V6(network) => (network.network().into(), network.broadcast().into()),
    }
}

pub(crate) fn rows(acl: &NetworkAcl) -> Vec<Row> {
    let mut rows: Vec<Row> = acl
        .ingress
        .iter()
        .map(|entry| {
            let Source::Cidr(network) = entry.source else { panic!("{entry}") };
            let port = |port: Option<i64>| port.and_then(|port| u16::try_from(port).ok());
            Row {
                number: entry.number,
                allow: entry.action == AclAction::Allow,
                protocol: (entry.protocol() != "-1").then(|| entry.protocol().parse().unwrap()),
                range: match (port(entry.traffic.from_port()), port(entry.traffic.to_port())) {
                    (Some(from), Some(to)) => (from, to),
                    (Some(kind), None) => (kind, kind),
                    _ => (0, u16::MAX),
                },
                family: if network.is_ipv4() { Family::V4 } else { Family::V6 },
                addresses: ends(network),
            }
        })
        .collect();
    rows.sort_by_key(|row| row.number);
    rows
}

/// Returns true if the ACL admits a packet.
pub(crate) fn admits(rows: &[Row], protocol: u8, port: u16, family: Family, address: u128) -> bool {
    rows.iter()
        .find(|row| {
            row.family == family
                && row.protocol.is_none_or(|its| its == protocol)
                && (row.range.0..=row.range.1).contains(&port)
                && (row.addresses.0..=row.addresses.1).contains(&address)
        })
        .is_some_and(|row| row.allow)
}

/// One packet for each kind of packets that these ACLs, ports and addresses can distinguish.
pub(crate) struct Packets {
    /// Protocol, port, and true if the port is to be blocked.
    pub(crate) traffic: Vec<(u8, u16, bool)>,
    /// Family, address, and true if the address is kept.
    pub(crate) sources: Vec<(Family, u128, bool)>,
}

impl Packets {
    pub(crate) fn of(acls: &[&[Row]], ports: &PortSet, keep: &AddressSet) -> Self {
        let keep = keep.networks().into_iter().map(|network| (Family::of(&network), ends(network))).collect::<Vec<_>>();
        let mut traffic = BTreeSet::from([1, 6, 17, 58, 47, 50, 132].map(|protocol| (protocol, 0)));
        traffic.extend([(1, 8), (58, 8)]);
        let mut sources = BTreeSet::from(Family::ALL.map(|family| (family, 0)));
        for row in acls.iter().copied().flatten() {
            for start in [Some(row.range.0), row.range.1.checked_add(1)].into_iter().flatten() {
                traffic.extend([(6, start), (17, start)]);
            }
            let last = if row.family == Family::V4 { u32::MAX.into() } else { u128::MAX };
            sources.insert((row.family, row.addresses.0));
            sources.extend((row.addresses.1 < last).then(|| (row.family, row.addresses.1 + 1)));
        }
        for (_, range) in ports.ranges() {
            for start in [Some(range.from()), range.to().checked_add(1)].into_iter().flatten() {
                traffic.extend([(6, start), (17, start)]);
            }
        }
        for (family, (first, last)) in &keep {
            sources.insert((*family, *first));
            sources.extend(
                last.checked_add(1).filter(|next| *family == Family::V6 || *next < 1 << 32).map(|next| (*family, next)),
            );
        }
        let wanted = |protocol, port| match protocol {
            6 => ports.contains(Transport::Tcp, port),
            17 => ports.contains(Transport::Udp, port),
            _ => false,
        };
        let kept = |family, address| {
            keep.iter().any(|(its, (first, last))| *its == family && (*first..=*last).contains(&address))
        };
        Self {
            traffic: traffic.into_iter().map(|(protocol, port)| (protocol, port, wanted(protocol, port))).collect(),
            sources: sources.into_iter().map(|(family, address)| (family, address, kept(family, address))).collect(),
        }
    }
}

/// The expected effect on a packet, given whether it is to be blocked, whether it was admitted before, and whether it
/// is admitted now.
pub(crate) type Expectation = fn(out: bool, was: bool, is: bool) -> bool;

/// The internet is blocked from the ports, and all other traffic is decided as before.
pub(crate) const QUARANTINED: Expectation = |out, was, is| is == (was && !out);

/// Kept addresses and all other traffic are decided as before, and no new packet is admitted.
pub(crate) const UNDISTURBED: Expectation = |out, was, is| if out { was || !is } else { was == is };

/// Checks that the effect on every packet is as expected.
pub(crate) fn check(
    expected: Expectation,
    before: &NetworkAcl,
    after: &NetworkAcl,
    ports: &PortSet,
    keep: &AddressSet,
) -> Result<(), TestCaseError> {
    let (before, after) = (rows(before), rows(after));
    let Packets { traffic, sources } = Packets::of(&[&before, &after], ports, keep);
    for (protocol, port, wanted) in traffic {
        for &(family, address, kept) in &sources {
            let was = admits(&before, protocol, port, family, address);
            let is = admits(&after, protocol, port, family, address);
            let as_expected = expected(wanted && !kept, was, is);
            prop_assert!(as_expected, "protocol {} port {} {} {:x}: {} {}", protocol, port, family, address, was, is);
        }
    }
    Ok(())
}
