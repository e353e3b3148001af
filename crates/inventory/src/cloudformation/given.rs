//! Values that the parameters of a template get from the caller, or from the resource that deploys the template.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::hidden;
use super::scope::Scope;
use super::value::{Choice, Resolved, function};

/// Values of parameters, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters {
    values: BTreeMap<String, Resolved>,
    /// Whether a parameter without a value here may get one that the template does not show, instead of its default.
    is_open: bool,
}

impl From<BTreeMap<String, Resolved>> for Parameters {
    fn from(values: BTreeMap<String, Resolved>) -> Self {
        Self { values, is_open: false }
    }
}

impl Parameters {
    /// The value that the parameter gets; `None` if it has its default.
    pub(super) fn get(&self, name: &str) -> Option<Resolved> {
        self.values.get(name).cloned().or_else(|| self.is_open.then(|| unknown(name)))
    }

    /// A parameter that gets several values has one of them.
    fn insert(&mut self, name: &str, value: Resolved) {
        let value = if self.values.contains_key(name) { unknown(name) } else { value };
        self.values.insert(name.to_owned(), value);
    }

    /// The values in `Parameters` of a nested stack or an application, which is a map.
    pub(super) fn of_map(scope: &Scope<'_>, resource: &Value) -> Self {
        let mut parameters = Self::of_shown(resource);
        objects(scope, property(resource, "Parameters"), true, &mut |object, is_certain| {
            let Some(object) = object else {
                parameters.is_open = true;
                return;
            };
            for (name, value) in object.iter().filter(|(name, _)| !name.starts_with("Fn::")) {
                let value = if is_certain { scope.resolve(value, &Choice::default()) } else { unknown(name) };
                parameters.insert(name, value);
            }
        });
        parameters
    }

    /// The values in `Parameters` of a stack set, which is a list. Values that are overridden for some accounts and regions
    /// are not known.
    pub(super) fn of_list(scope: &Scope<'_>, resource: &Value) -> Self {
        let mut parameters = Self::of_shown(resource);
        let mut pair = |object: Option<&Map<String, Value>>, is_certain: bool| {
            let key = object.and_then(|object| object.get("ParameterKey"));
            let Some(name) = key.and_then(|key| scope.resolve(key, &Choice::default()).into_text()) else {
                parameters.is_open = true;
                return;
            };
            let value = object.and_then(|object| object.get("ParameterValue")).filter(|_| is_certain);
            let value = value.map_or_else(|| unknown(&name), |value| scope.resolve(value, &Choice::default()));
            parameters.insert(&name, value);
        };
        objects(scope, property(resource, "Parameters"), true, &mut pair);
        objects(scope, property(resource, "StackInstancesGroup"), false, &mut |group, _| match group {
            Some(group) => {
                let overrides = group.get("ParameterOverrides").unwrap_or(&Value::Null);
                objects(scope, overrides, false, &mut |object, _| pair(object, false));
            }
            None => pair(None, false),
        });
        parameters
    }

    /// No values, if the template shows all properties of the resource.
    fn of_shown(resource: &Value) -> Self {
        Self { values: BTreeMap::new(), is_open: hidden::expands(resource).is_some() }
    }
}

fn unknown(name: &str) -> Resolved {
    Resolved::Unknown(format!("!Ref {name}"))
}

fn property<'r>(resource: &'r Value, key: &str) -> &'r Value {
    resource.get("Properties").and_then(|properties| properties.get(key)).unwrap_or(&Value::Null)
}

/// Hands to `each` the objects that `node`, an object or a list of objects, may become, with whether they are certain.
/// `None` stands for objects that the template does not show.
fn objects<'n>(
    scope: &Scope<'_>,
    node: &'n Value,
    is_certain: bool,
    each: &mut dyn FnMut(Option<&'n Map<String, Value>>, bool),
) {
    match (node, function(node)) {
        (Value::Null, _) => {}
        (Value::Array(list), _) => list.iter().for_each(|element| objects(scope, element, is_certain, each)),
        (_, Some(("Ref", Value::String(name)))) if name == "AWS::NoValue" => {}
        (_, Some(("Fn::If", Value::Array(arguments)))) => match arguments.as_slice() {
            [Value::String(condition), yes, no] => match scope.branch(condition, &Choice::default()) {
                Some(is_so) => objects(scope, if is_so { yes } else { no }, is_certain, each),
                None => [yes, no].into_iter().for_each(|branch| objects(scope, branch, false, each)),
            },
            _ => each(None, false),
        },
        (Value::Object(object), None) => {
            if object.keys().any(|key| key.starts_with("Fn::")) {
                each(None, false);
            }
            each(Some(object), is_certain);
        }
        _ => each(None, false),
    }
}
