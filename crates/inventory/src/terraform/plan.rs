//! Groups and rules of a plan or a state, put together.

use std::collections::BTreeMap;

use exposure::{AddressSet, IngressRule, PossibleSource, PrefixList, SecurityGroup, Source};
use findings::Location;
use serde_json::Value;

use super::address::Address;
use super::blocks::{Blocks, Instances};
use super::configuration::Configuration;
use super::group_index::{GroupIndex, Possible};
use super::lines::Lines;
use super::objects::actions;
use super::referenced::{Memory, Referenced};
use super::references::referenced;
use super::resource::{AFTER_APPLY, Resource, Standing, has_unknown, inline_rules, rule, tags, unknown_rule};
use super::{RULES, prefix_lists};
use crate::duplicates::remove_duplicates;
use crate::record::{Origin, Record};

/// A group of the plan, or a group outside it that the plan has rules for.
pub(super) struct Group {
    pub(super) record: Record,
    /// Whether the inline rules come from the configuration. Otherwise they are the rules at the time of the refresh.
    is_inline: bool,
    /// Whether its rules are known only after apply, as those of any new group.
    is_new: bool,
}

pub(super) struct Plan<'p> {
    file: &'p str,
    lines: &'p Lines,
    configuration: Option<&'p Configuration<'p>>,
    instances: Instances,
    /// Groups by address; those outside the plan by id.
    pub(super) groups: BTreeMap<String, Group>,
    /// Prefix lists of the plan, by address and by id.
    lists: BTreeMap<String, PrefixList>,
    /// The resources that make them.
    list_blocks: Blocks<'p>,
}

/// A rule, and what its source may stand for.
pub(super) type FoundRule = (IngressRule, Option<PossibleSource>);

/// The current objects.
pub(super) fn current<'r, 'p>(resources: &'r [Resource<'p>]) -> impl Iterator<Item = &'r Resource<'p>> {
    resources.iter().filter(|resource| resource.standing == Standing::Current)
}

impl<'p> Plan<'p> {
    pub(super) fn new(
        file: &'p str,
        lines: &'p Lines,
        configuration: Option<&'p Configuration<'p>>,
        resources: &[Resource<'p>],
    ) -> Self {
        let lists = prefix_lists::of(resources);
        let instances = Instances::new(current(resources).map(|resource| resource.address));
        let is_list = |resource: &&Resource<'_>| resource.kind == prefix_lists::LIST;
        let addresses = current(resources).filter(is_list).map(|resource| resource.address);
        let list_blocks = Blocks::new(addresses, &[prefix_lists::LIST]);
        Self { file, lines, configuration, instances, groups: BTreeMap::new(), lists, list_blocks }
    }

    /// The groups, each with the entries of the prefix lists that its rules name.
    pub(super) fn into_records(self) -> impl Iterator<Item = Record> {
        let lists = self.lists;
        self.groups.into_values().map(move |Group { mut record, is_new, .. }| {
            record.is_assumed = is_new && record.group.ingress.is_empty();
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

    /// Adds a group.
    ///
    /// # Errors
    ///
    /// If the input does not show its rules.
    pub(super) fn group(&mut self, resource: &Resource<'_>) -> Result<(), String> {
        let ingress = resource.spelling().ingress;
        if resource.values.get(ingress).is_none() && !resource.unknown(ingress).is_some_and(has_unknown) {
            return Err(format!("group without `{ingress}`: give the whole output of `terraform show -json`"));
        }
        let text = |key: &str| resource.values.get(key).and_then(Value::as_str).map(str::to_owned);
        let is_inline = self.is_inline(resource);
        let is_cloud_control = resource.is_cloud_control();
        let group = SecurityGroup {
            id: text(if is_cloud_control { "group_id" } else { "id" })
                .or_else(|| text("id"))
                .unwrap_or_else(|| resource.name()),
            resource: Some(resource.name()),
            name: text(if is_cloud_control { "group_name" } else { "name" }),
            vpc_id: text("vpc_id"),
            owner_id: text("owner_id"),
            tags: tags(resource.values),
            ..SecurityGroup::default()
        };
        let name = resource.name();
        let location = Some(self.location(resource));
        let mut record = Record { region: resource.region(), location, ..Record::new(group) };
        for rule in inline_rules(resource, is_inline) {
            record.push(rule, None, Origin::default());
        }
        let is_new = resource.unknown(ingress) == Some(&Value::Bool(true));
        self.groups.insert(name, Group { record, is_inline, is_new });
        Ok(())
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
        let is_created = resource.is_created();
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
            let is_outdated = actions(change).any(|action| action == "delete" || action == "update");
            let Some(before) = change.get("before").filter(|before| is_outdated && before.is_object()) else {
                continue;
            };
            let Some(kind) = RULES.into_iter().find(|kind| Address::new(address).kind == **kind) else { continue };
            let resource = Resource::new(address, kind, before);
            let Some(group_id) = resource.group_id() else { continue };
            let outdated = rule(&resource);
            for key in known.with_id(group_id) {
                if let Some(Group { record, is_inline: false, .. }) = self.groups.get_mut(*key) {
                    record.retain(|rule| !outdated.iter().any(|gone| gone.admits_the_same_as(rule)));
                }
            }
        }
    }

    pub(super) fn rule(&mut self, resource: &Resource<'_>, known: &mut GroupIndex<'_>) {
        let rules = rule(resource);
        if rules.is_empty() {
            return;
        }
        let rules = self.with_lists(resource, rules);
        let location = self.location(resource);
        if let Some(id) = resource.group_id() {
            match known.with_id(id) {
                [] => self.apart(id, resource, rules, &location),
                same => same.iter().for_each(|name| self.add(name, rules.clone(), &location, None)),
            }
            return;
        }
        let attribute = resource.spelling().group_id;
        let groups = self.referenced(resource.address, attribute, &known.by_block, &known.memory);
        if let Some(name) = groups.certain() {
            return self.add(name, rules, &location, None);
        }
        let possible: Vec<FoundRule> = rules.iter().filter_map(|rule| self.possible(rule, resource.address)).collect();
        for name in groups.found {
            self.add(name, possible.clone(), &location, Some(&doubt(&location)));
        }
        for groups in groups.shared {
            known.share(groups, &possible, &location);
        }
        self.apart(&resource.name(), resource, rules, &location);
    }

    /// Adds the rules that several groups may have or not.
    pub(super) fn add_possible(&mut self, known: &GroupIndex<'_>) {
        for possible in &known.possible {
            let (most, Possible { groups, rules }) = (possible.most(), possible);
            for name in groups.iter() {
                for (found, location) in rules.iter().take(most) {
                    self.add(name, vec![found.clone()], location, Some(&doubt(location)));
                }
                if let Some((_, location)) = rules.get(most) {
                    let doubt = format!("more than {most} rule resources may belong to this group");
                    self.add(name, vec![(unknown_rule(doubt.clone(), doubt.clone()), None)], location, Some(&doubt));
                }
            }
        }
    }

    /// Adds rules to a group of the plan.
    fn add(&mut self, name: &str, rules: Vec<FoundRule>, location: &Location, doubt: Option<&str>) {
        let Some(group) = self.groups.get_mut(name) else { return };
        for (rule, possible) in rules {
            let origin =
                Origin { location: Some(location.clone()), doubt: doubt.map(str::to_owned), ..Origin::default() };
            group.record.push(rule, possible, origin);
        }
    }

    /// Adds rules of a group that is not in the plan, or not known.
    fn apart(&mut self, name: &str, resource: &Resource<'_>, rules: Vec<FoundRule>, location: &Location) {
        self.groups.entry(name.to_owned()).or_insert_with(|| {
            let group =
                SecurityGroup { id: name.to_owned(), resource: Some(resource.name()), ..SecurityGroup::default() };
            let record = Record { region: resource.region(), location: Some(location.clone()), ..Record::new(group) };
            Group { record, is_inline: false, is_new: false }
        });
        self.add(name, rules, location, None);
    }

    fn referenced<'g>(
        &self,
        address: &str,
        attribute: &str,
        targets: &Blocks<'g>,
        memory: &Memory<'g>,
    ) -> Referenced<'g> {
        referenced(self.configuration, &self.instances, address, attribute, targets, memory)
    }

    /// Addresses that a rule admits; `None` if they are not known.
    fn addresses(&self, (rule, possible): &FoundRule) -> Option<Vec<AddressSet>> {
        match (&rule.source, possible) {
            (Source::Cidr(network), _) => Some(vec![AddressSet::from_iter([*network])]),
            (Source::PrefixList(name), _) => match self.lists.get(name) {
                Some(PrefixList::Entries(entries)) => Some(vec![entries.clone()]),
                _ => None,
            },
            (Source::SecurityGroup { .. }, _) => Some(vec![AddressSet::default()]),
            (Source::Unrecognized(_), Some(PossibleSource::OneOf(sets))) => Some(sets.clone()),
            (Source::Unrecognized(_), _) => None,
        }
    }

    /// A rule of the resource at `address` that a group may have or not; `None` if it admits no addresses.
    fn possible(&self, found: &FoundRule, address: &str) -> Option<FoundRule> {
        let (rule, _) = found;
        if matches!(rule.source, Source::SecurityGroup { .. }) {
            return None;
        }
        let source = match &rule.source {
            Source::Unrecognized(text) => text.clone(),
            source => source.to_string(),
        };
        let possible = self.addresses(found).map(|mut sets| {
            sets.push(AddressSet::default());
            PossibleSource::OneOf(sets)
        });
        let text = format!("{source}, if {address} is attached to this group");
        Some((IngressRule { source: Source::Unrecognized(text), ..rule.clone() }, possible))
    }

    /// A prefix list that the plan makes has no id yet. The rules get its address instead.
    fn with_lists(&self, resource: &Resource<'_>, rules: Vec<IngressRule>) -> Vec<FoundRule> {
        let unknown = Source::PrefixList(AFTER_APPLY.to_owned());
        let attribute = resource.spelling().prefix_lists;
        let (unknown, known): (Vec<_>, Vec<_>) = rules.into_iter().partition(|rule| rule.source == unknown);
        let mut found: Vec<FoundRule> = known.into_iter().map(|rule| (rule, None)).collect();
        let Some(rule) = unknown.into_iter().next() else { return found };
        let mut lists = self.referenced(resource.address, attribute, &self.list_blocks, &Memory::default());
        for set in std::mem::take(&mut lists.shared) {
            lists.found.extend(set.iter());
        }
        let of = |name: &str| IngressRule { source: Source::PrefixList(name.to_owned()), ..rule.clone() };
        // A list in which each element is unknown, and refers to a list of its own, has all of them.
        let is_all = match resource.unknown(attribute) {
            Some(Value::Array(elements)) => {
                let unknown = elements.iter().filter(|element| **element == Value::Bool(true)).count();
                !lists.may_be_other && unknown == lists.found.len() && lists.count == lists.found.len()
            }
            _ => false,
        };
        if is_all || lists.certain().is_some() {
            found.extend(lists.found.iter().map(|name| (of(name), None)));
            return found;
        }
        if lists.may_be_other || lists.found.is_empty() {
            found.push((rule, None));
            return found;
        }
        // Any of them, or several.
        let names: Vec<&str> = lists.found.iter().copied().collect();
        let text = format!("one of {}", names.join(", "));
        let sets: Option<Vec<_>> = names.iter().map(|name| self.addresses(&(of(name), None))).collect();
        let possible = sets.map(|sets| {
            let mut sets = sets.concat();
            sets.push(sets.iter().fold(AddressSet::default(), |all, set| all.union(set)));
            PossibleSource::OneOf(sets)
        });
        found.push((IngressRule { source: Source::Unrecognized(text), ..rule }, possible));
        found
    }

    fn location(&self, resource: &Resource<'_>) -> Location {
        Location { file: self.file.to_owned(), resource: Some(resource.name()), line: self.lines.of(resource) }
    }
}

/// Why it is not certain that a group has the rules of a resource.
fn doubt(rule: &Location) -> String {
    let name = rule.resource.as_deref().unwrap_or_default();
    format!("`{name}` may belong to this group: the plan does not show to which one")
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
