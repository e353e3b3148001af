//! Files with values for the parameters of a template, in the forms that the tools of AWS read.

use std::collections::BTreeMap;

use serde_json::Value;

use super::tree;

/// Value of a parameter of a template, instead of its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterValue {
    /// A text. A list has commas between its elements.
    Text(String),
    /// The value that the stack has so far, which only AWS knows.
    Previous,
}

impl From<String> for ParameterValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A file with values for parameters is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    /// The text is neither JSON nor YAML.
    #[error("line {line}: neither JSON nor YAML: {problem}")]
    Syntax {
        /// Line of the error, counted from 1.
        line: u64,
        /// Message of the parser.
        problem: String,
    },
    /// The text has none of the forms of such a file.
    #[error(
        "no parameters: give a list of `ParameterKey` and `ParameterValue`, a list of `Key=Value`, an object with \
         `Parameters`, or an object of names and values"
    )]
    Form,
    /// A name has no value, or a value is not text.
    #[error("parameter `{0}` has no value: give a text, a number, or a list of them")]
    Value(String),
    /// A name occurs twice.
    #[error("duplicate parameter `{0}`: remove one of the two")]
    Repeated(String),
}

/// Reads values for parameters, in JSON or YAML, in any of these forms:
///
/// - `[{"ParameterKey": "Cidr", "ParameterValue": "10.0.0.0/8"}]`, of `aws cloudformation create-stack --parameters`, and
///   `{"ParameterKey": "Cidr", "UsePreviousValue": true}`, of `update-stack`;
/// - `["Cidr=10.0.0.0/8"]`, of `aws cloudformation deploy --parameter-overrides`;
/// - `{"Parameters": {"Cidr": "10.0.0.0/8"}}`, the configuration of a stack in AWS `CodePipeline`;
/// - `{"Cidr": "10.0.0.0/8"}`.
///
/// # Errors
///
/// If the text has none of these forms, or a parameter has no value, or two.
pub fn parameters(text: &str) -> Result<BTreeMap<String, ParameterValue>, ParametersError> {
    let value = value(text.trim_start_matches('\u{feff}'))?;
    if let Some(repeated) = tree::repeated_within(&value) {
        return Err(ParametersError::Repeated(repeated.key));
    }
    let mut parameters = BTreeMap::new();
    for (name, value) in pairs(&value).ok_or(ParametersError::Form)? {
        let value = value.ok_or_else(|| ParametersError::Value(name.to_owned()))?;
        if parameters.insert(name.to_owned(), value).is_some() {
            return Err(ParametersError::Repeated(name.to_owned()));
        }
    }
    Ok(parameters)
}

fn value(text: &str) -> Result<Value, ParametersError> {
    if let Ok(document) = tree::load_json(text, None) {
        return Ok(document.value);
    }
    match tree::load_yaml(text) {
        Ok(documents) => documents.into_iter().next().map(|document| document.value).ok_or(ParametersError::Form),
        Err(error) => Err(ParametersError::Syntax { line: error.position.line, problem: error.problem }),
    }
}

/// Names with their values, which may be missing; `None` if the value has none of the forms.
fn pairs(value: &Value) -> Option<Vec<(&str, Option<ParameterValue>)>> {
    match value {
        Value::Array(list) => list
            .iter()
            .map(|entry| match entry {
                Value::String(text) => text.split_once('=').map(|(name, value)| (name, Some(value.to_owned().into()))),
                entry => Some((entry.get("ParameterKey")?.as_str()?, listed(entry))),
            })
            .collect(),
        Value::Object(object) => match object.get("Parameters") {
            Some(Value::Object(parameters)) => Some(members(parameters)),
            _ => Some(members(object)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The value in an element of a list.
fn listed(entry: &Value) -> Option<ParameterValue> {
    let is_previous = matches!(entry.get("UsePreviousValue"), Some(Value::Bool(true)));
    match entry.get("ParameterValue") {
        // AWS rejects both.
        Some(_) if is_previous => None,
        Some(value) => plain(value).map(ParameterValue::Text),
        None => is_previous.then_some(ParameterValue::Previous),
    }
}

fn members(object: &serde_json::Map<String, Value>) -> Vec<(&str, Option<ParameterValue>)> {
    object.iter().map(|(name, value)| (name.as_str(), plain(value).map(ParameterValue::Text))).collect()
}

/// The text of a value; a list has commas between its elements, as CloudFormation expects it.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Array(list) => list.iter().map(plain).collect::<Option<Vec<_>>>().map(|texts| texts.join(",")),
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::create_stack(r#"[{"ParameterKey": "Cidr", "ParameterValue": "10.0.0.0/8"}, {"ParameterKey": "Port", "ParameterValue": "22"}]"#)]
    #[case::deploy(r#"["Cidr=10.0.0.0/8", "Port=22"]"#)]
    #[case::pipeline(r#"{"Parameters": {"Cidr": "10.0.0.0/8", "Port": 22}, "Tags": {"a": "b"}}"#)]
    #[case::plain(r#"{"Cidr": "10.0.0.0/8", "Port": "22"}"#)]
    #[case::yaml("Cidr: 10.0.0.0/8\nPort: 22\n")]
    #[case::yaml_list(
        "- ParameterKey: Cidr\n  ParameterValue: 10.0.0.0/8\n- ParameterKey: Port\n  ParameterValue: 22\n"
    )]
    #[case::byte_order_mark("\u{feff}{\"Cidr\": \"10.0.0.0/8\", \"Port\": 22}")]
    fn every_form_of_a_file_is_read(#[case] text: &str) {
        let expected = [("Cidr", "10.0.0.0/8"), ("Port", "22")];
        let expected = expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned().into())).collect();
        assert_eq!(parameters(text), Ok(expected));
    }

    #[test]
    fn a_list_has_commas() {
        assert_eq!(parameters(r#"{"A": ["x", 1]}"#).unwrap()["A"], ParameterValue::Text("x,1".into()));
    }

    #[test]
    fn the_previous_value_is_not_known() {
        let read = parameters(
            r#"[{"ParameterKey": "A", "UsePreviousValue": true}, {"ParameterKey": "B", "ParameterValue": ""}]"#,
        );
        assert_eq!(read.unwrap().into_values().collect::<Vec<_>>(), [ParameterValue::Previous, String::new().into()]);
    }

    #[rstest]
    #[case("[", "line 1: neither JSON nor YAML")]
    #[case("", "no parameters: give")]
    #[case("text", "no parameters: give")]
    #[case("[1]", "no parameters: give")]
    #[case(r#"["Cidr"]"#, "no parameters: give")]
    #[case(r#"[{"ParameterKey": "Cidr", "UsePreviousValue": false}]"#, "parameter `Cidr` has no value")]
    #[case(
        r#"[{"ParameterKey": "Cidr", "ParameterValue": "a", "UsePreviousValue": true}]"#,
        "parameter `Cidr` has no value"
    )]
    #[case(r#"{"Cidr": {"x": 1}}"#, "parameter `Cidr` has no value")]
    #[case(r#"{"Cidr": "a", "Cidr": "b"}"#, "duplicate parameter `Cidr`")]
    #[case(r#"["Cidr=a", "Cidr=b"]"#, "duplicate parameter `Cidr`")]
    fn a_file_that_is_not_understood_is_refused(#[case] text: &str, #[case] message: &str) {
        let error = parameters(text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}
