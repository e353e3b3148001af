//! From exposures to the changes that close them.

use std::collections::BTreeSet;

use ipnetwork::IpNetwork;

use crate::address::{AddressSet, Family};
use crate::assess::Assessment;
use crate::group::{IngressRule, SecurityGroup, Source};
use crate::internet::{v4, v6};
use crate::port::{PortRange, PortSet, Transport};
use crate::prefix_list::{PrefixList, PrefixLists};
use crate::traffic::{IcmpVersion, Traffic};

/// What happens to an exposing rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Exactly that rule (one source) goes; every other rule stays.
    #[default]
    Revoke,
    /// The same source keeps the rest: the ports that are not exposed and, of a rule for all traffic, TCP, UDP and ICMP.
    Carve,
    /// Other sources get the same ports.
    Replace(Replacement),
}

/// Who takes the place of the internet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement(Vec<IpNetwork>);

impl Default for Replacement {
    /// The private address space: RFC 1918, and the unique local addresses of IPv6 (RFC 4193).
    fn default() -> Self {
        Self(vec![
            IpNetwork::V4(v4([10, 0, 0, 0], 8)),
            IpNetwork::V4(v4([172, 16, 0, 0], 12)),
            IpNetwork::V4(v4([192, 168, 0, 0], 16)),
            IpNetwork::V6(v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7)),
        ])
    }
}

impl FromIterator<IpNetwork> for Replacement {
    fn from_iter<I: IntoIterator<Item = IpNetwork>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

/// The changes that close every exposure of a group.
///
/// What comes is to be authorised before anything is revoked, so that nobody legitimate is shut out in between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The rules that go, in the order of the exposures, each once.
    pub revoke: Vec<IngressRule>,
    /// The rules that come, in the order of those whose place they take. None of them is in the group yet.
    pub authorize: Vec<IngressRule>,
    /// Rules for all traffic of which only TCP, UDP and ICMP is kept: no other protocol (GRE, ESP, SCTP …) passes any more.
    pub narrowed: Vec<IngressRule>,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.revoke.is_empty() && self.authorize.is_empty()
    }

    /// The group as it will be once the plan is carried out.
    #[must_use]
    pub fn apply(&self, group: &SecurityGroup) -> SecurityGroup {
        let mut after = group.clone();
        after.ingress.retain(|rule| !self.revoke.contains(rule));
        after.ingress.extend(self.authorize.iter().cloned());
        after
    }
}

/// The changes that close every exposure of `assessment`, which is one of `group`. Exempted and unjudged rules are left
/// alone.
///
/// The sources of a [`Replacement`] are taken as they are: whether they are themselves an exposure is for another
/// [`assess`](crate::assess()) of [`Plan::apply`] to say.
#[must_use]
pub fn plan(
    group: &SecurityGroup,
    assessment: &Assessment<'_>,
    strategy: &Strategy,
    prefix_lists: &PrefixLists,
) -> Plan {
    let mut plan = Plan::default();
    for exposure in &assessment.exposures {
        // A rule may be exposing twice: for the world on one port, and partly on another.
        if !plan.revoke.contains(exposure.rule) {
            plan.revoke.push(exposure.rule.clone());
        }
    }
    for rule in &plan.revoke {
        let heirs = match strategy {
            Strategy::Revoke => Vec::new(),
            Strategy::Carve => {
                if rule.traffic == Traffic::All {
                    plan.narrowed.push(rule.clone());
                }
                carve(rule, &exposed_ports(assessment, rule), prefix_lists)
            }
            Strategy::Replace(Replacement(networks)) => replace(rule, networks, prefix_lists),
        };
        for heir in heirs {
            let is_there = |known: &IngressRule| known.admits_the_same_as(&heir);
            let stays = group.ingress.iter().any(|known| is_there(known) && !plan.revoke.contains(known));
            if !stays && !plan.authorize.iter().any(is_there) {
                plan.authorize.push(heir);
            }
        }
    }
    plan
}

fn exposed_ports(assessment: &Assessment<'_>, rule: &IngressRule) -> PortSet {
    let mut ports = PortSet::default();
    for exposure in assessment.exposures.iter().filter(|exposure| exposure.rule == rule) {
        ports.extend(&exposure.ports);
    }
    ports
}

/// The rule less the exposed ports: one rule per range of ports that is left.
fn carve(rule: &IngressRule, exposed: &PortSet, prefix_lists: &PrefixLists) -> Vec<IngressRule> {
    let (transports, range): (&[Transport], _) = match &rule.traffic {
        Traffic::All => (&Transport::ALL, PortRange::ALL),
        Traffic::Ports { transport, range } => (std::slice::from_ref(transport), *range),
        // Without TCP or UDP ports there is no exposure.
        Traffic::Icmp { .. } | Traffic::Other(_) | Traffic::Unrecognized { .. } => return Vec::new(),
    };
    let mut whole = PortSet::default();
    for &transport in transports {
        whole.insert(transport, range);
    }
    let rest = whole.difference(exposed);
    let mut kept: Vec<Traffic> = rest.ranges().map(|(transport, range)| Traffic::Ports { transport, range }).collect();
    if rule.traffic == Traffic::All {
        kept.extend(families(&rule.source, prefix_lists).into_iter().map(|family| {
            let version = match family {
                Family::V4 => IcmpVersion::V4,
                Family::V6 => IcmpVersion::V6,
            };
            Traffic::Icmp { version, kind: -1, code: -1 }
        }));
    }
    kept.into_iter().map(|traffic| IngressRule { id: None, traffic, ..rule.clone() }).collect()
}

/// The same traffic for the replacements of the rule's address family.
fn replace(rule: &IngressRule, networks: &[IpNetwork], prefix_lists: &PrefixLists) -> Vec<IngressRule> {
    let families = families(&rule.source, prefix_lists);
    networks
        .iter()
        .filter(|network| families.contains(&Family::of(network)))
        .map(|network| IngressRule { id: None, source: Source::Cidr(*network), ..rule.clone() })
        .collect()
}

/// The address families of a source. A rule has one; a prefix list says which by its entries.
fn families(source: &Source, prefix_lists: &PrefixLists) -> BTreeSet<Family> {
    let of_set = |set: &AddressSet| Family::ALL.into_iter().filter(|family| !set.of(*family).is_empty()).collect();
    match source {
        Source::Cidr(network) => BTreeSet::from([Family::of(network)]),
        Source::PrefixList(id) => match prefix_lists.get(id) {
            Some(PrefixList::Entries(entries)) => of_set(entries),
            _ => BTreeSet::new(),
        },
        Source::SecurityGroup { .. } | Source::Unrecognized(_) => BTreeSet::new(),
    }
}
