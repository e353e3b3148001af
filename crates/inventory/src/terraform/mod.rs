//! Security groups of a Terraform plan or state in the output of `terraform show -json`.
//!
//! A value that is known only after apply is not recognised, and so never compliant. There is one exception: Terraform
//! shows the inline `ingress` of a new group as "known after apply" even if its configuration has none. Such a group is
//! read as one without inline rules. A `dynamic "ingress"` over a list that is not known yet looks the same, since the
//! configuration in a plan does not show it.
//!
//! The configuration shows no inline `ingress` blocks at all. That a group has them is seen from its change: without them
//! its rules stay those of the last refresh.

mod address;
mod configuration;
mod plan;
mod prefix_lists;
mod resource;
mod stacks;

use std::collections::BTreeMap;

use serde_json::Value;

use self::configuration::Configuration;
use self::plan::{GroupIndex, Plan};
use super::Options;
use super::buffer::Position;
use super::error::{InputLocation, RecordError};
use super::hidden::Hidden;
use super::record::Record;

const GROUPS: [&str; 3] = ["aws_security_group", "aws_default_security_group", "awscc_ec2_security_group"];
const RULES: [&str; 3] =
    ["aws_security_group_rule", "aws_vpc_security_group_ingress_rule", "awscc_ec2_security_group_ingress"];

/// Makes the error of a resource, or of the whole plan.
fn refusal(file: &str, id: Option<&str>, problem: String, hidden: Option<Hidden>) -> RecordError {
    let location = InputLocation::new(file, Position::START, None);
    RecordError { location, id: id.map(str::to_owned), problem, hidden }
}

/// The groups of a plan or of a state.
pub(super) fn records(document: &Value, file: &str, options: &Options) -> Vec<Result<Record, RecordError>> {
    let refuse = |problem: &str| Err(refusal(file, None, problem.to_owned(), None));
    let Some(root) = document.get("planned_values").or_else(|| document.get("values")) else {
        return vec![refuse("plan without `planned_values`: give the whole output of `terraform show -json`")];
    };
    let mut resources = Vec::new();
    if let Some(root) = root.get("root_module") {
        resource::collect(root, &mut resources);
    }
    let changes = changes(document);
    for resource in resources.iter_mut().filter(|resource| resource.deposed.is_none()) {
        resource.change = changes.get(resource.address).copied();
    }
    let mut plan = Plan::new(file, document.get("configuration").map(Configuration::new), &resources);
    for resource in resources.iter().filter(|resource| GROUPS.contains(&resource.kind)) {
        plan.group(resource);
    }
    let keys: Vec<String> = plan.groups.keys().cloned().collect();
    let known = GroupIndex::new(&plan, &keys);
    plan.remove_outdated(&changes, &known);
    for resource in resources.iter().filter(|resource| RULES.contains(&resource.kind)) {
        plan.rule(resource, &known);
    }
    let mut records = Vec::new();
    if document.get("errored") == Some(&Value::Bool(true)) {
        records.push(refuse("the plan of a failed run is incomplete: run `terraform plan` again"));
    }
    if document.get("complete") == Some(&Value::Bool(false)) {
        let problem = "the plan defers changes to a later run, so groups may be missing: plan without -target";
        records.push(refuse(problem));
    }
    records.extend(plan.into_records().map(Ok));
    records.extend(stacks::records(&resources, file, options));
    records
}

/// `resource_changes[].change`, by address.
fn changes(document: &Value) -> BTreeMap<&str, &Value> {
    document
        .get("resource_changes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|change| Some((change.get("address")?.as_str()?, change)))
        .filter(|(_, change)| change.get("deposed").is_none())
        .filter_map(|(address, change)| Some((address, change.get("change")?)))
        .collect()
}
