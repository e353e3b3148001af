//! A security group of an input, with what the input says beside the group.

use exposure::{Assessment, Exemption, IngressRule, Policy, PossibleSource, PrefixLists, SecurityGroup, Source};
use findings::{GroupResult, Location};
use jiff::Timestamp;

/// A security group of an input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The group. In a template or a plan, its id is the name of the resource.
    pub group: SecurityGroup,
    /// Region of the group, from the input or from [`Options`](crate::Options).
    pub region: Option<String>,
    /// Position of the resource, in a template or a plan.
    pub location: Option<Location>,
    /// What the input says of the sources of the rules: the entries of its prefix lists, and the addresses that sources
    /// can only be.
    pub known: PrefixLists,
    /// Where the rules come from, in the order of the rules. Empty if the input says nothing of it.
    pub origins: Vec<Origin>,
    /// Whether it is an assumption that the group has no rules.
    pub is_assumed: bool,
    /// The exemption that the template states for the group.
    pub exemption: Option<Box<Exemption>>,
}

/// Where a rule comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Position of the resource that makes the rule, if it is not the group.
    pub location: Option<Location>,
    /// Parameters of the template that the rule depends on and that have no value.
    pub parameters: Vec<String>,
    /// The exemption that the template states for the rule.
    pub exemption: Option<Box<Exemption>>,
    /// Why it is not certain that the group has the rule.
    pub doubt: Option<String>,
}

impl Record {
    /// A record of which only the group is known.
    #[must_use]
    pub fn new(group: SecurityGroup) -> Self {
        Self { group, ..Self::default() }
    }

    /// The result for the group, with the positions that the input says. `group` is that of the record, which
    /// `assessment` is about.
    #[must_use]
    pub fn result(&self, group: &SecurityGroup, assessment: &Assessment<'_>) -> GroupResult {
        let result = GroupResult::new(group, self.region.as_deref(), assessment);
        let mut result = GroupResult { location: self.location.clone(), ..result };
        let origin = |rule: &IngressRule| self.origins.get(group.ingress.element_offset(rule)?);
        let location = |rule: &IngressRule| origin(rule).and_then(|origin| origin.location.clone());
        for (found, exposure) in result.exposures.iter_mut().zip(&assessment.exposures) {
            found.location = location(exposure.rule);
        }
        for (found, exempted) in result.exempted.iter_mut().zip(&assessment.exempted) {
            found.exposure.location = location(exempted.exposure.rule);
        }
        for (found, unjudged) in result.unjudged.iter_mut().zip(&assessment.unjudged) {
            found.location = location(unjudged.rule);
            if let Some(doubt) = origin(unjudged.rule).and_then(|origin| origin.doubt.clone()) {
                found.reason = doubt;
            }
            if let Some(name) = origin(unjudged.rule).and_then(|origin| origin.parameters.first()) {
                let reason = format!("value of parameter `{name}` is unknown: pass --parameter {name}=VALUE");
                found.reason = format!("{}: {reason}", found.reason);
            }
        }
        result
    }

    /// Applies the exemptions that a template states to the assessment of `group`, the group of the record. They count in
    /// addition to those that the assessment has applied.
    pub fn exempt(&self, assessment: &mut Assessment<'_>, group: &SecurityGroup, policy: &Policy, now: Timestamp) {
        let in_force = |exemption: &Option<Box<Exemption>>| {
            exemption.as_deref().is_some_and(|exemption| exemption.is_in_force(now))
        };
        if in_force(&self.exemption) {
            assessment.exempt(policy, |_| self.exemption.as_deref());
        }
        if self.origins.iter().any(|origin| in_force(&origin.exemption)) {
            assessment.exempt(policy, |rule| {
                let origin = self.origins.get(group.ingress.element_offset(rule)?)?;
                origin.exemption.as_deref().filter(|exemption| exemption.is_in_force(now))
            });
        }
    }

    /// Keeps the rules for which `keep` returns true.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&IngressRule) -> bool) {
        let kept: Vec<bool> = self.group.ingress.iter().map(keep).collect();
        let mut rules = kept.iter();
        self.group.ingress.retain(|_| rules.next().copied().unwrap_or(true));
        let mut origins = kept.iter();
        self.origins.retain(|_| origins.next().copied().unwrap_or(true));
    }

    /// Adds a rule with its origin, and with what its source may stand for.
    pub(crate) fn push(&mut self, rule: IngressRule, possible: Option<PossibleSource>, origin: Origin) {
        if let Source::Unrecognized(text) = &rule.source {
            let unknown = || PossibleSource::OneOf(Vec::new());
            let possible = possible.unwrap_or_else(unknown);
            // One text may stand for different things in two rules. Then nothing is known of it.
            let is_certain = self.known.possible(text).is_none_or(|known| *known == possible);
            self.known.insert_possible(text.clone(), if is_certain { possible } else { unknown() });
        }
        self.group.ingress.push(rule);
        self.origins.push(origin);
    }
}
