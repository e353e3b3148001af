//! The assessment of a security group.

use crate::exemption::Exemption;
use crate::group::IngressRule;
use crate::internet::Reach;
use crate::port::PortSet;

/// A rule that opens focus ports to more of the internet than the policy accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure<'g> {
    /// The rule.
    pub rule: &'g IngressRule,
    /// Focus ports that are exposed.
    pub ports: PortSet,
    /// Reach of the rule on these ports, alone or together with other rules of the group.
    pub reach: Reach,
}

/// An exposure that an exemption covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exempted<'g> {
    /// The exposure.
    pub exposure: Exposure<'g>,
    /// The exemption that covers it.
    pub exemption: Exemption,
}

/// A rule whose exposure is unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unjudged<'g> {
    /// The rule.
    pub rule: &'g IngressRule,
    /// Reason.
    pub cause: Cause,
}

/// Reason why the exposure of a rule is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// EC2 is not known to return this protocol with these ports.
    #[error("{traffic} is not understood")]
    Traffic {
        /// Text form of the protocol and ports.
        traffic: String,
    },
    /// The source is neither a CIDR nor a prefix list nor a security group.
    #[error("source {source_text} is not understood")]
    Source {
        /// Text form of the source.
        source_text: String,
    },
    /// The prefix list could not be read.
    #[error("prefix list {id} could not be read: {reason}")]
    PrefixList {
        /// Id of the prefix list, `pl-…`.
        id: String,
        /// Error message, usually the answer of AWS.
        reason: String,
    },
}

/// The verdict on a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// At least one exposure is not covered by an exemption.
    NonCompliant,
    /// Every known exposure is covered by an exemption, but the exposure of a rule is unknown. Must not be reported as
    /// compliant.
    Unknown,
    /// There are exposures or rules of unknown exposure, and exemptions cover all of them.
    Exempt,
    /// There is no exposure.
    Compliant,
}

/// The result of [`assess`](crate::assess()) for one group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Assessment<'g> {
    /// Exposures that no exemption covers, most severe first.
    pub exposures: Vec<Exposure<'g>>,
    /// Exposures that an exemption covers, most severe first.
    pub exempted: Vec<Exempted<'g>>,
    /// Rules of unknown exposure that no exemption covers, in the order of the group's rules.
    pub unjudged: Vec<Unjudged<'g>>,
    /// Rules of unknown exposure for which an exemption covers every port that they may expose.
    pub exempted_unjudged: Vec<(Unjudged<'g>, Exemption)>,
    /// Key of the tag that would exempt the group if it began with a plain date.
    pub malformed_tag: Option<String>,
}

impl Assessment<'_> {
    /// Returns the verdict on the group.
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
