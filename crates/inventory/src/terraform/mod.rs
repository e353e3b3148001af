//! Security groups of a Terraform plan or state in the output of `terraform show -json`.
//!
//! A value that is known only after apply is not recognised, and so never compliant. There is one exception: Terraform
//! shows the inline `ingress` of a new group as "known after apply" even if its configuration has none. Such a group is
//! read as one without inline rules. A `dynamic "ingress"` over a list that is not known yet looks the same, since the
//! configuration in a plan does not show it.
//!
//! What a plan does not change may stand in its `prior_state` alone (`-target`, `-refresh-only`), and what it forgets stays
//! in AWS. A rule resource that is not tied to one group for certain may belong to each of those that it may refer to.
//!
//! The configuration shows no inline `ingress` blocks at all. That a group has them is seen from its change: without them
//! its rules stay those of the last refresh.

mod address;
mod blocks;
mod configuration;
mod group_index;
mod lines;
mod objects;
mod plan;
mod prefix_lists;
mod referenced;
mod references;
mod resource;
mod stacks;

use serde_json::Value;

use self::configuration::Configuration;
use self::group_index::GroupIndex;
use self::lines::Lines;
use self::objects::Objects;
use self::plan::Plan;
use super::Options;
use super::buffer::Position;
use super::error::{InputLocation, RecordError};
use super::hidden::Hidden;
use super::record::Record;
use super::tree::{load_json, repeated_here, repeated_within};

const GROUPS: [&str; 3] = ["aws_security_group", "aws_default_security_group", "awscc_ec2_security_group"];
const RULES: [&str; 3] =
    ["aws_security_group_rule", "aws_vpc_security_group_ingress_rule", "awscc_ec2_security_group_ingress"];

/// Makes the error of a resource, or of the whole plan.
fn refusal(file: &str, id: Option<&str>, problem: String, hidden: Option<Hidden>) -> RecordError {
    let location = InputLocation::new(file, Position::START, None);
    RecordError { location, id: id.map(str::to_owned), problem, hidden }
}

/// The groups of the plan or state `json`. `first_line` is its line in the file; `None` if it is text within JSON.
///
/// # Errors
///
/// If it is malformed.
pub(super) fn records(
    json: &str,
    file: &str,
    first_line: Option<u64>,
    options: &Options,
) -> Result<Vec<Result<Record, RecordError>>, serde_json::Error> {
    let document = load_json(json, None)?.value;
    let lines = first_line.map(|first| Lines::new(json, first)).unwrap_or_default();
    let mut records = all(&document, &lines, file, options);
    for error in records.iter_mut().filter_map(|record| record.as_mut().err()) {
        if let Some(line) = error.id.as_deref().and_then(|address| lines.of_address(address)) {
            error.location.line = line;
        }
    }
    Ok(records)
}

fn all(document: &Value, lines: &Lines, file: &str, options: &Options) -> Vec<Result<Record, RecordError>> {
    let refuse = |problem: &str| Err(refusal(file, None, problem.to_owned(), None));
    let Some(planned) = document.get("planned_values").or_else(|| document.get("values")) else {
        return vec![refuse("plan without `planned_values`: give the whole output of `terraform show -json`")];
    };
    let mut records = Vec::new();
    if document.get("errored") == Some(&Value::Bool(true)) {
        records.push(refuse("the plan of a failed run is incomplete: run `terraform plan` again"));
    }
    if document.get("complete") == Some(&Value::Bool(false)) {
        let problem = "the plan defers changes to a later run, so groups may be missing: plan without -target";
        records.push(refuse(problem));
    }
    let configured = document.get("configuration");
    let twice = document.as_object().map(repeated_here).unwrap_or_default();
    for repeated in twice.into_iter().chain(configured.and_then(repeated_within)) {
        records.push(refuse(&objects::duplicate(&repeated.key)));
    }
    let Objects { resources, changes, refused } = Objects::new(document, planned);
    let refused = refused.into_iter().map(|(address, problem)| Err(refusal(file, address, problem, None)));
    records.extend(refused);
    let configuration = configured.map(Configuration::new);
    let mut plan = Plan::new(file, lines, configuration.as_ref(), &resources);
    for resource in resources.iter().filter(|resource| GROUPS.contains(&resource.kind) && resource.damage.is_none()) {
        if let Err(problem) = plan.group(resource) {
            records.push(Err(refusal(file, Some(resource.address), problem, None)));
        }
    }
    let keys: Vec<String> = plan.groups.keys().cloned().collect();
    let mut known = GroupIndex::new(&plan, &keys, &resources);
    plan.remove_outdated(&changes, &known);
    for resource in resources.iter().filter(|resource| RULES.contains(&resource.kind)) {
        plan.rule(resource, &mut known);
    }
    plan.add_possible(&known);
    records.extend(plan.into_records().map(Ok));
    records.extend(stacks::records(&resources, configuration.as_ref(), file, options));
    records
}
