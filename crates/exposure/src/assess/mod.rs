//! The judgement: which rules of a group expose which blocked ports to how much of the internet.

mod assessment;
mod candidate;
mod joint_reach;

pub use assessment::{Assessment, Cause, Exempted, Exposure, Unjudged, Verdict};

use std::cmp::Reverse;

use jiff::Timestamp;

use self::candidate::{candidates, exposures};
use crate::exemption::{Exemption, Exemptions};
use crate::group::{IngressRule, SecurityGroup, Source};
use crate::internet::Reach;
use crate::policy::Policy;
use crate::port::{PortRange, PortSet, Transport};
use crate::prefix_list::PrefixLists;

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
