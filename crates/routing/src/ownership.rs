//! Who owns a finding.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::address::{Address, AddressError, OwnerKind, email};
use crate::document::Document;
use crate::owners::{OWNERS_MAX, alias_key};
use crate::problem::quoted;
use crate::route::Route;
use crate::subject::Subject;
use crate::ticket_owners::TicketSettings;

/// What names an owner, the first that does first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum OwnerSource {
    /// The tag of the group.
    GroupTag,
    /// The tag of an instance that uses the group.
    InstanceTag,
    /// Whoever opened the group.
    Opener,
    /// `owner` of the route.
    RouteDefault,
    /// Business unit or product of the group, by the ticket owners of Hammer.
    UnitDefault,
    /// The account, by `owners` or by the ticket owners of Hammer.
    AccountDefault,
    /// The default of the document, or of the ticket owners of Hammer.
    Default,
}

/// An owner of a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Owner {
    /// The address, or the name of the alias.
    pub value: String,
    /// Kind of `value`.
    pub kind: OwnerKind,
    /// What names this owner.
    pub from: OwnerSource,
    /// Where a chat reaches the owner.
    pub chat: Vec<Address>,
    /// To whom a ticket is assigned.
    pub ticket: Option<Address>,
    /// The e-mail address, if one is known.
    pub email: Option<Address>,
}

/// A tag that names no owner. The finding falls to the next source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RejectedOwner {
    /// The kind of tag.
    pub from: OwnerSource,
    /// The beginning of its value, quoted, without control characters. Untrusted: a chat has to escape it.
    pub text: String,
    /// Why it names no owner.
    #[serde(serialize_with = "error_text")]
    pub error: AddressError,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn error_text<S: serde::Serializer>(error: &AddressError, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(error)
}

/// The owners of a finding, and who else hears of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ownership {
    /// The owners that a tag or the opener names, else the first default; sorted.
    pub owners: Vec<Owner>,
    /// Whether `owners` come from a default.
    pub is_default: bool,
    /// Further owners by the tags of instances, who are not told.
    pub omitted: usize,
    /// Tags that name no owner.
    pub rejected: Vec<RejectedOwner>,
    /// Chats of the default owners, who hear of the finding in any case.
    pub default_chat: Vec<Address>,
    /// Assignee by tag or opener.
    pub assignee: Option<Address>,
    /// Assignee by the first default that has one.
    pub default_assignee: Option<Address>,
}

/// Returns who owns a finding that takes `route`, or none.
#[must_use]
pub fn ownership(document: &Document, subject: &Subject, route: Option<&Route>) -> Ownership {
    let mut ownership = Ownership::default();
    let tag = |tags, from| tag_value(tags, &document.owners.tag).map(|text| (text, from));
    let mut rejected = BTreeSet::new();
    let mut read = |(text, from): (&str, OwnerSource)| match owner_of(document, text, from) {
        Ok(owner) => Some(owner),
        Err(error) => {
            rejected.insert(RejectedOwner { from, text: quoted(text), error });
            None
        }
    };
    let of_group = tag(&subject.tags, OwnerSource::GroupTag).and_then(&mut read);
    let of_instances = subject.instances.iter().filter_map(|tags| tag(tags, OwnerSource::InstanceTag));
    if let Some(owner) = of_group {
        ownership.assignee.clone_from(&owner.ticket);
        ownership.owners = vec![owner];
    } else {
        by_instances(of_instances.filter_map(&mut read), &mut ownership);
    }
    if ownership.owners.is_empty()
        && let Some(owner) = opener(document, subject)
    {
        ownership.assignee.clone_from(&owner.ticket);
        ownership.owners = vec![owner];
    }
    ownership.rejected = rejected.into_iter().take(OWNERS_MAX).collect();
    defaults(document, subject, route, &mut ownership);
    ownership
}

/// The value of the tag with this key. Tags are typed by people: without a tag of just this key, one in another case counts.
#[must_use]
pub fn tag_value<'t>(tags: &'t BTreeMap<String, String>, key: &str) -> Option<&'t str> {
    let exact = tags.get(key);
    let found = exact.or_else(|| tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value));
    // An empty tag is not a mistake: templates set one where no owner is known.
    found.map(String::as_str).filter(|value| !value.trim().is_empty())
}

fn owner_of(document: &Document, text: &str, from: OwnerSource) -> Result<Owner, AddressError> {
    if let Some(owner) = alias(document, text, from) {
        return Ok(owner);
    }
    let address = Address::parse(text)?;
    let email = Some(address.clone()).filter(|address| address.kind == OwnerKind::Email);
    let (chat, ticket) = (address.in_chat().into_iter().collect(), address.in_jira());
    Ok(Owner { value: address.value, kind: address.kind, from, chat, ticket, email })
}

fn alias(document: &Document, text: &str, from: OwnerSource) -> Option<Owner> {
    let name = alias_key(text);
    let alias = document.owners.aliases.get(&name)?;
    let (chat, ticket, email) = (alias.chat(), alias.ticket(), alias.email_address());
    Some(Owner { value: name, kind: OwnerKind::Alias, from, chat, ticket, email })
}

/// Everybody hears of it in the chat; the ticket goes to whoever owns most of the instances.
fn by_instances(owners: impl Iterator<Item = Owner>, ownership: &mut Ownership) {
    let mut counts: BTreeMap<Owner, usize> = BTreeMap::new();
    for owner in owners {
        *counts.entry(owner).or_default() += 1;
    }
    let mut owners: Vec<(Owner, usize)> = counts.into_iter().collect();
    // A stable sort: of equally frequent ones, the first by text stays first.
    owners.sort_by_key(|(_, count)| Reverse(*count));
    ownership.assignee = owners.iter().find_map(|(owner, _)| owner.ticket.clone());
    ownership.omitted = owners.len().saturating_sub(OWNERS_MAX);
    owners.truncate(OWNERS_MAX);
    ownership.owners = owners.into_iter().map(|(owner, _)| owner).collect();
    ownership.owners.sort();
}

/// Only a person is an owner: a session that has no e-mail address for a name is a machine's, or cannot be reached.
fn opener(document: &Document, subject: &Subject) -> Option<Owner> {
    let name = subject.opener.as_deref()?;
    let name = name.rsplit_once('/').map_or(name, |(_, session)| session);
    let known = alias(document, name, OwnerSource::Opener);
    known.or_else(|| owner_of(document, &email(name)?.value, OwnerSource::Opener).ok())
}

/// The owners of one source, for a message or a ticket alike.
fn both<'t>(document: &Document, from: OwnerSource, texts: impl IntoIterator<Item = &'t String>) -> Vec<Owner> {
    // A document has no other texts at these places than those that are owners.
    texts.into_iter().filter_map(|text| owner_of(document, text, from).ok()).collect()
}

/// Owners for tickets, who are not written to.
fn assignees<'t>(document: &Document, from: OwnerSource, texts: impl IntoIterator<Item = &'t String>) -> Vec<Owner> {
    let owners = both(document, from, texts).into_iter();
    owners.map(|owner| Owner { chat: Vec::new(), email: None, ..owner }).collect()
}

fn of_settings(document: &Document, from: OwnerSource, settings: &TicketSettings) -> Vec<Owner> {
    let chat = both(document, from, &settings.slack_owner).into_iter();
    let chat = chat.map(|owner| Owner { ticket: None, ..owner });
    chat.chain(assignees(document, from, &settings.jira_owner)).collect()
}

/// The defaults by source, the first that counts first.
fn levels(document: &Document, subject: &Subject, route: Option<&Route>) -> Vec<Vec<Owner>> {
    let mut levels = Vec::new();
    if let Some(route) = route {
        let mut owners = assignees(document, OwnerSource::RouteDefault, &route.assignee);
        owners.extend(both(document, OwnerSource::RouteDefault, &route.owner));
        levels.push(owners);
    }
    let by_account = document.owners.accounts.get(&subject.account);
    levels.extend(by_account.map(|owners| both(document, OwnerSource::AccountDefault, owners)));
    let hammer = &document.ticket_owners;
    let units = hammer.of_unit(subject).into_iter().flatten();
    levels.extend(units.map(|settings| of_settings(document, OwnerSource::UnitDefault, settings)));
    let account = hammer.account.get(&subject.account);
    levels.extend(account.map(|settings| of_settings(document, OwnerSource::AccountDefault, settings)));
    levels.push(both(document, OwnerSource::Default, &document.owners.default));
    levels.push(of_settings(document, OwnerSource::Default, &hammer.settings));
    levels
}

/// Message and ticket may come from different sources, as in Hammer: one may name a channel only, the next a user of Jira.
fn defaults(document: &Document, subject: &Subject, route: Option<&Route>, ownership: &mut Ownership) {
    let levels = levels(document, subject, route);
    let chat = levels.iter().find(|owners| owners.iter().any(|owner| !owner.chat.is_empty()));
    ownership.default_chat = chat.into_iter().flatten().flat_map(|owner| owner.chat.clone()).collect();
    ownership.default_assignee = levels.iter().flatten().find_map(|owner| owner.ticket.clone());
    if ownership.owners.is_empty() {
        ownership.is_default = true;
        let first = levels.into_iter().find(|owners| !owners.is_empty()).unwrap_or_default();
        ownership.owners = first.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    }
}
