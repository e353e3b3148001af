//! Parameters of documents: definitions, constraints, values.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde::Deserialize;
use serde_json::Value;

/// The definition of a parameter.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ParameterDefinition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) description: Option<String>,
    pub(crate) default: Option<Value>,
    pub(crate) allowed_pattern: Option<String>,
    pub(crate) allowed_values: Option<Vec<Value>>,
    pub(crate) min_chars: Option<usize>,
    pub(crate) max_chars: Option<usize>,
    pub(crate) min_items: Option<usize>,
    pub(crate) max_items: Option<usize>,
    /// Display type in the console.
    #[serde(rename = "displayType")]
    pub(crate) _display_type: Option<String>,
}

/// Longest value that `StartAutomationExecution` accepts, in characters. An empty one is refused, too.
const LONGEST: usize = 512;
/// Most values of a parameter.
const MOST_VALUES: usize = 50;
/// Most parameters of an execution.
const MOST_PARAMETERS: usize = 200;

impl ParameterDefinition {
    /// Checks the definition itself.
    ///
    /// # Errors
    ///
    /// A message that names the mistake.
    pub(crate) fn check(&self, name: &str) -> Result<(), String> {
        if !matches!(self.kind.as_str(), "String" | "StringList" | "Integer" | "Boolean" | "StringMap" | "MapList")
            && !self.is_resource_type()
        {
            return Err(format!("the parameter {name} has the unknown type {}", self.kind));
        }
        if let Some(pattern) = &self.allowed_pattern {
            Regex::new(pattern)
                .map_err(|error| format!("the allowedPattern of the parameter {name} cannot be read: {error}"))?;
        }
        let literals = self.default.iter().chain(self.allowed_values.iter().flatten().filter(|_| !self.is_list()));
        match literals.into_iter().find(|literal| !self.has_type_of(literal)) {
            Some(bad) => Err(format!("the parameter {name} is a {}, and {bad} is not", self.kind)),
            None => Ok(()),
        }
    }

    fn is_list(&self) -> bool {
        matches!(self.kind.as_str(), "StringList" | "MapList") || self.kind.starts_with("List<")
    }

    /// Returns true if a literal of the document has the type of the parameter.
    fn has_type_of(&self, literal: &Value) -> bool {
        match self.kind.as_str() {
            "Boolean" => literal.is_boolean(),
            "Integer" => literal.is_i64(),
            "StringMap" => literal.is_object(),
            _ if self.is_list() => literal.is_array(),
            _ => literal.is_string(),
        }
    }

    /// Returns true for types such as `AWS::IAM::Role::Arn`, which are text with a meaning for the console.
    fn is_resource_type(&self) -> bool {
        self.kind.strip_prefix("List<").unwrap_or(&self.kind).starts_with("AWS::")
    }

    /// Converts the passed texts to the type of the parameter.
    fn read(&self, name: &str, values: &[String]) -> Result<Value, String> {
        if values.len() > MOST_VALUES {
            return Err(format!("Parameter {name} has {} values, of at most {MOST_VALUES}", values.len()));
        }
        let lengths = values.iter().map(|value| value.chars().count());
        if let Some(length) = lengths.into_iter().find(|length| !(1..=LONGEST).contains(length)) {
            return Err(format!("Parameter {name}: a value has {length} characters, of 1 to {LONGEST}"));
        }
        let json = |text: &str, what: &str| -> Result<Value, String> {
            serde_json::from_str(text).map_err(|_| format!("Parameter {name} with value \"{text}\" is not {what}"))
        };
        if self.kind == "StringList" || self.kind.starts_with("List<") {
            return Ok(Value::from(values.to_vec()));
        }
        if self.kind == "MapList" {
            return values.iter().map(|value| json(value, "a map")).collect();
        }
        let [value] = values else {
            return Err(format!("Parameter {name} is a {} and takes one value, not {}", self.kind, values.len()));
        };
        match self.kind.as_str() {
            "Integer" => json(value, "an Integer").and_then(|number| {
                if number.is_i64() {
                    Ok(number)
                } else {
                    Err(format!("Parameter {name} with value \"{value}\" is not an Integer"))
                }
            }),
            "Boolean" => match value.to_ascii_lowercase().as_str() {
                "true" => Ok(Value::from(true)),
                "false" => Ok(Value::from(false)),
                _ => Err(format!("Parameter {name} with value \"{value}\" is not a Boolean")),
            },
            "StringMap" => json(value, "a StringMap"),
            _ => Ok(Value::from(value.clone())),
        }
    }

    fn constrain(&self, name: &str, value: &Value) -> Result<(), String> {
        let members: Vec<&Value> = value.as_array().map_or_else(|| vec![value], |members| members.iter().collect());
        if let Some(allowed) = &self.allowed_values
            && let Some(bad) = members
                .iter()
                .find(|member| !allowed.iter().any(|one| super::variable::plain(one) == super::variable::plain(member)))
        {
            return Err(format!("Parameter {name} with value {bad} is not one of the allowedValues"));
        }
        if let Some(pattern) = &self.allowed_pattern {
            let pattern_text = pattern;
            let pattern = Regex::new(pattern).map_err(|error| error.to_string())?;
            if let Some(bad) = members.iter().find(|member| !pattern.is_match(&super::variable::plain(member))) {
                return Err(format!(
                    "Parameter {name} with value {bad} does not match the allowedPattern {pattern_text}"
                ));
            }
        }
        for member in &members {
            let length = super::variable::plain(member).chars().count();
            if self.min_chars.is_some_and(|least| length < least) || self.max_chars.is_some_and(|most| length > most) {
                return Err(format!(
                    "Parameter {name} with value {member} has a length that minChars and maxChars forbid"
                ));
            }
        }
        let items = value.as_array().map_or(0, Vec::len);
        if value.is_array()
            && (self.min_items.is_some_and(|least| items < least) || self.max_items.is_some_and(|most| items > most))
        {
            return Err(format!("Parameter {name} has {items} items, which minItems and maxItems forbid"));
        }
        Ok(())
    }
}

/// Returns the values for an execution: those that were passed, and defaults for the others.
///
/// # Errors
///
/// A message that names the first parameter that is unknown, missing or violates its constraints.
pub(crate) fn values(
    definitions: &BTreeMap<String, ParameterDefinition>,
    passed: &BTreeMap<String, Vec<String>>,
) -> Result<BTreeMap<String, Value>, String> {
    if passed.len() > MOST_PARAMETERS {
        return Err(format!("{} parameters are passed, of at most {MOST_PARAMETERS}", passed.len()));
    }
    if let Some(unknown) = passed.keys().find(|name| !definitions.contains_key(*name)) {
        return Err(format!("Parameter {unknown} is not defined in the document"));
    }
    let mut values = BTreeMap::new();
    for (name, definition) in definitions {
        let value = match (passed.get(name), &definition.default) {
            (Some(passed), _) => {
                let value = definition.read(name, passed)?;
                definition.constrain(name, &value)?;
                value
            }
            (None, Some(default)) => default.clone(),
            (None, None) => return Err(format!("Parameter {name} has no value, and the document gives no default")),
        };
        values.insert(name.clone(), value);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(definition: &Value, passed: &[&str]) -> Result<Value, String> {
        let definitions = BTreeMap::from([("P".to_owned(), serde_json::from_value(definition.clone()).unwrap())]);
        let passed = BTreeMap::from([("P".to_owned(), passed.iter().map(|text| (*text).to_owned()).collect())]);
        values(&definitions, &passed).map(|mut values| values.remove("P").unwrap())
    }

    #[test]
    fn values_are_converted_to_their_types() {
        assert_eq!(read(&json!({"type": "String"}), &["x"]), Ok(json!("x")));
        assert_eq!(read(&json!({"type": "Boolean"}), &["True"]), Ok(json!(true)));
        assert_eq!(read(&json!({"type": "Integer"}), &["7"]), Ok(json!(7)));
        assert_eq!(read(&json!({"type": "StringList"}), &["a", "b"]), Ok(json!(["a", "b"])));
        assert_eq!(read(&json!({"type": "StringMap"}), &["{\"a\": 1}"]), Ok(json!({"a": 1})));
    }

    #[test]
    fn values_that_violate_constraints_are_errors() {
        for (definition, passed) in [
            (json!({"type": "String", "allowedPattern": "^sg-[0-9a-f]{8,17}$"}), vec!["sg-xyz"]),
            (json!({"type": "String", "allowedValues": ["Revoke"]}), vec!["Carve"]),
            (json!({"type": "String"}), vec!["a", "b"]),
            (json!({"type": "String", "maxChars": 2}), vec!["abc"]),
            (json!({"type": "Boolean"}), vec!["yes"]),
            (json!({"type": "Integer"}), vec!["1.5"]),
            (json!({"type": "StringList", "minItems": 2}), vec!["a"]),
            (json!({"type": "StringList"}), vec!["a"; 51]),
            (json!({"type": "String", "default": ""}), vec![""]),
        ] {
            let error = read(&definition, &passed).unwrap_err();
            assert!(error.contains("Parameter P"), "{error}");
        }
        assert!(read(&json!({"type": "String"}), &["x".repeat(513).as_str()]).is_err());
    }

    #[test]
    fn literals_of_a_document_have_the_type_of_the_parameter() {
        let check = |definition: Value| {
            serde_json::from_value::<ParameterDefinition>(definition).map_err(|e| e.to_string())?.check("P")
        };
        for (kind, good, bad) in [
            ("String", json!("true"), json!(true)),
            ("Boolean", json!(true), json!("true")),
            ("Integer", json!(1), json!("1")),
            ("StringList", json!([]), json!("")),
            ("StringMap", json!({}), json!("{}")),
            ("AWS::IAM::Role::Arn", json!(""), json!([])),
        ] {
            assert_eq!(check(json!({"type": kind, "default": good})), Ok(()), "{kind}");
            assert!(check(json!({"type": kind, "default": bad})).unwrap_err().contains(kind));
        }
        assert!(check(json!({"type": "String", "allowedValues": ["true", false]})).is_err());
        assert!(check(json!({"type": "StringList", "allowedValues": ["a", "b"]})).is_ok());
    }

    #[test]
    fn unknown_and_missing_parameters_are_named() {
        let definitions: BTreeMap<String, ParameterDefinition> =
            serde_json::from_value(json!({"Needed": {"type": "String"}})).unwrap();
        let unknown = BTreeMap::from([("Other".to_owned(), vec!["x".to_owned()])]);
        assert!(values(&definitions, &unknown).unwrap_err().contains("Other"));
        assert!(values(&definitions, &BTreeMap::new()).unwrap_err().contains("Needed"));
    }
}
