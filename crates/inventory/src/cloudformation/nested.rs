//! Templates that a resource of a template deploys: nested stacks, applications and stack sets. What is readable is read:
//! a template in the resource itself, and one that the resource names by a path, as before `aws cloudformation package`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::given::Parameters;
use super::reading::Reading;
use super::scope::Scope;
use super::value::{Choice, Resolved, function};
use super::{DEEPEST, Place, Template, parse_from};
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

/// Why a template is not read.
enum Problem {
    /// It is not here.
    Absent(String),
    /// It is here, and not understood.
    Broken(String),
}

impl Problem {
    fn elsewhere(place: &str) -> Self {
        Self::Absent(format!("its template {place} is not in this file: scan that template as well"))
    }

    fn broken(problem: impl Into<String>) -> Self {
        Self::Broken(problem.into())
    }
}

impl Reading<'_> {
    /// Reads the template that a resource deploys, if it deploys one.
    pub(super) fn nested(&mut self, id: &str, kind: &str, resource: &Value) {
        let (hidden, source, parameters) = match kind {
            "AWS::CloudFormation::Stack" => {
                (Hidden::NestedStack, self.url(resource, "TemplateURL"), self.given(Parameters::of_map, resource))
            }
            "AWS::Serverless::Application" => {
                (Hidden::Application, self.url(resource, "Location"), self.given(Parameters::of_map, resource))
            }
            "AWS::CloudFormation::StackSet" => {
                let source = match resource.pointer("/Properties/TemplateBody") {
                    Some(body) => self.body(body),
                    None => self.url(resource, "TemplateURL"),
                };
                (Hidden::StackSet, source, self.given(Parameters::of_list, resource))
            }
            _ => return,
        };
        match self.inner(id, kind, source, parameters) {
            Ok(()) => {}
            Err(Problem::Absent(problem)) => self.hide(id, hidden, problem),
            Err(Problem::Broken(problem)) => self.refuse(id, problem),
        }
    }

    fn inner(
        &mut self,
        id: &str,
        kind: &str,
        source: Source,
        [parameters, certain]: [Parameters; 2],
    ) -> Result<(), Problem> {
        let template = self.template;
        if template.depth >= DEEPEST || template.budget.get() == 0 {
            return Err(Problem::broken("too many templates within templates: scan its template as well"));
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
                let document = parse_from(&text, None).map_err(|problem| {
                    Problem::Broken(format!("its `TemplateBody` {problem}: correct the template"))
                })?;
                inner(template.file, Place::Resource(self.line(id))).read(&document)
            }
            Source::Path(path) => {
                let path = beside(template, &path)?;
                let name = path.display().to_string();
                let document = load(&path, template.options.largest_document).map_err(|problem| {
                    Problem::Broken(format!("its template `{name}` {problem}: correct the template"))
                })?;
                // A path that cannot be resolved was read a moment ago; its file is then scanned once more.
                self.deploys.extend(path.canonicalize());
                inner(&name, Place::File).read(&document)
            }
            Source::Elsewhere(place) => return Err(Problem::elsewhere(&place)),
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
    fn given(&self, parameters: impl Fn(&Scope<'_>, &Value) -> Parameters, resource: &Value) -> [Parameters; 2] {
        [&self.scope, &self.certain].map(|scope| parameters(scope, resource))
    }
}

/// The file at `path` beside a template that is a file itself.
fn beside(template: &Template<'_>, path: &str) -> Result<PathBuf, Problem> {
    let is_readable = template.options.local_templates && template.file != "-" && !Path::new(path).is_absolute();
    let directory = Path::new(template.file).parent().filter(|_| is_readable && !path.is_empty());
    let file = directory.ok_or_else(|| Problem::elsewhere(&format!("`{path}`")))?.join(path);
    if file.is_file() {
        return Ok(file);
    }
    let name = file.display();
    // A build may write it: the template of a stack of the CDK names it even where the output of the build is not.
    Err(Problem::Absent(format!(
        "its template `{name}` does not exist: correct the path, or scan that template as well"
    )))
}

/// The template in a file, or why there is none.
fn load(path: &Path, limit: usize) -> Result<Document, String> {
    let unreadable = |problem: std::io::Error| format!("cannot be read ({problem})");
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut text = String::new();
    let reader = decode::text(File::open(path).map_err(unreadable)?).map_err(unreadable)?;
    reader.take(most.saturating_add(1)).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() > limit {
        return Err(format!("has more than {limit} bytes"));
    }
    parse_from(&text, Some(1))
}
