//! The rules of a group that may be exposing.

use super::assessment::{Cause, Exposure, Unjudged};
use super::joint_reach::join;
use crate::address::{AddressSet, FamilySizes};
use crate::group::{IngressRule, SecurityGroup, Source};
use crate::internet::{Internet, Reach};
use crate::policy::{Policy, SourceScope};
use crate::port::PortSet;
use crate::prefix_list::{PrefixList, PrefixLists};

/// A rule that carries focus ports and reaches the internet.
pub(super) struct Candidate<'g> {
    pub(super) rule: &'g IngressRule,
    pub(super) ports: PortSet,
    pub(super) sizes: FamilySizes,
    /// The ports on which the source, together with others, reaches half of the internet.
    pub(super) joint: PortSet,
}

impl Candidate<'_> {
    pub(super) fn reached(&self, internet: &Internet, prefix_lists: &PrefixLists) -> AddressSet {
        match &self.rule.source {
            Source::Cidr(network) => internet.reached_by(&AddressSet::from_iter([*network])),
            Source::PrefixList(id) => match prefix_lists.get(id) {
                Some(PrefixList::Entries(entries)) => internet.reached_by(entries),
                _ => AddressSet::default(),
            },
            Source::Unrecognized(text) => {
                prefix_lists.possible(text).and_then(|source| source.largest(internet)).unwrap_or_default()
            }
            Source::SecurityGroup { .. } => AddressSet::default(),
        }
    }
}

pub(super) fn candidates<'g>(
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

/// Returns the number of internet addresses that a source reaches. Of a source that may stand for several, the largest
/// number counts if the verdict is the same for all of them.
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
        Source::Unrecognized(text) => {
            let possible = prefix_lists.possible(text).map(|source| source.sizes(&policy.internet)).unwrap_or_default();
            let largest = possible.iter().copied().max_by_key(|sizes| sizes.order());
            largest
                .filter(|largest| possible.iter().all(|sizes| exposes(*sizes, policy) == exposes(*largest, policy)))
                .ok_or_else(|| Cause::Source { source_text: source.to_string() })
        }
    }
}

/// Returns the reach if it is an exposure under the policy.
fn exposes(sizes: FamilySizes, policy: &Policy) -> Option<Reach> {
    match (Reach::of(sizes), policy.scope) {
        (Reach::World, _) => Some(Reach::World),
        (Reach::Partial, SourceScope::Public) => Some(Reach::Partial),
        (Reach::Partial, SourceScope::World) | (Reach::None, _) => None,
    }
}

pub(super) fn exposures<'g>(candidates: Vec<Candidate<'g>>, policy: &Policy) -> Vec<Exposure<'g>> {
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
