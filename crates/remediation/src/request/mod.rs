//! Requests as types. [`payload`] reads them from JSON.

mod compare;
mod error;
mod json;
mod list;
mod payload;
mod reevaluate;
mod sweep;

use exposure::{PortSet, Replacement, Strategy, is_security_group_id};
use ipnetwork::IpNetwork;
use plain_text::clip;
use serde::Deserialize;

use self::payload::{a_day, boolean, execution_id, hours, latest, network_acl_ids, networks, ports};

pub use self::compare::Compare;
pub use self::error::RequestError;
pub use self::json::Payload;
pub use self::reevaluate::Reevaluate;
pub use self::sweep::SweepRequest;

/// A request to the remediation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Close every exposure of a group.
    Close(Close),
    /// Restore the rules that a closing revoked.
    Restore(Restore),
    /// Deny the internet ports by the network ACLs of a group's subnets.
    Quarantine(NetworkAclRequest),
    /// Remove what a quarantine added to network ACLs.
    Release(NetworkAclRequest),
}

/// The fields that every action has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSubject<'r> {
    /// `close`, `restore`, `quarantine` or `release`.
    pub action: &'static str,
    /// The group.
    pub security_group_id: &'r str,
    /// The AWS Config rule.
    pub config_rule_name: &'r str,
    /// Report the planned changes, and change nothing.
    pub dry_run: bool,
    /// The SSM Automation execution.
    pub execution_id: Option<&'r str>,
}

/// `action: close`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a parameter of the document")]
pub struct Close {
    /// The group to close.
    pub security_group_id: String,
    /// The AWS Config rule with the policy.
    pub config_rule_name: String,
    /// How exposing rules are closed.
    #[serde(default)]
    pub strategy: StrategyName,
    /// Sources that replace an exposing one, with strategy `Replace`; empty for the private address space. The SSM
    /// document sends its default with the other strategies as well.
    #[serde(default, deserialize_with = "networks")]
    pub replacement_cidrs: Vec<IpNetwork>,
    /// Report the planned changes, and change nothing.
    #[serde(default, deserialize_with = "boolean")]
    pub dry_run: bool,
    /// Close the group although a restore put it on hold.
    #[serde(default, deserialize_with = "boolean")]
    pub ignore_hold: bool,
    /// Close the group although as many groups were closed in this hour as may be.
    #[serde(default, deserialize_with = "boolean")]
    pub ignore_pace: bool,
    /// Close only what has been open for the days of grace.
    #[serde(default, deserialize_with = "boolean")]
    pub only_due: bool,
    /// The SSM Automation execution.
    #[serde(default, deserialize_with = "execution_id")]
    pub execution_id: Option<String>,
}

/// `action: restore`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Restore {
    /// The group to restore.
    pub security_group_id: String,
    /// The AWS Config rule whose remediation must not close the group during the hold.
    pub config_rule_name: String,
    /// `latest`, or a snapshot: its `s3://` URI, its key or its file name.
    #[serde(default = "latest")]
    pub snapshot: String,
    /// Hours for which the group is on hold afterwards; 0 for no hold.
    #[serde(default = "a_day", deserialize_with = "hours")]
    pub exception_hours: u32,
    /// Report the planned changes, and change nothing.
    #[serde(default, deserialize_with = "boolean")]
    pub dry_run: bool,
    /// The SSM Automation execution.
    #[serde(default, deserialize_with = "execution_id")]
    pub execution_id: Option<String>,
}

/// `action: quarantine` and `action: release`. The SSM document sends every field with both.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkAclRequest {
    /// The group whose subnets are quarantined or released.
    pub security_group_id: String,
    /// The AWS Config rule with the policy and the authorised addresses.
    pub config_rule_name: String,
    /// The ports to quarantine; `None` for those that the group exposes.
    #[serde(default, deserialize_with = "ports")]
    pub ports: Option<PortSet>,
    /// The network ACLs; empty for those of the subnets in which the group is in use.
    #[serde(default, deserialize_with = "network_acl_ids")]
    pub network_acl_ids: Vec<String>,
    /// The quarantine to release: `latest` for every one that is still in place, or a snapshot.
    #[serde(default = "latest")]
    pub snapshot: String,
    /// Report the planned changes, and change nothing.
    #[serde(default, deserialize_with = "boolean")]
    pub dry_run: bool,
    /// The SSM Automation execution.
    #[serde(default, deserialize_with = "execution_id")]
    pub execution_id: Option<String>,
}

/// The name of a [`Strategy`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
pub enum StrategyName {
    /// [`Strategy::Revoke`].
    #[default]
    Revoke,
    /// [`Strategy::Carve`].
    Carve,
    /// [`Strategy::Replace`].
    Replace,
}

/// Value of `snapshot` for the latest one.
pub(crate) const LATEST: &str = "latest";

/// Longest name of an AWS Config rule, in characters.
///
/// Source: <https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigRule.html>
const LONGEST_RULE_NAME: usize = 128;

/// Hours of a year, the longest hold.
const MOST_EXCEPTION_HOURS: u32 = 8760;

impl Request {
    /// Checks constraints that the types of the fields do not express.
    ///
    /// # Errors
    ///
    /// If the id of the group, the name of the rule or the hours of the exception are invalid.
    pub fn check(&self) -> Result<(), RequestError> {
        let subject = self.subject();
        if !is_security_group_id(subject.security_group_id) {
            return Err(RequestError::GroupId { id: subject.security_group_id.to_owned() });
        }
        if subject.config_rule_name.trim().is_empty() {
            return Err(RequestError::RuleName);
        }
        if subject.config_rule_name.chars().count() > LONGEST_RULE_NAME {
            return Err(RequestError::LongRuleName { start: clip(subject.config_rule_name, 40).into_owned() });
        }
        match self {
            Self::Restore(restore) if restore.exception_hours > MOST_EXCEPTION_HOURS => {
                Err(RequestError::ExceptionHours(restore.exception_hours))
            }
            _ => Ok(()),
        }
    }

    /// The fields that every action has.
    #[must_use]
    pub fn subject(&self) -> RequestSubject<'_> {
        macro_rules! subject {
            ($action:literal, $request:expr) => {
                RequestSubject {
                    action: $action,
                    security_group_id: &$request.security_group_id,
                    config_rule_name: &$request.config_rule_name,
                    dry_run: $request.dry_run,
                    execution_id: $request.execution_id.as_deref(),
                }
            };
        }
        match self {
            Self::Close(close) => subject!("close", close),
            Self::Restore(restore) => subject!("restore", restore),
            Self::Quarantine(quarantine) => subject!("quarantine", quarantine),
            Self::Release(release) => subject!("release", release),
        }
    }
}

/// Most members of `replacementCidrs`, as in the template.
const MOST_REPLACEMENT_CIDRS: usize = 25;

/// Reads a CIDR of `replacementCidrs`, as narrowly as the template does: no /0, which is the internet, no leading zeros,
/// no IPv4 in IPv6. Host bits are dropped, as EC2 drops them: `10.0.0.1/8` is 10.0.0.0/8.
///
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html>
#[must_use]
pub fn replacement_cidr(text: &str) -> Option<IpNetwork> {
    let (address, prefix) = text.trim().split_once('/')?;
    if prefix.starts_with(['0', '+']) || (address.contains(':') && address.contains('.')) {
        return None;
    }
    let network = IpNetwork::new(address.parse().ok()?, prefix.parse().ok()?).ok()?;
    IpNetwork::new(network.network(), network.prefix()).ok()
}

impl Close {
    pub(crate) fn strategy(&self) -> Strategy {
        match self.strategy {
            StrategyName::Revoke => Strategy::Revoke,
            StrategyName::Carve => Strategy::Carve,
            StrategyName::Replace if self.replacement_cidrs.is_empty() => Strategy::Replace(Replacement::default()),
            StrategyName::Replace => Strategy::Replace(self.replacement_cidrs.iter().copied().collect()),
        }
    }
}
