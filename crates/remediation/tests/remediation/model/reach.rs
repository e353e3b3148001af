//! A second opinion on rules, by samples: what a group admits, and what exposes it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::LazyLock;

use exposure::{IngressRule, Source, Traffic, Transport};
use remediation::RuleRecord;

/// An address, by its index in [`ADDRESSES`], that is admitted to a TCP port.
pub(super) type Point = (usize, i64);

/// Addresses, each with whether it is private.
static ADDRESSES: LazyLock<Vec<(IpAddr, bool)>> = LazyLock::new(|| {
    let public = ["8.8.8.8", "192.0.2.7", "2600::1", "2001:db8::7"];
    let private = ["10.1.2.3", "10.9.2.3", "172.16.1.1", "192.168.1.1", "fd00::1"];
    let public = public.iter().map(|address| (address.parse().unwrap(), false));
    public.chain(private.iter().map(|address| (address.parse().unwrap(), true))).collect()
});

/// Ports at the edges of all rules and policies of the model.
pub(super) const PORTS: [i64; 17] =
    [20, 21, 22, 23, 25, 80, 443, 3380, 3388, 3389, 3390, 8079, 8080, 8081, 8443, 9000, 65_000];

pub(super) fn is_private(point: &Point) -> bool {
    ADDRESSES[point.0].1
}

/// Returns true if the traffic reaches the TCP port.
pub(super) fn carries(traffic: &Traffic, port: i64) -> bool {
    let is_tcp = !matches!(traffic, Traffic::Ports { transport: Transport::Udp, .. });
    is_tcp && carries_any(traffic, port)
}

/// Returns true if the traffic reaches the port by TCP or UDP.
fn carries_any(traffic: &Traffic, port: i64) -> bool {
    match traffic {
        Traffic::All => true,
        Traffic::Ports { range, .. } => (i64::from(range.from())..=i64::from(range.to())).contains(&port),
        _ => false,
    }
}

/// All points that the rules admit.
pub(super) fn reach<'r>(rules: impl IntoIterator<Item = &'r IngressRule>) -> BTreeSet<Point> {
    let mut reach = BTreeSet::new();
    for rule in rules {
        let Source::Cidr(network) = &rule.source else { continue };
        let ports: Vec<_> = PORTS.into_iter().filter(|port| carries(&rule.traffic, *port)).collect();
        for (index, _) in ADDRESSES.iter().enumerate().filter(|(_, (address, _))| network.contains(*address)) {
            reach.extend(ports.iter().map(|port| (index, *port)));
        }
    }
    reach
}

/// Traffic and source, which make a rule.
pub(super) fn content(rule: &IngressRule) -> String {
    format!("{} {}", rule.traffic, rule.source)
}

pub(super) fn contents<'r>(rules: impl IntoIterator<Item = &'r IngressRule>) -> BTreeSet<String> {
    rules.into_iter().map(content).collect()
}

pub(super) fn is_world(source: &Source) -> bool {
    ["0.0.0.0/0", "::/0"].contains(&&*source.to_string())
}

/// Returns true if the rule opens one of `blocked` to the world, by TCP or UDP.
pub(super) fn exposes(rule: &IngressRule, blocked: &[i64]) -> bool {
    is_world(&rule.source) && blocked.iter().any(|port| carries_any(&rule.traffic, *port))
}

/// The rule of a record.
pub(super) fn recorded(record: &RuleRecord) -> IngressRule {
    IngressRule::new(
        Traffic::parse(&record.protocol, record.from_port, record.to_port),
        Source::from(record.source.as_str()),
    )
}
