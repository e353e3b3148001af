//! References of the form `{{ Name }}` to parameters, outputs of earlier steps and system variables.

use std::fmt;

use regex_lite::{Captures, Regex};
use serde_json::Value;

use crate::settings::{ListAsText, Settings};

/// How values within text are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextRules {
    /// Refuse values that are not text.
    strict: bool,
    lists: ListAsText,
}

impl From<&Settings> for TextRules {
    fn from(settings: &Settings) -> Self {
        Self { strict: settings.strict_payload_types, lists: settings.list_as_text }
    }
}

/// The reason why a reference cannot be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unresolved {
    /// No value has the name.
    Missing(String),
    /// A value within text is of another type.
    NotText { name: String, kind: &'static str },
}

impl fmt::Display for Unresolved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(formatter, "the reference {{{{ {name} }}}} cannot be resolved"),
            Self::NotText { name, kind } => {
                write!(formatter, "Failed to resolve input: {name} to type String. {name} is of type {kind}.")
            }
        }
    }
}

/// Finds references in text.
#[derive(Debug, Clone)]
pub(crate) struct References(Regex);

impl References {
    /// Compiles the pattern; `None` only if the pattern were invalid.
    pub(crate) fn new() -> Option<Self> {
        Regex::new(r"\{\{\s*([A-Za-z0-9_.:-]+)\s*\}\}").ok().map(Self)
    }

    /// Returns all names that a value refers to, in order.
    pub(crate) fn names(&self, value: &Value) -> Vec<String> {
        match value {
            Value::String(text) => self
                .0
                .captures_iter(text)
                .filter_map(|found| found.get(1).map(|name| name.as_str().to_owned()))
                .collect(),
            Value::Array(values) => values.iter().flat_map(|value| self.names(value)).collect(),
            Value::Object(object) => object.values().flat_map(|value| self.names(value)).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the value with every reference replaced. Text that consists of one reference becomes the value of any
    /// type; a reference within other text is replaced by text.
    ///
    /// # Errors
    ///
    /// The reference that is not defined, or whose type the rules forbid.
    pub(crate) fn resolve(
        &self,
        value: &Value,
        lookup: &impl Fn(&str) -> Option<Value>,
        rules: TextRules,
    ) -> Result<Value, Unresolved> {
        match value {
            Value::String(text) => self.resolve_text(text, lookup, rules),
            Value::Array(values) => values.iter().map(|value| self.resolve(value, lookup, rules)).collect(),
            Value::Object(object) => object
                .iter()
                .map(|(name, value)| Ok((name.clone(), self.resolve(value, lookup, rules)?)))
                .collect::<Result<serde_json::Map<_, _>, Unresolved>>()
                .map(Value::Object),
            other => Ok(other.clone()),
        }
    }

    fn resolve_text(
        &self,
        text: &str,
        lookup: &impl Fn(&str) -> Option<Value>,
        rules: TextRules,
    ) -> Result<Value, Unresolved> {
        let name = |found: &Captures| found.get(1).map_or_else(String::new, |name| name.as_str().to_owned());
        if let Some(found) = self.0.captures(text)
            && found.get(0).is_some_and(|whole| whole.as_str() == text.trim())
        {
            let name = name(&found);
            return lookup(&name).ok_or(Unresolved::Missing(name));
        }
        let mut problem = None;
        let replaced = self.0.replace_all(text, |found: &Captures| {
            let name = name(found);
            within_text(name, lookup, rules).unwrap_or_else(|unresolved| {
                problem.get_or_insert(unresolved);
                String::new()
            })
        });
        problem.map_or_else(|| Ok(Value::from(replaced.into_owned())), Err)
    }
}

/// Returns the text that replaces a reference within other text.
fn within_text(name: String, lookup: &impl Fn(&str) -> Option<Value>, rules: TextRules) -> Result<String, Unresolved> {
    match lookup(&name) {
        None => Err(Unresolved::Missing(name)),
        Some(value) if rules.strict && !value.is_string() => Err(Unresolved::NotText { name, kind: type_name(&value) }),
        Some(Value::Array(members)) if rules.lists == ListAsText::Comma => {
            Ok(members.iter().map(plain).collect::<Vec<_>>().join(","))
        }
        Some(value) => Ok(plain(&value)),
    }
}

/// Returns the type that AWS would give a value.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) | Value::Null => "String",
        Value::Bool(_) => "Boolean",
        Value::Number(_) => "Integer",
        Value::Array(members) if members.iter().any(Value::is_object) => "MapList",
        Value::Array(_) => "StringList",
        Value::Object(_) => "StringMap",
    }
}

/// Converts a value to text: strings as they are, other values as JSON.
pub(crate) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns an output in the form of the API.
pub(crate) fn listed(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().map(plain).collect(),
        other => vec![plain(other)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lookup(name: &str) -> Option<Value> {
        match name {
            "Flag" => Some(json!(true)),
            "Group" => Some(json!("sg-1")),
            "Cidrs" => Some(json!(["a", "b"])),
            "automation:EXECUTION_ID" => Some(json!("id")),
            _ => None,
        }
    }

    const LAX: TextRules = TextRules { strict: false, lists: ListAsText::Json };

    #[test]
    fn a_whole_reference_keeps_its_type_and_one_in_text_becomes_text() {
        let references = References::new().unwrap();
        let value = json!({"flag": "{{ Flag }}", "list": "{{Cidrs}}", "text": "{{ Group }}: {{Flag}} {{ Cidrs }}",
                           "nested": [{"id": "{{ automation:EXECUTION_ID }}"}], "number": 3});
        for (lists, written) in [(ListAsText::Json, r#"["a","b"]"#), (ListAsText::Comma, "a,b")] {
            assert_eq!(
                references.resolve(&value, &lookup, TextRules { lists, ..LAX }),
                Ok(json!({"flag": true, "list": ["a", "b"], "text": format!("sg-1: true {written}"),
                          "nested": [{"id": "id"}], "number": 3}))
            );
        }
    }

    #[test]
    fn strictly_only_text_is_permitted_within_text() {
        let references = References::new().unwrap();
        let strict = TextRules { strict: true, ..LAX };
        let resolve = |text: &str| references.resolve(&json!(text), &lookup, strict);
        assert_eq!(resolve("close {{ Group }}"), Ok(json!("close sg-1")));
        assert_eq!(resolve("{{ Cidrs }}"), Ok(json!(["a", "b"])), "a whole reference keeps its type");
        for (text, kind) in [("{{ Group }} {{ Flag }}", "Boolean"), ("{{ Cidrs }}!", "StringList")] {
            let error = resolve(text).unwrap_err().to_string();
            assert!(error.contains("to type String") && error.contains(kind), "{error}");
        }
    }

    #[test]
    fn an_undefined_reference_is_named() {
        let references = References::new().unwrap();
        let missing = Unresolved::Missing("Step.Output".to_owned());
        for text in ["x {{ Step.Output }}", "{{ Step.Output }}"] {
            assert_eq!(references.resolve(&json!(text), &lookup, LAX), Err(missing.clone()));
        }
        assert_eq!(references.names(&json!(["{{ A }}", {"b": "{{B.C}} {{ D }}"}])), ["A", "B.C", "D"]);
    }
}
