//! Templates that a resource of a template deploys: nested stacks, applications and stack sets. What is readable is read:
//! a template in the resource itself, and one that the resource names by a path, as before `aws cloudformation package`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::reading::Reading;
use super::scope::Scope;
use super::value::{Choice, Resolved, function};
use super::{DEEPEST, Place, Template, parse};
use crate::decode;
use crate::hidden::Hidden;
use crate::tree::Document;

/// Where a template is.
enum Source {
    /// A text in the resource.
    Text(String),
    /// A path beside the template.
    Path(String),
    /// Elsewhere; the text says where.
    Elsewhere(String),
}

impl Reading<'_> {
    /// Reads the template that a resource deploys, if it deploys one.
    pub(super) fn nested(&mut self, id: &str, kind: &str, resource: &Value) {
        let properties = resource.get("Properties").unwrap_or(&Value::Null);
        let (hidden, source, parameters) = match kind {
            "AWS::CloudFormation::Stack" => {
                (Hidden::NestedStack, self.url(resource, "TemplateURL"), self.given(|scope| by_name(scope, properties)))
            }
            "AWS::Serverless::Application" => {
                (Hidden::Application, self.url(resource, "Location"), self.given(|scope| by_name(scope, properties)))
            }
            "AWS::CloudFormation::StackSet" => {
                let source = match properties.get("TemplateBody") {
                    Some(body) => self.body(body),
                    None => self.url(resource, "TemplateURL"),
                };
                (Hidden::StackSet, source, self.given(|scope| by_list(scope, properties)))
            }
            _ => return,
        };
        if let Err(problem) = self.inner(id, kind, source, parameters) {
            self.hide(id, hidden, problem);
        }
    }

    fn inner(
        &mut self,
        id: &str,
        kind: &str,
        source: Source,
        [parameters, certain]: [BTreeMap<String, Resolved>; 2],
    ) -> Result<(), String> {
        let template = self.template;
        let elsewhere = |place: &str| format!("its template {place} is not in this file: scan that template as well");
        if template.depth >= DEEPEST || template.budget.get() == 0 {
            return Err("too many templates within templates: scan its template as well".to_owned());
        }
        template.budget.set(template.budget.get().saturating_sub(1));
        let is_set = kind == "AWS::CloudFormation::StackSet";
        let (region, account) = if is_set { (None, None) } else { (template.region, template.account) };
        let inner = |file, place| Template {
            file,
            path: format!("{}{id}/", template.path),
            place,
            parameters,
            certain,
            region,
            account,
            depth: template.depth + 1,
            ..template.clone()
        };
        let contents = match source {
            Source::Text(text) => {
                let document = parse(&text).ok_or("its `TemplateBody` is not a template: scan its template as well")?;
                inner(template.file, Place::Resource(self.line(id))).read(&document)
            }
            Source::Path(path) => {
                let path = beside(template, &path).ok_or_else(|| elsewhere(&format!("`{path}`")))?;
                let name = path.display().to_string();
                let document = load(&path, template.options.largest_document)
                    .map_err(|problem| format!("its template `{name}` {problem}: scan that template as well"))?;
                // A path that cannot be resolved was read a moment ago; its file is then scanned once more.
                self.deploys.extend(path.canonicalize());
                inner(&name, Place::File).read(&document)
            }
            Source::Elsewhere(place) => return Err(elsewhere(&place)),
        };
        self.nested.extend(contents.records);
        self.deploys.extend(contents.deploys);
        Ok(())
    }

    /// A template by its location. The CDK writes the local path of a nested stack into its metadata.
    fn url(&self, resource: &Value, key: &str) -> Source {
        if let Some(path) = resource.pointer("/Metadata/aws:asset:path").and_then(Value::as_str) {
            return Source::Path(path.to_owned());
        }
        let node = resource.get("Properties").and_then(|properties| properties.get(key)).unwrap_or(&Value::Null);
        match self.scope.resolve(node, &Choice::default()) {
            Resolved::Text(url) if url.contains("://") => Source::Elsewhere(format!("`{url}`")),
            Resolved::Text(path) => Source::Path(path),
            Resolved::Unknown(text) | Resolved::Ending { text, .. } => Source::Elsewhere(format!("`{text}`")),
            Resolved::Absent | Resolved::List(_) => Source::Elsewhere(String::from("(no location)")),
        }
    }

    /// A template in the resource: text, or an object that `Fn::ToJsonString` turns into text.
    fn body(&self, body: &Value) -> Source {
        if let Some(("Fn::ToJsonString", template)) = function(body) {
            return Source::Text(template.to_string());
        }
        match self.scope.resolve(body, &Choice::default()) {
            Resolved::Text(text) => Source::Text(text),
            _ if body.get("Resources").is_some() => Source::Text(body.to_string()),
            _ => Source::Elsewhere("(made at deployment)".to_owned()),
        }
    }

    /// Parameters for the template within: what is known of them, and what is certain.
    fn given(&self, parameters: impl Fn(&Scope<'_>) -> BTreeMap<String, Resolved>) -> [BTreeMap<String, Resolved>; 2] {
        [&self.scope, &self.certain].map(parameters)
    }
}

/// `Parameters` as a map.
fn by_name(scope: &Scope<'_>, properties: &Value) -> BTreeMap<String, Resolved> {
    let parameters = properties.get("Parameters").and_then(Value::as_object).into_iter().flatten();
    parameters.map(|(name, value)| (name.clone(), scope.resolve(value, &Choice::default()))).collect()
}

/// `Parameters` as a list. Values that are overridden for some accounts and regions are not known.
fn by_list(scope: &Scope<'_>, properties: &Value) -> BTreeMap<String, Resolved> {
    let pairs = |list: Option<&Value>| -> Vec<(String, Resolved)> {
        let pair = |entry: &Value| {
            let name = entry.get("ParameterKey")?.as_str()?.to_owned();
            Some((name, scope.resolve(entry.get("ParameterValue")?, &Choice::default())))
        };
        list.and_then(Value::as_array).into_iter().flatten().filter_map(pair).collect()
    };
    let mut parameters: BTreeMap<String, Resolved> = pairs(properties.get("Parameters")).into_iter().collect();
    let instances = properties.get("StackInstancesGroup").and_then(Value::as_array).into_iter().flatten();
    for (name, _) in instances.flat_map(|group| pairs(group.get("ParameterOverrides"))) {
        let unknown = Resolved::Unknown(format!("!Ref {name}"));
        parameters.insert(name, unknown);
    }
    parameters
}

/// The file at `path` beside a template that is a file itself.
fn beside(template: &Template<'_>, path: &str) -> Option<PathBuf> {
    let is_readable = template.options.local_templates && template.file != "-" && !Path::new(path).is_absolute();
    let directory = Path::new(template.file).parent().filter(|_| is_readable && !path.is_empty())?;
    let file = directory.join(path);
    file.is_file().then_some(file)
}

/// The template in a file, or why there is none.
fn load(path: &Path, limit: usize) -> Result<Document, String> {
    let unreadable = |problem: std::io::Error| format!("cannot be read ({problem})");
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut text = String::new();
    let reader = decode::text(File::open(path).map_err(unreadable)?).map_err(unreadable)?;
    reader.take(most).read_to_string(&mut text).map_err(unreadable)?;
    let json = if text.trim_start().starts_with('{') { crate::tree::load_json(&text, Some(1)).ok() } else { None };
    json.filter(|document| document.value.get("Resources").is_some_and(Value::is_object))
        .or_else(|| parse(&text))
        .ok_or_else(|| "is not a template".to_owned())
}
