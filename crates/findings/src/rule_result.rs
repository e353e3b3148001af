//! The result for a single rule.

use exposure::{Exempted, Exposure, IngressRule, Reach, Unjudged};
use serde::{Serialize, Serializer};

use crate::Location;

/// A rule that exposes blocked ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundExposure {
    /// `sgr-…`, if the input has it.
    pub rule_id: Option<String>,
    /// `IpProtocol` in EC2's spelling; `-1` means all protocols.
    pub protocol: String,
    /// First port of the rule; `None` if the protocol has no ports.
    pub from_port: Option<i64>,
    /// Last port of the rule, inclusive.
    pub to_port: Option<i64>,
    /// CIDR or prefix list.
    pub source: String,
    /// Blocked ports that the rule opens, such as `tcp/22` or `udp/8000-8100`.
    pub ports: Vec<String>,
    /// How much of the internet the source covers: `world` or `partial`.
    #[serde(serialize_with = "serialize_reach")]
    pub reach: Reach,
    /// Description of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Position of the resource that makes the rule, if it is a resource of its own in a template or a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// An exposure that an exemption covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExemptedExposure {
    /// The exposure.
    #[serde(flatten)]
    pub exposure: FoundExposure,
    /// Reason given in the exemption.
    pub reason: String,
    /// Expiry, in the spelling of the exemptions document; `None` if the exemption never expires.
    pub expires: Option<String>,
    /// Owner of the exemption.
    pub owner: Option<String>,
}

/// A rule that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnjudgedRule {
    /// `sgr-…`, if the input has it.
    pub rule_id: Option<String>,
    /// Source, as in the input.
    pub source: String,
    /// Why the rule could not be judged.
    pub reason: String,
    /// Position of the resource that makes the rule, if it is a resource of its own in a template or a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl FoundExposure {
    /// Traffic that the rule admits: `tcp 20-25`, `all traffic`.
    #[must_use]
    pub fn traffic(&self) -> String {
        match (self.protocol.as_str(), self.from_port, self.to_port) {
            ("-1", ..) => "all traffic".to_owned(),
            (protocol, Some(from), Some(to)) if from == to => format!("{protocol} {from}"),
            (protocol, Some(from), Some(to)) => format!("{protocol} {from}-{to}"),
            (protocol, ..) => protocol.to_owned(),
        }
    }
}

/// The name of a reach in JSON, such as `world`.
#[must_use]
pub fn reach_name(reach: Reach) -> &'static str {
    match reach {
        Reach::World => "world",
        Reach::Partial => "partial",
        Reach::None => "none",
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde prescribes the signature")]
fn serialize_reach<S: Serializer>(reach: &Reach, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reach_name(*reach))
}

impl From<&Exposure<'_>> for FoundExposure {
    fn from(exposure: &Exposure<'_>) -> Self {
        let rule: &IngressRule = exposure.rule;
        Self {
            rule_id: rule.id.clone(),
            protocol: rule.traffic.protocol().into_owned(),
            from_port: rule.traffic.from_port(),
            to_port: rule.traffic.to_port(),
            source: rule.source.to_string(),
            ports: exposure.ports.ranges().map(|(transport, range)| format!("{transport}/{range}")).collect(),
            reach: exposure.reach,
            description: rule.description.clone(),
            location: None,
        }
    }
}

impl From<&Exempted<'_>> for ExemptedExposure {
    fn from(exempted: &Exempted<'_>) -> Self {
        let exemption = &exempted.exemption;
        Self {
            exposure: (&exempted.exposure).into(),
            reason: exemption.reason.clone(),
            expires: exemption.expires.as_ref().map(ToString::to_string),
            owner: exemption.owner.clone(),
        }
    }
}

impl From<&Unjudged<'_>> for UnjudgedRule {
    fn from(unjudged: &Unjudged<'_>) -> Self {
        Self {
            rule_id: unjudged.rule.id.clone(),
            source: unjudged.rule.source.to_string(),
            reason: unjudged.cause.to_string(),
            location: None,
        }
    }
}
