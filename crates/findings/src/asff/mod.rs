//! AWS Security Finding Format, of a scan and of a finding that goes on: the same group has the same id in both, so Security
//! Hub has it once.

mod document;

use std::collections::BTreeMap;

use exposure::is_security_group_id;
use jiff::Timestamp;
use plain_text::clip;

use self::document::{
    Compliance, Details, Label, ProviderFields, Recommendation, Remediation, SecurityGroup, Workflow,
};
use crate::{Severity, partition, security_group_arn};

pub use self::document::{AsffFinding, AsffResource};

/// Name of the product.
pub const PRODUCT: &str = "Portcullis";
// Maximum lengths in characters. Source: https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html
const ID_CHARS: usize = 512;
const TITLE_CHARS: usize = 256;
const DESCRIPTION_CHARS: usize = 1024;
/// Longest text of a recommendation, in characters.
pub const RECOMMENDATION_CHARS: usize = 512;
/// Longest value of a product field, in characters.
pub const FIELD_CHARS: usize = 2048;

const GENERATOR: &str = "portcullis/scan";
const TYPES: [&str; 1] = ["Software and Configuration Checks/AWS Security Best Practices/Network Reachability"];

/// Content of a finding in ASFF. Texts that are too long are cut.
#[derive(Debug, Clone)]
pub struct AsffContent<'r> {
    /// Id: see [`group_id`].
    pub id: String,
    /// `AwsAccountId`.
    pub account: &'r str,
    /// Region.
    pub region: &'r str,
    /// Title.
    pub title: String,
    /// Description. Security Hub refuses blank text, so it becomes a dash.
    pub description: String,
    /// Label of the severity: see [`severity_label`].
    pub severity: &'static str,
    /// `Compliance.Status`.
    pub status: &'static str,
    /// Recommendation.
    pub fix: Option<String>,
    /// `ProductFields`.
    pub fields: BTreeMap<&'static str, String>,
    /// The resource.
    pub resource: AsffResource<'r>,
    /// When the finding was made.
    pub created: Timestamp,
    /// When it was changed. Security Hub ignores an import that is not newer than the last one.
    pub updated: Timestamp,
}

impl<'r> From<AsffContent<'r>> for AsffFinding<'r> {
    fn from(content: AsffContent<'r>) -> Self {
        let AsffContent { account, region, .. } = content;
        let severity = Label { label: content.severity };
        Self {
            schema_version: "2018-10-08",
            id: clip(&content.id, ID_CHARS).into_owned(),
            product_arn: format!("arn:{}:securityhub:{region}:{account}:product/{account}/default", partition(region)),
            product_name: PRODUCT,
            generator_id: GENERATOR,
            aws_account_id: account,
            types: TYPES,
            first_observed_at: None,
            last_observed_at: None,
            created_at: time(content.created),
            updated_at: to_millisecond(content.updated),
            severity,
            provider_fields: ProviderFields { severity, types: TYPES },
            title: clip(&content.title, TITLE_CHARS).into_owned(),
            description: clip(&or_dash(content.description), DESCRIPTION_CHARS).into_owned(),
            remediation: content.fix.map(|fix| Remediation {
                recommendation: Recommendation { text: clip(&fix, RECOMMENDATION_CHARS).into_owned() },
            }),
            product_fields: content.fields,
            resources: [content.resource],
            compliance: Compliance { status: content.status },
            workflow: None,
            record_state: "ACTIVE",
        }
    }
}

impl AsffFinding<'_> {
    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Adds when the group was first and last seen open.
    #[must_use]
    pub fn observed(self, first: Option<Timestamp>, last: Option<Timestamp>) -> Self {
        Self { first_observed_at: first.map(time), last_observed_at: last.map(time), ..self }
    }

    /// Makes it a new one for whoever works on findings. Security Hub ignores this of a finding that it has.
    #[must_use]
    pub fn with_new_workflow(self) -> Self {
        Self { workflow: Some(Workflow { status: "NEW" }), ..self }
    }

    /// Says that the finding is over.
    #[must_use]
    pub fn archived(self) -> Self {
        Self { record_state: "ARCHIVED", ..self }
    }
}

impl<'r> AsffResource<'r> {
    /// A security group, or what stands for one in a template.
    #[must_use]
    pub fn group(
        account: &'r str,
        region: &'r str,
        id: &'r str,
        name: Option<&'r str>,
        vpc_id: Option<&'r str>,
    ) -> Self {
        let is_group = is_security_group_id(id);
        let details =
            SecurityGroup { group_name: visible(name), group_id: id, owner_id: account, vpc_id: visible(vpc_id) };
        Self {
            r#type: if is_group { "AwsEc2SecurityGroup" } else { "Other" },
            id: if is_group { security_group_arn(account, region, id) } else { id.to_owned() },
            partition: known_partition(region),
            region,
            details: is_group.then_some(Details { aws_ec2_security_group: details }),
        }
    }

    /// An account.
    #[must_use]
    pub fn account(account: &str, region: &'r str) -> Self {
        Self {
            r#type: "AwsAccount",
            id: format!("AWS::::Account:{account}"),
            partition: known_partition(region),
            region,
            details: None,
        }
    }
}

/// Id of the finding on a group.
#[must_use]
pub fn group_id(account: &str, region: &str, group: &str) -> String {
    format!("portcullis/{account}/{region}/{group}")
}

/// Label of a severity.
#[must_use]
pub fn severity_label(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "CRITICAL",
        Severity::High => "HIGH",
        Severity::Medium => "MEDIUM",
        Severity::Low => "LOW",
    }
}

/// `text`, unless it is blank: Security Hub refuses blank text.
#[must_use]
pub fn visible(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

fn or_dash(text: String) -> String {
    if text.trim().is_empty() { "-".to_owned() } else { text }
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A finding may be opened and closed within a second, and an import that is not newer is ignored.
fn to_millisecond(at: Timestamp) -> String {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at).to_string()
}

/// Partition of a region, if ASFF knows it.
fn known_partition(region: &str) -> Option<&'static str> {
    Some(partition(region)).filter(|partition| matches!(*partition, "aws" | "aws-cn" | "aws-us-gov"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(updated: &str) -> AsffFinding<'static> {
        let (account, region, group) = ("123456789012", "eu-west-1", "sg-0aaaaaaaaaaaaaaaa");
        let updated = updated.parse().unwrap();
        AsffFinding::from(AsffContent {
            id: group_id(account, region, group),
            account,
            region,
            title: "t".repeat(300),
            description: "  ".to_owned(),
            severity: severity_label(Severity::Low),
            status: "FAILED",
            fix: None,
            fields: BTreeMap::new(),
            resource: AsffResource::group(account, region, group, Some(" "), None),
            created: updated,
            updated,
        })
    }

    #[test]
    fn an_import_in_the_same_second_is_newer() {
        assert_eq!(finding("2026-12-01T09:00:00Z").updated_at, "2026-12-01T09:00:00Z");
        assert_eq!(finding("2026-12-01T09:00:00.123456Z").updated_at, "2026-12-01T09:00:00.123Z");
        assert_eq!(finding("2026-12-01T09:00:00.123456Z").created_at, "2026-12-01T09:00:00Z");
    }

    #[test]
    fn texts_are_cut_and_never_blank() {
        let finding = finding("2026-12-01T09:00:00Z");
        assert_eq!((finding.title.chars().count(), finding.description.as_str()), (TITLE_CHARS, "-"));
        let [resource] = &finding.resources;
        assert_eq!(resource.details.as_ref().unwrap().aws_ec2_security_group.group_name, None);
    }
}
