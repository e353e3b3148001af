//! What a rule lets through: protocol and ports as one type, so that an ICMP type is never read as a port.

use std::borrow::Cow;
use std::fmt;

use crate::port::{PortRange, PortSet, Transport};

/// ICMP for IPv4 or for IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IcmpVersion {
    /// ICMP, IP protocol 1.
    V4,
    /// `ICMPv6`, IP protocol 58.
    V6,
}

/// More than this many characters of a protocol that is none are not kept: every rule of a permission has its own copy.
const LONGEST_PROTOCOL: usize = 40;

/// The protocol of a rule together with what its `FromPort` and `ToPort` mean under that protocol.
///
/// Source: EC2 API reference, `IpPermission`: protocols 6, 17, 1 and 58 also go by name, `-1` is every protocol, and
/// for any protocol but tcp, udp, icmp and icmpv6 all traffic is allowed whatever ports are given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Traffic {
    /// Every protocol and every port.
    All,
    /// TCP or UDP.
    Ports {
        /// Which of the two.
        transport: Transport,
        /// The destination ports.
        range: PortRange,
    },
    /// ICMP; carries no port.
    Icmp {
        /// Which ICMP.
        version: IcmpVersion,
        /// The type (`FromPort`); -1 is all, and so is none.
        kind: i64,
        /// The code (`ToPort`); -1 is all, and so is none.
        code: i64,
    },
    /// Another IP protocol by number (GRE 47, ESP 50, SCTP 132 …); carries no TCP or UDP port.
    Other(u8),
    /// Nothing that EC2 is known to return: it cannot be judged, so it is never taken for harmless.
    Unrecognized {
        /// `IpProtocol` as it came, or the beginning of a long one.
        protocol: String,
        /// `FromPort` as it came.
        from: Option<i64>,
        /// `ToPort` as it came.
        to: Option<i64>,
    },
}

impl Traffic {
    /// Reads `IpProtocol`, `FromPort` and `ToPort` as EC2 and AWS Config write them. Never fails: what is not understood
    /// becomes [`Traffic::Unrecognized`].
    #[must_use]
    pub fn parse(protocol: &str, from: Option<i64>, to: Option<i64>) -> Self {
        let unrecognized = || {
            let protocol = match protocol.char_indices().nth(LONGEST_PROTOCOL).and_then(|(end, _)| protocol.get(..end))
            {
                Some(beginning) => format!("{beginning}…"),
                None => protocol.to_owned(),
            };
            Self::Unrecognized { protocol, from, to }
        };
        let ports = |transport| match (from, to) {
            (None, None) | (Some(-1), Some(-1)) => Self::Ports { transport, range: PortRange::ALL },
            (Some(from), Some(to)) => match (u16::try_from(from), u16::try_from(to)) {
                (Ok(from), Ok(to)) => {
                    PortRange::new(from, to).map_or_else(unrecognized, |range| Self::Ports { transport, range })
                }
                _ => unrecognized(),
            },
            _ => unrecognized(),
        };
        let icmp = |version| Self::Icmp { version, kind: from.unwrap_or(-1), code: to.unwrap_or(-1) };
        let named = |name: &str| protocol.eq_ignore_ascii_case(name);
        if protocol == "-1" || named("all") {
            Self::All
        } else if named("tcp") || protocol == "6" {
            ports(Transport::Tcp)
        } else if named("udp") || protocol == "17" {
            ports(Transport::Udp)
        } else if named("icmp") || protocol == "1" {
            icmp(IcmpVersion::V4)
        } else if named("icmpv6") || protocol == "58" {
            icmp(IcmpVersion::V6)
        } else if let Some(number) = ip_protocol_number(protocol) {
            Self::Other(number)
        } else {
            unrecognized()
        }
    }

    /// The ports of `set` that this traffic carries, or `None` when it cannot be told.
    #[must_use]
    pub fn carries(&self, set: &PortSet) -> Option<PortSet> {
        match self {
            Self::All => Some(set.clone()),
            Self::Ports { transport, range } => Some(set.within(*transport, *range)),
            Self::Icmp { .. } | Self::Other(_) => Some(PortSet::default()),
            Self::Unrecognized { .. } => None,
        }
    }

    /// `IpProtocol` in EC2's spelling.
    #[must_use]
    pub fn protocol(&self) -> Cow<'_, str> {
        match self {
            Self::All => "-1".into(),
            Self::Ports { transport: Transport::Tcp, .. } => "tcp".into(),
            Self::Ports { transport: Transport::Udp, .. } => "udp".into(),
            Self::Icmp { version: IcmpVersion::V4, .. } => "icmp".into(),
            Self::Icmp { version: IcmpVersion::V6, .. } => "icmpv6".into(),
            Self::Other(number) => number.to_string().into(),
            Self::Unrecognized { protocol, .. } => protocol.as_str().into(),
        }
    }

    /// `FromPort`: the first port, or the ICMP type. `None` where the protocol has neither.
    #[must_use]
    pub fn from_port(&self) -> Option<i64> {
        match self {
            Self::All | Self::Other(_) => None,
            Self::Ports { range, .. } => Some(range.from().into()),
            Self::Icmp { kind, .. } => Some(*kind),
            Self::Unrecognized { from, .. } => *from,
        }
    }

    /// `ToPort`: the last port, or the ICMP code. `None` where the protocol has neither.
    #[must_use]
    pub fn to_port(&self) -> Option<i64> {
        match self {
            Self::All | Self::Other(_) => None,
            Self::Ports { range, .. } => Some(range.to().into()),
            Self::Icmp { code, .. } => Some(*code),
            Self::Unrecognized { to, .. } => *to,
        }
    }
}

/// An IP protocol number in decimal, without sign or leading zeros.
fn ip_protocol_number(text: &str) -> Option<u8> {
    let number: u8 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all traffic"),
            Self::Ports { transport, range } => write!(f, "{transport}/{range}"),
            Self::Icmp { .. } => f.write_str(&self.protocol()),
            Self::Other(number) => write!(f, "protocol {number}"),
            Self::Unrecognized { protocol, from, to } => {
                let port = |port: &Option<i64>| port.map_or_else(|| "none".to_owned(), |port| port.to_string());
                write!(f, "protocol `{protocol}` from port {} to port {}", port(from), port(to))
            }
        }
    }
}
