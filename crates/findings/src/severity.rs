//! How urgent an exposure is.

use exposure::Reach;
use serde::{Deserialize, Serialize};

use crate::{ComplianceType, Context, GroupResult, Openness};

/// Urgency of a non-compliant group. Without its network interfaces it is [`High`](Self::High) if the group is open to the
/// world, else [`Medium`](Self::Medium).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Open to the world, on an interface with a public address.
    Critical,
    /// Open to the world on an interface without a public address, or partly open on one with a public address.
    High,
    /// Partly open, on an interface without a public address.
    Medium,
    /// Attached to no interface.
    Low,
}

impl Severity {
    /// The name in JSON, such as `critical`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    fn new(openness: Openness, context: &Context) -> Self {
        Self::of_attached(openness, context.in_use(), context.is_public())
    }

    /// Severity of a non-compliant group by its interfaces: whether there are any, and whether one has a public address.
    pub(crate) fn of_attached(openness: Openness, in_use: bool, is_public: bool) -> Self {
        match (in_use, openness == Openness::World, is_public) {
            (false, ..) => Self::Low,
            (true, true, true) => Self::Critical,
            (true, true, false) | (true, false, true) => Self::High,
            (true, false, false) => Self::Medium,
        }
    }

    /// Severity of an exposure of a group whose interfaces are not known.
    fn of_reach(reach: Reach) -> Self {
        match reach {
            Reach::World => Self::High,
            Reach::Partial | Reach::None => Self::Medium,
        }
    }

    /// Severity of a group whose interfaces are not known; `None` if it is not non-compliant.
    pub(crate) fn without_context(openness: Openness) -> Option<Self> {
        match openness {
            Openness::World => Some(Self::of_reach(Reach::World)),
            Openness::Partial => Some(Self::of_reach(Reach::Partial)),
            Openness::Unknown | Openness::Restricted => None,
        }
    }
}

impl GroupResult {
    /// Adds the network interfaces of the group, and the severity that follows from them if it is non-compliant.
    #[must_use]
    pub fn with_context(self, context: Context) -> Self {
        let is_open = self.compliance == ComplianceType::NonCompliant;
        let severity = is_open.then(|| Severity::new(self.openness, &context));
        Self { severity, context: Some(context), ..self }
    }

    /// Severity of an exposure of this group. If the interfaces are not known, it follows from the reach alone.
    #[must_use]
    pub fn severity_of(&self, reach: Reach) -> Severity {
        let known = self.severity.filter(|_| self.context.is_some());
        known.unwrap_or_else(|| Severity::of_reach(reach))
    }

    /// Severity of the worst exposure of this group.
    #[must_use]
    pub fn worst_severity(&self) -> Severity {
        let world = self.exposures.iter().any(|exposure| exposure.reach == Reach::World);
        self.severity_of(if world { Reach::World } else { Reach::Partial })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::AttachedTo;

    #[rstest]
    #[case::unused(Openness::World, &[], Severity::Low)]
    #[case::public(Openness::World, &["198.51.100.7"], Severity::Critical)]
    #[case::private(Openness::World, &[""], Severity::High)]
    #[case::partial_public(Openness::Partial, &["", "198.51.100.7"], Severity::High)]
    #[case::partial_private(Openness::Partial, &[""], Severity::Medium)]
    fn severity_follows_from_reach_and_address(
        #[case] openness: Openness,
        #[case] interfaces: &[&str],
        #[case] expected: Severity,
    ) {
        let attached = |address: &&str| AttachedTo {
            network_interface_id: "eni-1".into(),
            resource: None,
            public_addresses: [*address].into_iter().filter(|address| !address.is_empty()).map(str::to_owned).collect(),
        };
        let context = Context { attached_to: interfaces.iter().map(attached).collect() };
        assert_eq!(Severity::new(openness, &context), expected);
        assert_eq!(serde_json::to_value(expected).unwrap(), expected.as_str());
    }

    #[rstest]
    #[case(Openness::World, Some(Severity::High))]
    #[case(Openness::Partial, Some(Severity::Medium))]
    #[case(Openness::Unknown, None)]
    #[case(Openness::Restricted, None)]
    fn severity_without_interfaces_follows_from_reach(#[case] openness: Openness, #[case] expected: Option<Severity>) {
        assert_eq!(Severity::without_context(openness), expected);
    }
}
