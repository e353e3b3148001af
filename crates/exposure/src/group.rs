//! A security group and its ingress rules. Egress rules are left out, because they expose nothing to the internet.
//!
//! ```
//! use exposure::{IngressRule, Source, Traffic};
//!
//! let rule = IngressRule::new(Traffic::parse("tcp", Some(22), Some(22)), "100.68.0.18/18".into());
//! assert_eq!(rule.source.to_string(), "100.68.0.0/18");
//! assert_eq!(Source::from("everywhere"), Source::Unrecognized("everywhere".to_owned()));
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hash;

use ipnetwork::IpNetwork;

use crate::traffic::Traffic;

/// The parts of a security group that its assessment needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Id, `sg-…`.
    pub id: String,
    /// Name of its resource in a template or a plan; `None` for a group of an account.
    pub resource: Option<String>,
    /// `GroupName`; `None` if the input does not contain it.
    pub name: Option<String>,
    /// Id of the VPC in which the group was created, `vpc-…`; `None` in records of EC2-Classic.
    pub vpc_id: Option<String>,
    /// Id of the account that owns the group; `None` if the input does not contain it.
    pub owner_id: Option<String>,
    /// Tags, value by key.
    pub tags: BTreeMap<String, String>,
    /// Ingress rules, one per source.
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

/// Returns true if `text` has the form of the id of an account: 12 digits.
///
/// Source: <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html>
#[must_use]
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns true if `text` has the form of a VPC id: `vpc-` and lowercase hexadecimal digits.
#[must_use]
pub fn is_vpc_id(text: &str) -> bool {
    text.strip_prefix("vpc-").is_some_and(|digits| !digits.is_empty() && is_lower_hex(digits))
}

fn is_lower_hex(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// One ingress rule, with one source. An `IpPermission` of EC2 is split into one rule per source.
///
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngressRule {
    /// Id, `sgr-…`; `None` in configuration items, which do not contain it.
    pub id: Option<String>,
    /// Protocol and ports.
    pub traffic: Traffic,
    /// The source that is admitted.
    pub source: Source,
    /// Description.
    pub description: Option<String>,
    /// Tags of the rule, value by key.
    pub tags: BTreeMap<String, String>,
}

impl IngressRule {
    /// Creates a rule without id, description or tags.
    #[must_use]
    pub fn new(traffic: Traffic, source: Source) -> Self {
        Self { id: None, traffic, source, description: None, tags: BTreeMap::new() }
    }

    /// Returns true if both rules admit the same traffic from the same source, regardless of id, description and tags.
    /// A group cannot contain two such rules: EC2 rejects the second one with `InvalidPermission.Duplicate`.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
    #[must_use]
    pub fn admits_the_same_as(&self, other: &Self) -> bool {
        self.admits() == other.admits()
    }

    /// Returns a key that is equal for two rules that [admit the same](Self::admits_the_same_as).
    #[must_use]
    pub fn admits(&self) -> impl Eq + Hash {
        // A group id is unique across accounts, so the account adds nothing, and it is not always known.
        let source = match &self.source {
            Source::SecurityGroup { id, account_id: _ } => Ok(id),
            source => Err(source),
        };
        (&self.traffic, source)
    }
}

/// The source of a rule: the addresses or the group that it admits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// An IPv4 or IPv6 network, without host bits.
    Cidr(IpNetwork),
    /// A managed prefix list, by its id `pl-…`.
    PrefixList(String),
    /// The members of a security group, matched by their private addresses. They are no part of the internet.
    SecurityGroup {
        /// Id of the group, `sg-…`, unique across accounts.
        id: String,
        /// Id of the account that owns the group; `None` if unknown. EC2 requires it in a reference to a group of
        /// another account.
        account_id: Option<String>,
    },
    /// Any other text. It may stand for the whole internet, so a rule with it is unjudged.
    Unrecognized(String),
}

impl Source {
    /// Reads a CIDR, and drops its host bits as EC2 does: `100.68.0.18/18` becomes `100.68.0.0/18`. Any other text
    /// becomes [`Source::Unrecognized`].
    ///
    /// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html>
    #[must_use]
    pub fn from_cidr(text: &str) -> Self {
        text.parse::<IpNetwork>()
            .ok()
            // EC2 rejects an address without a prefix length.
            .filter(|_| text.contains('/'))
            .and_then(|network| IpNetwork::new(network.network(), network.prefix()).ok())
            .map_or_else(|| Self::Unrecognized(text.to_owned()), Self::Cidr)
    }

    /// Returns the source of a rule whose input contains none. Every rule of EC2 has a source, so it is one that the
    /// input omits or of a kind that this release does not support.
    #[must_use]
    pub fn not_told() -> Self {
        Self::Unrecognized("no source".to_owned())
    }

    /// Creates a reference to a security group. Without an id, which EC2 always returns, it may stand for any source
    /// and becomes [`Source::Unrecognized`].
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
