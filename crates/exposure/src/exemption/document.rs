//! The exemptions document.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::whitelist::{self, WhitelistFile};
use super::{Exemption, Exemptions, Expiry, GroupSelector};
use crate::group::{is_account_id, is_security_group_id, is_vpc_id};
use crate::port::{PortError, PortSet};

/// Error from reading an exemptions document. A single mistake invalidates the whole document.
#[derive(Debug, thiserror::Error)]
pub enum ExemptionError {
    /// The text is not JSON, or its structure is wrong: a key is missing, unknown or of the wrong type.
    #[error("exemptions document is malformed")]
    Json(#[from] serde_json::Error),
    /// The format version is not 1.
    #[error("exemptions document is malformed: `version` is {version}, and this release supports version 1 only")]
    Version {
        /// The format version of the document.
        version: u32,
    },
    /// A value in an entry is not usable.
    #[error("exemptions document is malformed: entry {number}")]
    Entry {
        /// Position of the entry, counted from 1.
        number: usize,
        /// The mistake.
        #[source]
        problem: ExemptionEntryError,
    },
    /// An entry of a Hammer whitelist has neither of the forms `sg-…` and `vpc-…:name`.
    #[error(
        "exemptions document is malformed: whitelist of account {account}: `{entry}` is neither `sg-…` nor `vpc-…:name`"
    )]
    Whitelist {
        /// The account whose whitelist contains the entry.
        account: String,
        /// The entry as it was written.
        entry: String,
    },
}

/// A mistake in one entry of an exemptions document. The message names the key and the required form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExemptionEntryError {
    /// Not exactly one of an id, a pair of VPC and name, and a resource.
    #[error("name the group by `securityGroupId`, by `vpcId` and `groupName` together, or by `resource`")]
    Group,
    /// Not the name of a resource in a template or a plan.
    #[error("`resource` `{0}` is not the name of a resource in a template or a plan, such as Bastion")]
    Resource(String),
    /// Not the id of a security group.
    #[error("`securityGroupId` `{0}` is not of the form sg-0123456789abcdef0")]
    SecurityGroupId(String),
    /// Not the id of a VPC.
    #[error("`vpcId` `{0}` is not of the form vpc-0123456789abcdef0")]
    VpcId(String),
    /// Not the id of an AWS account.
    #[error("`accountId` `{0}` is not an account id of 12 digits")]
    AccountId(String),
    /// Not a list of ports.
    #[error("`ports`")]
    Ports(#[source] PortError),
    /// Neither a date nor a time with an offset.
    #[error("`expires` `{0}` is neither a date such as 2026-12-31 nor a time such as 2026-12-31T12:00:00Z")]
    Expires(String),
    /// No reason.
    #[error("`reason` is empty: write why the group is exempt")]
    Reason,
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
    resource: Option<String>,
    account_id: Option<String>,
    ports: Option<String>,
    expires: String,
    reason: String,
    owner: Option<String>,
}

impl Exemptions {
    /// Reads an exemptions document in any of three forms: Portcullis' own (`{"version":1,"exemptions":[…]}`), the
    /// section of Dow Jones Hammer's whitelist about security groups (`{"123456789012":["sg-…","vpc-…:name"]}`), or
    /// Hammer's whole `whitelist.json`.
    ///
    /// # Errors
    ///
    /// If the text has none of these forms, or if any entry is invalid. No exemption of such a document applies,
    /// because the rest of it may not mean what the operator intended.
    pub fn from_json(text: &str) -> Result<Self, ExemptionError> {
        let document: BTreeMap<String, serde_json::Value> = serde_json::from_str(text)?;
        // With both, one of the two lists would count for nothing; as a document, it has an unknown key.
        if document.contains_key(whitelist::SECTION) && !document.contains_key("exemptions") {
            let file: WhitelistFile = serde_json::from_str(text)?;
            return whitelist::exemptions(file.secgrp_unrestricted_access);
        }
        if whitelist::is_section(&document) {
            return whitelist::exemptions(serde_json::from_str(text)?);
        }
        let Document { version, exemptions } = serde_json::from_str(text)?;
        if version != 1 {
            return Err(ExemptionError::Version { version });
        }
        let entries = exemptions.into_iter().enumerate();
        entries
            .map(|(index, entry)| entry.check().map_err(|problem| ExemptionError::Entry { number: index + 1, problem }))
            .collect()
    }
}

impl Entry {
    fn check(self) -> Result<Exemption, ExemptionEntryError> {
        let group = match (self.security_group_id, self.vpc_id, self.group_name, self.resource) {
            (Some(id), None, None, None) if is_security_group_id(&id) => GroupSelector::Id(id),
            (Some(id), None, None, None) => return Err(ExemptionEntryError::SecurityGroupId(id)),
            (None, Some(vpc_id), Some(group_name), None) if is_vpc_id(&vpc_id) => {
                GroupSelector::Name { vpc_id, group_name }
            }
            (None, Some(vpc_id), Some(_), None) => return Err(ExemptionEntryError::VpcId(vpc_id)),
            (None, None, None, Some(name)) if name.trim().is_empty() || name.starts_with("sg-") => {
                return Err(ExemptionEntryError::Resource(name));
            }
            (None, None, None, Some(name)) => GroupSelector::Resource(name),
            _ => return Err(ExemptionEntryError::Group),
        };
        if let Some(account) = self.account_id.as_ref().filter(|account| !is_account_id(account)) {
            return Err(ExemptionEntryError::AccountId(account.clone()));
        }
        let ports = self.ports.map(|ports| ports.parse::<PortSet>()).transpose().map_err(ExemptionEntryError::Ports)?;
        let Some(expires) = Expiry::parse(&self.expires) else {
            return Err(ExemptionEntryError::Expires(self.expires));
        };
        if self.reason.trim().is_empty() {
            return Err(ExemptionEntryError::Reason);
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
