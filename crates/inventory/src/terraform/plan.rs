//! Groups and rules of a plan or a state, put together.

use std::collections::{BTreeMap, HashMap};

use exposure::{IngressRule, PrefixList, SecurityGroup, Source};
use findings::Location;
use serde_json::Value;

use super::address::Address;
use super::configuration::{Blocks, Configuration};
use super::resource::{AFTER_APPLY, Resource, inline_rules, rule, tags};
use super::{GROUPS, RULES, prefix_lists};
use crate::duplicates::remove_duplicates;
use crate::record::{Origin, Record};

/// A group of the plan, or a group outside it that the plan has rules for.
pub(super) struct Group {
    record: Record,
    /// Whether the inline rules come from the configuration. Otherwise they are the rules at the time of the refresh.
    is_inline: bool,
}

pub(super) struct Plan<'p> {
    file: &'p str,
    configuration: Option<Configuration<'p>>,
    /// Groups by address; those outside the plan by id.
    pub(super) groups: BTreeMap<String, Group>,
    /// Prefix lists of the plan, by address and by id.
    lists: BTreeMap<String, PrefixList>,
    /// The resources that make them.
    list_blocks: Blocks<'p>,
}

/// Index of the groups that are resources of the plan.
pub(super) struct GroupIndex<'k> {
    by_block: Blocks<'k>,
    by_id: HashMap<String, Vec<&'k str>>,
}

impl<'k> GroupIndex<'k> {
    pub(super) fn new(plan: &Plan<'_>, keys: &'k [String]) -> Self {
        let mut by_id: HashMap<_, Vec<_>> = HashMap::new();
        for key in keys {
            if let Some(group) = plan.groups.get(key) {
                by_id.entry(group.record.group.id.clone()).or_default().push(key.as_str());
            }
        }
        // A reference means the current object, never a deposed one.
        let current = keys.iter().map(String::as_str).filter(|key| !key.contains(DEPOSED));
        Self { by_block: Blocks::new(current, &GROUPS), by_id }
    }

    /// Keys of the groups with this id.
    fn with_id(&self, id: &str) -> &[&'k str] {
        self.by_id.get(id).map_or(&[], Vec::as_slice)
    }
}

/// Stands between the address of a deposed object and its key.
const DEPOSED: &str = " (deposed ";

/// The key of a resource: its address, and for a deposed object also its key there.
fn key(resource: &Resource<'_>) -> String {
    match resource.deposed {
        Some(key) => format!("{}{DEPOSED}{key})", resource.address),
        None => resource.address.to_owned(),
    }
}

impl<'p> Plan<'p> {
    pub(super) fn new(file: &'p str, configuration: Option<Configuration<'p>>, resources: &[Resource<'p>]) -> Self {
        let lists = prefix_lists::of(resources);
        let is_list = |resource: &&Resource<'_>| resource.kind == prefix_lists::LIST && resource.deposed.is_none();
        let addresses = resources.iter().filter(is_list);
        let list_blocks = Blocks::new(addresses.map(|resource| resource.address), &[prefix_lists::LIST]);
        Self { file, configuration, groups: BTreeMap::new(), lists, list_blocks }
    }

    /// The groups, each with the entries of the prefix lists that its rules name.
    pub(super) fn into_records(self) -> impl Iterator<Item = Record> {
        let lists = self.lists;
        self.groups.into_values().map(move |Group { mut record, .. }| {
            // In a state, a group also has the rules of other resources.
            remove_duplicates(&mut record);
            for rule in &record.group.ingress {
                if let Source::PrefixList(name) = &rule.source
                    && let Some(list) = lists.get(name)
                {
                    record.known.insert(name.clone(), list.clone());
                }
            }
            record
        })
    }

    pub(super) fn group(&mut self, resource: &Resource<'_>) {
        let text = |key: &str| resource.values.get(key).and_then(Value::as_str).map(str::to_owned);
        let is_inline = self.is_inline(resource);
        let is_cloud_control = resource.is_cloud_control();
        let group = SecurityGroup {
            id: text(if is_cloud_control { "group_id" } else { "id" })
                .or_else(|| text("id"))
                .unwrap_or_else(|| key(resource)),
            name: text(if is_cloud_control { "group_name" } else { "name" }),
            vpc_id: text("vpc_id"),
            owner_id: text("owner_id"),
            tags: tags(resource.values),
            ..SecurityGroup::default()
        };
        let name = key(resource);
        let location = Some(self.location(&name));
        let mut record = Record { region: resource.region(), location, ..Record::new(group) };
        for rule in inline_rules(resource, is_inline) {
            record.push(rule, None, Origin::default());
        }
        self.groups.insert(name, Group { record, is_inline });
    }

    /// Whether the rules in a group come from its configuration. If they do not, they are those of the last refresh, and
    /// include rules that other resources make.
    fn is_inline(&self, resource: &Resource<'_>) -> bool {
        // Without a configuration it is not known whether the group has inline rules, so it may.
        let Some(configuration) = &self.configuration else { return true };
        let ingress = resource.spelling().ingress;
        if configuration.has(resource.address, ingress) {
            return true;
        }
        let Some(change) = resource.change else { return false };
        let of = |state: &str| change.get(state).and_then(|values| values.get(ingress));
        let is_created = change
            .get("actions")
            .and_then(Value::as_array)
            .is_some_and(|actions| actions.iter().any(|action| action == "create"));
        match (of("before"), of("after"), of("after_unknown")) {
            // An existing group keeps its rules unless its configuration has others.
            (_, _, Some(Value::Bool(true))) => !is_created,
            (_, Some(_), _) if is_created => true,
            (before, after, _) => !is_same_set(before, after),
        }
    }

    /// Removes the rules that the plan deletes or changes. A refreshed group has the rules of other resources as well, in
    /// the form before the change.
    pub(super) fn remove_outdated(&mut self, changes: &BTreeMap<&str, &Value>, known: &GroupIndex<'_>) {
        for (address, change) in changes {
            let is_outdated = change
                .get("actions")
                .and_then(Value::as_array)
                .is_some_and(|actions| actions.iter().any(|action| action == "delete" || action == "update"));
            let Some(before) = change.get("before").filter(|before| is_outdated && before.is_object()) else {
                continue;
            };
            let Some(kind) = RULES.into_iter().find(|kind| Address::new(address).kind == **kind) else { continue };
            let resource = Resource { address, kind, values: before, change: None, deposed: None };
            let Some(group_id) = resource.group_id() else { continue };
            let outdated = rule(&resource);
            for key in known.with_id(group_id) {
                if let Some(Group { record, is_inline: false }) = self.groups.get_mut(*key) {
                    record.retain(|rule| !outdated.iter().any(|gone| gone.admits_the_same_as(rule)));
                }
            }
        }
    }

    pub(super) fn rule(&mut self, resource: &Resource<'_>, known: &GroupIndex<'_>) {
        let mut rules = rule(resource);
        if rules.is_empty() {
            return;
        }
        self.name_lists(resource, &mut rules);
        let name = self.group_of(resource, known);
        let location = self.location(&key(resource));
        let group = self.groups.entry(name).or_insert_with_key(|name| {
            let group = SecurityGroup { id: name.clone(), ..SecurityGroup::default() };
            let record = Record { region: resource.region(), location: Some(location.clone()), ..Record::new(group) };
            Group { record, is_inline: false }
        });
        for rule in rules {
            let origin = Origin { location: Some(location.clone()), ..Origin::default() };
            group.record.push(rule, None, origin);
        }
    }

    /// A prefix list that the plan makes has no id yet. The rules get its address instead.
    fn name_lists(&self, resource: &Resource<'_>, rules: &mut [IngressRule]) {
        let referenced = self.configuration.as_ref().and_then(|configuration| {
            configuration.referenced(resource.address, resource.spelling().prefix_lists, &self.list_blocks)
        });
        let Some(address) = referenced else { return };
        for rule in rules {
            if rule.source == Source::PrefixList(AFTER_APPLY.to_owned()) {
                rule.source = Source::PrefixList(address.to_owned());
            }
        }
    }

    /// Key of the group that a rule belongs to: a group of the plan if one is found, else the id of the group, else the
    /// address of the rule.
    fn group_of(&self, resource: &Resource<'_>, known: &GroupIndex<'_>) -> String {
        if let Some(id) = resource.group_id() {
            return known.with_id(id).first().copied().unwrap_or(id).to_owned();
        }
        let attribute = resource.spelling().group_id;
        self.configuration
            .as_ref()
            .and_then(|configuration| configuration.referenced(resource.address, attribute, &known.by_block))
            .map_or_else(|| key(resource), str::to_owned)
    }

    fn location(&self, address: &str) -> Location {
        Location { file: self.file.to_owned(), resource: Some(address.to_owned()), line: None }
    }
}

/// Whether two lists have the same elements, in any order. A missing list is empty.
fn is_same_set(one: Option<&Value>, other: Option<&Value>) -> bool {
    let sorted = |list: Option<&Value>| {
        let elements = list.and_then(Value::as_array).into_iter().flatten();
        let mut texts: Vec<String> = elements.map(Value::to_string).collect();
        texts.sort();
        texts
    };
    sorted(one) == sorted(other)
}
