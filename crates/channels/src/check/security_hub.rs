//! Limits of Security Hub.
//!
//! Source: <https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html>,
//! <https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub_limits.html>

use serde_json::Value;

use super::{Faults, at_most, length, text};

/// Findings of one call of `BatchImportFindings`.
#[must_use]
pub fn asff_findings(findings: &[Value]) -> Faults {
    let mut faults = Faults::new();
    if findings.is_empty() {
        faults.push("there are no findings".to_owned());
    }
    at_most("the number of findings", findings.len(), 100, &mut faults);
    for finding in findings {
        check(finding, &mut faults);
    }
    faults
}

fn check(finding: &Value, faults: &mut Faults) {
    at_most("a finding", finding.to_string().len(), 240 * 1024, faults);
    let limits = [
        ("SchemaVersion", 10),
        ("Id", 512),
        ("ProductArn", 2048),
        ("GeneratorId", 512),
        ("AwsAccountId", 12),
        ("CreatedAt", 30),
        ("UpdatedAt", 30),
        ("Title", 256),
        ("Description", 1024),
    ];
    for (key, max) in limits {
        at_most(key, length(text(finding, key, faults)), max, faults);
    }
    let fields = finding.get("ProductFields").and_then(Value::as_object).into_iter().flatten();
    let mut number = 0;
    for (key, value) in fields {
        number += 1;
        let value = value.as_str().unwrap_or_default();
        at_most("the name of a field", length(key), 128, faults);
        at_most("the value of a field", length(value), 2048, faults);
        if value.trim().is_empty() {
            faults.push(format!("the field {key} is blank"));
        }
    }
    at_most("the number of fields", number, 50, faults);
    let is_label = |label: &str| matches!(label, "CRITICAL" | "HIGH" | "MEDIUM" | "LOW" | "INFORMATIONAL");
    if !finding.pointer("/Severity/Label").and_then(Value::as_str).is_some_and(is_label) {
        faults.push("the severity has no label".to_owned());
    }
    let fix = finding.pointer("/Remediation/Recommendation/Text").and_then(Value::as_str).unwrap_or_default();
    at_most("the recommendation", length(fix), 512, faults);
    if !matches!(text(finding, "RecordState", faults), "ACTIVE" | "ARCHIVED") {
        faults.push("the state of the record is not known".to_owned());
    }
}
