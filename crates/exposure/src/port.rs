//! Transports, ranges of ports, and sets of ports such as the focus ports of a policy.
//!
//! ```
//! use exposure::PortSet;
//!
//! let ports: PortSet = "22, tcp/8000-8100".parse()?;
//! assert_eq!(ports.to_string(), "tcp/22, tcp/8000-8100, udp/22");
//! let error = "80-22".parse::<PortSet>().unwrap_err();
//! assert_eq!(error.to_string(), "`80-22` is reversed: write the lower port first");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::str::FromStr;

use range_set_blaze::RangeSetBlaze;

/// A transport protocol that has ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP, IP protocol 6.
    Tcp,
    /// UDP, IP protocol 17.
    Udp,
}

impl Transport {
    /// Both transports, in output order.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A non-empty range of ports, both ends inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    from: u16,
    to: u16,
}

impl PortRange {
    /// Every port, 0 included.
    pub const ALL: Self = Self { from: 0, to: u16::MAX };

    /// Creates the range `from..=to`; `None` if `from` is above `to`.
    #[must_use]
    pub fn new(from: u16, to: u16) -> Option<Self> {
        (from <= to).then_some(Self { from, to })
    }

    /// Returns the first port.
    #[must_use]
    pub fn from(self) -> u16 {
        self.from
    }

    /// Returns the last port, inclusive.
    #[must_use]
    pub fn to(self) -> u16 {
        self.to
    }

    fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.from.max(other.from), self.to.min(other.to))
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to { write!(f, "{}", self.from) } else { write!(f, "{}-{}", self.from, self.to) }
    }
}

/// A set of pairs of transport and port, such as the focus ports of a policy or those that a rule carries.
///
/// The text form is a comma-separated list of `22`, `8000-8100`, `tcp/22` and `udp/53-54`, with inclusive ranges. A
/// port without a transport means TCP and UDP. Spaces around each part and the case of the transport are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortSet {
    tcp: RangeSetBlaze<u16>,
    udp: RangeSetBlaze<u16>,
}

/// Error from reading a list of ports. The message names the offending token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// The list is empty.
    #[error("empty port list: write ports such as `22`, `8000-8100`, `tcp/22` or `udp/53-54`")]
    Empty,
    /// A comma is not followed or not preceded by an entry.
    #[error("empty entry in port list `{list}`: remove the extra comma")]
    EmptyEntry {
        /// The whole list.
        list: String,
    },
    /// A token is neither a number nor a range, nor one of these after `tcp/` or `udp/`.
    #[error("`{token}` is not a port: write `22`, `8000-8100`, `tcp/22` or `udp/53-54`")]
    NotAPort {
        /// The token as it was written.
        token: String,
    },
    /// A port is above 65535.
    #[error("`{token}` is out of range: ports are 0 to 65535")]
    OutOfRange {
        /// The token as it was written.
        token: String,
    },
    /// The first port of a range is above its last port.
    #[error("`{token}` is reversed: write the lower port first")]
    Reversed {
        /// The token as it was written.
        token: String,
    },
}

impl PortSet {
    /// Returns true if the set contains no port.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tcp.is_empty() && self.udp.is_empty()
    }

    /// Returns true if the set contains this port.
    #[must_use]
    pub fn contains(&self, transport: Transport, port: u16) -> bool {
        self.of(transport).contains(port)
    }

    /// Adds a range of ports of one transport.
    pub fn insert(&mut self, transport: Transport, range: PortRange) {
        match transport {
            Transport::Tcp => &mut self.tcp,
            Transport::Udp => &mut self.udp,
        }
        .ranges_insert(range.from..=range.to);
    }

    /// Returns the ports of the set that are in `range` of `transport`.
    #[must_use]
    pub fn within(&self, transport: Transport, range: PortRange) -> Self {
        let mut within = Self::default();
        for mine in self.ranges_of(transport) {
            if let Some(common) = mine.intersection(range) {
                within.insert(transport, common);
            }
        }
        within
    }

    /// Adds every port of `other`.
    pub fn extend(&mut self, other: &Self) {
        self.tcp |= &other.tcp;
        self.udp |= &other.udp;
    }

    /// Returns the ports of `self` that are not in `other`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self { tcp: &self.tcp - &other.tcp, udp: &self.udp - &other.udp }
    }

    /// Returns the ports that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self { tcp: &self.tcp & &other.tcp, udp: &self.udp & &other.udp }
    }

    /// Returns the maximal ranges of one transport, ascending.
    pub fn ranges_of(&self, transport: Transport) -> impl Iterator<Item = PortRange> + '_ {
        self.of(transport).ranges().map(|range| PortRange { from: *range.start(), to: *range.end() })
    }

    /// Returns all maximal ranges: TCP before UDP, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = (Transport, PortRange)> + '_ {
        Transport::ALL.into_iter().flat_map(|transport| self.ranges_of(transport).map(move |range| (transport, range)))
    }

    fn of(&self, transport: Transport) -> &RangeSetBlaze<u16> {
        match transport {
            Transport::Tcp => &self.tcp,
            Transport::Udp => &self.udp,
        }
    }

    /// Adds the ports of one token such as `tcp/22` or `8000-8100`.
    fn insert_token(&mut self, token: &str) -> Result<(), PortError> {
        let (transports, ports): (&[Transport], _) = match token.split_once('/') {
            None => (&Transport::ALL, token),
            Some((name, ports)) if name.trim().eq_ignore_ascii_case("tcp") => (&[Transport::Tcp], ports),
            Some((name, ports)) if name.trim().eq_ignore_ascii_case("udp") => (&[Transport::Udp], ports),
            Some(_) => return Err(PortError::NotAPort { token: token.to_owned() }),
        };
        let (from, to) = match ports.split_once('-') {
            None => (ports, ports),
            Some(ends) => ends,
        };
        let range = PortRange::new(parse_port(from, token)?, parse_port(to, token)?)
            .ok_or_else(|| PortError::Reversed { token: token.to_owned() })?;
        for &transport in transports {
            self.insert(transport, range);
        }
        Ok(())
    }
}

/// Reads one port in decimal. `u16::from_str` alone would also accept `+22`.
fn parse_port(digits: &str, token: &str) -> Result<u16, PortError> {
    let digits = digits.trim();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PortError::NotAPort { token: token.to_owned() });
    }
    digits.parse().map_err(|_| PortError::OutOfRange { token: token.to_owned() })
}

impl FromStr for PortSet {
    type Err = PortError;

    fn from_str(list: &str) -> Result<Self, PortError> {
        if list.trim().is_empty() {
            return Err(PortError::Empty);
        }
        let mut set = Self::default();
        for token in list.split(',').map(str::trim) {
            if token.is_empty() {
                return Err(PortError::EmptyEntry { list: list.to_owned() });
            }
            set.insert_token(token)?;
        }
        Ok(set)
    }
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (transport, range)) in self.ranges().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{transport}/{range}")?;
        }
        Ok(())
    }
}
