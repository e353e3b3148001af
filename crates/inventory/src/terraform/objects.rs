//! What exists after the run: the planned resources, and what the plan leaves as it is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::address::Address;
use super::resource::{Resource, Standing};
use super::{GROUPS, RULES, prefix_lists, stacks};
use crate::tree::{repeated_here, repeated_within};

/// Kinds of resources that are read.
const READ: [&[&str]; 4] = [&GROUPS, &RULES, &prefix_lists::KINDS, &stacks::KINDS];

/// A part of the input that is not understood: its address, if it is known, and the problem.
pub(super) type Refused<'p> = (Option<&'p str>, String);

const INCOMPLETE: &str = "give the whole output of `terraform show -json`";

/// An object by its address, and by its key if it is deposed.
type Key<'p> = (&'p str, Option<&'p str>);

#[derive(Debug, Default)]
pub(super) struct Objects<'p> {
    pub(super) resources: Vec<Resource<'p>>,
    /// `resource_changes[].change` of current objects, by address.
    pub(super) changes: BTreeMap<&'p str, &'p Value>,
    pub(super) refused: Vec<Refused<'p>>,
}

impl<'p> Objects<'p> {
    /// `planned` are the `planned_values` of a plan, or the `values` of a state.
    pub(super) fn new(document: &'p Value, planned: &'p Value) -> Self {
        let mut objects = Self::default();
        let mut all = Vec::new();
        objects.state(planned, &mut all);
        let mut known: BTreeSet<Key<'p>> = all.iter().map(Resource::key).collect();
        let mut changes = BTreeMap::new();
        let mut damaged = BTreeMap::new();
        for entry in list(document.get("resource_changes")) {
            let text = |key: &str| entry.get(key).and_then(Value::as_str);
            let Some(address) = text("address") else { continue };
            known.extend(text("previous_address").map(|address| (address, None)));
            let key = (address, text("deposed"));
            known.insert(key);
            match (kind_of(address).and_then(|_| damage(entry)), entry.get("change")) {
                (Some(problem), _) => drop(damaged.insert(key, problem)),
                (None, Some(change)) => drop(changes.insert(key, change)),
                (None, None) => {}
            }
        }
        let is_forgotten = |key: &Key<'_>| changes.get(key).is_some_and(|change| actions(change).eq(["forget"]));
        all.retain(|resource| !is_forgotten(&resource.key()));
        for resource in &mut all {
            resource.change = changes.get(&resource.key()).copied();
            resource.damage = resource.damage.take().or_else(|| damaged.get(&resource.key()).cloned());
        }
        // An object that the run forgets stays as it is in AWS.
        for ((address, deposed), change) in &changes {
            let Some(before) = change.get("before").filter(|before| before.is_object()) else { continue };
            let Some(kind) = kind_of(address) else { continue };
            if actions(change).any(|action| action == "forget") {
                let is_replaced = deposed.is_none() && actions(change).count() > 1;
                let standing = match deposed {
                    Some(key) => Standing::Deposed(key),
                    None if is_replaced => Standing::Forgotten,
                    None => Standing::Current,
                };
                all.push(Resource { standing, ..Resource::new(address, kind, before) });
            }
        }
        // A plan with -target or -refresh-only leaves out what it does not change. That stands in the prior state alone.
        if let Some(prior) = document.get("prior_state").and_then(|state| state.get("values")) {
            let mut before = Vec::new();
            objects.state(prior, &mut before);
            all.extend(before.into_iter().filter(|resource| !known.contains(&resource.key())));
        }
        let current = changes.into_iter().filter(|((_, deposed), _)| deposed.is_none());
        objects.changes = current.map(|((address, _), change)| (address, change)).collect();
        for resource in &all {
            objects.refused.extend(resource.damage.clone().map(|problem| (Some(resource.address), problem)));
        }
        objects.resources = all;
        objects
    }

    /// Collects the resources of a state.
    fn state(&mut self, values: &'p Value, found: &mut Vec<Resource<'p>>) {
        if !values.is_object() {
            return self.refused.push((None, format!("the values are not an object: {INCOMPLETE}")));
        }
        if let Some(root) = values.get("root_module") {
            self.module(root, found);
        }
    }

    /// Collects the managed resources of a module and of the modules in it.
    fn module(&mut self, module: &'p Value, found: &mut Vec<Resource<'p>>) {
        let Some(members) = module.as_object() else {
            return self.refused.push((None, format!("a module is not an object: {INCOMPLETE}")));
        };
        let address = module.get("address").and_then(Value::as_str);
        for repeated in repeated_here(members) {
            self.refused.push((address, duplicate(&repeated.key)));
        }
        for key in ["resources", "child_modules"] {
            if module.get(key).is_some_and(|list| !list.is_array() && !list.is_null()) {
                self.refused.push((address, format!("`{key}` is not a list: {INCOMPLETE}")));
            }
        }
        for resource in list(module.get("resources")) {
            let text = |key: &str| resource.get(key).and_then(Value::as_str);
            let (address, kind, mode) = (text("address"), text("type"), text("mode"));
            match (address, kind, mode) {
                (_, _, Some("data")) => {}
                (Some(address), Some(kind), Some("managed")) => {
                    let values = resource.get("values").unwrap_or(&Value::Null);
                    let standing = text("deposed_key").map_or(Standing::Current, Standing::Deposed);
                    let damage = if is_read(kind) { damage(resource) } else { None };
                    found.push(Resource { standing, damage, ..Resource::new(address, kind, values) });
                }
                (_, Some(kind), _) if !is_read(kind) => {}
                _ => {
                    let problem = format!("resource without `address`, `type` or `mode`: {INCOMPLETE}");
                    self.refused.push((address, problem));
                }
            }
        }
        for child in list(module.get("child_modules")) {
            self.module(child, found);
        }
    }
}

/// The kind of the resource at `address`, if it is one that is read.
fn kind_of(address: &str) -> Option<&'static str> {
    let kind = Address::new(address).kind;
    READ.iter().copied().flatten().copied().find(|read| *read == kind)
}

fn is_read(kind: &str) -> bool {
    READ.iter().copied().flatten().any(|read| *read == kind)
}

/// The elements of a list; none if it is missing.
fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn actions(change: &Value) -> impl Iterator<Item = &str> {
    list(change.get("actions")).filter_map(Value::as_str)
}

pub(super) fn duplicate(key: &str) -> String {
    format!("duplicate key `{key}`: {INCOMPLETE}")
}

/// Why an object is not understood.
fn damage(value: &Value) -> Option<String> {
    repeated_within(value).map(|repeated| duplicate(&repeated.key))
}
