//! Lines of the resources of a plan or a state that is printed over several lines.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::resource::Resource;

/// Lines of resources by their address, and by their key if they are deposed.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<(String, Option<String>), u64>);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document<'a> {
    #[serde(borrow)]
    planned_values: Values<'a>,
    #[serde(borrow)]
    values: Values<'a>,
    #[serde(borrow)]
    resource_changes: Vec<Entry<'a>>,
    #[serde(borrow)]
    prior_state: State<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct State<'a> {
    #[serde(borrow)]
    values: Values<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Values<'a> {
    #[serde(borrow)]
    root_module: Module<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Module<'a> {
    #[serde(borrow)]
    resources: Vec<Entry<'a>>,
    #[serde(borrow)]
    child_modules: Vec<Module<'a>>,
}

/// A resource, or its change.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    address: &'a RawValue,
    #[serde(borrow, default, alias = "deposed")]
    deposed_key: Option<Cow<'a, str>>,
}

impl Lines {
    /// The lines of the `json` that begins in line `first`. Text on a single line has none, since they would say nothing.
    pub(super) fn new(json: &str, first: u64) -> Self {
        // A resource that is not understood is refused elsewhere.
        let Some(document) =
            Some(json).filter(|json| json.contains('\n')).and_then(|json| serde_json::from_str(json).ok())
        else {
            return Self::default();
        };
        let Document { planned_values, values, resource_changes, prior_state } = document;
        let mut found = Vec::new();
        for values in [planned_values, values] {
            collect(values.root_module, &mut found);
        }
        found.extend(resource_changes);
        collect(prior_state.values.root_module, &mut found);
        let mut found: Vec<_> =
            found.into_iter().enumerate().map(|(order, entry)| (offset(json, &entry), order, entry)).collect();
        found.sort_by_key(|(offset, ..)| *offset);
        let (mut line, mut counted) = (first, 0);
        let mut placed = Vec::new();
        for (offset, order, entry) in found {
            let before = json.as_bytes().get(counted..offset).unwrap_or_default();
            line += u64::try_from(memchr::memchr_iter(b'\n', before).count()).unwrap_or_default();
            counted = counted.max(offset);
            placed.push((order, line, entry));
        }
        // What is planned comes before what is changed, and that before what was.
        placed.sort_by_key(|(order, ..)| *order);
        let mut lines = BTreeMap::new();
        for (_, line, entry) in placed {
            let Ok(address) = serde_json::from_str::<String>(entry.address.get()) else { continue };
            lines.entry((address, entry.deposed_key.map(Cow::into_owned))).or_insert(line);
        }
        Self(lines)
    }

    /// Line of the address of a resource.
    pub(super) fn of(&self, resource: &Resource<'_>) -> Option<u64> {
        let (address, deposed) = resource.key();
        self.0.get(&(address.to_owned(), deposed.map(str::to_owned))).copied()
    }

    /// Line of the address of the current object there.
    pub(super) fn of_address(&self, address: &str) -> Option<u64> {
        self.0.get(&(address.to_owned(), None)).copied()
    }
}

fn collect<'a>(module: Module<'a>, found: &mut Vec<Entry<'a>>) {
    found.extend(module.resources);
    for child in module.child_modules {
        collect(child, found);
    }
}

fn offset(json: &str, entry: &Entry<'_>) -> usize {
    entry.address.get().as_ptr().addr().saturating_sub(json.as_ptr().addr())
}
