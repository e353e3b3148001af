//! The AWS Security Finding Format, of Security Hub CSPM.
//!
//! Source: [AWS Security Finding Format](https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html).

use serde_json::Value;

use super::{Finding, Resource};
use crate::tolerant::{elements, member, text, text_at};

pub(super) fn read(finding: &Value) -> Finding<'_> {
    // Without consolidated control findings, each standard has ids of its own.
    let control = text_at(finding, &["Compliance", "SecurityControlId"])
        .or_else(|| text_at(finding, &["ProductFields", "ControlId"]))
        .or_else(|| text(finding, "GeneratorId"));
    let resources = elements(member(finding, "Resources")).iter().map(|resource| Resource {
        kind: text(resource, "Type"),
        ids: [text(resource, "Id"), None],
        account: None,
        region: text(resource, "Region"),
    });
    Finding {
        id: text(finding, "Id"),
        control,
        settled: settled(finding),
        resources: resources.collect(),
        account: text(finding, "AwsAccountId"),
        region: text(finding, "Region"),
    }
}

/// Why the finding is no open problem.
fn settled(finding: &Value) -> Option<String> {
    let compliance = text_at(finding, &["Compliance", "Status"]).unwrap_or("of no compliance");
    let record = text(finding, "RecordState").unwrap_or("ACTIVE");
    let workflow = text_at(finding, &["Workflow", "Status"]).or_else(|| text(finding, "WorkflowState"));
    let workflow = workflow.unwrap_or("NEW");
    let is = |text: &str, any: &[&str]| any.iter().any(|known| text.eq_ignore_ascii_case(known));
    let settled = if !is(compliance, &["FAILED"]) {
        compliance
    } else if !is(record, &["ACTIVE"]) {
        record
    } else if is(workflow, &["SUPPRESSED", "RESOLVED"]) {
        workflow
    } else {
        return None;
    };
    Some(settled.to_ascii_lowercase())
}
