//! CloudFormation in Terraform: stacks and stack sets with their templates, and resources of the Cloud Control API.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::refusal;
use super::resource::{Resource, has_unknown};
use crate::Options;
use crate::cloudformation::{Resolved, Template, parse};
use crate::error::RecordError;
use crate::hidden::Hidden;
use crate::record::Record;

/// The groups that stacks and resources of the Cloud Control API make.
pub(super) fn records(resources: &[Resource<'_>], file: &str, options: &Options) -> Vec<Result<Record, RecordError>> {
    let overridden = overridden(resources);
    let mut records = Vec::new();
    for resource in resources {
        let hidden = match resource.kind {
            "aws_cloudformation_stack" | "awscc_cloudformation_stack" => Hidden::NestedStack,
            "aws_cloudformation_stack_set" | "awscc_cloudformation_stack_set" => Hidden::StackSet,
            "aws_serverlessapplicationrepository_cloudformation_stack" => Hidden::Application,
            "aws_servicecatalog_provisioned_product" | "awscc_servicecatalog_cloudformation_provisioned_product" => {
                Hidden::Product
            }
            "aws_cloudcontrolapi_resource" => {
                records.extend(cloud_control(resource, file, options));
                continue;
            }
            _ => continue,
        };
        let budget = Cell::new(0);
        let template = Template::new(file, options, &budget);
        let Some(document) = resource.text("template_body").and_then(parse) else {
            let url = resource.text("template_url").map(|url| format!(" `{url}`")).unwrap_or_default();
            let problem = format!("its template{url} is not in this file: scan that template as well");
            records.push(Err(refusal(file, Some(resource.address), problem, Some(hidden))));
            continue;
        };
        let names = document.value.get("Parameters").and_then(Value::as_object).into_iter().flatten();
        let names = names.map(|(name, _)| name.as_str());
        let parameters = parameters(resource, names, hidden, &overridden);
        records.extend(template.within(resource.address, parameters).read(&document).records);
    }
    records
}

/// Values of the parameters of a stack. One that is known only after apply, or differs between the stacks of a set, is not
/// known; one that the stack does not set has its default.
fn parameters<'n>(
    resource: &Resource<'_>,
    names: impl Iterator<Item = &'n str>,
    hidden: Hidden,
    overridden: &BTreeSet<String>,
) -> BTreeMap<String, Resolved> {
    let given = resource.values.get("parameters").unwrap_or(&Value::Null);
    let unknown = resource.unknown("parameters").unwrap_or(&Value::Null);
    let value = |name: &str| match given {
        Value::Array(list) => list
            .iter()
            .find(|entry| entry.get("parameter_key").and_then(Value::as_str) == Some(name))
            .and_then(|entry| entry.get("parameter_value"))
            .and_then(Value::as_str),
        given => given.get(name).and_then(Value::as_str),
    };
    let is_unknown = |name: &str| match unknown {
        Value::Object(unknown) => unknown.get(name).is_some_and(has_unknown),
        unknown => has_unknown(unknown),
    };
    let mut parameters = BTreeMap::new();
    for name in names {
        if is_unknown(name) || hidden == Hidden::StackSet && overridden.contains(name) {
            parameters.insert(name.to_owned(), Resolved::Unknown(format!("!Ref {name}")));
        } else if let Some(text) = value(name) {
            parameters.insert(name.to_owned(), Resolved::Text(text.to_owned()));
        }
    }
    parameters
}

/// Names of the parameters that instances of stack sets override.
fn overridden(resources: &[Resource<'_>]) -> BTreeSet<String> {
    let kinds = ["aws_cloudformation_stack_set_instance", "aws_cloudformation_stack_instances"];
    let instances = resources.iter().filter(|resource| kinds.contains(&resource.kind));
    let overrides = instances.filter_map(|resource| resource.values.get("parameter_overrides")?.as_object());
    overrides.flat_map(|overrides| overrides.keys().cloned()).collect()
}

/// A resource in CloudFormation's spelling.
fn cloud_control(resource: &Resource<'_>, file: &str, options: &Options) -> Vec<Result<Record, RecordError>> {
    let kind = resource.text("type_name").unwrap_or_default();
    let concerned = ["AWS::EC2::SecurityGroup", "AWS::CloudFormation::", "AWS::ServiceCatalog::"];
    if !concerned.iter().any(|prefix| kind.starts_with(prefix)) {
        return Vec::new();
    }
    let state = resource.text("desired_state").and_then(|state| serde_json::from_str::<Value>(state).ok());
    let Some(properties) = state else {
        let problem = "its `desired_state` is known only after apply: scan the account afterwards";
        return vec![Err(refusal(file, Some(resource.address), problem.to_owned(), None))];
    };
    let template = json!({"Resources": {resource.address: {"Type": kind, "Properties": properties}}});
    let Some(document) = parse(&template.to_string()) else { return Vec::new() };
    let budget = Cell::new(0);
    Template::new(file, options, &budget).alone().read(&document).records
}
