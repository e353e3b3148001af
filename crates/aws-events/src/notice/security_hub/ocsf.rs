//! The Open Cybersecurity Schema Framework, of Security Hub.
//!
//! Source: [OCSF findings in Security Hub](https://docs.aws.amazon.com/securityhub/latest/userguide/security-hub-adv-ocsf-findings.html),
//! and the class [Compliance Finding](https://schema.ocsf.io/1.6.0/classes/compliance_finding).

use serde_json::Value;

use super::{Finding, Resource};
use crate::tolerant::{at, elements, integer, member, text, text_at};

pub(super) fn read(finding: &Value) -> Finding<'_> {
    let resources = elements(member(finding, "resources")).iter().map(|resource| Resource {
        kind: text(resource, "type"),
        ids: [text(resource, "uid_alt"), text(resource, "uid")],
        account: text_at(resource, &["owner", "account", "uid"]).or_else(|| text(resource, "account_uid")),
        region: text(resource, "region"),
    });
    Finding {
        id: text_at(finding, &["finding_info", "uid"]),
        control: text_at(finding, &["compliance", "control"]),
        settled: settled(finding).map(str::to_owned),
        resources: resources.collect(),
        account: text_at(finding, &["cloud", "account", "uid"]),
        region: text_at(finding, &["cloud", "region"]),
    }
}

/// Why the finding is no open problem. The numbers are those of OCSF: `activity_id` 3 is *Close*; `status_id` 3 is *Suppressed*,
/// 4 *Resolved*, and 5 *Archived*; `compliance.status_id` 3 is *Fail*; `class_uid` 2003 is *Compliance Finding*.
fn settled(finding: &Value) -> Option<&'static str> {
    let is = |key: &str, name: &str| text(finding, key).is_some_and(|text| text.eq_ignore_ascii_case(name));
    let number = |key: &str| integer(finding, key);
    let compliance = at(finding, &["compliance"]).unwrap_or(&Value::Null);
    let has_failed = match text(compliance, "status") {
        Some(status) => ["Fail", "Failed"].iter().any(|failed| status.eq_ignore_ascii_case(failed)),
        None => integer(compliance, "status_id") == Some(3),
    };
    if number("class_uid").is_some_and(|class| class != 2003) {
        Some("of another class than compliance")
    } else if !has_failed {
        Some("not failed")
    } else if number("activity_id") == Some(3) || number("status_id") == Some(5) || is("status", "Archived") {
        Some("archived")
    } else if number("status_id") == Some(3) || is("status", "Suppressed") {
        Some("suppressed")
    } else if number("status_id") == Some(4) || is("status", "Resolved") {
        Some("resolved")
    } else {
        None
    }
}
