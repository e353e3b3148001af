//! Network ACLs, ports and addresses, written as text.

use exposure::{AclAction, AclEntry, AddressSet, NetworkAcl, PortSet, Source, Traffic};
use ipnetwork::IpNetwork;

/// Reads an entry such as `90 deny tcp 22 from 0.0.0.0/0`.
pub(crate) fn entry(text: &str) -> AclEntry {
    let (rule, source) = text.split_once(" from ").unwrap();
    let mut words = rule.split(' ');
    let number = words.next().unwrap().parse().unwrap();
    let action = AclAction::parse(words.next().unwrap());
    let traffic = match words.collect::<Vec<_>>()[..] {
        ["all", "traffic"] => Traffic::All,
        ["protocol", number] => Traffic::parse(number, None, None),
        [protocol] => Traffic::parse(protocol, None, None),
        [protocol, ports] => {
            let (from, to) = ports.split_once('-').unwrap_or((ports, ports));
            Traffic::parse(protocol, from.parse().ok(), to.parse().ok())
        }
        _ => panic!("{text}"),
    };
    AclEntry { number, action, traffic, source: Source::from_cidr(source) }
}

pub(crate) fn acl<'a>(entries: impl IntoIterator<Item = &'a str>) -> NetworkAcl {
    NetworkAcl { id: "acl-0a".into(), ingress: entries.into_iter().map(entry).collect() }
}

pub(crate) fn ports(text: &str) -> PortSet {
    text.parse().unwrap()
}

pub(crate) fn networks<'a>(cidrs: impl IntoIterator<Item = &'a str>) -> AddressSet {
    cidrs.into_iter().map(|cidr| cidr.parse::<IpNetwork>().unwrap()).collect()
}

pub(crate) fn texts(entries: &[AclEntry]) -> Vec<String> {
    entries.iter().map(ToString::to_string).collect()
}

pub(crate) const DEFAULT_ACL: [&str; 4] = [
    "100 allow all traffic from 0.0.0.0/0",
    "101 allow all traffic from ::/0",
    "32767 deny all traffic from 0.0.0.0/0",
    "32768 deny all traffic from ::/0",
];
