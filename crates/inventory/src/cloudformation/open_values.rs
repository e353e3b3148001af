//! Parameters and pseudo parameters whose value a template leaves open, and the values that it can only have: the keys of
//! the maps in which it is looked up, or `AllowedValues`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::scope::Scope;
use super::value::{Choice, attribute, function, variables};

/// Maximum number of combinations of values that are looked at.
const MOST_COMBINATIONS: usize = 1024;
/// Maximum depth of resources that are looked through.
const DEEPEST: u32 = 3;
/// Stands for a value that no map has as a key. CloudFormation does not allow such a key.
const NO_KEY: &str = "\u{0}";

/// What is known of the values of one name.
#[derive(Default)]
struct Domain {
    /// Values without which the deployment fails.
    required: Option<Vec<String>>,
    /// Values that are looked up in a map that has a default for others.
    optional: Vec<String>,
}

impl Domain {
    fn require(&mut self, values: Vec<String>) {
        match &mut self.required {
            Some(required) => required.retain(|value| values.contains(value)),
            required @ None => *required = Some(values),
        }
    }

    fn values(self) -> Option<Vec<String>> {
        match (self.required, self.optional) {
            (Some(required), _) => Some(required),
            (None, optional) if optional.is_empty() => None,
            (None, mut optional) => {
                optional.push(NO_KEY.to_owned());
                optional.sort();
                optional.dedup();
                Some(optional)
            }
        }
    }
}

/// `choice` with every combination of the values that `node` leaves open and that can be told; only `choice` itself if there
/// are none, or too many.
pub(super) fn choices(scope: &Scope<'_>, node: &Value, choice: &Choice) -> Vec<Choice> {
    let mut search = Search { scope, choice, domains: BTreeMap::new(), is_certain: true };
    search.node(node, 0);
    let mut choices = vec![choice.clone()];
    for (name, domain) in search.domains {
        let Some(values) = domain.values().filter(|values| !values.is_empty()) else { continue };
        if choice.values.contains_key(&name) {
            continue;
        }
        if choices.len().saturating_mul(values.len()) > MOST_COMBINATIONS {
            return vec![choice.clone()];
        }
        choices = choices
            .into_iter()
            .flat_map(|choice| {
                values.iter().map({
                    let name = name.clone();
                    move |value| {
                        let mut choice = choice.clone();
                        choice.values.insert(name.clone(), value.clone());
                        choice
                    }
                })
            })
            .collect();
    }
    choices
}

/// Names of the parameters without a value that `node` depends on.
pub(super) fn unknown_parameters(scope: &Scope<'_>, node: &Value, choice: &Choice) -> Vec<String> {
    let mut search = Search { scope, choice, domains: BTreeMap::new(), is_certain: true };
    search.node(node, 0);
    search.domains.into_keys().filter(|name| scope.is_unknown_parameter(name)).collect()
}

struct Search<'s, 't> {
    scope: &'s Scope<'t>,
    choice: &'s Choice,
    /// By name; every open name that was met has an entry.
    domains: BTreeMap<String, Domain>,
    /// Whether the deployment needs the value of the present node. It does not need both branches of `Fn::If`.
    is_certain: bool,
}

impl Search<'_, '_> {
    fn node(&mut self, node: &Value, depth: u32) {
        if depth > DEEPEST {
            return;
        }
        match node {
            Value::Array(list) => list.iter().for_each(|element| self.node(element, depth)),
            Value::Object(object) => {
                match function(node) {
                    Some(("Ref", Value::String(name))) => self.name(name),
                    Some(("Fn::Sub", argument)) => {
                        let text = argument.as_str().or_else(|| argument.get(0)?.as_str()).unwrap_or_default();
                        variables(text).for_each(|name| match name.split_once('.') {
                            Some((resource, attribute)) => self.attribute(resource, attribute, depth),
                            None => self.name(name),
                        });
                    }
                    Some(("Fn::GetAtt", argument)) => {
                        if let Some((resource, attribute)) = attribute(argument) {
                            self.attribute(resource, attribute, depth);
                        }
                    }
                    Some(("Fn::FindInMap", Value::Array(arguments))) if self.is_certain => self.lookup(arguments),
                    Some(("Fn::If", Value::Array(arguments))) => return self.branches(arguments, depth),
                    _ => {}
                }
                object.values().for_each(|value| self.node(value, depth));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Looks through the branch that is taken; through both of them if it is not known which one that is.
    fn branches(&mut self, arguments: &[Value], depth: u32) {
        let [condition, yes, no] = arguments else { return };
        match condition.as_str().and_then(|condition| self.scope.branch(condition, self.choice)) {
            Some(true) => self.node(yes, depth),
            Some(false) => self.node(no, depth),
            None => {
                let before = std::mem::replace(&mut self.is_certain, false);
                self.node(yes, depth);
                self.node(no, depth);
                self.is_certain = before;
            }
        }
    }

    fn attribute(&mut self, resource: &str, attribute: &str, depth: u32) {
        if let Some(node) =
            self.scope.resource(resource).and_then(|resource| super::network::attribute(resource, attribute))
        {
            self.node(node, depth + 1);
        }
    }

    fn name(&mut self, name: &str) {
        if self.scope.is_open(name) && !self.domains.contains_key(name) {
            let mut domain = Domain::default();
            if let Some(allowed) = self.scope.allowed(name) {
                domain.require(allowed);
            }
            self.domains.insert(name.to_owned(), domain);
        }
    }

    /// The keys of a map are the only values of a name that is looked up in it.
    fn lookup(&mut self, arguments: &[Value]) {
        let [Value::String(map), first, second, rest @ ..] = arguments else { return };
        let Some(map) = self.scope.mapping(map).and_then(Value::as_object) else { return };
        let has_default = rest.first().is_some_and(|options| options.get("DefaultValue").is_some());
        if let Some(("Ref", Value::String(name))) = function(first) {
            self.restrict(name, map.keys().cloned().collect(), has_default);
        }
        if let Some(("Ref", Value::String(name))) = function(second) {
            let first = self.scope.resolve(first, &Choice::default()).into_text();
            let inner = map.iter().filter(|(key, _)| first.as_ref().is_none_or(|first| first == *key));
            let keys = inner.filter_map(|(_, inner)| inner.as_object()).flat_map(|inner| inner.keys().cloned());
            self.restrict(name, keys.collect(), has_default);
        }
    }

    fn restrict(&mut self, name: &str, keys: Vec<String>, has_default: bool) {
        self.name(name);
        if let Some(domain) = self.domains.get_mut(name) {
            if has_default { domain.optional.extend(keys) } else { domain.require(keys) }
        }
    }
}
