//! Random ACLs, ports and addresses.

use exposure::{
    AclAction, AclEntry, AddressSet, NetworkAcl, PortRange, PortSet, Source, Traffic, Transport, private_addresses,
};
use ipnetwork::IpNetwork;
use proptest::prelude::*;

use crate::notation::{DEFAULT_ACL, entry};

/// Ports close to each other and at both ends, so that ranges overlap and touch.
pub(crate) fn port() -> impl Strategy<Value = u16> {
    prop_oneof![6 => 18u16..28, 1 => Just(0), 1 => Just(65535), 1 => any::<u16>()]
}

pub(crate) fn traffic() -> impl Strategy<Value = Traffic> {
    prop_oneof![
        6 => Just(Traffic::All),
        6 => (prop_oneof![Just("6"), Just("17")], port(), port()).prop_map(|(protocol, a, b)| {
            Traffic::parse(protocol, Some(a.min(b).into()), Some(a.max(b).into()))
        }),
        2 => Just(Traffic::parse("6", Some(0), Some(65535))),
        1 => Just(Traffic::parse("17", Some(0), Some(65535))),
        1 => (prop_oneof![Just("1"), Just("58")], prop_oneof![Just(-1), Just(8)])
            .prop_map(|(protocol, kind)| Traffic::parse(protocol, Some(kind), Some(-1))),
        1 => prop_oneof![Just("47"), Just("50")].prop_map(|protocol| Traffic::parse(protocol, None, None)),
    ]
}

pub(crate) fn cidr() -> impl Strategy<Value = IpNetwork> {
    let known = prop::sample::select(vec![
        "0.0.0.0/0",
        "::/0",
        "0.0.0.0/1",
        "128.0.0.0/1",
        "10.0.0.0/8",
        "10.5.0.0/16",
        "11.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "203.0.113.0/24",
        "203.0.113.7/32",
        "255.255.255.255/32",
        "2000::/3",
        "fc00::/7",
        "fd00::/8",
        "2001:db8::/32",
        "2001:db8::1/128",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
    ]);
    let any_v4 = (any::<u32>(), 0u8..=32)
        .prop_map(|(address, prefix)| IpNetwork::new(std::net::Ipv4Addr::from(address).into(), prefix).unwrap());
    let any_v6 = (any::<u128>(), 0u8..=128)
        .prop_map(|(address, prefix)| IpNetwork::new(std::net::Ipv6Addr::from(address).into(), prefix).unwrap());
    let world = prop_oneof![Just("0.0.0.0/0"), Just("::/0")];
    prop_oneof![
        3 => world.prop_map(|text| text.parse().unwrap()),
        6 => known.prop_map(|text| text.parse().unwrap()),
        1 => any_v4,
        1 => any_v6,
    ]
}

/// Rule numbers: sparse, dense, and at both ends.
pub(crate) fn number() -> impl Strategy<Value = u16> {
    prop_oneof![3 => 1u16..=32766, 4 => 1u16..=24, 2 => 90u16..=110, 1 => 32750u16..=32766, 1 => Just(1)]
}

pub(crate) fn entries(number: impl Strategy<Value = u16>, most: usize) -> impl Strategy<Value = Vec<AclEntry>> {
    let body = (prop_oneof![3 => Just(AclAction::Allow), 2 => Just(AclAction::Deny)], traffic(), cidr());
    prop::collection::btree_map(number, body, 0..most).prop_map(|entries| {
        let entry = |(number, (action, traffic, network)): (u16, (_, _, IpNetwork))| AclEntry {
            number,
            action,
            traffic,
            source: Source::from_cidr(&network.to_string()),
        };
        entries.into_iter().map(entry).collect()
    })
}

prop_compose! {
    /// The entries are in random order, and the final denies are sometimes among them.
    pub(crate) fn network_acl(numbers: fn() -> BoxedStrategy<u16>)(
        ingress in entries(numbers(), 14).prop_shuffle(),
        finals in any::<bool>(),
    ) -> NetworkAcl {
        let mut acl = NetworkAcl { id: "acl-0a".into(), ingress };
        if finals {
            acl.ingress.extend(DEFAULT_ACL[2..].iter().map(|text| entry(text)));
        }
        acl
    }
}

pub(crate) fn any_acl() -> impl Strategy<Value = NetworkAcl> {
    network_acl(|| number().boxed())
}

prop_compose! {
    pub(crate) fn port_set()(ranges in prop::collection::vec((any::<bool>(), port(), port()), 1..5)) -> PortSet {
        let mut set = PortSet::default();
        for (tcp, a, b) in ranges {
            let transport = if tcp { Transport::Tcp } else { Transport::Udp };
            set.insert(transport, PortRange::new(a.min(b), a.max(b)).unwrap());
        }
        set
    }
}

pub(crate) fn keep() -> impl Strategy<Value = AddressSet> {
    (any::<bool>(), prop::collection::vec(cidr(), 0..3)).prop_map(|(private, more)| {
        let more = more.into_iter().filter(|network| network.prefix() > 0).collect();
        if private { private_addresses().union(&more) } else { more }
    })
}
