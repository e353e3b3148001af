//! The whitelist of Dow Jones Hammer, accepted as an exemptions document to ease migration.
//!
//! Source: <https://github.com/dowjones/hammer>
//!
//! The file `whitelist.json` has a section for each kind of issue. A section maps account ids to lists of resources,
//! and may contain comments under keys that begin with two underscores:
//!
//! ```json
//! {"secgrp_unrestricted_access": {
//!     "__comment__": "Security groups that may be open",
//!     "123456789012": ["sg-0123456789abcdef0", "vpc-0123456789abcdef0:bastion"]
//! }}
//! ```
//!
//! The entries have no expiry, no reason and no ports: they are exempt on every port until they are removed.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Exemption, ExemptionError, Exemptions, GroupSelector};
use crate::group::{is_account_id, is_security_group_id, is_vpc_id};

/// The section about security groups.
pub(super) const SECTION: &str = "secgrp_unrestricted_access";
const REASON: &str = "on the whitelist";

/// A whole `whitelist.json`; other sections are ignored.
#[derive(Deserialize)]
pub(super) struct WhitelistFile {
    pub(super) secgrp_unrestricted_access: Whitelist,
}

/// A section of `whitelist.json`: the groups of each account, and comments. An account that is there twice is an error: JSON
/// would keep the last one, and drop the exemptions of the other.
pub(super) struct Whitelist(BTreeMap<String, WhitelistValue>);

impl<'de> Deserialize<'de> for Whitelist {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Section;

        impl<'de> Visitor<'de> for Section {
            type Value = BTreeMap<String, WhitelistValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from account ids to lists of security groups")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut section = BTreeMap::new();
                while let Some((account, value)) = map.next_entry::<String, WhitelistValue>()? {
                    if section.contains_key(&account) && is_account_id(&account) {
                        return Err(A::Error::custom(format!("account `{account}` is there twice")));
                    }
                    section.insert(account, value);
                }
                Ok(section)
            }
        }

        deserializer.deserialize_map(Section).map(Self)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum WhitelistValue {
    Groups(Vec<String>),
    Comment(String),
}

/// Returns true if the keys of a document are those of a section: account ids and comments.
pub(super) fn is_section(document: &BTreeMap<String, serde_json::Value>) -> bool {
    !document.is_empty() && document.keys().all(|key| is_account_id(key) || key.starts_with("__"))
}

/// Converts a section of the whitelist.
pub(super) fn exemptions(whitelist: Whitelist) -> Result<Exemptions, ExemptionError> {
    let mut exemptions = Vec::new();
    for (account, value) in whitelist.0 {
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
                reason: REASON.to_owned(),
                owner: None,
            });
        }
    }
    Ok(exemptions.into_iter().collect())
}
