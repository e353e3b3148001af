//! CloudFormation in Terraform: stacks and stack sets with their templates, and resources of the Cloud Control API.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::configuration::Configuration;
use super::refusal;
use super::resource::{Resource, has_unknown};
use crate::Options;
use crate::cloudformation::{Resolved, Template, parse};
use crate::error::RecordError;
use crate::hidden::Hidden;
use crate::record::Record;

const SETS: [&str; 2] = ["aws_cloudformation_stack_set", "awscc_cloudformation_stack_set"];
const INSTANCES: [&str; 2] = ["aws_cloudformation_stack_set_instance", "aws_cloudformation_stack_instances"];

/// Kinds of resources that are read.
pub(super) const KINDS: [&str; 10] = [
    "aws_cloudformation_stack",
    "awscc_cloudformation_stack",
    SETS[0],
    SETS[1],
    INSTANCES[0],
    INSTANCES[1],
    "aws_serverlessapplicationrepository_cloudformation_stack",
    "aws_servicecatalog_provisioned_product",
    "awscc_servicecatalog_cloudformation_provisioned_product",
    "aws_cloudcontrolapi_resource",
];

/// The groups that stacks and resources of the Cloud Control API make.
pub(super) fn records(
    resources: &[Resource<'_>],
    configuration: Option<&Configuration<'_>>,
    file: &str,
    options: &Options,
) -> Vec<Result<Record, RecordError>> {
    let overridden = overridden(resources, configuration);
    let mut records = Vec::new();
    for resource in resources.iter().filter(|resource| resource.damage.is_none()) {
        let hidden = match resource.kind {
            "aws_cloudformation_stack" | "awscc_cloudformation_stack" => Hidden::NestedStack,
            kind if SETS.contains(&kind) => Hidden::StackSet,
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
    overridden: &Overridden,
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
        if is_unknown(name) || hidden == Hidden::StackSet && overridden.has(name) {
            parameters.insert(name.to_owned(), Resolved::Unknown(format!("!Ref {name}")));
        } else if let Some(text) = value(name) {
            parameters.insert(name.to_owned(), Resolved::Text(text.to_owned()));
        }
    }
    parameters
}

/// Parameters that instances of stack sets override.
#[derive(Debug, Default)]
struct Overridden {
    names: BTreeSet<String>,
    /// Whether any parameter may be one.
    may_be_any: bool,
}

impl Overridden {
    fn has(&self, name: &str) -> bool {
        self.may_be_any || self.names.contains(name)
    }

    /// Adds a map by name, or a list of keys and values, and what of it is known only after apply.
    fn add(&mut self, overrides: &Value, unknown: &Value) {
        for names in [overrides, unknown] {
            match names {
                Value::Object(map) => self.names.extend(map.keys().cloned()),
                Value::Array(list) => {
                    for entry in list {
                        match entry.get("parameter_key") {
                            Some(Value::String(name)) => drop(self.names.insert(name.clone())),
                            Some(Value::Bool(true)) => self.may_be_any = true,
                            _ => self.may_be_any |= *entry == Value::Bool(true),
                        }
                    }
                }
                other => self.may_be_any |= *other == Value::Bool(true),
            }
        }
    }
}

fn overridden(resources: &[Resource<'_>], configuration: Option<&Configuration<'_>>) -> Overridden {
    let mut overridden = Overridden::default();
    for resource in resources {
        overridden.may_be_any |= resource.damage.is_some() && INSTANCES.contains(&resource.kind);
        let of = |attribute: &str| {
            let values = resource.values.get(attribute).unwrap_or(&Value::Null);
            (values, resource.unknown(attribute).unwrap_or(&Value::Null))
        };
        if INSTANCES.contains(&resource.kind) {
            let (values, unknown) = of("parameter_overrides");
            overridden.add(values, unknown);
        } else if SETS.contains(&resource.kind) {
            let (values, unknown) = of("stack_instances_group");
            for groups in [values, unknown] {
                for group in groups.as_array().into_iter().flatten() {
                    overridden.add(group.get("parameter_overrides").unwrap_or(&Value::Null), &Value::Null);
                    overridden.may_be_any |= *group == Value::Bool(true);
                }
            }
            overridden.may_be_any |= *unknown == Value::Bool(true)
                && configuration.is_none_or(|all| all.has(resource.address, "stack_instances_group"));
        }
    }
    overridden
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
