//! Who is let off, until when and why.
//!
//! Two documents are understood: our own, and the per-account section of Dow Jones Hammer's `whitelist.json`.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::group::{SecurityGroup, is_security_group_id};
use crate::port::PortSet;

/// The end of an exemption. From that instant on, the exemption is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    at: Timestamp,
    text: String,
}

impl Expiry {
    /// Reads `2026-12-31` (through the end of that day, UTC) or `2026-12-31T12:00:00Z` (up to that instant).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let at = match text.parse::<Timestamp>() {
            Ok(instant) => instant,
            // A date only: jiff would also read a time without an offset as its date, which would be up to a day longer.
            Err(_) if text.len() == "2026-12-31".len() => {
                let day = text.parse::<Date>().ok()?;
                // 9999-12-31, for ever, has no day after it.
                day.tomorrow()
                    .and_then(|next| next.to_zoned(TimeZone::UTC))
                    .map_or(Timestamp::MAX, |midnight| midnight.timestamp())
            }
            Err(_) => return None,
        };
        Some(Self { at, text: text.to_owned() })
    }

    /// The first instant at which the exemption no longer holds.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Which groups an exemption is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupSelector {
    /// One group by its id.
    Id(String),
    /// One group by its name within a VPC; survives re-creation of the group.
    Name {
        /// `vpc-…`.
        vpc_id: String,
        /// `GroupName`, exactly.
        group_name: String,
    },
}

impl GroupSelector {
    fn selects(&self, group: &SecurityGroup) -> bool {
        match self {
            Self::Id(id) => *id == group.id,
            Self::Name { vpc_id, group_name } => {
                group.vpc_id.as_ref() == Some(vpc_id) && group.name.as_ref() == Some(group_name)
            }
        }
    }
}

/// One exemption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// Which groups.
    pub group: GroupSelector,
    /// Only in this account; `None` is any.
    pub account_id: Option<String>,
    /// Only these ports; `None` is all.
    pub ports: Option<PortSet>,
    /// Until when; `None` never ends, which only Hammer's list and a tag can say.
    pub expires: Option<Expiry>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
}

impl Exemption {
    fn holds_for(&self, group: &SecurityGroup, now: Timestamp) -> bool {
        self.group.selects(group)
            && (self.account_id.is_none() || self.account_id == group.owner_id)
            && self.expires.as_ref().is_none_or(|expires| now < expires.at)
    }
}

/// All exemptions of an operator.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exemptions(Vec<Exemption>);

/// Why a text is not an exemptions document; says where.
#[derive(Debug, thiserror::Error)]
pub enum ExemptionError {
    /// Not JSON, or not of the document's shape.
    #[error("exemptions document: {0}")]
    Document(#[from] serde_json::Error),
    /// An entry that says nothing usable.
    #[error("exemptions document, entry {number}: {problem}")]
    Entry {
        /// Counted from 1.
        number: usize,
        /// What is wrong, and what to write.
        problem: String,
    },
    /// An entry of a Hammer whitelist that is neither `sg-…` nor `vpc-…:name`.
    #[error("exemptions document, whitelist of account {account}: `{entry}` is neither `sg-…` nor `vpc-…:name`")]
    Whitelist {
        /// The account whose list it is in.
        account: String,
        /// The entry as it was written.
        entry: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    exemptions: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    security_group_id: Option<String>,
    vpc_id: Option<String>,
    group_name: Option<String>,
    account_id: Option<String>,
    ports: Option<String>,
    expires: String,
    reason: String,
    owner: Option<String>,
}

/// A section of Hammer's `whitelist.json`: account id → groups, with `__comment__` keys in between.
type Whitelist = BTreeMap<String, WhitelistValue>;

#[derive(Deserialize)]
#[serde(untagged)]
enum WhitelistValue {
    Groups(Vec<String>),
    Comment(String),
}

/// The section of Hammer's `whitelist.json` that is about security groups.
const HAMMER_SECTION: &str = "secgrp_unrestricted_access";
const HAMMER_REASON: &str = "on the whitelist";

impl Exemptions {
    /// Reads an exemptions document: ours (`{"version":1,"exemptions":[…]}`), Hammer's section
    /// (`{"123456789012":["sg-…","vpc-…:name"]}`), or Hammer's whole file.
    ///
    /// # Errors
    ///
    /// When it is none of them, or when any entry is unusable: half a document would exempt half of what was meant.
    pub fn from_json(text: &str) -> Result<Self, ExemptionError> {
        let document: BTreeMap<String, serde_json::Value> = serde_json::from_str(text)?;
        if document.contains_key(HAMMER_SECTION) {
            #[derive(Deserialize)]
            struct File {
                secgrp_unrestricted_access: Whitelist,
            }
            let file: File = serde_json::from_str(text)?;
            return Self::from_whitelist(file.secgrp_unrestricted_access);
        }
        let is_whitelist =
            !document.is_empty() && document.keys().all(|key| is_account_id(key) || key.starts_with("__"));
        if is_whitelist {
            return Self::from_whitelist(serde_json::from_str(text)?);
        }
        let document: Document = serde_json::from_str(text)?;
        if document.version != 1 {
            let problem = format!("`version` is {}; this release understands version 1", document.version);
            return Err(ExemptionError::Document(serde::de::Error::custom(problem)));
        }
        document
            .exemptions
            .into_iter()
            .enumerate()
            .map(|(index, entry)| entry.check().map_err(|problem| ExemptionError::Entry { number: index + 1, problem }))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn from_whitelist(whitelist: Whitelist) -> Result<Self, ExemptionError> {
        let mut exemptions = Vec::new();
        for (account, value) in whitelist {
            let groups = match value {
                WhitelistValue::Comment(_) if account.starts_with("__") => continue,
                WhitelistValue::Groups(groups) if is_account_id(&account) => groups,
                WhitelistValue::Comment(entry) => return Err(ExemptionError::Whitelist { account, entry }),
                WhitelistValue::Groups(groups) => {
                    return Err(ExemptionError::Whitelist { account, entry: groups.join(", ") });
                }
            };
            for entry in groups {
                let group = match entry.split_once(':') {
                    None if is_security_group_id(&entry) => GroupSelector::Id(entry),
                    Some((vpc_id, group_name)) if is_vpc_id(vpc_id) && !group_name.is_empty() => {
                        GroupSelector::Name { vpc_id: vpc_id.to_owned(), group_name: group_name.to_owned() }
                    }
                    _ => return Err(ExemptionError::Whitelist { account, entry }),
                };
                exemptions.push(Exemption {
                    group,
                    account_id: Some(account.clone()),
                    ports: None,
                    expires: None,
                    reason: HAMMER_REASON.to_owned(),
                    owner: None,
                });
            }
        }
        Ok(Self(exemptions))
    }

    /// All of them, in the order of the document.
    pub fn iter(&self) -> impl Iterator<Item = &Exemption> {
        self.0.iter()
    }

    /// Whether more of a group than its id and rules can matter: its name, VPC or owner.
    #[must_use]
    pub fn need_the_group(&self) -> bool {
        self.0
            .iter()
            .any(|exemption| matches!(exemption.group, GroupSelector::Name { .. }) || exemption.account_id.is_some())
    }

    /// The exemptions that hold for `group` at `now`: those of the document in its order, then the tag.
    pub(crate) fn covering<'a>(
        &'a self,
        group: &'a SecurityGroup,
        tag_key: Option<&str>,
        now: Timestamp,
    ) -> impl Iterator<Item = Exemption> + 'a {
        let by_tag = tag_key.and_then(|key| exemption_by_tag(group, key));
        self.0.iter().cloned().chain(by_tag).filter(move |exemption| exemption.holds_for(group, now))
    }
}

impl FromIterator<Exemption> for Exemptions {
    fn from_iter<I: IntoIterator<Item = Exemption>>(exemptions: I) -> Self {
        Self(exemptions.into_iter().collect())
    }
}

impl Entry {
    fn check(self) -> Result<Exemption, String> {
        let group = match (self.security_group_id, self.vpc_id, self.group_name) {
            (Some(id), None, None) if is_security_group_id(&id) => GroupSelector::Id(id),
            (Some(id), None, None) => {
                return Err(format!("`securityGroupId` `{id}` is not of the form sg-0123456789abcdef0"));
            }
            (None, Some(vpc_id), Some(group_name)) if is_vpc_id(&vpc_id) => GroupSelector::Name { vpc_id, group_name },
            (None, Some(vpc_id), Some(_)) => {
                return Err(format!("`vpcId` `{vpc_id}` is not of the form vpc-0123456789abcdef0"));
            }
            _ => return Err("name the group by `securityGroupId`, or by `vpcId` and `groupName` together".to_owned()),
        };
        if let Some(account) = &self.account_id
            && !is_account_id(account)
        {
            return Err(format!("`accountId` `{account}` is not an account id of 12 digits"));
        }
        let ports = self
            .ports
            .map(|ports| ports.parse::<PortSet>())
            .transpose()
            .map_err(|error| format!("`ports`: {error}"))?;
        let expires = Expiry::parse(&self.expires).ok_or_else(|| {
            format!(
                "`expires` `{}` is neither a date such as 2026-12-31 nor a time such as 2026-12-31T12:00:00Z",
                self.expires
            )
        })?;
        if self.reason.trim().is_empty() {
            return Err("`reason` is empty: say why the group is exempt".to_owned());
        }
        Ok(Exemption {
            group,
            account_id: self.account_id,
            ports,
            expires: Some(expires),
            reason: self.reason,
            owner: self.owner,
        })
    }
}

/// The exemption that the tag `key` of a group stands for, if it has that tag.
///
/// Its value is a reason, which may begin with a date: `2026-12-31 moving to a VPN`. A value that begins like a date
/// but is none exempts nothing, since a mistyped expiry must not become a permanent exemption.
fn exemption_by_tag(group: &SecurityGroup, key: &str) -> Option<Exemption> {
    let value = group.tags.get(key)?.trim();
    let (first, rest) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
    let begins_like_a_date = first.starts_with(|first: char| first.is_ascii_digit());
    let (expires, reason) = if begins_like_a_date { (Some(Expiry::parse(first)?), rest.trim()) } else { (None, value) };
    Some(Exemption {
        group: GroupSelector::Id(group.id.clone()),
        account_id: None,
        ports: None,
        expires,
        reason: if reason.is_empty() { format!("tag {key}") } else { format!("tag {key}: {reason}") },
        owner: None,
    })
}

fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_vpc_id(text: &str) -> bool {
    text.strip_prefix("vpc-").is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}
