//! The groups and rules among the resources of a template.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use exposure::{Exemption, SecurityGroup};
use findings::Location;
use serde_json::{Map, Value};

use super::ingress::{Found, choices, perhaps, rules, unknown_rule};
use super::scope::Scope;
use super::value::{Choice, Resolved, chosen, describe, is_no_value, referenced, references_in};
use super::{Contents, Place, Template, exemption, hidden, names, network};
use crate::buffer::Position;
use crate::duplicates::remove_duplicates;
use crate::error::{InputLocation, RecordError};
use crate::hidden::Hidden;
use crate::record::{Origin, Record};
use crate::tree::{self, Lines, RULES, RepeatedKey, RulePath};

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

/// A template that is being read.
pub(super) struct Reading<'t> {
    pub(super) scope: Scope<'t>,
    /// The scope without the defaults of parameters.
    pub(super) certain: Scope<'t>,
    resources: &'t Map<String, Value>,
    lines: &'t Lines,
    pub(super) template: &'t Template<'t>,
    groups: BTreeMap<Target, Record>,
    /// The groups of the template by `GroupName`.
    named: HashMap<String, Target>,
    /// Records of the templates within this one.
    pub(super) nested: Vec<Result<Record, RecordError>>,
    /// Files of these templates.
    pub(super) deploys: BTreeSet<PathBuf>,
    errors: Vec<RecordError>,
    /// Whether a macro processes the whole template.
    has_macro: bool,
}

impl<'t> Reading<'t> {
    pub(super) fn new(
        [scope, certain]: [Scope<'t>; 2],
        resources: &'t Map<String, Value>,
        lines: &'t Lines,
        template: &'t Template<'t>,
    ) -> Self {
        let (groups, named) = (BTreeMap::new(), HashMap::new());
        let (nested, deploys, errors) = (Vec::new(), BTreeSet::new(), Vec::new());
        Self { scope, certain, resources, lines, template, groups, named, nested, deploys, errors, has_macro: false }
    }

    /// All records, groups first, and the files that the template deploys.
    pub(super) fn contents(mut self, template: &Value) -> Contents {
        self.sections(template);
        self.resources();
        self.ingress();
        let groups = self.groups.into_values().map(|mut record| {
            // The branches of a condition often have rules in common.
            remove_duplicates(&mut record);
            Ok(record)
        });
        let records = groups.chain(self.nested).chain(self.errors.into_iter().map(Err)).collect();
        Contents { records, deploys: self.deploys, ..Contents::default() }
    }

    /// Refuses macros that may add groups at deployment, and sections that CloudFormation does not understand.
    fn sections(&mut self, template: &Value) {
        let whole = hidden::macros(template.get("Transform")).into_iter().chain(hidden::transform_in(template));
        for (kind, problem) in whole {
            self.has_macro |= kind == Hidden::Macro;
            self.hide("Transform", kind, problem);
        }
        for (name, module) in template.get("Modules").and_then(Value::as_object).into_iter().flatten() {
            let (kind, problem) = hidden::module(module);
            self.hide(&format!("Modules/{name}"), kind, problem);
        }
        let not_resources = |name: &str| name != "Resources" && !tree::is_mark(name);
        for (name, section) in template.as_object().into_iter().flatten().filter(|(name, _)| not_resources(name)) {
            if let Some(repeated) = tree::repeated_within(section) {
                self.refuse_repeated(name, &repeated);
            }
        }
        for repeated in template.as_object().map(tree::repeated_here).unwrap_or_default() {
            self.refuse_repeated(&repeated.key.clone(), &repeated);
        }
    }

    fn resources(&mut self) {
        let resources = self.resources;
        let twice = tree::repeated_here(resources).into_iter().map(|repeated| (repeated.key.clone(), repeated));
        let twice: HashMap<String, RepeatedKey> = twice.collect();
        for (id, resource) in resources.iter().filter(|(id, _)| !tree::is_mark(id)) {
            if let Some(repeated) = twice.get(id) {
                let problem = "duplicate logical id: rename one of the resources".to_owned();
                self.refuse_at(id, repeated.line, problem);
            } else if id.starts_with("Fn::") {
                let (kind, problem) = hidden::expansion(id, resource);
                self.hide(id, kind, problem);
            } else if let Some(repeated) = tree::repeated_within(resource) {
                self.refuse_repeated(id, &repeated);
            } else if let Some(problem) = self.unknown_name(resource) {
                self.refuse(id, problem);
            } else if !self.scope.is_left_out(resource) {
                self.resource(id, resource);
            }
        }
    }

    /// Why CloudFormation rejects the names in a group or a rule. A macro may give other names a meaning.
    fn unknown_name(&self, resource: &Value) -> Option<String> {
        let properties: &[&str] = match resource.get("Type")?.as_str()? {
            GROUP => &names::OF_GROUP,
            INGRESS => &names::OF_RULE,
            _ => return None,
        };
        names::problem(resource, properties).filter(|_| !self.has_macro)
    }

    fn resource(&mut self, id: &str, resource: &Value) {
        let kind = resource.get("Type").and_then(Value::as_str);
        let transform = hidden::transform_in(resource);
        if let Some(kind) = kind.filter(|kind| ![GROUP, INGRESS].contains(kind))
            && self.template.options.exemptions
            && exemption::metadata(resource).is_some()
        {
            let line = self.lines.of_metadata(id);
            let problem = format!("`Metadata.Portcullis` exempts {GROUP} and {INGRESS}, and this is {kind}");
            self.refuse_at(id, line, problem);
        }
        match (kind, transform) {
            (None, Some((hidden, problem))) => self.hide(id, hidden, problem),
            (None, None) => self.refuse(id, "resource without `Type`".to_owned()),
            // A macro returns the whole resource, while an include only adds to it. What a group shows is judged anyway.
            (Some(kind), Some((hidden, problem)))
                if hidden != Hidden::Transform && ![GROUP, INGRESS].contains(&kind) =>
            {
                self.hide(id, hidden, problem);
            }
            (Some(GROUP), _) => {
                let exemption = self.exemption(id, resource);
                let group = Record { exemption: exemption.map(Box::new), ..self.group(id, resource) };
                let target = Target::Here(id.to_owned());
                if let Some(name) = &group.group.name {
                    self.named.entry(name.clone()).or_insert_with(|| target.clone());
                }
                self.groups.insert(target, group);
            }
            (Some(kind), _) => match hidden::of_type(kind) {
                Some((hidden, problem)) => self.hide(id, hidden, problem),
                None => self.nested(id, kind, resource),
            },
        }
    }

    /// The exemption that the metadata of a resource states. One that is not understood exempts nothing.
    fn exemption(&mut self, id: &str, resource: &Value) -> Option<Exemption> {
        let metadata = exemption::metadata(resource).filter(|_| self.template.options.exemptions)?;
        let line = self.lines.of_metadata(id).filter(|_| self.is_file());
        let Location { file, line: of_resource, .. } = self.location(id);
        let place = match line.or(of_resource) {
            Some(line) => format!("Metadata of {} in {file}, line {line}", self.name(id)),
            None => format!("Metadata of {} in {file}", self.name(id)),
        };
        match exemption::read(metadata, &self.name(id), &place) {
            Ok(exemption) => Some(exemption),
            Err(problem) => {
                self.refuse_at(id, line, format!("nothing is exempt: {problem}"));
                None
            }
        }
    }

    fn group(&self, id: &str, resource: &Value) -> Record {
        let properties = resource.get("Properties").unwrap_or(&Value::Null);
        let resolve = |node: &Value| self.scope.resolve(node, &Choice::default()).into_text();
        let text = |key: &str| properties.get(key).and_then(resolve);
        // A tag whose value is not known is left out: it may be an exemption that is over.
        let tags = properties.get("Tags").and_then(Value::as_array).into_iter().flatten();
        let tags = tags.filter_map(|tag| Some((resolve(tag.get("Key")?)?, resolve(tag.get("Value")?)?))).collect();
        let mut ingress = properties
            .get(RULES)
            .map_or_else(Vec::new, |node| rules(&self.scope, node, &Choice::default(), &RulePath::default()));
        ingress.extend(hidden::expands(resource).map(|text| unknown_rule(&text)));
        let group = SecurityGroup {
            id: self.name(id),
            resource: Some(self.name(id)),
            name: text("GroupName"),
            vpc_id: text("VpcId"),
            tags,
            ..SecurityGroup::default()
        };
        let mut record = Record { location: Some(self.location(id)), ..Record::new(group) };
        let location = |found: &Found| {
            let line = self.lines.of_object(id, found.path.as_ref()).filter(|_| self.is_file())?;
            Some(Location { line: Some(line), ..self.location(id) })
        };
        self.add(&mut record, ingress, None, location);
        record
    }

    /// Adds rules to a group, each with its location.
    fn add(
        &self,
        record: &mut Record,
        found: Vec<Found>,
        exemption: Option<&Exemption>,
        location: impl Fn(&Found) -> Option<Location>,
    ) {
        for found in found {
            let location = location(&found);
            let Found { rule, possible, parameters, .. } = found;
            if let exposure::Source::PrefixList(id) = &rule.source
                && record.known.get(id).is_none()
                && let Some(list) = network::prefix_list(&self.scope, id)
            {
                record.known.insert(id.clone(), list);
            }
            // The caller gives values to the outermost template only.
            let parameters = if self.template.is_input() { parameters } else { Vec::new() };
            let origin = Origin { location, parameters, exemption: exemption.cloned().map(Box::new), doubt: None };
            record.push(rule, possible, origin);
        }
    }

    /// Adds rules that are resources of their own.
    fn ingress(&mut self) {
        let refused: HashSet<String> = self.errors.iter().filter_map(|error| error.id.clone()).collect();
        let is_rule = |(id, resource): &(&String, &Value)| {
            resource.get("Type").and_then(Value::as_str) == Some(INGRESS)
                && !refused.contains(&self.name(id))
                && !self.scope.is_left_out(resource)
        };
        let resources: Vec<_> = self.resources.iter().filter(is_rule).collect();
        for (id, resource) in resources {
            let Some(properties) = resource.get("Properties").filter(|properties| properties.is_object()) else {
                self.refuse(id, "rule without `Properties`".to_owned());
                continue;
            };
            let exemption = self.exemption(id, resource);
            let mut named = ["GroupId", "GroupName"].into_iter().filter_map(|key| properties.get(key));
            let group = named.find(|node| !is_no_value(node)).unwrap_or(&Value::Null);
            let choices = choices(&self.scope, group, &Choice::default()).unwrap_or_else(|| vec![Choice::default()]);
            let targets: Vec<_> = choices.into_iter().map(|choice| (self.target(id, group, &choice), choice)).collect();
            let location = self.location(id);
            let line = self.lines.of_object(id, None).filter(|_| self.is_file());
            let of_rule = Location { line: line.or(location.line), ..location.clone() };
            for ((target, candidates), choice) in targets {
                let mut found = rules(&self.scope, properties, &choice, &RulePath::default());
                found.extend(hidden::expanded_key(resource).map(unknown_rule));
                for candidate in candidates {
                    let perhaps = found.iter().map(|found| perhaps(&self.scope, found)).collect();
                    if let Some(mut record) = self.groups.remove(&candidate) {
                        self.add(&mut record, perhaps, exemption.as_ref(), |_| Some(of_rule.clone()));
                        self.groups.insert(candidate, record);
                    }
                }
                let mut record = self.groups.remove(&target).unwrap_or_else(|| {
                    let (Target::Here(name) | Target::Elsewhere(name)) = &target;
                    let resource = Some(name.clone());
                    let group = SecurityGroup { id: name.clone(), resource, ..SecurityGroup::default() };
                    Record { location: Some(location.clone()), ..Record::new(group) }
                });
                self.add(&mut record, found, exemption.as_ref(), |_| Some(of_rule.clone()));
                self.groups.insert(target, record);
            }
        }
    }

    /// The group that the rule `id` with the reference `node` belongs to, and the groups of the template that may be meant
    /// if it is not known.
    fn target(&self, id: &str, node: &Value, choice: &Choice) -> (Target, Vec<Target>) {
        let node = chosen(&self.scope, node, choice);
        let of_template = |name: &str| Some(Target::Here(name.to_owned())).filter(|id| self.groups.contains_key(id));
        if let Some(target) = referenced(node).and_then(of_template) {
            return (target, Vec::new());
        }
        match self.scope.resolve(node, choice) {
            Resolved::Text(text) => (self.named.get(&text).cloned().unwrap_or(Target::Elsewhere(text)), Vec::new()),
            Resolved::Absent => (Target::Elsewhere(id.to_owned()), Vec::new()),
            Resolved::List(_) | Resolved::Unknown(_) | Resolved::Ending { .. } => {
                let mut ids = BTreeSet::new();
                references_in(node, &mut ids);
                (Target::Elsewhere(describe(node)), ids.into_iter().filter_map(of_template).collect())
            }
        }
    }

    /// Whether the template is a file, so that its lines are those of the file.
    fn is_file(&self) -> bool {
        matches!(self.template.place, Place::File)
    }

    pub(super) fn line(&self, id: &str) -> Option<u64> {
        match self.template.place {
            Place::File => self.lines.of_name(id),
            Place::Resource(line) => line,
        }
    }

    fn location(&self, id: &str) -> Location {
        let resource = if self.is_file() { id.to_owned() } else { self.name(id) };
        Location { file: self.template.file.to_owned(), resource: Some(resource), line: self.line(id) }
    }

    /// The resource with the path of the template, as it is called in results.
    fn name(&self, id: &str) -> String {
        format!("{}{id}", self.template.path)
    }

    fn error(&self, id: &str, line: Option<u64>, problem: String, hidden: Option<Hidden>) -> RecordError {
        let position = Position { line: line.or_else(|| self.line(id)).unwrap_or(1), column: 1 };
        let location = InputLocation::new(self.template.file, position, None);
        RecordError { location, id: Some(self.name(id)), problem, hidden }
    }

    pub(super) fn refuse(&mut self, id: &str, problem: String) {
        self.refuse_at(id, None, problem);
    }

    fn refuse_at(&mut self, id: &str, line: Option<u64>, problem: String) {
        // Lines within a text are not those of the file.
        let line = line.filter(|_| self.is_file());
        self.errors.push(self.error(id, line, problem, None));
    }

    fn refuse_repeated(&mut self, id: &str, repeated: &RepeatedKey) {
        let problem = format!("duplicate key `{}`: remove one of the two", repeated.key);
        self.refuse_at(id, repeated.line, problem);
    }

    pub(super) fn hide(&mut self, id: &str, hidden: Hidden, problem: String) {
        self.errors.push(self.error(id, None, problem, Some(hidden)));
    }
}
