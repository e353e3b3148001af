//! Values of a template, as far as they are known.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::scope::Scope;

/// A value of a template after its functions were resolved.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Resolved {
    /// Missing, or `AWS::NoValue`.
    Absent,
    /// Text or a number.
    Text(String),
    /// A list.
    List(Vec<Resolved>),
    /// Known only at deployment; the text is that of the template.
    Unknown(String),
    /// Text of which only the end is known before deployment, such as `/32` of `${Ip}/32`.
    Ending {
        /// Text of the template.
        text: String,
        /// The known end.
        ending: String,
    },
}

impl Resolved {
    /// The text that is known; `None` for anything else.
    pub(super) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::List(_) | Self::Unknown(_) | Self::Ending { .. } => None,
        }
    }
}

/// Decisions that a template leaves to the deployment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Choice {
    /// The branch of `Fn::If` to take, by condition.
    pub(super) conditions: BTreeMap<String, bool>,
    /// Values of parameters and pseudo parameters that are not known, by name.
    pub(super) values: BTreeMap<String, String>,
    /// Number of resources that were followed by `Fn::GetAtt`.
    pub(super) depth: u8,
}

impl Choice {
    pub(super) fn with(&self, condition: &str, is_so: bool) -> Self {
        let mut choice = self.clone();
        choice.conditions.insert(condition.to_owned(), is_so);
        choice
    }
}

/// The name and the argument of an intrinsic function.
pub(super) fn function(node: &Value) -> Option<(&str, &Value)> {
    let object = node.as_object().filter(|object| object.len() == 1)?;
    let (name, argument) = object.iter().next()?;
    (name == "Ref" || name == "Condition" || name.starts_with("Fn::")).then_some((name, argument))
}

/// Resource and attribute of `Fn::GetAtt`.
pub(super) fn attribute(argument: &Value) -> Option<(&str, &str)> {
    match argument {
        Value::String(path) => path.split_once('.'),
        Value::Array(path) => match path.as_slice() {
            [Value::String(resource), Value::String(attribute)] => Some((resource, attribute)),
            _ => None,
        },
        _ => None,
    }
}

/// What `node` stands for, behind the functions that only choose it: `Fn::If` that is decided, `Fn::Select` and `Fn::Join`
/// of a list that the template writes out, and `Fn::Sub` of one variable.
pub(super) fn chosen<'n>(scope: &Scope<'_>, node: &'n Value, choice: &Choice) -> &'n Value {
    let next = match function(node) {
        Some(("Fn::If", Value::Array(arguments))) => match arguments.as_slice() {
            [Value::String(condition), yes, no] => {
                scope.branch(condition, choice).map(|is_so| if is_so { yes } else { no })
            }
            _ => None,
        },
        Some(("Fn::Select", Value::Array(arguments))) => match arguments.as_slice() {
            // An element without a value is not counted.
            [index, Value::Array(list)]
                if !list.iter().any(|element| may_be_absent(chosen(scope, element, choice))) =>
            {
                let number = index.as_u64().or_else(|| index.as_str()?.parse().ok());
                number.and_then(|number| list.get(usize::try_from(number).ok()?))
            }
            _ => None,
        },
        Some(("Fn::Join", Value::Array(arguments))) => match arguments.as_slice() {
            [_, Value::Array(list)] => match list.as_slice() {
                [only] => Some(only),
                _ => None,
            },
            _ => None,
        },
        Some(("Fn::Sub", Value::Array(arguments))) => match arguments.as_slice() {
            [Value::String(text), Value::Object(variables)] => text
                .strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'))
                .and_then(|name| variables.get(name.trim())),
            _ => None,
        },
        _ => None,
    };
    next.map_or(node, |next| chosen(scope, next, choice))
}

/// Whether a property with this value is as good as missing.
pub(super) fn is_no_value(node: &Value) -> bool {
    matches!(function(node), Some(("Ref", Value::String(name))) if name == "AWS::NoValue")
}

/// Whether an element of a list may have no value.
fn may_be_absent(node: &Value) -> bool {
    is_no_value(node) || matches!(function(node), Some(("Fn::If", _)))
}

/// Adds the logical ids that `Ref`, `Fn::GetAtt` and `Fn::Sub` in `node` refer to.
pub(super) fn references_in<'n>(node: &'n Value, ids: &mut BTreeSet<&'n str>) {
    match (node, function(node)) {
        (_, Some(("Ref", Value::String(name)))) => {
            ids.insert(name);
        }
        (_, Some(("Fn::GetAtt", argument))) => ids.extend(attribute(argument).map(|(id, _)| id)),
        (_, Some(("Fn::Sub", argument))) => {
            let text = argument.as_str().or_else(|| argument.get(0)?.as_str()).unwrap_or_default();
            ids.extend(variables(text).map(|name| name.split_once('.').map_or(name, |(id, _)| id)));
            if let Some(variables) = argument.get(1) {
                references_in(variables, ids);
            }
        }
        (Value::Array(list), _) => list.iter().for_each(|element| references_in(element, ids)),
        (Value::Object(object), _) => object.values().for_each(|value| references_in(value, ids)),
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_), _) => {}
    }
}

/// The logical id that `Ref`, `Fn::GetAtt` or `Fn::Sub` of a single variable refers to.
pub(super) fn referenced(node: &Value) -> Option<&str> {
    match function(node)? {
        ("Ref", Value::String(name)) => Some(name),
        ("Fn::GetAtt", argument) => attribute(argument).map(|(name, _)| name),
        ("Fn::Sub", Value::String(text)) => text
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix('}'))
            .map(|name| name.split_once('.').map_or(name, |(name, _)| name)),
        _ => None,
    }
}

/// Names of the variables in the text of `Fn::Sub`.
pub(super) fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name.trim())
}

/// Adds the conditions of all `Fn::If` in `node`.
pub(super) fn conditions_in<'n>(node: &'n Value, conditions: &mut BTreeSet<&'n str>) {
    match node {
        Value::Array(list) => list.iter().for_each(|element| conditions_in(element, conditions)),
        Value::Object(object) => {
            if let Some([Value::String(condition), _, _]) =
                object.get("Fn::If").and_then(Value::as_array).map(Vec::as_slice)
            {
                conditions.insert(condition);
            }
            object.values().for_each(|value| conditions_in(value, conditions));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The text of the template in short form, for a message.
pub(super) fn describe(node: &Value) -> String {
    const LONGEST: usize = 80;
    let text = match function(node) {
        Some(("Fn::GetAtt", Value::Array(path))) => {
            let path: Vec<&str> = path.iter().filter_map(Value::as_str).collect();
            format!("!GetAtt {}", path.join("."))
        }
        Some((name, argument)) => {
            let argument = argument.as_str().map_or_else(|| argument.to_string(), str::to_owned);
            format!("!{} {argument}", name.strip_prefix("Fn::").unwrap_or(name))
        }
        None => node.as_str().map_or_else(|| node.to_string(), str::to_owned),
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain(['…']).collect()
}
