//! The traffic that a rule admits. Protocol and ports are one type, so that an ICMP type is never mistaken for a port.
//!
//! ```
//! use exposure::Traffic;
//!
//! let blocked = "0-65535".parse()?;
//! let carried = |traffic: Traffic| traffic.carries(&blocked).map(|ports| ports.to_string());
//! assert_eq!(carried(Traffic::parse("6", Some(8), Some(8))).as_deref(), Some("tcp/8"));
//! // An ICMP echo request has type 8.
//! assert_eq!(carried(Traffic::parse("icmp", Some(8), Some(0))).as_deref(), Some(""));
//! // A protocol that EC2 does not return may carry any port.
//! assert_eq!(carried(Traffic::parse("quic", Some(8), Some(8))), None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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

/// Length to which an unrecognised protocol is cut, in characters. Every rule of a permission has its own copy of the
/// text.
const LONGEST_PROTOCOL: usize = 40;

/// The protocol of a rule, with the meaning that `FromPort` and `ToPort` have for it.
///
/// The protocols 6, 17, 1 and 58 may be written `tcp`, `udp`, `icmp` and `icmpv6`, and `-1` means all protocols. For
/// other protocols EC2 admits all traffic, whatever the ports.
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Traffic {
    /// Every protocol and every port.
    All,
    /// TCP or UDP.
    Ports {
        /// TCP or UDP.
        transport: Transport,
        /// Destination ports, inclusive.
        range: PortRange,
    },
    /// ICMP; carries no port.
    Icmp {
        /// ICMP for IPv4 or for IPv6.
        version: IcmpVersion,
        /// Type (`FromPort`); -1 means all types. Read as -1 if it is missing.
        kind: i64,
        /// Code (`ToPort`); -1 means all codes. Read as -1 if it is missing.
        code: i64,
    },
    /// Another IP protocol by its number (GRE 47, ESP 50, SCTP 132 …); carries no TCP or UDP port.
    Other(u8),
    /// A protocol or ports that EC2 is not known to return. It may carry any port, so a rule with it is unjudged.
    Unrecognized {
        /// `IpProtocol`, cut to 40 characters.
        protocol: String,
        /// `FromPort`.
        from: Option<i64>,
        /// `ToPort`.
        to: Option<i64>,
    },
}

impl Traffic {
    /// Reads `IpProtocol`, `FromPort` and `ToPort` as EC2 and AWS Config write them. TCP or UDP without ports, or with
    /// -1 for both, means every port. Any other combination becomes [`Traffic::Unrecognized`].
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

    /// Returns the ports of `set` that this traffic carries, or `None` if they are unknown.
    #[must_use]
    pub fn carries(&self, set: &PortSet) -> Option<PortSet> {
        match self {
            Self::All => Some(set.clone()),
            Self::Ports { transport, range } => Some(set.within(*transport, *range)),
            Self::Icmp { .. } | Self::Other(_) => Some(PortSet::default()),
            Self::Unrecognized { .. } => None,
        }
    }

    /// Returns true unless it is known that this traffic carries none of the ports.
    #[must_use]
    pub fn may_carry(&self, ports: &PortSet) -> bool {
        self.carries(ports).is_none_or(|carried| !carried.is_empty())
    }

    /// Returns `IpProtocol` as security groups write it.
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

    /// Returns `FromPort`: the first port, or the ICMP type. `None` if the protocol has neither.
    #[must_use]
    pub fn from_port(&self) -> Option<i64> {
        match self {
            Self::All | Self::Other(_) => None,
            Self::Ports { range, .. } => Some(range.from().into()),
            Self::Icmp { kind, .. } => Some(*kind),
            Self::Unrecognized { from, .. } => *from,
        }
    }

    /// Returns `ToPort`: the last port, inclusive, or the ICMP code. `None` if the protocol has neither.
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

/// Reads an IP protocol number in decimal, without a sign or leading zeros.
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
