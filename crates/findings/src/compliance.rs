//! The verdict on a group, in AWS Config's words and by how far the group is open.

use exposure::{Assessment, Reach, Verdict};
use serde::{Deserialize, Serialize};

/// The verdict in AWS Config's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ComplianceType {
    /// No blocked port is open, or exemptions cover every exposure.
    Compliant,
    /// At least one exposure is not exempt.
    NonCompliant,
    /// A rule could not be judged, and no other rule is exposing. Never treat it as compliant.
    InsufficientData,
}

impl ComplianceType {
    /// The name in JSON, such as `NON_COMPLIANT`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compliant => "COMPLIANT",
            Self::NonCompliant => "NON_COMPLIANT",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

/// How far a group is open to the internet. The key in JSON is `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Openness {
    /// Open to most of the internet.
    #[serde(rename = "open_completely")]
    World,
    /// Open to a part of the internet.
    #[serde(rename = "open_partly")]
    Partial,
    /// A rule could not be judged.
    #[serde(rename = "unknown")]
    Unknown,
    /// Not open, or open only where an exemption allows it.
    #[serde(rename = "restricted")]
    Restricted,
}

impl Openness {
    /// The name in JSON, such as `open_completely`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::World => "open_completely",
            Self::Partial => "open_partly",
            Self::Unknown => "unknown",
            Self::Restricted => "restricted",
        }
    }
}

/// The verdict of an assessment, in both words.
pub(crate) fn verdict(assessment: &Assessment<'_>) -> (ComplianceType, Openness) {
    match assessment.verdict() {
        Verdict::NonCompliant if assessment.exposures.iter().any(|exposure| exposure.reach == Reach::World) => {
            (ComplianceType::NonCompliant, Openness::World)
        }
        Verdict::NonCompliant => (ComplianceType::NonCompliant, Openness::Partial),
        Verdict::Unknown => (ComplianceType::InsufficientData, Openness::Unknown),
        Verdict::Exempt | Verdict::Compliant => (ComplianceType::Compliant, Openness::Restricted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json() {
        let json = |value: serde_json::Value| value.as_str().map(str::to_owned);
        for compliance in [ComplianceType::Compliant, ComplianceType::NonCompliant, ComplianceType::InsufficientData] {
            assert_eq!(json(serde_json::to_value(compliance).unwrap()).as_deref(), Some(compliance.as_str()));
        }
        for openness in [Openness::World, Openness::Partial, Openness::Unknown, Openness::Restricted] {
            assert_eq!(json(serde_json::to_value(openness).unwrap()).as_deref(), Some(openness.as_str()));
        }
    }
}
