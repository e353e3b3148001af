//! Values of the parameters of a template.

use serde_json::Value;

use super::scope::{LONGEST_TEXT, known};
use super::value::Resolved;

/// The value of a parameter: the one that is given, or else its default if defaults count.
pub(super) fn parameter(name: &str, declaration: &Value, given: Option<&Resolved>, has_defaults: bool) -> Resolved {
    let kind = declaration.get("Type").and_then(Value::as_str).unwrap_or_default();
    let unknown = || Resolved::Unknown(format!("!Ref {name}"));
    // The default of a parameter of this type is the name of a parameter of Systems Manager, and not its value.
    let is_name = kind.starts_with("AWS::SSM::Parameter::Value");
    let default = declaration.get("Default").filter(|_| !is_name && has_defaults);
    // Nor is it certain that the caller gives the value, and not the name.
    if is_name && !has_defaults {
        return unknown();
    }
    let value = match (given, default) {
        (Some(Resolved::Text(value)), _) | (None, Some(Value::String(value))) => value.clone(),
        (Some(Resolved::List(values)), _) => {
            let values: Option<Vec<String>> = values.iter().cloned().map(Resolved::into_text).collect();
            let Some(values) = values else { return unknown() };
            values.join(",")
        }
        (None, Some(Value::Number(value))) => value.to_string(),
        (None, Some(Value::Bool(value))) => value.to_string(),
        (Some(_) | None, _) => return unknown(),
    };
    if value.len() > LONGEST_TEXT {
        return unknown();
    }
    if kind == "CommaDelimitedList" || kind.contains("List<") {
        Resolved::List(value.split(',').map(|part| Resolved::Text(part.trim().to_owned())).collect())
    } else {
        known(value)
    }
}
