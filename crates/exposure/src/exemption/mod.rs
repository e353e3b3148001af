//! Exemptions: groups whose exposures are accepted until a given time, and why.
//!
//! Exemptions come from a document in one of two formats, Portcullis' own and the `whitelist.json` of Dow Jones Hammer
//! ([`Exemptions::from_json`] reads both), and from a tag of the group, if the
//! [policy](crate::Policy::exemption_tag_key) names its key. A file may state further ones, which its reader applies by
//! [`Assessment::exempt`](crate::Assessment::exempt).
//!
//! An exemption names one group, and may be limited to some ports and to one account. From its expiry on, it no longer
//! applies. An exemption on one port leaves the other ports of a rule exposed:
//!
//! ```
//! use exposure::{Exemptions, IngressRule, Policy, PrefixLists, SecurityGroup, Traffic, Verdict, assess};
//!
//! let exemptions = Exemptions::from_json(
//!     r#"{"version": 1, "exemptions": [{"securityGroupId": "sg-0123456789abcdef0", "ports": "tcp/22",
//!         "expires": "2026-12-31", "reason": "moving to a VPN"}]}"#,
//! )?;
//! let group = |last_port| SecurityGroup {
//!     id: "sg-0123456789abcdef0".into(),
//!     ingress: vec![IngressRule::new(Traffic::parse("tcp", Some(22), Some(last_port)), "0.0.0.0/0".into())],
//!     ..SecurityGroup::default()
//! };
//! let policy = Policy::new("tcp/22-23".parse()?);
//! let verdict = |last_port, now: &str| {
//!     let (group, now) = (group(last_port), now.parse().unwrap());
//!     assess(&group, &policy, &exemptions, &PrefixLists::default(), now).verdict()
//! };
//! assert_eq!(verdict(22, "2026-12-31T23:59:59Z"), Verdict::Exempt);
//! assert_eq!(verdict(22, "2027-01-01T00:00:00Z"), Verdict::NonCompliant);
//! assert_eq!(verdict(23, "2026-12-31T23:59:59Z"), Verdict::NonCompliant);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod document;
mod expiry;
mod tag;
mod whitelist;

pub use document::{ExemptionEntryError, ExemptionError};
pub use expiry::Expiry;

use jiff::Timestamp;

use self::tag::{Tag, exemption_by_tag};
use crate::group::SecurityGroup;
use crate::port::PortSet;

/// The group that an exemption is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupSelector {
    /// A group by its id.
    Id(String),
    /// A group by the name of its resource in a template or a plan, whether it has an id yet or not.
    Resource(String),
    /// A group by its name within a VPC: a group that is deleted and created again under the same name stays exempt.
    Name {
        /// Id of the VPC, `vpc-…`.
        vpc_id: String,
        /// `GroupName`, compared case-sensitively.
        group_name: String,
    },
}

impl GroupSelector {
    fn selects(&self, group: &SecurityGroup) -> bool {
        match self {
            Self::Id(id) => *id == group.id,
            Self::Resource(name) => group.resource.as_ref() == Some(name),
            Self::Name { vpc_id, group_name } => {
                group.vpc_id.as_ref() == Some(vpc_id) && group.name.as_ref() == Some(group_name)
            }
        }
    }
}

/// One exemption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// The exempt group.
    pub group: GroupSelector,
    /// The account to which the exemption is limited; `None` means any account.
    pub account_id: Option<String>,
    /// The ports to which the exemption is limited; `None` means all ports.
    pub ports: Option<PortSet>,
    /// End of the exemption. `None` means never, which only Hammer's whitelist and a tag can express.
    pub expires: Option<Expiry>,
    /// Reason for the exemption, as the operator wrote it.
    pub reason: String,
    /// Person or team that is responsible for the exemption.
    pub owner: Option<String>,
}

impl Exemption {
    fn holds_for(&self, group: &SecurityGroup, now: Timestamp) -> bool {
        self.group.selects(group)
            && (self.account_id.is_none() || self.account_id == group.owner_id)
            && self.is_in_force(now)
    }

    /// Returns true if the exemption has not ended at `now`.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.expires.as_ref().is_none_or(|expires| now < expires.at())
    }
}

/// The exemptions of an operator, in the order of the document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exemptions(Vec<Exemption>);

impl Exemptions {
    /// Returns all exemptions, in the order of the document.
    pub fn iter(&self) -> impl Iterator<Item = &Exemption> {
        self.0.iter()
    }

    /// Returns true if an exemption depends on a name, a VPC or an owner, so that the id and the rules of a group are
    /// not enough to judge it.
    #[must_use]
    pub fn need_the_group(&self) -> bool {
        self.0
            .iter()
            .any(|exemption| matches!(exemption.group, GroupSelector::Name { .. }) || exemption.account_id.is_some())
    }

    /// The ends of the exemptions that may hold for a group of the account `account_id`, in no order: each is an instant from
    /// which a group may be judged otherwise than before.
    pub fn ends<'a>(&'a self, account_id: &'a str) -> impl Iterator<Item = Timestamp> + 'a {
        let concerns_a_group = |exemption: &&Exemption| !matches!(exemption.group, GroupSelector::Resource(_));
        let in_account =
            move |exemption: &&Exemption| exemption.account_id.as_deref().is_none_or(|id| id == account_id);
        let end = |exemption: &Exemption| exemption.expires.as_ref().map(Expiry::at);
        self.0.iter().filter(concerns_a_group).filter(in_account).filter_map(end)
    }

    /// The exemptions that hold for `group` at `now`: those of the document in its order, then the one by tag.
    pub(crate) fn covering<'a>(
        &'a self,
        group: &'a SecurityGroup,
        tag_key: Option<&str>,
        now: Timestamp,
    ) -> impl Iterator<Item = Exemption> + 'a {
        let by_tag = match tag_key.and_then(|key| exemption_by_tag(group, key)) {
            Some(Tag::Exempts(exemption)) => Some(*exemption),
            Some(Tag::Malformed) | None => None,
        };
        self.0.iter().cloned().chain(by_tag).filter(move |exemption| exemption.holds_for(group, now))
    }
}

/// The end of the exemption by the tag `key` of a group; `None` if there is no such exemption, or it has no end.
#[must_use]
pub fn end_by_tag(group: &SecurityGroup, key: &str) -> Option<Timestamp> {
    match exemption_by_tag(group, key)? {
        Tag::Exempts(exemption) => exemption.expires.as_ref().map(Expiry::at),
        Tag::Malformed => None,
    }
}

/// Returns true if the tag `key` of a group would exempt it, but begins with something like a date that is not a plain one.
pub(crate) fn is_malformed_tag(group: &SecurityGroup, key: &str) -> bool {
    matches!(exemption_by_tag(group, key), Some(Tag::Malformed))
}

impl FromIterator<Exemption> for Exemptions {
    fn from_iter<I: IntoIterator<Item = Exemption>>(exemptions: I) -> Self {
        Self(exemptions.into_iter().collect())
    }
}
