//! References of the form `{{ Name }}` to parameters, outputs of earlier steps and system variables.

use regex_lite::{Captures, Regex};
use serde_json::Value;

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
    /// The name that is not defined.
    pub(crate) fn resolve(&self, value: &Value, lookup: &impl Fn(&str) -> Option<Value>) -> Result<Value, String> {
        match value {
            Value::String(text) => self.resolve_text(text, lookup),
            Value::Array(values) => values.iter().map(|value| self.resolve(value, lookup)).collect(),
            Value::Object(object) => object
                .iter()
                .map(|(name, value)| Ok((name.clone(), self.resolve(value, lookup)?)))
                .collect::<Result<serde_json::Map<_, _>, String>>()
                .map(Value::Object),
            other => Ok(other.clone()),
        }
    }

    fn resolve_text(&self, text: &str, lookup: &impl Fn(&str) -> Option<Value>) -> Result<Value, String> {
        let name = |found: &Captures| found.get(1).map_or_else(String::new, |name| name.as_str().to_owned());
        if let Some(found) = self.0.captures(text)
            && found.get(0).is_some_and(|whole| whole.as_str() == text.trim())
        {
            let name = name(&found);
            return lookup(&name).ok_or(name);
        }
        let mut missing = None;
        let replaced = self.0.replace_all(text, |found: &Captures| {
            let name = name(found);
            lookup(&name).map_or_else(
                || {
                    missing.get_or_insert(name);
                    String::new()
                },
                |value| plain(&value),
            )
        });
        missing.map_or_else(|| Ok(Value::from(replaced.into_owned())), Err)
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

    #[test]
    fn a_whole_reference_keeps_its_type_and_one_in_text_becomes_text() {
        let references = References::new().unwrap();
        let value = json!({"flag": "{{ Flag }}", "list": "{{Cidrs}}", "text": "{{ Group }}: {{Flag}} {{ Cidrs }}",
                           "nested": [{"id": "{{ automation:EXECUTION_ID }}"}], "number": 3});
        assert_eq!(
            references.resolve(&value, &lookup),
            Ok(json!({"flag": true, "list": ["a", "b"], "text": "sg-1: true [\"a\",\"b\"]",
                      "nested": [{"id": "id"}], "number": 3}))
        );
    }

    #[test]
    fn an_undefined_reference_is_named() {
        let references = References::new().unwrap();
        assert_eq!(references.resolve(&json!("x {{ Step.Output }}"), &lookup), Err("Step.Output".to_owned()));
        assert_eq!(references.names(&json!(["{{ A }}", {"b": "{{B.C}} {{ D }}"}])), ["A", "B.C", "D"]);
    }
}
