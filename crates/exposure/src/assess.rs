//! The judgement: which rules of a group expose which blocked ports to how much of the internet.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::address::{AddressSet, Family, FamilySizes};
use crate::exemption::{Exemption, Exemptions};
use crate::group::{IngressRule, SecurityGroup, Source};
use crate::internet::{Internet, Reach};
use crate::policy::{Policy, SourceScope};
use crate::port::{PortRange, PortSet, Transport};
use crate::prefix_list::{PrefixList, PrefixLists};

/// A rule that opens blocked ports to more of the internet than the policy allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure<'g> {
    /// The rule.
    pub rule: &'g IngressRule,
    /// The blocked ports that it carries.
    pub ports: PortSet,
    /// How much of the internet it reaches on those ports, alone or together with others.
    pub reach: Reach,
}

/// An exposure that an exemption covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exempted<'g> {
    /// What would be exposed.
    pub exposure: Exposure<'g>,
    /// What covers it.
    pub exemption: Exemption,
}

/// A rule that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unjudged<'g> {
    /// The rule.
    pub rule: &'g IngressRule,
    /// Why not.
    pub cause: Cause,
}

/// Why a rule could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The protocol or its ports are nothing that EC2 is known to return.
    #[error("{traffic} is not understood")]
    Traffic {
        /// Protocol and ports as they came.
        traffic: String,
    },
    /// The source is neither CIDR nor prefix list nor security group.
    #[error("source {source_text} is not understood")]
    Source {
        /// The source as it came.
        source_text: String,
    },
    /// The prefix list could not be read.
    #[error("prefix list {id} could not be read: {reason}")]
    PrefixList {
        /// `pl-…`.
        id: String,
        /// What AWS answered.
        reason: String,
    },
}

/// What is to be said of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// At least one exposure that no exemption covers.
    NonCompliant,
    /// No exposure is uncovered, but a rule could not be judged. Never to be reported as compliant.
    Unknown,
    /// Exposures, or rules that could not be judged, all of them covered by exemptions.
    Exempt,
    /// No exposure.
    Compliant,
}

/// Everything that [`assess`] found out about a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assessment<'g> {
    /// Most severe first.
    pub exposures: Vec<Exposure<'g>>,
    /// Most severe first.
    pub exempted: Vec<Exempted<'g>>,
    /// In the order of the group's rules.
    pub unjudged: Vec<Unjudged<'g>>,
    /// Rules that could not be judged, and need not be: an exemption covers whatever they may expose.
    pub exempted_unjudged: Vec<(Unjudged<'g>, Exemption)>,
}

impl Assessment<'_> {
    /// The verdict on the group.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if !self.exposures.is_empty() {
            Verdict::NonCompliant
        } else if !self.unjudged.is_empty() {
            Verdict::Unknown
        } else if !self.exempted.is_empty() || !self.exempted_unjudged.is_empty() {
            Verdict::Exempt
        } else {
            Verdict::Compliant
        }
    }
}

impl Policy {
    /// The prefix lists that have to be looked up before `group` can be judged, sorted.
    #[must_use]
    pub fn prefix_lists_of<'g>(&self, group: &'g SecurityGroup) -> BTreeSet<&'g str> {
        group
            .ingress
            .iter()
            .filter_map(|rule| match &rule.source {
                Source::PrefixList(id) => {
                    let harmless = rule.traffic.carries(&self.focus_ports).is_some_and(|ports| ports.is_empty());
                    (!harmless).then_some(id.as_str())
                }
                _ => None,
            })
            .collect()
    }
}

/// Judges a group at the time `now`. Only exemptions depend on the time.
#[must_use]
pub fn assess<'g>(
    group: &'g SecurityGroup,
    policy: &Policy,
    exemptions: &Exemptions,
    prefix_lists: &PrefixLists,
    now: Timestamp,
) -> Assessment<'g> {
    let (candidates, mut unjudged) = candidates(group, policy, prefix_lists);
    let mut exposures = exposures(candidates, policy);
    let mut exempted = Vec::new();
    let mut exempted_unjudged = Vec::new();
    for exemption in exemptions.covering(group, policy.exemption_tag_key.as_deref(), now) {
        (exposures, exempted) = cover(exposures, exempted, &exemption);
        let (covered, rest): (Vec<_>, Vec<_>) =
            unjudged.into_iter().partition(|unjudged| exempts_rule(&exemption, unjudged.rule, policy));
        exempted_unjudged.extend(covered.into_iter().map(|unjudged| (unjudged, exemption.clone())));
        unjudged = rest;
    }
    exposures.sort_by_cached_key(severity_order);
    exempted.sort_by_cached_key(|exempted: &Exempted<'_>| severity_order(&exempted.exposure));
    Assessment { exposures, exempted, unjudged, exempted_unjudged }
}

/// A rule that carries blocked ports and reaches the internet.
struct Candidate<'g> {
    rule: &'g IngressRule,
    ports: PortSet,
    sizes: FamilySizes,
    /// The ports on which it is part of a world put together from several sources.
    joint: PortSet,
}

impl Candidate<'_> {
    fn reached(&self, internet: &Internet, prefix_lists: &PrefixLists) -> AddressSet {
        match &self.rule.source {
            Source::Cidr(network) => internet.reached_by(&AddressSet::from_iter([*network])),
            Source::PrefixList(id) => match prefix_lists.get(id) {
                Some(PrefixList::Entries(entries)) => internet.reached_by(entries),
                _ => AddressSet::default(),
            },
            Source::SecurityGroup { .. } | Source::Unrecognized(_) => AddressSet::default(),
        }
    }
}

fn candidates<'g>(
    group: &'g SecurityGroup,
    policy: &Policy,
    prefix_lists: &PrefixLists,
) -> (Vec<Candidate<'g>>, Vec<Unjudged<'g>>) {
    let mut candidates = Vec::new();
    let mut unjudged = Vec::new();
    for rule in &group.ingress {
        let ports = rule.traffic.carries(&policy.focus_ports);
        if ports.as_ref().is_some_and(PortSet::is_empty) {
            continue;
        }
        let sizes = match sizes(&rule.source, policy, prefix_lists) {
            Ok(sizes) => sizes,
            Err(cause) => {
                unjudged.push(Unjudged { rule, cause });
                continue;
            }
        };
        if sizes.is_empty() {
            continue;
        }
        if let Some(ports) = ports {
            candidates.push(Candidate { rule, ports, sizes, joint: PortSet::default() });
        } else {
            let traffic = rule.traffic.to_string();
            unjudged.push(Unjudged { rule, cause: Cause::Traffic { traffic } });
        }
    }
    join(&mut candidates, policy, prefix_lists);
    (candidates, unjudged)
}

/// How many internet addresses a source reaches.
fn sizes(source: &Source, policy: &Policy, prefix_lists: &PrefixLists) -> Result<FamilySizes, Cause> {
    match source {
        Source::Cidr(network) => Ok(policy.internet.reach_of(*network)),
        Source::SecurityGroup { .. } => Ok(FamilySizes::default()),
        Source::PrefixList(id) => match prefix_lists.get(id) {
            Some(PrefixList::AwsOwned) => Ok(FamilySizes::default()),
            Some(PrefixList::Entries(entries)) => Ok(policy.internet.reached_by(entries).sizes()),
            Some(PrefixList::Unreadable { reason }) => {
                Err(Cause::PrefixList { id: id.clone(), reason: reason.clone() })
            }
            None => Err(Cause::PrefixList { id: id.clone(), reason: "it was not looked up".to_owned() }),
        },
        Source::Unrecognized(_) => Err(Cause::Source { source_text: source.to_string() }),
    }
}

/// As many rules can apply to one network interface, and so be in one group, whatever quotas are raised:
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>. What claims to have more is not of EC2. To
/// find out which of its rules belong together would take time without bounds, so all of them do.
const MOST_RULES: usize = 1000;

/// Finds the ports on which partial sources together make a world, and marks every one of them.
///
/// Sources that are the world by themselves are left aside: they go anyway, and must not take an innocent one with them.
fn join(candidates: &mut [Candidate<'_>], policy: &Policy, prefix_lists: &PrefixLists) {
    for family in Family::ALL {
        let half = policy.internet.whole().of(family).div_ceil(2);
        let mut members: Vec<&mut Candidate<'_>> = candidates
            .iter_mut()
            .filter(|candidate| Reach::of(candidate.sizes) == Reach::Partial && candidate.sizes.of(family) > 0)
            .collect();
        // Most groups end here: their partial sources are far too small, even if none overlapped another.
        if members.iter().map(|member| member.sizes.of(family)).fold(0, u128::saturating_add) < half {
            continue;
        }
        if members.len() > MOST_RULES {
            for member in members {
                member.joint = member.ports.clone();
            }
            continue;
        }
        let reached: Vec<AddressSet> =
            members.iter().map(|member| member.reached(&policy.internet, prefix_lists).of(family)).collect();
        for (transport, segment) in segments(&members) {
            let carries = |member: &Candidate<'_>| member.ports.contains(transport, segment.from());
            let parts = members.iter().zip(&reached).filter(|(member, _)| carries(member)).map(|(_, reached)| reached);
            if AddressSet::union_of(parts).sizes().of(family) >= half {
                for member in members.iter_mut().filter(|member| carries(member)) {
                    member.joint.insert(transport, segment);
                }
            }
        }
    }
}

/// Cuts the ports that the members carry into ranges within which the same members carry every port.
fn segments(members: &[&mut Candidate<'_>]) -> Vec<(Transport, PortRange)> {
    let mut segments = Vec::new();
    for transport in Transport::ALL {
        let ranges = || members.iter().flat_map(|member| member.ports.ranges_of(transport));
        let mut starts: BTreeSet<u32> = ranges().map(|range| range.from().into()).collect();
        starts.extend(ranges().map(|range| u32::from(range.to()) + 1));
        let starts: Vec<u32> = starts.into_iter().collect();
        for pair in starts.windows(2) {
            if let &[from, next] = pair
                && let (Ok(from), Ok(to)) = (u16::try_from(from), u16::try_from(next - 1))
                && let Some(range) = PortRange::new(from, to)
            {
                segments.push((transport, range));
            }
        }
    }
    segments
}

fn exposures<'g>(candidates: Vec<Candidate<'g>>, policy: &Policy) -> Vec<Exposure<'g>> {
    let mut exposures = Vec::new();
    for Candidate { rule, ports, sizes, joint } in candidates {
        let (world, partial) = match Reach::of(sizes) {
            Reach::World => (ports, PortSet::default()),
            Reach::Partial | Reach::None => {
                let partial = ports.difference(&joint);
                (joint, partial)
            }
        };
        if !world.is_empty() {
            exposures.push(Exposure { rule, ports: world, reach: Reach::World });
        }
        if policy.scope == SourceScope::Public && !partial.is_empty() {
            exposures.push(Exposure { rule, ports: partial, reach: Reach::Partial });
        }
    }
    exposures
}

/// Moves what `exemption` covers from `exposures` to `exempted`.
fn cover<'g>(
    exposures: Vec<Exposure<'g>>,
    mut exempted: Vec<Exempted<'g>>,
    exemption: &Exemption,
) -> (Vec<Exposure<'g>>, Vec<Exempted<'g>>) {
    let mut uncovered = Vec::new();
    for exposure in exposures {
        let (covered, rest) = match &exemption.ports {
            None => (exposure.ports, PortSet::default()),
            Some(exempt) => (exposure.ports.intersection(exempt), exposure.ports.difference(exempt)),
        };
        if !covered.is_empty() {
            let exposure = Exposure { ports: covered, ..exposure };
            exempted.push(Exempted { exposure, exemption: exemption.clone() });
        }
        if !rest.is_empty() {
            uncovered.push(Exposure { ports: rest, ..exposure });
        }
    }
    (uncovered, exempted)
}

/// Whether an exemption covers every blocked port that a rule could carry.
fn exempts_rule(exemption: &Exemption, rule: &IngressRule, policy: &Policy) -> bool {
    match (&exemption.ports, rule.traffic.carries(&policy.focus_ports)) {
        (None, _) => true,
        (Some(exempt), Some(carried)) => carried.difference(exempt).is_empty(),
        (Some(_), None) => false,
    }
}

type SeverityOrder = (Reverse<Reach>, Vec<(Transport, PortRange)>, Source, Option<String>);

/// World before partial; then by ports, source and rule id, so that the order never depends on the input's.
fn severity_order(exposure: &Exposure<'_>) -> SeverityOrder {
    (Reverse(exposure.reach), exposure.ports.ranges().collect(), exposure.rule.source.clone(), exposure.rule.id.clone())
}
