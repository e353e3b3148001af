//! The result for a single rule.

use exposure::{Exempted, Exposure, IngressRule, Reach, Unjudged};
use serde::{Serialize, Serializer};

use crate::Location;

/// A rule that exposes blocked ports.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub reach: Reach,
    /// Description of the rule.
    pub description: Option<String>,
    /// Position of the resource that makes the rule, if it is a resource of its own in a template or a plan.
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

/// The name of a reach in JSON, such as `world`.
#[must_use]
pub fn reach_name(reach: Reach) -> &'static str {
    match reach {
        Reach::World => "world",
        Reach::Partial => "partial",
        Reach::None => "none",
    }
}

/// An exposure in JSON, with its traffic in words: `-1` alone does not read as all traffic.
#[derive(Serialize)]
struct ExposureKeys<'e> {
    rule_id: &'e Option<String>,
    protocol: &'e str,
    from_port: Option<i64>,
    to_port: Option<i64>,
    traffic: String,
    source: &'e str,
    ports: &'e [String],
    reach: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'e Location>,
}

impl Serialize for FoundExposure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keys = ExposureKeys {
            rule_id: &self.rule_id,
            protocol: &self.protocol,
            from_port: self.from_port,
            to_port: self.to_port,
            traffic: self.traffic(),
            source: &self.source,
            ports: &self.ports,
            reach: reach_name(self.reach),
            description: self.description.as_deref(),
            location: self.location.as_ref(),
        };
        keys.serialize(serializer)
    }
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
