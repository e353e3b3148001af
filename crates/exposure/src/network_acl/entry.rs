//! A network ACL and its ingress entries.

use std::borrow::Cow;
use std::fmt;

use crate::address::Family;
use crate::group::Source;
use crate::port::Transport;
use crate::traffic::{IcmpVersion, Traffic};

/// The effect of an entry on the traffic that it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AclAction {
    /// Admits the traffic.
    Allow,
    /// Blocks the traffic.
    Deny,
    /// Any other word. Its effect is unknown, so the entry is never assumed to be harmless.
    Unrecognized(String),
}

impl AclAction {
    /// Reads `RuleAction`, which is `allow` or `deny`. Any other text becomes [`AclAction::Unrecognized`].
    ///
    /// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkAclEntry.html>
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "allow" => Self::Allow,
            "deny" => Self::Deny,
            _ => Self::Unrecognized(text.to_owned()),
        }
    }
}

impl fmt::Display for AclAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Deny => f.write_str("deny"),
            Self::Unrecognized(text) => write!(f, "`{text}`"),
        }
    }
}

/// An ingress entry of a network ACL. Its text form is `90 deny tcp 22 from 0.0.0.0/0`.
///
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkAclEntry.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclEntry {
    /// Rule number, unique among the ingress entries of both families. The matching entry with the lowest number
    /// decides.
    pub number: u16,
    /// Effect on the matching traffic.
    pub action: AclAction,
    /// Protocol and ports.
    pub traffic: Traffic,
    /// Source network, as read by [`Source::from_cidr`]. An ACL has no other kind of source.
    pub source: Source,
}

impl AclEntry {
    /// Returns `Protocol` as network ACLs write it: always a number, and `-1` for all protocols.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAclEntry.html>
    #[must_use]
    pub fn protocol(&self) -> Cow<'_, str> {
        match &self.traffic {
            Traffic::Ports { transport: Transport::Tcp, .. } => "6".into(),
            Traffic::Ports { transport: Transport::Udp, .. } => "17".into(),
            Traffic::Icmp { version: IcmpVersion::V4, .. } => "1".into(),
            Traffic::Icmp { version: IcmpVersion::V6, .. } => "58".into(),
            traffic => traffic.protocol(),
        }
    }

    /// Returns the address family of the source, or `None` if the source is not a CIDR.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        match &self.source {
            Source::Cidr(network) => Some(Family::of(network)),
            _ => None,
        }
    }

    /// Returns true if protocol, ports, action and source are all recognised.
    #[must_use]
    pub fn is_understood(&self) -> bool {
        !matches!(self.action, AclAction::Unrecognized(_))
            && !matches!(self.traffic, Traffic::Unrecognized { .. })
            && self.family().is_some()
    }
}

impl fmt::Display for AclEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.number, self.action)?;
        match &self.traffic {
            Traffic::Ports { transport, range } => write!(f, "{transport} {range}")?,
            traffic => traffic.fmt(f)?,
        }
        write!(f, " from {}", self.source)
    }
}

/// A network ACL with its ingress entries, in any order, with or without the final denies. Egress entries are left out,
/// because Portcullis neither evaluates nor changes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkAcl {
    /// Id, `acl-…`.
    pub id: String,
    /// Ingress entries.
    pub ingress: Vec<AclEntry>,
}
