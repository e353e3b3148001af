//! Values of the intrinsic functions of a template, if the template contains all that they need.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// Maximum length in bytes of a text that functions or parameters make, which is also CloudFormation's limit for parameters.
/// Without it, nested functions could make any amount of text from a small template.
const LONGEST_TEXT: usize = 4096;

/// A value of a template after its functions were resolved.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Resolved {
    /// Missing, or `AWS::NoValue`.
    Absent,
    /// Text or a number.
    Text(String),
    /// A list.
    List(Vec<Resolved>),
    /// Known only at deployment; the text is that of the template.
    Unknown(String),
}

/// The branch of `Fn::If` to take, by condition.
pub(super) type Choice = BTreeMap<String, bool>;

/// Values that a template refers to.
#[derive(Debug)]
pub(super) struct Scope<'t> {
    parameters: BTreeMap<&'t str, Resolved>,
    mappings: Option<&'t Value>,
    region: Option<&'t str>,
}

/// The name and the argument of an intrinsic function.
pub(super) fn function(node: &Value) -> Option<(&str, &Value)> {
    let object = node.as_object().filter(|object| object.len() == 1)?;
    let (name, argument) = object.iter().next()?;
    (name == "Ref" || name == "Condition" || name.starts_with("Fn::")).then_some((name, argument))
}

impl<'t> Scope<'t> {
    /// The scope of `template`. Its parameters have the given values, or else their defaults.
    pub(super) fn new(template: &'t Value, given: &'t BTreeMap<String, String>, region: Option<&'t str>) -> Self {
        let parameters = template
            .get("Parameters")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, declaration)| (name.as_str(), parameter(name, declaration, given.get(name))))
            .collect();
        Self { parameters, mappings: template.get("Mappings"), region }
    }

    /// The names of the parameters.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parameters.keys().copied()
    }

    /// Value of `node`, with the conditions as in `choice`.
    pub(super) fn resolve(&self, node: &Value, choice: &Choice) -> Resolved {
        match node {
            Value::Null => Resolved::Absent,
            Value::Bool(value) => Resolved::Text(value.to_string()),
            Value::Number(number) => Resolved::Text(number.to_string()),
            Value::String(text) if text.contains("{{resolve:") => Resolved::Unknown(text.clone()),
            Value::String(text) => Resolved::Text(text.clone()),
            Value::Array(list) => Resolved::List(
                list.iter()
                    .map(|element| self.resolve(element, choice))
                    .filter(|element| *element != Resolved::Absent)
                    .collect(),
            ),
            Value::Object(_) => function(node)
                .and_then(|(name, argument)| self.call(name, argument, choice))
                .unwrap_or_else(|| Resolved::Unknown(describe(node))),
        }
    }

    /// Value of a function; `None` if it is not known.
    fn call(&self, name: &str, argument: &Value, choice: &Choice) -> Option<Resolved> {
        let arguments = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match (name, arguments) {
            ("Ref", _) => self.reference(argument.as_str()?),
            ("Fn::If", [condition, yes, no]) => {
                let branch = if *choice.get(condition.as_str()?)? { yes } else { no };
                Some(self.resolve(branch, choice))
            }
            ("Fn::Join", [separator, list]) => {
                let (texts, separator) = (self.texts(list, choice)?, separator.as_str()?);
                let length = texts.iter().map(|text| text.len() + separator.len()).sum::<usize>();
                (length <= LONGEST_TEXT + separator.len()).then(|| Resolved::Text(texts.join(separator)))
            }
            ("Fn::Split", [separator, text]) => {
                let separator = separator.as_str().filter(|separator| !separator.is_empty())?;
                let text = self.text(text, choice)?;
                Some(Resolved::List(text.split(separator).map(|part| Resolved::Text(part.to_owned())).collect()))
            }
            ("Fn::Select", [index, list]) => {
                let index: usize = self.text(index, choice)?.parse().ok()?;
                match self.resolve(list, choice) {
                    Resolved::List(list) => list.into_iter().nth(index),
                    _ => None,
                }
            }
            ("Fn::FindInMap", [map, first, second, ..]) => {
                let map = self.mappings?.get(self.text(map, choice)?)?;
                let value = map.get(self.text(first, choice)?)?.get(self.text(second, choice)?)?;
                self.mapped(value, choice)
            }
            ("Fn::Sub", [template, variables]) => self.substitute(template.as_str()?, variables.as_object(), choice),
            ("Fn::Sub", _) => self.substitute(argument.as_str()?, None, choice),
            _ => None,
        }
    }

    /// Value of an entry of a mapping. Mappings contain no functions, so no entry refers to itself.
    fn mapped(&self, value: &Value, choice: &Choice) -> Option<Resolved> {
        match value {
            Value::Object(_) => None,
            Value::Array(list) => {
                list.iter().map(|element| self.mapped(element, choice)).collect::<Option<_>>().map(Resolved::List)
            }
            Value::String(text) if text.len() > LONGEST_TEXT => None,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(self.resolve(value, choice)),
        }
    }

    fn reference(&self, name: &str) -> Option<Resolved> {
        match name {
            "AWS::NoValue" => Some(Resolved::Absent),
            "AWS::Region" => self.region.map(|region| Resolved::Text(region.to_owned())),
            _ => self.parameters.get(name).cloned(),
        }
    }

    fn text(&self, node: &Value, choice: &Choice) -> Option<String> {
        match self.resolve(node, choice) {
            Resolved::Text(text) => Some(text),
            Resolved::Absent | Resolved::List(_) | Resolved::Unknown(_) => None,
        }
    }

    fn texts(&self, node: &Value, choice: &Choice) -> Option<Vec<String>> {
        let Resolved::List(list) = self.resolve(node, choice) else { return None };
        list.into_iter()
            .map(|element| match element {
                Resolved::Text(text) => Some(text),
                Resolved::Absent | Resolved::List(_) | Resolved::Unknown(_) => None,
            })
            .collect()
    }

    /// `Fn::Sub`: `${Name}` is a variable, a parameter or a pseudo parameter; `${!Name}` is the text `${Name}`.
    fn substitute(&self, template: &str, variables: Option<&Map<String, Value>>, choice: &Choice) -> Option<Resolved> {
        let mut text = String::new();
        let mut rest = template;
        // Each variable is resolved once, however often it occurs.
        let mut known: BTreeMap<&str, String> = BTreeMap::new();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}')?;
            text.push_str(before);
            if let Some(literal) = name.strip_prefix('!') {
                text.push_str("${");
                text.push_str(literal);
                text.push('}');
            } else {
                let name = name.trim();
                let value = match (known.remove(name), variables.and_then(|variables| variables.get(name))) {
                    (Some(value), _) => value,
                    (None, Some(variable)) => self.text(variable, choice)?,
                    (None, None) => match self.reference(name)? {
                        Resolved::Text(text) => text,
                        Resolved::Absent | Resolved::List(_) | Resolved::Unknown(_) => return None,
                    },
                };
                text.push_str(&value);
                known.insert(name, value);
            }
            rest = after;
            if text.len() > LONGEST_TEXT {
                return None;
            }
        }
        text.push_str(rest);
        Some(if text.contains("{{resolve:") { Resolved::Unknown(text) } else { Resolved::Text(text) })
    }
}

fn parameter(name: &str, declaration: &Value, given: Option<&String>) -> Resolved {
    let kind = declaration.get("Type").and_then(Value::as_str).unwrap_or_default();
    let unknown = || Resolved::Unknown(format!("!Ref {name}"));
    // The default of a parameter of this type is the name of a parameter of Systems Manager, and not its value.
    let default = declaration.get("Default").filter(|_| !kind.starts_with("AWS::SSM::Parameter::Value"));
    let value = match (given, default) {
        (Some(value), _) | (None, Some(Value::String(value))) => value.clone(),
        (None, Some(Value::Number(value))) => value.to_string(),
        (None, Some(Value::Bool(value))) => value.to_string(),
        (None, _) => return unknown(),
    };
    if value.len() > LONGEST_TEXT {
        return unknown();
    }
    if kind == "CommaDelimitedList" || kind.contains("List<") {
        Resolved::List(value.split(',').map(|part| Resolved::Text(part.trim().to_owned())).collect())
    } else if value.contains("{{resolve:") {
        Resolved::Unknown(value)
    } else {
        Resolved::Text(value)
    }
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
