//! Rules of a security group in an event.

use exposure::{Exempted, Exemption, Exposure, Reach, Unjudged};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::fit::{clipped, clipped_option};
use crate::{FoundExposure, reach_name};

/// Most bytes of a text by others that EC2 or the exemptions document does not hold shorter.
const TEXT: usize = 1_000;
const NAME: usize = 250;

/// A rule that exposes blocked ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventExposure {
    /// `sgr-…`; `None` if the input did not have it, as configuration items do not.
    pub security_group_rule_id: Option<String>,
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
    /// How much of the internet the source covers.
    #[serde(serialize_with = "write_reach", deserialize_with = "read_reach")]
    pub reach: Reach,
    /// Description of the rule.
    pub description: Option<String>,
}

/// An exposure that an exemption covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventExempted {
    /// The exposure.
    #[serde(flatten)]
    pub exposure: EventExposure,
    /// The exemption.
    pub exemption: EventExemption,
}

/// An exemption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventExemption {
    /// Reason.
    pub reason: String,
    /// Expiry, in the spelling of the exemptions document; `None` if the exemption never expires.
    pub expires: Option<String>,
    /// Owner.
    pub owner: Option<String>,
}

/// A rule that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventUnjudged {
    /// `sgr-…`; `None` if the input did not have it.
    pub security_group_rule_id: Option<String>,
    /// Source of the rule.
    pub source: String,
    /// Why the rule could not be judged.
    pub reason: String,
}

impl From<&Exposure<'_>> for EventExposure {
    fn from(exposure: &Exposure<'_>) -> Self {
        let found = FoundExposure::from(exposure);
        Self {
            security_group_rule_id: clipped_option(found.rule_id.as_deref(), NAME),
            protocol: clipped(&found.protocol, NAME),
            from_port: found.from_port,
            to_port: found.to_port,
            source: clipped(&found.source, NAME),
            ports: found.ports,
            reach: found.reach,
            description: clipped_option(found.description.as_deref(), TEXT),
        }
    }
}

impl From<&EventExposure> for FoundExposure {
    fn from(exposure: &EventExposure) -> Self {
        let EventExposure { security_group_rule_id, protocol, from_port, to_port, source, ports, reach, description } =
            exposure.clone();
        Self {
            rule_id: security_group_rule_id,
            protocol,
            from_port,
            to_port,
            source,
            ports,
            reach,
            description,
            location: None,
        }
    }
}

impl From<&Exempted<'_>> for EventExempted {
    fn from(exempted: &Exempted<'_>) -> Self {
        Self { exposure: (&exempted.exposure).into(), exemption: (&exempted.exemption).into() }
    }
}

impl From<&Exemption> for EventExemption {
    fn from(exemption: &Exemption) -> Self {
        Self {
            reason: clipped(&exemption.reason, TEXT),
            expires: exemption.expires.as_ref().map(|expires| clipped(&expires.to_string(), NAME)),
            owner: clipped_option(exemption.owner.as_deref(), NAME),
        }
    }
}

impl From<&Unjudged<'_>> for EventUnjudged {
    fn from(unjudged: &Unjudged<'_>) -> Self {
        Self {
            security_group_rule_id: clipped_option(unjudged.rule.id.as_deref(), NAME),
            source: clipped(&unjudged.rule.source.to_string(), NAME),
            reason: clipped(&unjudged.cause.to_string(), TEXT),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde requires")]
fn write_reach<S: Serializer>(reach: &Reach, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reach_name(*reach))
}

fn read_reach<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Reach, D::Error> {
    let name = String::deserialize(deserializer)?;
    let all = [Reach::World, Reach::Partial, Reach::None];
    let found = all.into_iter().find(|reach| reach_name(*reach) == name);
    found.ok_or_else(|| de::Error::unknown_variant(&name, &["world", "partial", "none"]))
}
