//! Plans that close the exposures of a group.
//!
//! ```
//! use exposure::{Exemptions, IngressRule, Policy, PrefixLists, SecurityGroup, Strategy, Traffic, assess, plan};
//!
//! let group = SecurityGroup {
//!     id: "sg-0123456789abcdef0".into(),
//!     ingress: vec![IngressRule::new(Traffic::parse("tcp", Some(20), Some(25)), "0.0.0.0/0".into())],
//!     ..SecurityGroup::default()
//! };
//! let (policy, lists) = (Policy::new("tcp/22".parse()?), PrefixLists::default());
//! let assessment = assess(&group, &policy, &Exemptions::default(), &lists, "2026-11-21T00:00:00Z".parse()?);
//!
//! let plan = plan(&group, &assessment, &Strategy::Carve, &lists);
//! assert_eq!(plan.revoke, group.ingress);
//! let kept: Vec<_> = plan.authorize.iter().map(|rule| rule.traffic.to_string()).collect();
//! assert_eq!(kept, ["tcp/20-21", "tcp/23-25"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeSet;

use ipnetwork::IpNetwork;

use crate::address::{AddressSet, Family};
use crate::assess::Assessment;
use crate::group::{IngressRule, SecurityGroup, Source};
use crate::internet::{v4, v6};
use crate::port::{PortRange, PortSet, Transport};
use crate::prefix_list::{PrefixList, PrefixLists};
use crate::traffic::{IcmpVersion, Traffic};

/// How a plan closes an exposing rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Revokes the rule, that is one source with all its ports.
    #[default]
    Revoke,
    /// Replaces the rule with rules for the same source and the ports that are not exposed. Of a rule for all traffic,
    /// TCP, UDP and ICMP remain.
    Carve,
    /// Replaces the rule with rules for the same ports and other sources.
    Replace(Replacement),
}

/// Sources that take the place of an exposing source. A source replaces only sources of its own address family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement(Vec<IpNetwork>);

impl Default for Replacement {
    /// Returns the private address space: RFC 1918 and, for IPv6, the unique local addresses of RFC 4193.
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

/// Changes that close every exposure of a group.
///
/// Apply `authorize` before `revoke`: a source that keeps part of its access then never loses it in between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Rules to revoke, in the order of the exposures, without duplicates.
    pub revoke: Vec<IngressRule>,
    /// Rules to authorise, in the order of the rules that they replace. None of them is in the group yet.
    pub authorize: Vec<IngressRule>,
    /// Revoked rules for all traffic of which only TCP, UDP and ICMP remain: other protocols (GRE, ESP, SCTP …) are no
    /// longer admitted.
    pub narrowed: Vec<IngressRule>,
}

impl Plan {
    /// Returns true if there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.revoke.is_empty() && self.authorize.is_empty()
    }

    /// Returns the group as it will be after the plan is applied.
    #[must_use]
    pub fn apply(&self, group: &SecurityGroup) -> SecurityGroup {
        let mut after = group.clone();
        after.ingress.retain(|rule| !self.revoke.contains(rule));
        after.ingress.extend(self.authorize.iter().cloned());
        after
    }
}

/// Plans the changes that close every exposure in `assessment`, which must be an assessment of `group`. Exempted and
/// unjudged rules stay as they are.
///
/// The sources of a [`Replacement`] are not checked. To find out whether they are exposures themselves, pass the group
/// that [`Plan::apply`] returns to [`assess`](crate::assess()).
#[must_use]
pub fn plan(
    group: &SecurityGroup,
    assessment: &Assessment<'_>,
    strategy: &Strategy,
    prefix_lists: &PrefixLists,
) -> Plan {
    let mut plan = Plan::default();
    for exposure in &assessment.exposures {
        // A rule has two exposures if its reach is world on one port and partial on another.
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

/// Returns the rule without the exposed ports: one rule for each remaining range of ports.
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

/// Returns the rule with each replacement of its address family as the source.
fn replace(rule: &IngressRule, networks: &[IpNetwork], prefix_lists: &PrefixLists) -> Vec<IngressRule> {
    let families = families(&rule.source, prefix_lists);
    networks
        .iter()
        .filter(|network| families.contains(&Family::of(network)))
        .map(|network| IngressRule { id: None, source: Source::Cidr(*network), ..rule.clone() })
        .collect()
}

/// Returns the address families of a source. Only a prefix list can have both.
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
