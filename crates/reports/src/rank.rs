//! Urgency of groups: the order of the table and of the page.

use exposure::Reach;
use findings::{Breadth, ComplianceType, FoundExposure, GroupResult, Severity};
use serde::{Deserialize, Serialize};

/// Urgency of a group or an exposure. The most urgent comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Level {
    Critical,
    High,
    Medium,
    /// A rule could not be judged.
    Unknown,
    Low,
    Exempt,
    Compliant,
}

impl Level {
    /// Level of the group: that of its worst exposure.
    pub(super) fn of(result: &GroupResult) -> Self {
        match result.compliance {
            ComplianceType::NonCompliant => result.worst_severity().into(),
            ComplianceType::InsufficientData => Self::Unknown,
            ComplianceType::Compliant if !result.exempted.is_empty() => Self::Exempt,
            ComplianceType::Compliant => Self::Compliant,
        }
    }

    /// Level of an exposure of the group.
    pub(super) fn of_exposure(result: &GroupResult, exposure: &FoundExposure) -> Self {
        result.severity_of(exposure.reach).into()
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Unknown => "unknown",
            Self::Low => "low",
            Self::Exempt => "exempt",
            Self::Compliant => "compliant",
        }
    }
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Critical => Self::Critical,
            Severity::High => Self::High,
            Severity::Medium => Self::Medium,
            Severity::Low => Self::Low,
        }
    }
}

/// Order of the groups: by severity, then by the breadth of the widest rule.
pub(super) type Rank = (Level, Option<Breadth>);

pub(super) fn rank(result: &GroupResult) -> Rank {
    (Level::of(result), result.breadth())
}

/// The part of the internet that an exposure is open to, in a word or two.
pub(super) fn open_to(reach: Reach) -> &'static str {
    match reach {
        Reach::World => "world",
        Reach::Partial | Reach::None => "partly",
    }
}
