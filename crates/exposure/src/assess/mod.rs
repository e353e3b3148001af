//! The assessment: which rules of a group expose which focus ports, and to how much of the internet.
//!
//! [`assess`] combines a group with the policy, the exemptions, the entries of prefix lists and the time. It is a pure
//! function, so the evaluator, the remediator and the CLI come to the same assessment of the same group.
//!
//! 1. A rule is a candidate if it carries a focus port and its source reaches the internet.
//! 2. A rule with an unknown protocol or source, or with a prefix list that could not be read, is unjudged, and never
//!    assumed to be harmless.
//! 3. Sources that are small on their own may together reach half of the internet; see `joint_reach.rs`.
//! 4. A candidate is an exposure on the ports where its reach exceeds the scope of the policy.
//! 5. Exemptions are applied in the order of the document. Each covers the ports that it names, and leaves the others.

mod assessment;
mod candidate;
mod joint_reach;

pub use assessment::{Assessment, Cause, Exempted, Exposure, Unjudged, Verdict};

use std::cmp::Reverse;
use std::mem;

use jiff::Timestamp;

use self::candidate::{candidates, exposures};
use crate::exemption::{Exemption, Exemptions, is_malformed_tag};
use crate::group::{IngressRule, SecurityGroup, Source};
use crate::internet::Reach;
use crate::policy::Policy;
use crate::port::{PortRange, PortSet, Transport};
use crate::prefix_list::PrefixLists;

/// Assesses a group at the time `now`. Only the exemptions depend on the time.
///
/// `prefix_lists` must contain the lists that [`Policy::prefix_lists_of`] returns for the group. A rule whose list is
/// missing is unjudged.
#[must_use]
pub fn assess<'g>(
    group: &'g SecurityGroup,
    policy: &Policy,
    exemptions: &Exemptions,
    prefix_lists: &PrefixLists,
    now: Timestamp,
) -> Assessment<'g> {
    let (candidates, unjudged) = candidates(group, policy, prefix_lists);
    let malformed_tag = policy.exemption_tag_key.clone().filter(|key| is_malformed_tag(group, key));
    let exposures = exposures(candidates, policy);
    let mut assessment = Assessment { exposures, unjudged, malformed_tag, ..Assessment::default() };
    for exemption in exemptions.covering(group, policy.exemption_tag_key.as_deref(), now) {
        assessment.cover(policy, |_| Some(&exemption));
    }
    assessment.sort();
    assessment
}

impl Assessment<'_> {
    /// Exempts rules by the exemption that `exemption_of` returns for each. The caller has looked at the group and at the end
    /// of the exemptions.
    pub fn exempt<'e>(&mut self, policy: &Policy, exemption_of: impl Fn(&IngressRule) -> Option<&'e Exemption>) {
        self.cover(policy, exemption_of);
        self.sort();
    }

    /// Moves what the exemptions cover to that which is exempt.
    fn cover<'e>(&mut self, policy: &Policy, exemption_of: impl Fn(&IngressRule) -> Option<&'e Exemption>) {
        for exposure in mem::take(&mut self.exposures) {
            let Some(exemption) = exemption_of(exposure.rule) else {
                self.exposures.push(exposure);
                continue;
            };
            let (covered, rest) = match &exemption.ports {
                None => (exposure.ports, PortSet::default()),
                Some(exempt) => (exposure.ports.intersection(exempt), exposure.ports.difference(exempt)),
            };
            if !covered.is_empty() {
                let exposure = Exposure { ports: covered, ..exposure };
                self.exempted.push(Exempted { exposure, exemption: exemption.clone() });
            }
            if !rest.is_empty() {
                self.exposures.push(Exposure { ports: rest, ..exposure });
            }
        }
        for unjudged in mem::take(&mut self.unjudged) {
            match exemption_of(unjudged.rule).filter(|exemption| exempts_rule(exemption, unjudged.rule, policy)) {
                Some(exemption) => self.exempted_unjudged.push((unjudged, exemption.clone())),
                None => self.unjudged.push(unjudged),
            }
        }
    }

    fn sort(&mut self) {
        self.exposures.sort_by_cached_key(severity_order);
        self.exempted.sort_by_cached_key(|exempted| severity_order(&exempted.exposure));
    }
}

/// Returns true if an exemption covers every focus port that a rule may carry.
fn exempts_rule(exemption: &Exemption, rule: &IngressRule, policy: &Policy) -> bool {
    match (&exemption.ports, rule.traffic.carries(&policy.focus_ports)) {
        (None, _) => true,
        (Some(exempt), Some(carried)) => carried.difference(exempt).is_empty(),
        (Some(_), None) => false,
    }
}

type SeverityOrder = (Reverse<Reach>, Vec<(Transport, PortRange)>, Source, Option<String>);

/// Sort key: world before partial, then ports, source and rule id. It is total, so the order of the input has no
/// influence.
fn severity_order(exposure: &Exposure<'_>) -> SeverityOrder {
    (Reverse(exposure.reach), exposure.ports.ranges().collect(), exposure.rule.source.clone(), exposure.rule.id.clone())
}
