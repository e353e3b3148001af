//! A security group and its ingress rules. Egress is never judged, so it is not here.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hash;

use ipnetwork::IpNetwork;

use crate::traffic::Traffic;

/// A security group, as far as its exposure is concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// `sg-…`.
    pub id: String,
    /// `GroupName`, where it is known.
    pub name: Option<String>,
    /// The VPC it was made in; absent in EC2-Classic records.
    pub vpc_id: Option<String>,
    /// The account that owns it.
    pub owner_id: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its ingress rules, one per source.
    pub ingress: Vec<IngressRule>,
}

/// Returns true if `text` has the form of a security group id: `sg-` and 8 to 17 lowercase hexadecimal digits.
///
/// EC2 assigned 8 digits until 2018, and has assigned 17 since.
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html>
#[must_use]
pub fn is_security_group_id(text: &str) -> bool {
    text.strip_prefix("sg-").is_some_and(|digits| (8..=17).contains(&digits.len()) && is_lower_hex(digits))
}

/// Returns true if `text` has the form of a VPC id: `vpc-` and lowercase hexadecimal digits.
pub(crate) fn is_vpc_id(text: &str) -> bool {
    text.strip_prefix("vpc-").is_some_and(|digits| !digits.is_empty() && is_lower_hex(digits))
}

fn is_lower_hex(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// One security group rule: one source. An `IpPermission` of EC2 bundles many of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngressRule {
    /// `sgr-…`; configuration items do not carry it.
    pub id: Option<String>,
    /// Protocol and ports.
    pub traffic: Traffic,
    /// Who is let in.
    pub source: Source,
    /// The rule's description.
    pub description: Option<String>,
    /// The rule's tags.
    pub tags: BTreeMap<String, String>,
}

impl IngressRule {
    /// A rule without id, description or tags.
    #[must_use]
    pub fn new(traffic: Traffic, source: Source) -> Self {
        Self { id: None, traffic, source, description: None, tags: BTreeMap::new() }
    }

    /// Whether both let the same traffic in from the same source, whatever they are called. A group cannot have two such
    /// rules: EC2 refuses the second one as a duplicate.
    #[must_use]
    pub fn admits_the_same_as(&self, other: &Self) -> bool {
        self.admits() == other.admits()
    }

    /// What it lets in from where: equal for two rules that [admit the same](Self::admits_the_same_as).
    #[must_use]
    pub fn admits(&self) -> impl Eq + Hash {
        // A group is the same whether or not its account is known.
        let source = match &self.source {
            Source::SecurityGroup { id, account_id: _ } => Ok(id),
            source => Err(source),
        };
        (&self.traffic, source)
    }
}

/// Who a rule lets in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// An IPv4 or IPv6 network, without host bits.
    Cidr(IpNetwork),
    /// A managed prefix list, `pl-…`.
    PrefixList(String),
    /// Another security group; reaches nothing of the internet.
    SecurityGroup {
        /// `sg-…`, unique across accounts.
        id: String,
        /// The account that owns it, where that is known. EC2 asks for it to refer to a group of another account.
        account_id: Option<String>,
    },
    /// Not understood: it cannot be judged, so it is never taken for harmless.
    Unrecognized(String),
}

impl Source {
    /// Reads a CIDR; anything else becomes [`Source::Unrecognized`]. EC2 stores CIDRs without host bits, and so does this.
    #[must_use]
    pub fn from_cidr(text: &str) -> Self {
        text.parse::<IpNetwork>()
            .ok()
            .and_then(|network| IpNetwork::new(network.network(), network.prefix()).ok())
            .map_or_else(|| Self::Unrecognized(text.to_owned()), Self::Cidr)
    }

    /// None is told. EC2 has no rule without a source: there is one that only somebody else knows, or of a kind that this
    /// release does not.
    #[must_use]
    pub fn not_told() -> Self {
        Self::Unrecognized("no source".to_owned())
    }

    /// A reference to another group. Without an id it is nothing that EC2 lists, and may mean anybody.
    #[must_use]
    pub fn of_group(id: Option<String>, account_id: Option<String>) -> Self {
        match id.filter(|id| !id.is_empty()) {
            Some(id) => Self::SecurityGroup { id, account_id },
            None => Self::Unrecognized("a security group without id".to_owned()),
        }
    }
}

impl From<&str> for Source {
    fn from(text: &str) -> Self {
        if text.starts_with("pl-") {
            Self::PrefixList(text.to_owned())
        } else if text.starts_with("sg-") {
            Self::SecurityGroup { id: text.to_owned(), account_id: None }
        } else {
            Self::from_cidr(text)
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cidr(network) => network.fmt(f),
            Self::PrefixList(id) | Self::SecurityGroup { id, .. } => f.write_str(id),
            Self::Unrecognized(text) => write!(f, "`{text}`"),
        }
    }
}
