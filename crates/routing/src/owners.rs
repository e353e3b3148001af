//! The section `owners`: the tag that names an owner, defaults, and aliases.

use std::collections::BTreeMap;

use exposure::is_account_id;
use serde::Serialize;

use crate::address::{Address, OwnerKind};
use crate::problem::quoted;
use crate::reader::{TEXT_MAX, Value};

/// Most accounts and aliases. An organization has at most 10,000 accounts without a special agreement.
pub(crate) const ENTRIES_MAX: usize = 10_000;
/// Most owners at one place, so that a list cannot flood a chat.
pub(crate) const OWNERS_MAX: usize = 20;
const TAG: &str = "owner";

/// Who owns a finding if neither tag nor opener tells, and what the names of owners mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owners {
    /// Key of the tag that names an owner.
    pub tag: String,
    /// Owners of everything that has no other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub default: Vec<String>,
    /// Owners by account.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub accounts: BTreeMap<String, Vec<String>>,
    /// Addresses by the name of an owner, in lower case.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<String, Alias>,
}

impl Default for Owners {
    fn default() -> Self {
        Self { tag: TAG.to_owned(), default: Vec::new(), accounts: BTreeMap::new(), aliases: BTreeMap::new() }
    }
}

/// Addresses of one owner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alias {
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Channels and users of Slack.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slack: Vec<String>,
    /// Account id or name of a user of Jira.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jira: Option<String>,
}

impl Alias {
    /// Where a chat reaches the owner: in Slack as stated, else by e-mail address.
    #[must_use]
    pub fn chat(&self) -> Vec<Address> {
        let slack: Vec<_> = self.slack.iter().filter_map(|text| Address::parse(text).ok()?.in_chat()).collect();
        if slack.is_empty() { self.email_address().into_iter().collect() } else { slack }
    }

    /// The user of Jira, else the e-mail address.
    #[must_use]
    pub fn ticket(&self) -> Option<Address> {
        let jira = self.jira.as_ref().and_then(|text| Address::parse(text).ok()?.in_jira());
        jira.or_else(|| self.email_address())
    }

    /// The e-mail address.
    #[must_use]
    pub fn email_address(&self) -> Option<Address> {
        self.email.as_ref().and_then(|text| Address::parse(text).ok())
    }

    fn read(value: Value<'_>) -> Option<Self> {
        let mut fields = value.fields()?;
        let of_kind = |value: Value<'_>, kinds: &[OwnerKind], form: &str| {
            let is_one = |text: &str| Address::parse(text).is_ok_and(|address| kinds.contains(&address.kind));
            value.form(TEXT_MAX, is_one, form)
        };
        let slack = [OwnerKind::SlackChannel, OwnerKind::SlackUser, OwnerKind::Text];
        let slack_of = |value| of_kind(value, &slack, "`#channel`, `@user` or an id of Slack");
        let alias = Self {
            email: fields.take("email").and_then(|value| of_kind(value, &[OwnerKind::Email], "an e-mail address")),
            slack: fields
                .take("slack")
                .and_then(|value| value.one_or_more(OWNERS_MAX))
                .map(|values| values.into_iter().filter_map(slack_of).collect())
                .unwrap_or_default(),
            jira: fields.take("jira").and_then(|value| {
                let kinds = [OwnerKind::JiraUser, OwnerKind::Text, OwnerKind::Email];
                of_kind(value, &kinds, "an account id or the name of a user of Jira")
            }),
        };
        if !["email", "slack", "jira"].into_iter().any(|key| fields.had(key)) {
            fields.place.problem("has no address: write `email`, `slack` or `jira`");
        }
        fields.finish();
        Some(alias)
    }
}

impl Owners {
    pub(crate) fn read(value: Value<'_>) -> Option<Self> {
        let mut fields = value.fields()?;
        let tag = fields.take("tag").map_or_else(
            || Some(TAG.to_owned()),
            |value| value.form(128, |key| key.trim() == key, "the key of a tag: remove the spaces around it"),
        );
        let aliases = fields.take("aliases").and_then(aliases).unwrap_or_default();
        let default = fields.take("default").and_then(|value| owner_texts(value, &aliases)).unwrap_or_default();
        let members = fields.take("accounts").and_then(|value| value.members(ENTRIES_MAX)).unwrap_or_default();
        let mut accounts = BTreeMap::new();
        for (account, value) in members {
            if !is_account_id(&account) {
                value.place.problem("is not an account id of 12 digits");
            } else if let Some(owners) = owner_texts(value, &aliases) {
                accounts.insert(account, owners);
            }
        }
        fields.finish();
        Some(Self { tag: tag?, default, accounts, aliases })
    }
}

fn aliases(value: Value<'_>) -> Option<BTreeMap<String, Alias>> {
    let mut aliases = BTreeMap::new();
    for (name, value) in value.members(ENTRIES_MAX)? {
        let place = value.place.clone();
        let key = alias_key(&name);
        let is_name = !key.is_empty()
            && name.chars().nth(TEXT_MAX).is_none()
            && !name.chars().any(|c| plain_text::is_steering(c) || "<>!&".contains(c));
        if !is_name {
            place.problem("is not the name of an alias: 1 to 100 characters without `<`, `>`, `!` and `&`");
            continue;
        }
        let Some(alias) = Alias::read(value) else { continue };
        if aliases.insert(key, alias).is_some() {
            place.problem("is there twice, since case does not count: keep one of them");
        }
    }
    Some(aliases)
}

/// Aliases are found whatever the case of a name and the spaces around it, since people type tags.
pub(crate) fn alias_key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// One owner or several, each an alias or an address.
pub(crate) fn owner_texts(value: Value<'_>, aliases: &BTreeMap<String, Alias>) -> Option<Vec<String>> {
    let mut owners = Vec::new();
    for value in value.one_or_more(OWNERS_MAX)? {
        owners.extend(owner_text(value, aliases));
    }
    Some(owners)
}

pub(crate) fn owner_text(value: Value<'_>, aliases: &BTreeMap<String, Alias>) -> Option<String> {
    let (place, text) = value.text_of(TEXT_MAX)?;
    let text = text.trim().to_owned();
    if aliases.contains_key(&alias_key(&text)) {
        return Some(text);
    }
    match Address::parse(&text) {
        Ok(_) => Some(text),
        Err(error) => {
            place.problem(format!("{} {error}", quoted(&text)));
            None
        }
    }
}
