//! Security groups of a Terraform plan or state in the output of `terraform show -json`.
//!
//! A value that is known only after apply is not recognised, and so never compliant. There is one exception: Terraform
//! shows the inline `ingress` of a new group as "known after apply" even if its configuration has none. Such a group is
//! read as one without inline rules. A `dynamic "ingress"` over a list that is not known yet looks the same, since the
//! configuration in a plan does not show it.

mod address;
mod configuration;
mod resource;

use std::collections::{BTreeMap, HashMap};

use exposure::SecurityGroup;
use serde_json::Value;

use self::address::Address;
use self::configuration::{Configuration, Groups};
use self::resource::{Resource, inline_rules, rule};
use super::Record;
use super::buffer::Position;
use super::duplicates::remove_duplicates;
use super::error::{InputLocation, RecordError};
use findings::Location;

const GROUPS: [&str; 2] = ["aws_security_group", "aws_default_security_group"];
const RULES: [&str; 2] = ["aws_security_group_rule", "aws_vpc_security_group_ingress_rule"];

/// The groups of a plan or of a state.
pub(super) fn records(document: &Value, file: &str) -> Vec<Result<Record, RecordError>> {
    let refuse = |id: Option<&str>, problem: &str| {
        let location = InputLocation::new(file, Position::START, None);
        Err(RecordError { location, id: id.map(str::to_owned), problem: problem.to_owned() })
    };
    let Some(root) = document.get("planned_values").or_else(|| document.get("values")) else {
        return vec![refuse(None, "plan without `planned_values`: give the whole output of `terraform show -json`")];
    };
    let mut resources = Vec::new();
    if let Some(root) = root.get("root_module") {
        resource::collect(root, &mut resources);
    }
    let changes = changes(document);
    for resource in &mut resources {
        resource.unknown = changes.get(resource.address).and_then(|change| change.get("after_unknown"));
    }
    let configuration = document.get("configuration").map(Configuration::new);
    let mut plan = Plan { file, configuration, groups: BTreeMap::new() };
    let mut records = Vec::new();
    for resource in resources.iter().filter(|resource| GROUPS.contains(&resource.kind)) {
        plan.group(resource);
    }
    let addresses: Vec<String> = plan.groups.keys().cloned().collect();
    let known = GroupIndex::new(&plan, &addresses);
    plan.remove_outdated(&changes, &known);
    for resource in resources.iter().filter(|resource| RULES.contains(&resource.kind)) {
        plan.rule(resource, &known);
    }
    if document.get("errored") == Some(&Value::Bool(true)) {
        records.push(refuse(None, "the plan of a failed run is incomplete: run `terraform plan` again"));
    }
    if document.get("complete") == Some(&Value::Bool(false)) {
        let problem = "the plan defers changes to a later run, so groups may be missing: plan without -target";
        records.push(refuse(None, problem));
    }
    records.extend(plan.groups.into_values().map(|Group { mut record, .. }| {
        // In a state, a group also has the rules of other resources.
        remove_duplicates(&mut record.group.ingress);
        Ok(record)
    }));
    records
}

/// `resource_changes[].change`, by address.
fn changes(document: &Value) -> BTreeMap<&str, &Value> {
    document
        .get("resource_changes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|change| Some((change.get("address")?.as_str()?, change)))
        .filter(|(_, change)| change.get("deposed").is_none())
        .filter_map(|(address, change)| Some((address, change.get("change")?)))
        .collect()
}

/// A group of the plan, or a group outside it that the plan has rules for.
struct Group {
    record: Record,
    /// Whether the inline rules come from the configuration. Otherwise they are the rules at the time of the refresh.
    is_inline: bool,
}

struct Plan<'p> {
    file: &'p str,
    configuration: Option<Configuration<'p>>,
    /// Groups by address; those outside the plan by id.
    groups: BTreeMap<String, Group>,
}

/// Index of the groups that are resources of the plan.
struct GroupIndex<'k> {
    by_block: Groups<'k>,
    by_id: HashMap<String, Vec<&'k str>>,
}

impl<'k> GroupIndex<'k> {
    fn new(plan: &Plan<'_>, addresses: &'k [String]) -> Self {
        let mut by_id: HashMap<_, Vec<_>> = HashMap::new();
        for address in addresses {
            if let Some(group) = plan.groups.get(address) {
                by_id.entry(group.record.group.id.clone()).or_default().push(address.as_str());
            }
        }
        Self { by_block: Groups::new(addresses.iter().map(String::as_str)), by_id }
    }

    /// Addresses of the groups with this id.
    fn with_id(&self, id: &str) -> &[&'k str] {
        self.by_id.get(id).map_or(&[], Vec::as_slice)
    }
}

impl Plan<'_> {
    fn group(&mut self, resource: &Resource<'_>) {
        let text = |key: &str| resource.values.get(key).and_then(Value::as_str).map(str::to_owned);
        // Without a configuration it is not known whether the group has inline rules, so it may.
        let is_inline =
            self.configuration.as_ref().is_none_or(|configuration| configuration.has(resource.address, "ingress"));
        let tags = ["tags", "tags_all"].into_iter().filter_map(|key| resource.values.get(key)?.as_object()).flatten();
        let group = SecurityGroup {
            id: text("id").unwrap_or_else(|| resource.address.to_owned()),
            name: text("name"),
            vpc_id: text("vpc_id"),
            owner_id: text("owner_id"),
            tags: tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect(),
            ingress: inline_rules(resource, is_inline),
        };
        let record = Record { group, region: resource.region(), location: Some(self.location(resource.address)) };
        self.groups.insert(resource.address.to_owned(), Group { record, is_inline });
    }

    /// Removes the rules that the plan deletes or changes. A refreshed group has the rules of other resources as well, in
    /// the form before the change.
    fn remove_outdated(&mut self, changes: &BTreeMap<&str, &Value>, known: &GroupIndex<'_>) {
        for (address, change) in changes {
            let is_outdated = change
                .get("actions")
                .and_then(Value::as_array)
                .is_some_and(|actions| actions.iter().any(|action| action == "delete" || action == "update"));
            let Some(before) = change.get("before").filter(|before| is_outdated && before.is_object()) else {
                continue;
            };
            let Some(kind) = RULES.into_iter().find(|kind| Address::new(address).kind == **kind) else { continue };
            let resource = Resource { address, kind, values: before, unknown: None };
            let Some(group_id) = before.get("security_group_id").and_then(Value::as_str) else { continue };
            let outdated = rule(&resource);
            for address in known.with_id(group_id) {
                if let Some(Group { record, is_inline: false }) = self.groups.get_mut(*address) {
                    record.group.ingress.retain(|rule| !outdated.iter().any(|gone| gone.admits_the_same_as(rule)));
                }
            }
        }
    }

    fn rule(&mut self, resource: &Resource<'_>, known: &GroupIndex<'_>) {
        let rules = rule(resource);
        if rules.is_empty() {
            return;
        }
        let name = self.group_of(resource, known);
        let location = self.location(resource.address);
        let group = self.groups.entry(name).or_insert_with_key(|name| Group {
            record: Record {
                group: SecurityGroup { id: name.clone(), ..SecurityGroup::default() },
                region: resource.region(),
                location: Some(location),
            },
            is_inline: false,
        });
        group.record.group.ingress.extend(rules);
    }

    /// Key of the group that a rule belongs to: a group of the plan if one is found, else the id of the group, else the
    /// address of the rule.
    fn group_of(&self, resource: &Resource<'_>, known: &GroupIndex<'_>) -> String {
        if let Some(id) = resource.values.get("security_group_id").and_then(Value::as_str) {
            return known.with_id(id).first().copied().unwrap_or(id).to_owned();
        }
        self.configuration
            .as_ref()
            .and_then(|configuration| configuration.referenced(resource.address, "security_group_id", &known.by_block))
            .unwrap_or(resource.address)
            .to_owned()
    }

    fn location(&self, address: &str) -> Location {
        Location { file: self.file.to_owned(), resource: Some(address.to_owned()), line: None }
    }
}
