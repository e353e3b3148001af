//! A template as a tree of JSON values, from JSON or YAML.
//!
//! Neither format says what a key means that occurs twice in one object, so an object with such a key is marked and never
//! understood, wherever anchors and merge keys copy it to.

mod json;
mod scalar;
mod yaml;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub(crate) use json::load as load_json;
pub(crate) use yaml::load as load_yaml;

/// Key that marks an object with repeated keys. It has the form of an intrinsic function that does not exist, so the value
/// is not known to whatever resolves it.
const REPEATED: &str = "Fn::RepeatedKey";

/// A document.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) value: Value,
    pub(crate) lines: Lines,
}

/// Lines of the resources of a template, and of the rules in them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    /// Of the keys under `Resources`.
    names: BTreeMap<String, u64>,
    /// On which the objects begin that a rule may be, by their paths.
    objects: BTreeMap<String, u64>,
}

impl Lines {
    /// Line of the name of a resource.
    pub(crate) fn of_name(&self, id: &str) -> Option<u64> {
        self.names.get(id).copied()
    }

    /// Line on which the metadata of a resource for Portcullis begin.
    pub(crate) fn of_metadata(&self, id: &str) -> Option<u64> {
        self.objects.get(&format!("{id}{METADATA}")).copied()
    }

    /// Line on which the object of a resource begins, or an object at this path in its list of rules.
    pub(crate) fn of_object(&self, id: &str, path: Option<&RulePath>) -> Option<u64> {
        let path = path.map(|RulePath(path)| path.as_str()).unwrap_or_default();
        self.objects.get(&format!("{id}{path}")).copied()
    }
}

/// Path of the metadata for Portcullis.
const METADATA: &str = "/Metadata";

/// The property with the rules of a group.
pub(crate) const RULES: &str = "SecurityGroupIngress";

/// The way from the list of rules of a group to a rule: through lists, and through the branches of `Fn::If`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RulePath(String);

impl Default for RulePath {
    fn default() -> Self {
        // No logical id contains a slash.
        Self("/".to_owned())
    }
}

impl RulePath {
    /// The path of the element at `index`, or of that argument of `Fn::If`.
    pub(crate) fn element(&self, index: usize) -> Self {
        Self(format!("{}{index}/", self.0))
    }
}

/// A key that occurs twice in one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepeatedKey {
    pub(crate) key: String,
    /// Line of the second occurrence, if the format has it.
    pub(crate) line: Option<u64>,
}

/// Marks `object`, in which `key` occurs again in `line`.
fn mark_repeated(object: &mut Map<String, Value>, key: &str, line: Option<u64>) {
    let mark = Value::from(vec![Value::from(key), Value::from(line)]);
    match object.get_mut(REPEATED) {
        Some(Value::Array(marks)) => marks.push(mark),
        _ => {
            object.insert(REPEATED.to_owned(), Value::Array(vec![mark]));
        }
    }
}

/// The keys that occur twice in `object` itself.
pub(crate) fn repeated_here(object: &Map<String, Value>) -> Vec<RepeatedKey> {
    let marks = object.get(REPEATED).and_then(Value::as_array).into_iter().flatten();
    marks
        .map(|mark| RepeatedKey {
            key: mark.get(0).and_then(Value::as_str).unwrap_or_default().to_owned(),
            line: mark.get(1).and_then(Value::as_u64),
        })
        .collect()
}

/// The first key that occurs twice in `value` or in an object within it.
pub(crate) fn repeated_within(value: &Value) -> Option<RepeatedKey> {
    match value {
        Value::Array(list) => list.iter().find_map(repeated_within),
        Value::Object(object) => {
            repeated_here(object).into_iter().next().or_else(|| object.values().find_map(repeated_within))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Whether `key` is the mark of an object with repeated keys.
pub(crate) fn is_mark(key: &str) -> bool {
    key == REPEATED
}
