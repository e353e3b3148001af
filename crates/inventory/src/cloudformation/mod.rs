//! Security groups of a CloudFormation template, and rules that it adds to other groups.
//!
//! Every possible exposure counts: both branches of `Fn::If` are judged, and a resource with a condition is judged as if it
//! existed, unless the values that the caller gives decide the condition. A value that is known only at deployment is not
//! recognised, and so never compliant, unless every value that it can have leads to the same verdict.

mod conditions;
mod exemption;
mod given;
mod hidden;
mod ingress;
mod names;
mod nested;
mod network;
mod open_values;
mod parameter;
mod reading;
mod scope;
mod value;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use self::given::Parameters;
use self::reading::Reading;
use self::scope::{Given, Scope};
pub(super) use self::value::Resolved;
use super::buffer::Position;
use super::error::RecordError;
use super::tree::{self, Document};
use super::{Options, ParameterValue, Record};

/// Maximum depth of templates within templates.
const DEEPEST: u8 = 8;
/// Maximum number of templates within a template.
const MOST_TEMPLATES: u32 = 1000;

/// What is read from a template.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) records: Vec<Result<Record, RecordError>>,
    /// Names of the parameters of the template.
    pub(super) parameters: Vec<String>,
    /// The files of the templates that it deploys, as canonical paths.
    pub(super) deploys: BTreeSet<PathBuf>,
}

/// Where the text of a template is.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// It is a file.
    File,
    /// It is in a resource of a file, at this line if it is known.
    Resource(Option<u64>),
}

/// The place of a template, and the values that it gets.
#[derive(Debug, Clone)]
pub(super) struct Template<'o> {
    pub(super) file: &'o str,
    pub(super) options: &'o Options,
    /// Logical ids of the resources around the template, each with a slash behind it.
    path: String,
    place: Place,
    parameters: Parameters,
    /// Parameters whose values rest on no default.
    certain: Parameters,
    region: Option<&'o str>,
    account: Option<&'o str>,
    depth: u8,
    /// Number of templates that may still be read.
    budget: &'o Cell<u32>,
}

impl<'o> Template<'o> {
    /// A template that is an input itself. `budget` limits the templates in it.
    pub(super) fn new(file: &'o str, options: &'o Options, budget: &'o Cell<u32>) -> Self {
        budget.set(MOST_TEMPLATES);
        let value = |name: &str, value: &ParameterValue| match value {
            ParameterValue::Text(text) => Resolved::Text(text.clone()),
            ParameterValue::Previous => Resolved::Unknown(format!("!Ref {name}")),
        };
        let given = options.parameters.iter().map(|(name, given)| (name.clone(), value(name, given)));
        let given: BTreeMap<String, Resolved> = given.collect();
        let parameters = Parameters::from(given);
        Self {
            file,
            options,
            path: String::new(),
            place: Place::File,
            certain: parameters.clone(),
            parameters,
            region: options.region.as_deref(),
            account: options.account.as_deref(),
            depth: 0,
            budget,
        }
    }

    /// A template that is text in the resource `name` of the input, with these parameters.
    pub(super) fn within(self, name: &str, parameters: BTreeMap<String, Resolved>) -> Self {
        let (path, parameters) = (format!("{name}/"), Parameters::from(parameters));
        let (place, certain) = (Place::Resource(None), parameters.clone());
        Self { path, place, certain, parameters, region: None, account: None, ..self }
    }

    /// A template that stands for resources of the input itself, which has their names.
    pub(super) fn alone(self) -> Self {
        Self { place: Place::Resource(None), region: None, account: None, ..self }
    }

    /// Whether the template is an input itself, and not one that a resource deploys.
    fn is_input(&self) -> bool {
        self.depth == 0 && matches!(self.place, Place::File)
    }

    /// The groups of the template.
    pub(super) fn read(&self, document: &Document) -> Contents {
        let (parameters, certain) = (&self.parameters, &self.certain);
        let given = Given { parameters, certain, region: self.region, account: self.account };
        let scopes = Scope::new(&document.value, given);
        let [scope, _] = &scopes;
        let parameters = scope.parameters().map(str::to_owned).collect();
        let Some(resources) = document.value.get("Resources").and_then(Value::as_object) else {
            return Contents { parameters, ..Contents::default() };
        };
        let reading = Reading::new(scopes, resources, &document.lines, self);
        Contents { parameters, ..reading.contents(&document.value) }
    }
}

/// The template in a text, in JSON or YAML; `None` if there is none.
pub(super) fn parse(text: &str) -> Option<Document> {
    parse_from(text, None).ok()
}

/// The template in a text that begins on this line of a file, or why there is none.
fn parse_from(text: &str, first_line: Option<u64>) -> Result<Document, String> {
    let json = text.trim_start().starts_with('{').then(|| tree::load_json(text, first_line));
    let document = match json {
        Some(Ok(document)) => document,
        json => match (tree::load_yaml(text), json) {
            (Ok(documents), _) => documents.into_iter().next().ok_or("is empty")?,
            (Err(_), Some(Err(error))) => return Err(format!("is malformed JSON: {error}")),
            (Err(error), _) => {
                let Position { line, column } = error.position;
                return Err(format!("is neither JSON nor YAML: line {line}, column {column}: {}", error.problem));
            }
        },
    };
    let is_template = document.value.get("Resources").is_some_and(Value::is_object);
    if is_template { Ok(document) } else { Err("is not a template: it has no `Resources`".to_owned()) }
}
