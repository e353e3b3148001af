//! A network ACL and its ingress entries.

use std::borrow::Cow;
use std::fmt;

use crate::address::Family;
use crate::group::Source;
use crate::port::Transport;
use crate::traffic::{IcmpVersion, Traffic};

/// What an entry does with what it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AclAction {
    /// Lets it in.
    Allow,
    /// Keeps it out.
    Deny,
    /// Neither of the words that EC2 is known to use: it cannot be judged, so it is never taken for harmless.
    Unrecognized(String),
}

impl AclAction {
    /// Reads `RuleAction`. Never fails: what is not understood becomes [`AclAction::Unrecognized`].
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclEntry {
    /// The rule number: the lowest that matches decides. Unique over both families.
    pub number: u16,
    /// What happens to what it matches.
    pub action: AclAction,
    /// Protocol and ports.
    pub traffic: Traffic,
    /// From where, as [`Source::from_cidr`] reads it: anything but a CIDR is not understood.
    pub source: Source,
}

impl AclEntry {
    /// `Protocol` as network ACLs spell it: always a number, `-1` for all.
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

    /// The family that the entry is for, if its source is understood.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        match &self.source {
            Source::Cidr(network) => Some(Family::of(network)),
            _ => None,
        }
    }

    /// Whether protocol, ports, action and source are all understood.
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

/// A network ACL and its ingress entries, in any order, with the final denies or without them. Egress is never looked at,
/// so it is not here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkAcl {
    /// `acl-…`.
    pub id: String,
    /// Its ingress entries.
    pub ingress: Vec<AclEntry>,
}
