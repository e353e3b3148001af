//! Rule parameters: the JSON object that AWS Config passes to a rule with every event.

use std::fmt;

use exposure::{AddressSet, Policy, PortError, PortSet, SourceScope};
use ipnetwork::IpNetwork;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// Parameters of a rule: its policy, and the name of its exemptions document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleParameters {
    /// Ports that must stay closed, the scope, and the exemption tag.
    pub policy: Policy,
    /// `AuthorizedCidrs`, which the policy does not count as internet.
    pub authorized: AddressSet,
    /// `ExemptionsParameter`: the SSM parameter with the exemptions document.
    pub exemptions_parameter: Option<String>,
}

/// A rule parameter is invalid. The message names the key, and the token if there is one.
#[derive(Debug, thiserror::Error)]
pub enum ParameterError {
    /// The parameters are not a JSON object.
    #[error("the rule parameters are not a JSON object such as {{\"FocusOnPorts\":\"22,3389\"}}")]
    Json(#[source] serde_json::Error),
    /// No port is named.
    #[error("rule parameter `FocusOnPorts` is missing: name the ports to keep closed, such as \"22,3389\"")]
    NoPorts,
    /// A key is unknown, perhaps misspelt.
    #[error("unknown rule parameter `{key}`: the known parameters are {}", KEYS.join(", "))]
    UnknownKey {
        /// The key as it was written.
        key: String,
    },
    /// A key occurs twice.
    #[error("rule parameter `{key}` is given twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A value has the wrong JSON type.
    #[error("rule parameter `{key}`: `{token}` is not {expected}")]
    Type {
        /// The key.
        key: String,
        /// The offending value as JSON.
        token: String,
        /// The expected form.
        expected: &'static str,
    },
    /// A value is not a list of ports.
    #[error("rule parameter `{key}`")]
    Ports {
        /// The key.
        key: String,
        /// Defect of the list, with the token.
        #[source]
        problem: PortError,
    },
    /// A value is not a CIDR.
    #[error("rule parameter `{key}`: `{token}` is not a CIDR such as 192.0.2.0/24 or 2001:db8::/32")]
    Cidr {
        /// The key.
        key: String,
        /// The token as it was written.
        token: String,
    },
    /// A scope is neither `World` nor `Public`.
    #[error("rule parameter `{key}`: `{token}` is neither `World` nor `Public`")]
    Scope {
        /// The key.
        key: String,
        /// The token as it was written.
        token: String,
    },
}

const FOCUS_ON_PORTS: &str = "FocusOnPorts";
const SOURCE_SCOPE: &str = "SourceScope";
const AUTHORIZED_CIDRS: &str = "AuthorizedCidrs";
const EXEMPTIONS_PARAMETER: &str = "ExemptionsParameter";
const EXEMPTION_TAG_KEY: &str = "ExemptionTagKey";
/// Keys of AWS's managed rule `restricted-common-ports`, accepted for migration.
///
/// Source: AWS Config developer guide, [restricted-common-ports](https://docs.aws.amazon.com/config/latest/developerguide/restricted-common-ports.html).
const BLOCKED_PORTS: [&str; 5] = ["blockedPort1", "blockedPort2", "blockedPort3", "blockedPort4", "blockedPort5"];

const KEYS: [&str; 6] = [
    FOCUS_ON_PORTS,
    SOURCE_SCOPE,
    AUTHORIZED_CIDRS,
    EXEMPTIONS_PARAMETER,
    EXEMPTION_TAG_KEY,
    "blockedPort1…blockedPort5",
];

impl RuleParameters {
    /// Returns true if these are parameters of a rule of Portcullis, by their keys: ports are named. Their values may be
    /// malformed nevertheless.
    #[must_use]
    pub fn are_ours(json: Option<&str>) -> bool {
        let Some(Ok(Entries(entries))) = json.map(serde_json::from_str) else { return false };
        entries.iter().any(|(key, _)| key == FOCUS_ON_PORTS || BLOCKED_PORTS.contains(&key.as_str()))
    }

    /// Reads `ruleParameters` of an event, or `InputParameters` of a rule.
    ///
    /// # Errors
    ///
    /// If a key or a value is invalid, or no port is named. The message names key and token.
    pub fn from_json(json: Option<&str>) -> Result<Self, ParameterError> {
        let json = json.filter(|json| !json.trim().is_empty()).ok_or(ParameterError::NoPorts)?;
        let Entries(entries) = serde_json::from_str(json).map_err(ParameterError::Json)?;
        let mut focus_ports = PortSet::default();
        let mut scope = SourceScope::default();
        let mut authorized = AddressSet::default();
        let mut exemptions_parameter = None;
        let mut exemption_tag_key = None;
        let mut seen: Vec<&str> = Vec::new();
        for (key, value) in &entries {
            if seen.contains(&key.as_str()) {
                return Err(ParameterError::DuplicateKey { key: key.clone() });
            }
            seen.push(key);
            match key.as_str() {
                FOCUS_ON_PORTS => focus_ports.extend(&ports(key, value)?),
                blocked if BLOCKED_PORTS.contains(&blocked) => focus_ports.extend(&ports(key, value)?),
                SOURCE_SCOPE => scope = source_scope(key, value)?,
                AUTHORIZED_CIDRS => authorized = cidrs(key, value)?,
                EXEMPTIONS_PARAMETER => exemptions_parameter = Some(text(key, value, "the name of an SSM parameter")?),
                EXEMPTION_TAG_KEY => exemption_tag_key = Some(text(key, value, "a tag key")?),
                _ => return Err(ParameterError::UnknownKey { key: key.clone() }),
            }
        }
        if focus_ports.is_empty() {
            return Err(ParameterError::NoPorts);
        }
        let policy = Policy { scope, exemption_tag_key, ..Policy::new(focus_ports) }.authorizing(&authorized);
        Ok(Self { policy, authorized, exemptions_parameter })
    }
}

/// Entries of a JSON object in order, including duplicate keys, of which a map would keep only the last.
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}

fn wrong_type(key: &str, value: &Value, expected: &'static str) -> ParameterError {
    ParameterError::Type { key: key.to_owned(), token: value.to_string(), expected }
}

/// Reads ports: a text, a number, or a list of them.
fn ports(key: &str, value: &Value) -> Result<PortSet, ParameterError> {
    let one = |value: &Value| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(wrong_type(key, value, "a port, a range of ports, or a list of them")),
        };
        text.parse::<PortSet>().map_err(|problem| ParameterError::Ports { key: key.to_owned(), problem })
    };
    match value {
        Value::Array(values) if values.is_empty() => {
            Err(ParameterError::Ports { key: key.to_owned(), problem: PortError::Empty })
        }
        Value::Array(values) => {
            let mut all = PortSet::default();
            for value in values {
                all.extend(&one(value)?);
            }
            Ok(all)
        }
        value => one(value),
    }
}

fn source_scope(key: &str, value: &Value) -> Result<SourceScope, ParameterError> {
    let token = text(key, value, "`World` or `Public`")?;
    if token.eq_ignore_ascii_case("world") {
        Ok(SourceScope::World)
    } else if token.eq_ignore_ascii_case("public") {
        Ok(SourceScope::Public)
    } else {
        Err(ParameterError::Scope { key: key.to_owned(), token })
    }
}

/// Reads CIDRs: a comma-separated text, or a list of texts. An empty one authorises nothing.
fn cidrs(key: &str, value: &Value) -> Result<AddressSet, ParameterError> {
    let expected = "a CIDR, a comma-separated list of CIDRs, or a list of them";
    let tokens: Vec<&str> = match value {
        Value::String(list) if list.trim().is_empty() => Vec::new(),
        Value::String(list) => list.split(',').collect(),
        Value::Array(values) => values
            .iter()
            .map(|value| value.as_str().ok_or_else(|| wrong_type(key, value, expected)))
            .collect::<Result<_, _>>()?,
        _ => return Err(wrong_type(key, value, expected)),
    };
    tokens
        .into_iter()
        .map(|token| {
            let token = token.trim();
            token
                .parse::<IpNetwork>()
                .map_err(|_| ParameterError::Cidr { key: key.to_owned(), token: token.to_owned() })
        })
        .collect()
}

fn text(key: &str, value: &Value, expected: &'static str) -> Result<String, ParameterError> {
    match value.as_str().map(str::trim) {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(wrong_type(key, value, expected)),
    }
}
