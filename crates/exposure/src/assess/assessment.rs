//! The result of a judgement.

use crate::exemption::Exemption;
use crate::group::IngressRule;
use crate::internet::Reach;
use crate::port::PortSet;

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
