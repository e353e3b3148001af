//! Routes: which findings go to which channels.

use std::collections::{BTreeMap, BTreeSet};

use exposure::{PortSet, is_account_id, is_vpc_id};
use serde::{Serialize, Serializer};

use crate::address::{Address, OwnerKind};
use crate::owners::{Alias, alias_key, owner_texts};
use crate::pattern::Pattern;
use crate::problem::quoted;
use crate::reader::Value;
use crate::severities::Severities;
use crate::subject::{STATES, StateFilter, Subject};

/// Most entries of a list in a match.
pub(crate) const LIST_MAX: usize = 1000;
/// Most channels of a route.
const CHANNELS_MAX: usize = 100;
/// Most keys of tags in a match. A resource has at most 50 tags.
const TAGS_MAX: usize = 50;
const TAG_KEY_MAX: usize = 128;
const TAG_VALUE_MAX: usize = 256;

/// One entry of `routes`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// Name of the route, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Findings that take the route.
    pub r#match: Match,
    /// Names of the channels that hear of them; with none, they are sent nowhere.
    pub channels: Vec<String>,
    /// Owners of findings for which neither tag nor opener names one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owner: Vec<String>,
    /// Assignee of the ticket, unless a tag or the opener names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Priority of the ticket, before that of its severity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Whether later routes are looked at, too.
    #[serde(skip_serializing_if = "is_false")]
    pub r#continue: bool,
    /// Whether findings are sent at once, even within a burst.
    #[serde(skip_serializing_if = "is_false")]
    pub immediate: bool,
    /// Whether findings are only part of the daily summary.
    #[serde(skip_serializing_if = "is_false")]
    pub digest: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Conditions of a route. A finding has to meet all of them; one value of each list is enough. Without conditions, every
/// finding matches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Match {
    /// Accounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accounts: Option<BTreeSet<String>>,
    /// Regions, with `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regions: Option<Vec<Pattern>>,
    /// Names of AWS Config rules, with `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<Pattern>>,
    /// Names of groups, with `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_names: Option<Vec<Pattern>>,
    /// VPCs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpcs: Option<BTreeSet<String>>,
    /// Tags of the group: key to values, with `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, Vec<Pattern>>>,
    /// Exposed ports, of which one is enough.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "ports_as_text")]
    pub ports: Option<PortSet>,
    /// Severities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severities: Option<Severities>,
    /// States.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub states: Option<BTreeSet<StateFilter>>,
}

#[expect(clippy::ref_option, reason = "serde passes a reference")]
fn ports_as_text<S: Serializer>(ports: &Option<PortSet>, serializer: S) -> Result<S::Ok, S::Error> {
    ports.as_ref().map(PortSet::to_string).serialize(serializer)
}

impl Match {
    /// Returns true if the finding meets every condition.
    #[must_use]
    pub fn matches(&self, subject: &Subject) -> bool {
        let ports = self.ports.as_ref();
        is_in(self.accounts.as_ref(), Some(&subject.account))
            && is_one_of(self.regions.as_ref(), Some(&subject.region))
            && is_one_of(self.rules.as_ref(), Some(&subject.rule))
            && is_one_of(self.group_names.as_ref(), subject.group_name.as_deref())
            && is_in(self.vpcs.as_ref(), subject.vpc_id.as_ref())
            && self.tags.iter().flatten().all(|(key, values)| {
                subject.tags.get(key).is_some_and(|tag| values.iter().any(|value| value.matches(tag)))
            })
            && ports.is_none_or(|ports| !ports.intersection(&subject.ports).is_empty())
            && self.severities.as_ref().is_none_or(|severities| severities.contains(subject.severity))
            && self.states.as_ref().is_none_or(|states| states.iter().any(|state| state.holds_for(subject)))
    }

    /// Returns true if every finding that matches `other` matches this, as far as their conditions tell.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let patterns = |mine: &Option<Vec<Pattern>>, others: &Option<Vec<Pattern>>| {
            implied(mine.as_ref(), others.as_ref(), |mine, others| covers_all(mine, others))
        };
        implied(self.accounts.as_ref(), other.accounts.as_ref(), BTreeSet::is_superset)
            && patterns(&self.regions, &other.regions)
            && patterns(&self.rules, &other.rules)
            && patterns(&self.group_names, &other.group_names)
            && implied(self.vpcs.as_ref(), other.vpcs.as_ref(), BTreeSet::is_superset)
            && self.tags.iter().flatten().all(|(key, values)| {
                let others = other.tags.as_ref().and_then(|tags| tags.get(key));
                others.is_some_and(|others| covers_all(values, others))
            })
            && implied(self.ports.as_ref(), other.ports.as_ref(), |mine, others| others.difference(mine).is_empty())
            && implied(self.severities.as_ref(), other.severities.as_ref(), Severities::covers)
            && implied(self.states.as_ref(), other.states.as_ref(), BTreeSet::is_superset)
    }

    fn read(value: Value<'_>) -> Option<Self> {
        let mut fields = value.fields()?;
        let account = |value: Value<'_>| value.form(100, is_account_id, "an account id of 12 digits");
        let vpc = |value: Value<'_>| value.form(100, is_vpc_id, "of the form vpc-0123456789abcdef0");
        let region = |value: Value<'_>| value.form(100, is_region_pattern, "a region, such as eu-west-1 or eu-*");
        let rule = |value: Value<'_>| {
            value.form(128, is_rule_pattern, "the name of an AWS Config rule, such as portcullis or portcullis-*")
        };
        let name = |value: Value<'_>| value.text_of(255).map(|(_, text)| text);
        let found = Self {
            accounts: fields.take("accounts").and_then(|value| each(value, account)),
            regions: fields.take("regions").and_then(|value| each(value, |value| region(value).map(Pattern::new))),
            rules: fields.take("rules").and_then(|value| each(value, |value| rule(value).map(Pattern::new))),
            group_names: fields.take("groupNames").and_then(|value| each(value, |value| name(value).map(Pattern::new))),
            vpcs: fields.take("vpcs").and_then(|value| each(value, vpc)),
            tags: fields.take("tags").and_then(tags),
            ports: fields.take("ports").and_then(ports),
            severities: Severities::read(&mut fields),
            states: fields.take("states").and_then(|value| each(value, |value| value.word(&STATES))),
        };
        fields.finish();
        Some(found)
    }
}

fn is_in<T: Ord>(set: Option<&BTreeSet<T>>, value: Option<&T>) -> bool {
    set.is_none_or(|set| value.is_some_and(|value| set.contains(value)))
}

fn is_one_of(patterns: Option<&Vec<Pattern>>, text: Option<&str>) -> bool {
    patterns.is_none_or(|patterns| text.is_some_and(|text| patterns.iter().any(|pattern| pattern.matches(text))))
}

/// Whether a condition always holds where that of another match does; none always holds.
fn implied<T>(mine: Option<&T>, others: Option<&T>, covers: impl Fn(&T, &T) -> bool) -> bool {
    mine.is_none_or(|mine| others.is_some_and(|others| covers(mine, others)))
}

fn covers_all(mine: &[Pattern], others: &[Pattern]) -> bool {
    others.iter().all(|other| mine.iter().any(|pattern| pattern.covers(other)))
}

fn each<'s, T, C: FromIterator<T>>(value: Value<'s>, read: impl Fn(Value<'s>) -> Option<T>) -> Option<C> {
    let read: Vec<Option<T>> = value.one_or_more(LIST_MAX)?.into_iter().map(read).collect();
    read.into_iter().collect()
}

fn tags(value: Value<'_>) -> Option<BTreeMap<String, Vec<Pattern>>> {
    let place = value.place.clone();
    let members = value.members(TAGS_MAX)?;
    if members.is_empty() {
        place.problem("names no tag: write a key and a value, or leave `tags` out");
    }
    let mut tags = BTreeMap::new();
    for (key, value) in members {
        if key.is_empty() || key.chars().nth(TAG_KEY_MAX).is_some() {
            value.place.problem("is not the key of a tag: keys have 1 to 128 characters");
            continue;
        }
        let text = |value: Value<'_>| value.text_of(TAG_VALUE_MAX).map(|(_, text)| Pattern::new(text));
        if let Some(values) = each(value, text) {
            tags.insert(key, values);
        }
    }
    Some(tags)
}

fn ports(value: Value<'_>) -> Option<PortSet> {
    let (place, text) = value.text_of(2000)?;
    text.parse().map_err(|error| place.problem(format!("{error}"))).ok()
}

fn is_region_pattern(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'*')
}

fn is_rule_pattern(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-*".contains(&byte))
}

impl Route {
    pub(crate) fn read(
        value: Value<'_>,
        channels: &BTreeSet<String>,
        aliases: &BTreeMap<String, Alias>,
    ) -> Option<Self> {
        let mut fields = value.fields()?;
        let name = fields.take("name").and_then(Value::text);
        let matching = fields.take("match").map_or_else(|| Some(Match::default()), Match::read);
        let names = fields.require("channels").and_then(|value| channel_names(value, channels));
        let owner = fields.take("owner").and_then(|value| owner_texts(value, aliases)).unwrap_or_default();
        let assignee = fields.take("assignee").and_then(|value| assignee_text(value, aliases));
        let priority = fields.take("priority").and_then(Value::text);
        let flag = |value: Option<Value<'_>>| value.and_then(Value::flag).unwrap_or_default();
        let r#continue = flag(fields.take("continue"));
        let immediate = flag(fields.take("immediate"));
        let digest = flag(fields.take("digest"));
        if immediate && digest {
            fields.place.problem("is both `immediate` and `digest`: keep one of them");
        }
        fields.finish();
        Some(Self {
            name,
            r#match: matching?,
            channels: names?,
            owner,
            assignee,
            priority,
            r#continue,
            immediate,
            digest,
        })
    }

    /// How a message names the route: by its place and, if it has one, its name.
    #[must_use]
    pub fn title(&self, index: usize) -> String {
        match &self.name {
            Some(name) => format!("routes[{index}] {}", quoted(name)),
            None => format!("routes[{index}]"),
        }
    }
}

/// Names of channels that exist, each once.
pub(crate) fn channel_names(value: Value<'_>, channels: &BTreeSet<String>) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for value in value.list(CHANNELS_MAX)? {
        let Some((place, name)) = value.text_of(crate::reader::TEXT_MAX) else { continue };
        if names.contains(&name) {
            place.problem(format!("{} is there twice: keep one of them", quoted(&name)));
        } else if !channels.contains(&name) {
            let known: Vec<&str> = channels.iter().map(String::as_str).collect();
            let remedy = if known.is_empty() {
                "add it to `channels`".to_owned()
            } else {
                crate::reader::nearest(&name, &known)
            };
            place.problem(format!("there is no channel {}: {remedy}", quoted(&name)));
        } else {
            names.push(name);
        }
    }
    Some(names)
}

/// A user of Jira, or an alias that has one.
pub(crate) fn assignee_text(value: Value<'_>, aliases: &BTreeMap<String, Alias>) -> Option<String> {
    let (place, text) = value.text_of(crate::reader::TEXT_MAX)?;
    let text = text.trim().to_owned();
    let problem = if let Some(alias) = aliases.get(&alias_key(&text)) {
        alias.ticket().is_none().then(|| "is an alias without `jira` and `email`: add one of them".to_owned())
    } else {
        match Address::parse(&text) {
            Ok(address) if address.in_jira().is_some() => None,
            Ok(Address { kind: OwnerKind::SlackChannel | OwnerKind::SlackUser, .. }) => {
                Some(format!("{} is of Slack: write a user of Jira or an e-mail address", quoted(&text)))
            }
            Ok(_) => Some("is not a user of Jira".to_owned()),
            Err(error) => Some(format!("{} {error}", quoted(&text))),
        }
    };
    match problem {
        Some(problem) => {
            place.problem(problem);
            None
        }
        None => Some(text),
    }
}
