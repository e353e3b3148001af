//! A finding of Security Hub, as its console lists it.

use serde_json::{Map, Value};

use super::paper::{Column, Paper};
use super::style::{BOLD, LABEL, TEXT, TITLE, severity_colour};
use super::text::{Run, run};
use super::{list, text};

/// Column of the labels.
const NAMES: usize = 190;

/// A finding in ASFF.
#[must_use]
pub fn security_hub(finding: &Value) -> String {
    let mut paper = Paper::new("A finding in AWS Security Hub");
    let column = Paper::column().right_of(16);
    let (mark, severity) = (paper.mark(), text(finding, "/Severity/Label"));
    paper.plain(column, text(finding, "/Title"), TITLE);
    paper.space(6);
    paper.pill(column.x, paper.y, severity, severity_colour(severity));
    paper.space(28);
    paper.plain(column, text(finding, "/Description"), TEXT);
    paper.bar(Paper::column().x, mark, severity_colour(severity));
    let fields = [
        ("Workflow status", "/Workflow/Status"),
        ("Record state", "/RecordState"),
        ("Compliance status", "/Compliance/Status"),
        ("Product name", "/ProductName"),
        ("AWS account ID", "/AwsAccountId"),
        ("First observed at", "/FirstObservedAt"),
        ("Updated at", "/UpdatedAt"),
        ("Finding ID", "/Id"),
        ("Generator ID", "/GeneratorId"),
    ];
    section(&mut paper, column, "Overview", finding, &fields);
    for resource in list(finding, "/Resources") {
        let fields = [
            ("Resource type", "/Type"),
            ("Resource ID", "/Id"),
            ("Resource region", "/Region"),
            ("Group name", "/Details/AwsEc2SecurityGroup/GroupName"),
            ("VPC ID", "/Details/AwsEc2SecurityGroup/VpcId"),
        ];
        section(&mut paper, column, "Resources", resource, &fields);
    }
    let fields = [("Recommendation", "/Remediation/Recommendation/Text")];
    section(&mut paper, column, "Remediation", finding, &fields);
    let product = finding.get("ProductFields").and_then(Value::as_object);
    let product: Vec<(String, Vec<Run>)> = product.into_iter().flat_map(values).collect();
    table(&mut paper, column, "Product fields", &product);
    paper.into_svg()
}

fn values(fields: &Map<String, Value>) -> impl Iterator<Item = (String, Vec<Run>)> {
    fields.iter().map(|(name, value)| (name.clone(), vec![run(text(value, ""), TEXT)]))
}

/// A heading, and those of the fields that are there.
fn section(paper: &mut Paper, column: Column, heading: &str, of: &Value, fields: &[(&str, &str)]) {
    let there = fields.iter().map(|(name, path)| (*name, text(of, path))).filter(|(_, value)| !value.is_empty());
    let rows: Vec<(String, Vec<Run>)> = there.map(|(name, value)| (name.to_owned(), vec![run(value, TEXT)])).collect();
    table(paper, column, heading, &rows);
}

fn table(paper: &mut Paper, column: Column, heading: &str, rows: &[(String, Vec<Run>)]) {
    paper.space(12);
    paper.plain(column, heading, BOLD);
    paper.space(4);
    paper.fields(column, NAMES, rows, LABEL);
}
