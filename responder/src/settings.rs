//! What the function is to do, from its environment.

use std::str::FromStr;

/// What an event of a trigger leads to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Nothing.
    #[default]
    Off,
    /// A group that is open is announced.
    Report,
    /// It is announced, and closed.
    Close,
}

/// How a finding of Amazon Inspector is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum InspectorResponse {
    /// The security group is closed.
    #[default]
    SecurityGroup,
    /// The ports of the finding are denied by network ACLs, until the finding and the port are closed.
    NetworkAcl,
    /// The group is announced.
    None,
}

/// A variable has a value that this version does not know.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of {1}")]
pub struct UnknownValue(String, &'static str);

impl FromStr for Mode {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        match text {
            "Off" => Ok(Self::Off),
            "Report" => Ok(Self::Report),
            "Close" => Ok(Self::Close),
            _ => Err(UnknownValue(text.to_owned(), "Off, Report and Close")),
        }
    }
}

impl FromStr for InspectorResponse {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        match text {
            "SecurityGroup" => Ok(Self::SecurityGroup),
            "NetworkAcl" => Ok(Self::NetworkAcl),
            "None" => Ok(Self::None),
            _ => Err(UnknownValue(text.to_owned(), "SecurityGroup, NetworkAcl and None")),
        }
    }
}

/// Modes of the triggers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Modes {
    /// Calls that CloudTrail records.
    pub cloudtrail: Mode,
    /// Findings of Amazon Inspector.
    pub inspector: Mode,
    /// Findings of Security Hub.
    pub security_hub: Mode,
    /// Messages of an SNS topic.
    pub sns: Mode,
}

/// What the function is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Account of the function, and of the groups that it looks after.
    pub account: String,
    /// Region.
    pub region: String,
    /// Name of the AWS Config rule whose policy counts.
    pub rule: String,
    /// Modes of the triggers.
    pub modes: Modes,
    /// How a finding of Amazon Inspector is answered.
    pub inspector_response: InspectorResponse,
}
