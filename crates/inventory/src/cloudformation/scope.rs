//! Values of the intrinsic functions of a template, if the template contains all that they need.

use std::collections::{BTreeMap, BTreeSet};

use findings::partition;
use serde_json::{Map, Value};

use super::given::Parameters;
use super::parameter::parameter;
use super::value::{Choice, Resolved, attribute, describe, function};
use super::{conditions, hidden, network};
use crate::tree;

/// Maximum length in bytes of a text that functions or parameters make, which is also CloudFormation's limit for parameters.
/// Without it, nested functions could make any amount of text from a small template.
pub(super) const LONGEST_TEXT: usize = 4096;

/// Maximum number of resources that `Fn::GetAtt` is followed through.
const DEEPEST: u8 = 2;

/// Values that the caller gives to a template.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'g> {
    pub(super) parameters: &'g Parameters,
    /// Those that rest on no default, not even on one of a template around this one.
    pub(super) certain: &'g Parameters,
    pub(super) region: Option<&'g str>,
    pub(super) account: Option<&'g str>,
}

/// Values that a template refers to.
#[derive(Debug)]
pub(super) struct Scope<'t> {
    parameters: BTreeMap<&'t str, Resolved>,
    declarations: Option<&'t Map<String, Value>>,
    /// The maps of the section `Mappings`, without those in which a key occurs twice. Without those to which an include may add.
    mappings: BTreeMap<&'t str, &'t Value>,
    declared: Option<&'t Value>,
    /// The resources of which the template shows all properties.
    resources: BTreeMap<&'t str, &'t Value>,
    given: Given<'t>,
    /// Conditions whose value is certain.
    conditions: BTreeMap<String, bool>,
}

impl<'t> Scope<'t> {
    /// The scope of `template`. Its parameters have the given values, or else their defaults. The second scope is that of
    /// what is certain: without defaults.
    pub(super) fn new(template: &'t Value, given: Given<'t>) -> [Self; 2] {
        let certain = Self::of_values(template, Given { parameters: given.certain, ..given }, false);
        let conditions = conditions::decided(template.get("Conditions"), &certain);
        let scope = Self::of_values(template, given, true);
        [scope, certain].map(|scope| Self { conditions: conditions.clone(), ..scope })
    }

    fn of_values(template: &'t Value, given: Given<'t>, has_defaults: bool) -> Self {
        let declarations = template.get("Parameters").and_then(Value::as_object);
        let repeated: BTreeSet<String> = template
            .get("Parameters")
            .and_then(Value::as_object)
            .map(|all| tree::repeated_here(all).into_iter().map(|repeated| repeated.key).collect())
            .unwrap_or_default();
        let parameters = declarations
            .into_iter()
            .flatten()
            .filter(|(name, _)| !tree::is_mark(name))
            .map(|(name, declaration)| {
                let is_certain =
                    !repeated.contains(name) && tree::repeated_within(declaration).is_none() && shows_all(declaration);
                let value = if is_certain {
                    parameter(name, declaration, given.parameters.get(name).as_ref(), has_defaults)
                } else {
                    Resolved::Unknown(format!("!Ref {name}"))
                };
                (name.as_str(), value)
            })
            .collect();
        Self {
            parameters,
            declarations,
            mappings: certain(template.get("Mappings").filter(|maps| shows_all(maps)))
                .filter(|(_, map)| {
                    shows_all(map) && map.as_object().into_iter().flatten().all(|(_, keys)| shows_all(keys))
                })
                .collect(),
            declared: template.get("Resources"),
            resources: certain(template.get("Resources"))
                .filter(|(_, resource)| hidden::expands(resource).is_none())
                .collect(),
            given,
            conditions: BTreeMap::new(),
        }
    }

    /// The names of the parameters.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parameters.keys().copied()
    }

    /// Whether `name` is a parameter whose value is not known.
    pub(super) fn is_unknown_parameter(&self, name: &str) -> bool {
        matches!(self.parameters.get(name), Some(Resolved::Unknown(_)))
    }

    /// Whether `name` is a parameter or a pseudo parameter whose value is not known.
    pub(super) fn is_open(&self, name: &str) -> bool {
        self.is_unknown_parameter(name)
            || ["AWS::Region", "AWS::Partition"].contains(&name) && self.given.region.is_none()
            || name == "AWS::AccountId" && self.given.account.is_none()
    }

    /// The values that a parameter may have; `None` if it may have any.
    pub(super) fn allowed(&self, name: &str) -> Option<Vec<String>> {
        let declaration = self.declarations?.get(name).filter(|_| self.is_unknown_parameter(name))?;
        let is_of_text = ["String", "Number"].contains(&declaration.get("Type")?.as_str()?);
        let values = declaration.get("AllowedValues").filter(|_| is_of_text)?.as_array()?;
        values.iter().map(|value| self.resolve(value, &Choice::default()).into_text()).collect()
    }

    /// The map `name` of the section `Mappings`.
    pub(super) fn mapping(&self, name: &str) -> Option<&'t Value> {
        self.mappings.get(name).copied()
    }

    /// The branch of a condition that is taken; `None` if both are possible.
    pub(super) fn branch(&self, condition: &str, choice: &Choice) -> Option<bool> {
        self.conditions.get(condition).or_else(|| choice.conditions.get(condition)).copied()
    }

    /// Whether a resource is not there, because its condition is not met.
    pub(super) fn is_left_out(&self, resource: &Value) -> bool {
        let condition = resource.get("Condition").and_then(Value::as_str);
        condition.is_some_and(|condition| self.branch(condition, &Choice::default()) == Some(false))
    }

    /// A resource by its logical id, if the template shows all of its properties.
    pub(super) fn resource(&self, id: &str) -> Option<&'t Value> {
        self.resources.get(id).copied()
    }

    /// What the template shows of a resource.
    pub(super) fn declared(&self, id: &str) -> Option<&'t Value> {
        self.declared?.get(id)
    }

    /// Value of `node`, with the decisions in `choice`.
    pub(super) fn resolve(&self, node: &Value, choice: &Choice) -> Resolved {
        match node {
            Value::Null => Resolved::Absent,
            Value::Bool(value) => Resolved::Text(value.to_string()),
            Value::Number(number) => Resolved::Text(number.to_string()),
            Value::String(text) => known(text.clone()),
            Value::Array(list) => Resolved::List(
                list.iter()
                    .map(|element| self.resolve(element, choice))
                    .filter(|element| *element != Resolved::Absent)
                    .collect(),
            ),
            Value::Object(_) => match function(node).and_then(|(name, argument)| self.call(name, argument, choice)) {
                Some(Resolved::Ending { ending, .. }) => Resolved::Ending { text: describe(node), ending },
                Some(value) => value,
                None => Resolved::Unknown(describe(node)),
            },
        }
    }

    /// Value of a function; `None` if it is not known.
    fn call(&self, name: &str, argument: &Value, choice: &Choice) -> Option<Resolved> {
        let arguments = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        match (name, arguments) {
            ("Ref", _) => self.reference(argument.as_str()?, choice),
            ("Fn::GetAtt", _) => {
                let (resource, attribute) = attribute(argument)?;
                self.attribute(resource, attribute, choice)
            }
            ("Fn::If", [condition, yes, no]) => {
                let branch = if self.branch(condition.as_str()?, choice)? { yes } else { no };
                Some(self.resolve(branch, choice))
            }
            ("Fn::Join", [separator, list]) => {
                let Resolved::List(list) = self.resolve(list, choice) else { return None };
                let separator = Resolved::Text(separator.as_str()?.to_owned());
                let mut parts = Vec::new();
                for part in list {
                    if !parts.is_empty() {
                        parts.push(separator.clone());
                    }
                    parts.push(part);
                }
                concatenated(parts)
            }
            ("Fn::Split", [separator, text]) => {
                let separator = separator.as_str().filter(|separator| !separator.is_empty())?;
                let text = self.resolve(text, choice).into_text()?;
                Some(Resolved::List(text.split(separator).map(|part| Resolved::Text(part.to_owned())).collect()))
            }
            ("Fn::Select", [index, list]) => {
                let index: usize = self.resolve(index, choice).into_text()?.parse().ok()?;
                match self.resolve(list, choice) {
                    Resolved::List(list) => list.into_iter().nth(index),
                    _ => None,
                }
            }
            ("Fn::FindInMap", [map, first, second, rest @ ..]) => {
                let text = |node| self.resolve(node, choice).into_text();
                let (map, first, second) = (text(map)?, text(first)?, text(second)?);
                let found = self.mapping(&map).and_then(|map| map.get(first)?.get(second));
                match (found, rest.first().and_then(|options| options.get("DefaultValue"))) {
                    (Some(value), _) => self.mapped(value, choice),
                    (None, Some(default)) => Some(self.resolve(default, choice)),
                    (None, None) => None,
                }
            }
            ("Fn::Cidr", [block, count, rest @ ..]) => {
                let bits = match rest.first() {
                    Some(bits) => Some(self.resolve(bits, choice).into_text()?),
                    None => None,
                };
                let count = self.resolve(count, choice).into_text()?;
                network::subnets(&self.resolve(block, choice), &count, bits.as_deref())
            }
            ("Fn::Sub", [template, variables]) => self.substitute(template.as_str()?, variables.as_object(), choice),
            ("Fn::Sub", _) => self.substitute(argument.as_str()?, None, choice),
            _ => None,
        }
    }

    /// Value of an attribute of a resource that the template itself says.
    fn attribute(&self, resource: &str, attribute: &str, choice: &Choice) -> Option<Resolved> {
        let resource = self.resource(resource)?;
        let depth = Some(choice.depth + 1).filter(|depth| *depth <= DEEPEST)?;
        let deeper = Choice { depth, ..choice.clone() };
        let resolve = |node| Some(self.resolve(node, &deeper));
        let value = network::attribute(resource, attribute).and_then(resolve);
        value.filter(|value| *value != Resolved::Absent).or_else(|| network::allocated(resource, attribute, resolve))
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

    fn reference(&self, name: &str, choice: &Choice) -> Option<Resolved> {
        let text = |text: Option<&str>| text.map(|text| Resolved::Text(text.to_owned()));
        if let Some(value) = choice.values.get(name) {
            return text(Some(value));
        }
        match name {
            "AWS::NoValue" => Some(Resolved::Absent),
            "AWS::Region" => text(self.given.region),
            "AWS::AccountId" => text(self.given.account),
            "AWS::Partition" => text(self.given.region.map(partition)),
            _ => self.parameters.get(name).cloned(),
        }
    }

    /// `Fn::Sub`: `${Name}` is a variable, a parameter, a pseudo parameter or an attribute; `${!Name}` is the text `${Name}`.
    fn substitute(&self, template: &str, variables: Option<&Map<String, Value>>, choice: &Choice) -> Option<Resolved> {
        let mut known: BTreeMap<&str, Resolved> = BTreeMap::new();
        let mut parts = Vec::new();
        let mut length = 0;
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}')?;
            parts.push(Resolved::Text(before.to_owned()));
            if let Some(literal) = name.strip_prefix('!') {
                parts.push(Resolved::Text(format!("${{{literal}}}")));
            } else {
                let name = name.trim();
                let value = match (known.get(name), variables.and_then(|variables| variables.get(name))) {
                    (Some(value), _) => value.clone(),
                    (None, Some(variable)) => self.resolve(variable, choice),
                    (None, None) => self.variable(name, choice),
                };
                known.insert(name, value.clone());
                parts.push(value);
            }
            length += parts
                .iter()
                .rev()
                .take(2)
                .map(|part| if let Resolved::Text(text) = part { text.len() } else { 0 })
                .sum::<usize>();
            if length > LONGEST_TEXT {
                return None;
            }
            rest = after;
        }
        parts.push(Resolved::Text(rest.to_owned()));
        concatenated(parts)
    }

    fn variable(&self, name: &str, choice: &Choice) -> Resolved {
        let value = match name.split_once('.') {
            Some((resource, attribute)) => self.attribute(resource, attribute, choice),
            None => self.reference(name, choice),
        };
        value.unwrap_or_else(|| Resolved::Unknown(format!("${{{name}}}")))
    }
}

/// The members of a section, without those of which a key that occurs twice leaves the content open.
fn certain(section: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let members = section.and_then(Value::as_object);
    let twice: BTreeSet<String> =
        members.map(tree::repeated_here).unwrap_or_default().into_iter().map(|repeated| repeated.key).collect();
    let is_certain = move |name: &str, member: &Value| !twice.contains(name) && tree::repeated_within(member).is_none();
    let members = members.into_iter().flatten().map(|(name, member)| (name.as_str(), member));
    members.filter(move |(name, member)| is_certain(name, member))
}

/// Whether nothing adds members to the map at deployment.
fn shows_all(map: &Value) -> bool {
    hidden::expanded_key(map).is_none()
}

/// The parts one after the other. If some are not known, the known end is what remains; `None` if there is none.
fn concatenated(parts: Vec<Resolved>) -> Option<Resolved> {
    let mut text = String::new();
    let mut is_whole = true;
    for part in parts {
        match part {
            Resolved::Text(part) => text.push_str(&part),
            Resolved::Unknown(_) => (is_whole, text) = (false, String::new()),
            Resolved::Ending { ending, .. } => (is_whole, text) = (false, ending),
            Resolved::Absent | Resolved::List(_) => return None,
        }
        if text.len() > LONGEST_TEXT {
            return None;
        }
    }
    match (is_whole, text.is_empty()) {
        (true, _) => Some(known(text)),
        (false, false) => Some(Resolved::Ending { text: String::new(), ending: text }),
        (false, true) => None,
    }
}

/// Text of a template, which may contain references to values that are looked up at deployment.
pub(super) fn known(text: String) -> Resolved {
    if !text.contains("{{resolve:") {
        return Resolved::Text(text);
    }
    match text.rsplit_once("}}") {
        Some((_, ending)) if !ending.is_empty() => {
            let ending = ending.to_owned();
            Resolved::Ending { text, ending }
        }
        _ => Resolved::Unknown(text),
    }
}
