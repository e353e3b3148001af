//! `configurationItemDiff`, with `PascalCase` paths and `camelCase` values.

use serde_json::{Map, Value, json};

use super::item::Item;

const LISTS: [(&str, &str); 3] = [
    ("ipPermissions", "Configuration.IpPermissions"),
    ("ipPermissionsEgress", "Configuration.IpPermissionsEgress"),
    ("tags", "Configuration.Tags"),
];

/// Returns the changes from `old` to `new`, two items that both have a configuration.
pub(crate) fn update(old: &Item, new: &Item) -> Value {
    let mut changes = Map::new();
    for (name, path) in LISTS {
        let of = |item: &Item| item.configuration.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        list_changes(&mut changes, path, &of(old), &of(new));
    }
    let relationships = |item: &Item| -> Vec<Value> {
        item.relationships
            .iter()
            .map(|(kind, id, name)| json!({"resourceId": id, "resourceName": null, "resourceType": kind, "name": name}))
            .collect()
    };
    list_changes(&mut changes, "Relationships", &relationships(old), &relationships(new));
    json!({"changedProperties": changes, "changeType": "UPDATE"})
}

/// Returns the diff of a deletion.
pub(crate) fn deletion() -> Value {
    json!({"changedProperties": {}, "changeType": "DELETE"})
}

/// Returns new members as CREATE and missing ones as DELETE. The order of a list has no meaning.
fn list_changes(changes: &mut Map<String, Value>, path: &str, old: &[Value], new: &[Value]) {
    let gone: Vec<&Value> = old.iter().filter(|member| !new.contains(member)).collect();
    let came: Vec<&Value> = new.iter().filter(|member| !old.contains(member)).collect();
    let entries = gone
        .into_iter()
        .map(|member| json!({"previousValue": member, "updatedValue": null, "changeType": "DELETE"}))
        .chain(
            came.into_iter()
                .map(|member| json!({"previousValue": null, "updatedValue": member, "changeType": "CREATE"})),
        );
    for (index, entry) in entries.enumerate() {
        changes.insert(format!("{path}.{index}"), entry);
    }
}
