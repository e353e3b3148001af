//! Parts of a template whose content the file does not show.

use serde_json::Value;

use super::value::{describe, function};
use crate::hidden::Hidden;

/// Transforms of AWS that add no security groups of their own: they process what the template shows.
///
/// Source: <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-reference.html>
const HARMLESS: [&str; 5] = [
    "AWS::CodeDeployBlueGreen",
    "AWS::LanguageExtensions",
    "AWS::SecretsManager-2020-07-23",
    "AWS::SecretsManager-2024-09-16",
    "AWS::Serverless-2016-10-31",
];

/// A hidden part, and why it is not scanned.
pub(super) type Reason = (Hidden, String);

/// The macros in the section `Transform` that may add security groups at deployment.
pub(super) fn macros(transform: Option<&Value>) -> Vec<Reason> {
    let names = match transform {
        Some(Value::Array(names)) => names.iter().map(macro_name).collect(),
        Some(name) => vec![macro_name(name)],
        None => Vec::new(),
    };
    names.into_iter().filter(|name| !HARMLESS.contains(&name.as_str())).map(|name| of_macro(&name)).collect()
}

/// The name of a macro: text, or `Name` with `Parameters`.
fn macro_name(node: &Value) -> String {
    node.get("Name").and_then(Value::as_str).map_or_else(|| describe(node), str::to_owned)
}

fn of_macro(name: &str) -> Reason {
    if name == "AWS::Include" {
        let problem = "`AWS::Include` takes a part of the template from elsewhere: scan the processed template \
                       (aws cloudformation get-template --template-stage Processed)";
        return (Hidden::Transform, problem.to_owned());
    }
    (Hidden::Macro, format!("the macro `{name}` may add security groups: scan the processed template"))
}

/// `Fn::Transform` in `object` itself.
pub(super) fn transform_in(object: &Value) -> Option<Reason> {
    let argument = object.get("Fn::Transform")?;
    let calls = argument.as_array().map_or_else(|| std::slice::from_ref(argument), Vec::as_slice);
    let reasons: Vec<Reason> = calls.iter().map(|call| of_macro(&macro_name(call))).collect();
    reasons.into_iter().next().or_else(|| Some(of_macro("Fn::Transform")))
}

/// Why a key among the resources is not a resource, and what it stands for.
pub(super) fn expansion(key: &str, value: &Value) -> Reason {
    if key == "Fn::Transform" {
        let calls = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        return calls.first().map_or_else(|| of_macro(key), |call| of_macro(&macro_name(call)));
    }
    let problem = "expanded only at deployment: scan the processed template \
                   (aws cloudformation get-template --template-stage Processed)";
    (Hidden::Loop, problem.to_owned())
}

/// An entry of the section `Modules`, which `aws cloudformation package` replaces by the resources of a file.
pub(super) fn module(module: &Value) -> Reason {
    let source = module.get("Source").and_then(Value::as_str).map(|source| format!(" `{source}`")).unwrap_or_default();
    (Hidden::Module, format!("the module{source} may make security groups: scan the packaged template"))
}

/// What a resource of type `kind` makes that the template does not show.
pub(super) fn of_type(kind: &str) -> Option<Reason> {
    if kind.ends_with("::MODULE") {
        let problem = format!("the module `{kind}` may make security groups: scan the processed template");
        return Some((Hidden::Module, problem));
    }
    (kind == "AWS::ServiceCatalog::CloudFormationProvisionedProduct").then(|| {
        (Hidden::Product, "the product is deployed from a template of its own: scan that template as well".to_owned())
    })
}

/// The function that adds members to an object at deployment, such as `Fn::Transform` or `Fn::ForEach::…`. `Fn::If` alone in
/// the object is not one of them: it stands for the whole object.
pub(super) fn expanded_key(object: &Value) -> Option<&str> {
    if function(object).is_some_and(|(name, _)| name == "Fn::If") {
        return None;
    }
    object.as_object()?.keys().map(String::as_str).find(|key| key.starts_with("Fn::"))
}

/// The text of what may give a resource properties that the template does not show; `None` if it shows all of them.
pub(super) fn expands(resource: &Value) -> Option<String> {
    let properties = resource.get("Properties").unwrap_or(&Value::Null);
    let expanded = expanded_key(resource).or_else(|| expanded_key(properties)).map(str::to_owned);
    let is_unclear = function(properties).is_some() || !(properties.is_object() || properties.is_null());
    expanded.or_else(|| is_unclear.then(|| describe(properties)))
}
