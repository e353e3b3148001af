//! Security groups of a CloudFormation template, and rules that it adds to other groups.
//!
//! Every possible exposure counts: both branches of `Fn::If` are judged, and a resource with a condition is judged as if it
//! existed. A value that is known only at deployment is not recognised, and so never compliant.

mod ingress;
mod intrinsic;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use exposure::SecurityGroup;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use self::ingress::{choices, rules, unknown_rule};
use self::intrinsic::{Choice, Resolved, Scope, describe, function};
use super::buffer::Position;
use super::duplicates::remove_duplicates;
use super::error::{InputError, InputLocation, RecordError};
use super::{Options, Record};
use findings::Location;

const GROUP: &str = "AWS::EC2::SecurityGroup";
const INGRESS: &str = "AWS::EC2::SecurityGroupIngress";

/// The group that a separate rule belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    /// A group of the template, by its logical id.
    Here(String),
    /// A group outside the template, by its id, its name, or the reference in the template.
    Elsewhere(String),
}

/// The groups of a template in JSON. `resources` is the value of `Resources`; `first_line` is the line in the file on which
/// the template begins, `None` if the template is text within JSON.
pub(super) fn from_json(
    json: &str,
    resources: &RawValue,
    file: &str,
    first_line: Option<u64>,
    options: &Options,
) -> Result<Vec<Result<Record, RecordError>>, InputError> {
    let location = |line| InputLocation { file: file.to_owned(), line, column: 1, record: None };
    let first = first_line.unwrap_or(1);
    let malformed =
        |problem: serde_json::Error| InputError::Json { location: location(first), problem: problem.to_string() };
    let template: Value = serde_json::from_str(json).map_err(malformed)?;
    let Members(members) = serde_json::from_str(resources.get()).map_err(malformed)?;
    let mut lines = BTreeMap::new();
    let mut twice = Vec::new();
    let mut line = first;
    let mut counted = 0;
    for (name, value) in members {
        let offset = value.get().as_ptr().addr().saturating_sub(json.as_ptr().addr());
        let before = json.as_bytes().get(counted..offset).unwrap_or_default();
        line += u64::try_from(memchr::memchr_iter(b'\n', before).count()).unwrap_or_default();
        counted = counted.max(offset);
        if lines.insert(name.clone().into_owned(), line).is_some() {
            let problem = "duplicate logical id: rename one of the resources".to_owned();
            twice.push(Err(RecordError { location: location(line), id: Some(name.into_owned()), problem }));
        }
    }
    if first_line.is_none() {
        lines.clear();
    }
    let mut records = records(&template, &lines, file, options)?;
    records.extend(twice);
    Ok(records)
}

/// Members of an object in their order, duplicates included.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<Cow<'de, str>, _>()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The groups of a template. `lines` has the lines of its resources, by logical id.
pub(super) fn records(
    template: &Value,
    lines: &BTreeMap<String, u64>,
    file: &str,
    options: &Options,
) -> Result<Vec<Result<Record, RecordError>>, InputError> {
    let scope = Scope::new(template, &options.parameters, options.region.as_deref());
    for name in options.parameters.keys() {
        if !scope.parameters().any(|known| known == name) {
            let known: Vec<String> = scope.parameters().map(|known| format!("`{known}`")).collect();
            let known = if known.is_empty() {
                "it has no parameters".to_owned()
            } else {
                format!("it has {}", known.join(", "))
            };
            return Err(InputError::UnknownParameter { file: file.to_owned(), name: name.clone(), known });
        }
    }
    let Some(resources) = template.get("Resources").and_then(Value::as_object) else { return Ok(Vec::new()) };
    let mut reading =
        Reading { scope, resources, lines, file, groups: BTreeMap::new(), named: HashMap::new(), errors: Vec::new() };
    reading.macros(template.get("Transform"));
    reading.groups();
    reading.ingress();
    let groups = reading.groups.into_values().map(|mut record| {
        // The branches of a condition often have rules in common.
        remove_duplicates(&mut record.group.ingress);
        Ok(record)
    });
    Ok(groups.chain(reading.errors.into_iter().map(Err)).collect())
}

struct Reading<'t> {
    scope: Scope<'t>,
    resources: &'t Map<String, Value>,
    lines: &'t BTreeMap<String, u64>,
    file: &'t str,
    groups: BTreeMap<Target, Record>,
    /// The groups of the template by `GroupName`.
    named: HashMap<String, Target>,
    errors: Vec<RecordError>,
}

impl Reading<'_> {
    /// Refuses macros other than AWS's, which may add groups at deployment.
    fn macros(&mut self, transform: Option<&Value>) {
        let names = match transform {
            Some(Value::Array(names)) => names.iter().map(describe).collect(),
            Some(name) => vec![describe(name)],
            None => Vec::new(),
        };
        for name in names.into_iter().filter(|name| !name.starts_with("AWS::")) {
            self.refuse(
                "Transform",
                format!("the macro `{name}` may add security groups: scan the processed template"),
            );
        }
    }

    fn groups(&mut self) {
        for (id, resource) in self.resources {
            if id.starts_with("Fn::") {
                let problem = "expanded only at deployment: scan the processed template \
                               (aws cloudformation get-template --template-stage Processed)";
                self.refuse(id, problem.to_owned());
                continue;
            }
            match resource.get("Type").and_then(Value::as_str) {
                Some(GROUP) => {
                    let group = self.group(id, resource.get("Properties").unwrap_or(&Value::Null));
                    let target = Target::Here(id.clone());
                    if let Some(name) = &group.group.name {
                        self.named.entry(name.clone()).or_insert_with(|| target.clone());
                    }
                    self.groups.insert(target, group);
                }
                Some(_) => {}
                None => self.refuse(id, "resource without `Type`".to_owned()),
            }
        }
    }

    fn group(&self, id: &str, properties: &Value) -> Record {
        let text = |key: &str| match properties.get(key).map(|node| self.scope.resolve(node, &Choice::new())) {
            Some(Resolved::Text(text)) => Some(text),
            _ => None,
        };
        let tags = properties.get("Tags").and_then(Value::as_array).into_iter().flatten().filter_map(|tag| {
            let part = |key| match self.scope.resolve(tag.get(key)?, &Choice::new()) {
                Resolved::Text(text) => Some(text),
                Resolved::Absent | Resolved::List(_) | Resolved::Unknown(_) => None,
            };
            Some((part("Key")?, part("Value").unwrap_or_default()))
        });
        let mut ingress = properties
            .get("SecurityGroupIngress")
            .map_or_else(Vec::new, |node| rules(&self.scope, node, &Choice::new()));
        let is_expanded_later = |key: &String| key.starts_with("Fn::ForEach") || key == "Fn::Transform";
        if let Some(key) = properties.as_object().and_then(|object| object.keys().find(|key| is_expanded_later(key))) {
            ingress.push(unknown_rule(key));
        }
        let group = SecurityGroup {
            id: id.to_owned(),
            name: text("GroupName"),
            vpc_id: text("VpcId"),
            owner_id: None,
            tags: tags.collect(),
            ingress,
        };
        Record { group, region: None, location: Some(self.location(id)) }
    }

    /// Adds rules that are resources of their own.
    fn ingress(&mut self) {
        let ingress =
            self.resources.iter().filter(|(_, resource)| resource.get("Type").and_then(Value::as_str) == Some(INGRESS));
        for (id, resource) in ingress {
            let Some(properties) = resource.get("Properties").filter(|properties| properties.is_object()) else {
                self.refuse(id, "rule without `Properties`".to_owned());
                continue;
            };
            let group = properties.get("GroupId").or_else(|| properties.get("GroupName"));
            let targets = match (group, choices(group.unwrap_or(&Value::Null), &Choice::new())) {
                (None, _) => vec![(Target::Elsewhere(id.clone()), Choice::new())],
                (Some(group), Some(choices)) => {
                    choices.into_iter().map(|choice| (self.target(group, &choice), choice)).collect()
                }
                (Some(group), None) => vec![(Target::Elsewhere(describe(group)), Choice::new())],
            };
            for (target, choice) in targets {
                let found = rules(&self.scope, properties, &choice);
                let location = self.location(id);
                let record = self.groups.entry(target).or_insert_with_key(|target| {
                    let (Target::Here(id) | Target::Elsewhere(id)) = target;
                    let group = SecurityGroup { id: id.clone(), ..SecurityGroup::default() };
                    Record { group, region: None, location: Some(location) }
                });
                record.group.ingress.extend(found);
            }
        }
    }

    fn target(&self, node: &Value, choice: &Choice) -> Target {
        if let Some(("Fn::If", Value::Array(arguments))) = function(node)
            && let [Value::String(condition), yes, no] = arguments.as_slice()
            && let Some(is_so) = choice.get(condition)
        {
            return self.target(if *is_so { yes } else { no }, choice);
        }
        let name = match function(node) {
            Some(("Ref", Value::String(name))) => Some(name.as_str()),
            Some(("Fn::GetAtt", Value::String(path))) => path.split_once('.').map(|(name, _)| name),
            Some(("Fn::GetAtt", Value::Array(path))) => path.first().and_then(Value::as_str),
            Some(("Fn::Sub", Value::String(text))) => text
                .strip_prefix("${")
                .and_then(|rest| rest.strip_suffix('}'))
                .map(|name| name.split_once('.').map_or(name, |(name, _)| name)),
            _ => None,
        };
        if let Some(name) = name.filter(|name| self.groups.contains_key(&Target::Here((*name).to_owned()))) {
            return Target::Here(name.to_owned());
        }
        match self.scope.resolve(node, choice) {
            Resolved::Text(text) => self.named.get(&text).cloned().unwrap_or(Target::Elsewhere(text)),
            Resolved::Absent | Resolved::List(_) | Resolved::Unknown(_) => Target::Elsewhere(describe(node)),
        }
    }

    fn location(&self, id: &str) -> Location {
        Location { file: self.file.to_owned(), resource: Some(id.to_owned()), line: self.lines.get(id).copied() }
    }

    fn refuse(&mut self, id: &str, problem: String) {
        let position = Position { line: self.lines.get(id).copied().unwrap_or(1), column: 1 };
        let location = InputLocation::new(self.file, position, None);
        self.errors.push(RecordError { location, id: Some(id.to_owned()), problem });
    }
}
