//! The `ticket_owners.json` of Dow Jones Hammer, accepted as it is to ease migration.
//!
//! Source: <https://github.com/dowjones/hammer>, `deployment/configs/ticket_owners.json` and `hammer/library/config.py`
//!
//! Settings of a product come before those of its business unit, those before the ones of the account, and these before
//! the ones of the file. An empty text is as good as none. Keys that begin with two underscores are comments.

use std::collections::BTreeMap;

use exposure::is_account_id;
use serde::Serialize;

use crate::channel::{project, ticket};
use crate::owners::{Alias, ENTRIES_MAX, OWNERS_MAX, owner_text};
use crate::reader::{Fields, Value};
use crate::route::assignee_text;
use crate::subject::Subject;

/// Keys by which a document is known as Hammer's.
pub(crate) const KEYS: [&str; 6] = ["account", "bu", "jira_project", "jira_owner", "jira_parent_ticket", "slack_owner"];

/// Settings at one place of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TicketSettings {
    /// Key of the project in Jira.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jira_project: Option<String>,
    /// Assignee of tickets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jira_owner: Option<String>,
    /// Ticket to which tickets are linked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jira_parent_ticket: Option<String>,
    /// Channels and users of Slack.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slack_owner: Vec<String>,
}

/// Settings of a business unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BusinessUnit {
    /// For every product.
    #[serde(flatten)]
    pub settings: TicketSettings,
    /// By product.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub product: BTreeMap<String, TicketSettings>,
}

/// A whole `ticket_owners.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TicketOwners {
    /// For every account.
    #[serde(flatten)]
    pub settings: TicketSettings,
    /// By account. Hammer's own sample has an account of 13 digits, which is never found.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub account: BTreeMap<String, TicketSettings>,
    /// By the tag `bu` of the group.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bu: BTreeMap<String, BusinessUnit>,
}

impl TicketOwners {
    /// The settings for the product and business unit of a group, by its tags `bu` and `product`.
    pub(crate) fn of_unit(&self, subject: &Subject) -> [Option<&TicketSettings>; 2] {
        let unit = subject.tags.get("bu").and_then(|bu| self.bu.get(bu));
        let product = subject.tags.get("product");
        [unit.and_then(|unit| unit.product.get(product?)), unit.map(|unit| &unit.settings)]
    }

    /// The first setting of product, business unit and account.
    pub(crate) fn specific<'a, T: ?Sized>(
        &'a self,
        subject: &Subject,
        get: impl Fn(&'a TicketSettings) -> Option<&'a T>,
    ) -> Option<&'a T> {
        let account = self.account.get(&subject.account);
        self.of_unit(subject).into_iter().chain([account]).flatten().find_map(get)
    }

    /// Accounts that are none, in the order of their text.
    pub(crate) fn impossible_accounts(&self) -> impl Iterator<Item = &str> {
        self.account.keys().map(String::as_str).filter(|account| !is_account_id(account))
    }

    pub(crate) fn read(value: Value<'_>, aliases: &BTreeMap<String, Alias>) -> Option<Self> {
        let mut fields = value.fields()?;
        fields.drop_comments();
        let settings = TicketSettings::read(&mut fields, aliases);
        let mut account = BTreeMap::new();
        for (id, value) in members(&mut fields, "account") {
            // Hammer takes any key, and its sample has 13 digits. Digits are a warning: the entry is never used, as there.
            if id.is_empty() || id.len() > 20 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
                value.place.problem("is not an account id of 12 digits");
            } else if let Some(settings) = TicketSettings::read_all(value, aliases) {
                account.insert(id, settings);
            }
        }
        let mut bu = BTreeMap::new();
        for (name, value) in members(&mut fields, "bu") {
            let Some(mut fields) = value.fields() else { continue };
            fields.drop_comments();
            let settings = TicketSettings::read(&mut fields, aliases);
            let products = members(&mut fields, "product").into_iter();
            let product = products
                .filter_map(|(product, value)| Some((product, TicketSettings::read_all(value, aliases)?)))
                .collect();
            fields.finish();
            bu.insert(name, BusinessUnit { settings, product });
        }
        fields.finish();
        Some(Self { settings, account, bu })
    }
}

/// The members under a key; those whose name begins with two underscores are comments.
fn members<'s>(fields: &mut Fields<'s>, key: &'static str) -> Vec<(String, Value<'s>)> {
    let members = fields.take(key).filter(|value| !value.is_unset()).and_then(|value| value.members(ENTRIES_MAX));
    members.into_iter().flatten().filter(|(name, _)| !name.starts_with("__")).collect()
}

impl TicketSettings {
    fn read_all(value: Value<'_>, aliases: &BTreeMap<String, Alias>) -> Option<Self> {
        let mut fields = value.fields()?;
        fields.drop_comments();
        let settings = Self::read(&mut fields, aliases);
        fields.finish();
        Some(settings)
    }

    fn read(fields: &mut Fields<'_>, aliases: &BTreeMap<String, Alias>) -> Self {
        let mut set = |key| fields.take(key).filter(|value| !value.is_unset());
        Self {
            jira_project: set("jira_project").and_then(project),
            jira_owner: set("jira_owner").and_then(|value| assignee_text(value, aliases)),
            jira_parent_ticket: set("jira_parent_ticket").and_then(ticket),
            slack_owner: set("slack_owner")
                .and_then(|value| value.list_or_one(OWNERS_MAX))
                .into_iter()
                .flatten()
                .filter(|value| !value.is_unset())
                .filter_map(|value| owner_text(value, aliases))
                .collect(),
        }
    }
}
