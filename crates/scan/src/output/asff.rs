//! AWS Security Finding Format: an array of findings, one per group, as `aws securityhub batch-import-findings
//! --findings file://…` takes it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use exposure::is_security_group_id;
use serde::Serialize;

use super::elements::Elements;
use super::fix::Fix;
use super::wording::{self, clip};
use super::{Report, ReportOptions};
use crate::result::{ComplianceType, GroupResult, NotScanned, Severity, Summary};

// Lengths in characters that AWS Security Hub takes (API reference, AwsSecurityFinding).
const ID_CHARS: usize = 512;
const TITLE_CHARS: usize = 256;
const DESCRIPTION_CHARS: usize = 1024;
const RECOMMENDATION_CHARS: usize = 512;

const TYPES: [&str; 1] = ["Software and Configuration Checks/AWS Security Best Practices/Network Reachability"];

/// Findings that have no place in the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AsffError {
    /// A finding belongs to an account and a region, and these groups have none.
    #[error(
        "{groups} of the groups to report have no account or no region, such as `{example}`, and are missing in the \
         ASFF report; name both with --account and --region"
    )]
    NoAccountOrRegion {
        /// How many groups are missing.
        groups: u64,
        /// The first of them.
        example: String,
    },
}

pub(super) struct Asff<W: Write> {
    writer: W,
    options: ReportOptions,
    findings: Elements,
    begun: bool,
    homeless: u64,
    first_homeless: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Finding<'r> {
    schema_version: &'static str,
    id: String,
    product_arn: String,
    product_name: &'static str,
    generator_id: &'static str,
    aws_account_id: &'r str,
    types: [&'static str; 1],
    created_at: String,
    updated_at: String,
    severity: Label,
    #[serde(rename = "FindingProviderFields")]
    provider_fields: ProviderFields,
    title: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<Remediation>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    product_fields: BTreeMap<&'static str, String>,
    resources: [Resource<'r>; 1],
    compliance: Compliance,
    record_state: &'static str,
}

#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "PascalCase")]
struct Label {
    label: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProviderFields {
    severity: Label,
    types: [&'static str; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Remediation {
    recommendation: Recommendation,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Recommendation {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Resource<'r> {
    r#type: &'static str,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<&'static str>,
    region: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Details<'r> {
    aws_ec2_security_group: SecurityGroup<'r>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SecurityGroup<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    group_name: Option<&'r str>,
    group_id: &'r str,
    owner_id: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_id: Option<&'r str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Compliance {
    status: &'static str,
}

impl<W: Write> Asff<W> {
    pub(super) fn new(writer: W, options: ReportOptions) -> Self {
        Self { writer, options, findings: Elements::default(), begun: false, homeless: 0, first_homeless: None }
    }

    fn push(&mut self, finding: &Finding<'_>) -> io::Result<()> {
        self.begin()?;
        self.findings.push(&mut self.writer, finding)
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        self.writer.write_all(b"[")
    }

    fn finding<'r>(&self, account: &'r str, region: &'r str, subject: Subject<'r>) -> Finding<'r> {
        let created = self.options.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let severity = Label { label: subject.severity };
        Finding {
            schema_version: "2018-10-08",
            id: clip(&subject.id, ID_CHARS).into_owned(),
            product_arn: format!(
                "arn:{}:securityhub:{region}:{account}:product/{account}/default",
                wording::partition(region)
            ),
            product_name: wording::PRODUCT,
            generator_id: "portcullis/scan",
            aws_account_id: account,
            types: TYPES,
            updated_at: created.clone(),
            created_at: created,
            severity,
            provider_fields: ProviderFields { severity, types: TYPES },
            title: clip(&subject.title, TITLE_CHARS).into_owned(),
            description: clip(&subject.description, DESCRIPTION_CHARS).into_owned(),
            remediation: subject.fix.map(|fix| Remediation {
                recommendation: Recommendation { text: clip(&fix, RECOMMENDATION_CHARS).into_owned() },
            }),
            product_fields: subject.fields,
            resources: [subject.resource],
            compliance: Compliance { status: subject.status },
            record_state: "ACTIVE",
        }
    }
}

/// What a finding is about.
struct Subject<'r> {
    id: String,
    title: String,
    description: String,
    severity: &'static str,
    status: &'static str,
    fix: Option<String>,
    fields: BTreeMap<&'static str, String>,
    resource: Resource<'r>,
}

impl<'r> Subject<'r> {
    fn group(result: &'r GroupResult, account: &'r str, region: &'r str) -> Self {
        let group = wording::group_label(result);
        let fix = |exposure| Fix::of(result, exposure).line().to_owned();
        let (title, description, severity, status, fix) = match result.compliance {
            ComplianceType::NonCompliant => (
                format!("Security group {group} has blocked ports open to the internet"),
                join(result.exposures.iter().map(wording::exposure_sentence)),
                match wording::worst(result) {
                    Severity::Critical => "CRITICAL",
                    Severity::High => "HIGH",
                    Severity::Medium => "MEDIUM",
                    Severity::Low => "LOW",
                },
                "FAILED",
                Some(fix(result.exposures.first().filter(|_| result.exposures.len() == 1))),
            ),
            ComplianceType::InsufficientData => (
                format!("Security group {group} could not be judged"),
                wording::why_unjudged(result),
                "MEDIUM",
                "WARNING",
                None,
            ),
            ComplianceType::Compliant => (
                format!("Security group {group} has no blocked port open to the internet"),
                "No rule of the group opens a blocked port to the internet, or an exemption covers it".to_owned(),
                "INFORMATIONAL",
                "PASSED",
                None,
            ),
        };
        let is_group = is_security_group_id(&result.group_id);
        Self {
            id: format!("portcullis/{account}/{region}/{}", result.group_id),
            title,
            description: or_dash(description),
            severity,
            status,
            fix,
            fields: fields(result),
            resource: Resource {
                r#type: if is_group { "AwsEc2SecurityGroup" } else { "Other" },
                id: if is_group { wording::arn(account, region, &result.group_id) } else { result.group_id.clone() },
                partition: partition(region),
                region,
                details: is_group.then(|| Details {
                    aws_ec2_security_group: SecurityGroup {
                        group_name: visible(result.group_name.as_deref()),
                        group_id: &result.group_id,
                        owner_id: account,
                        vpc_id: visible(result.vpc_id.as_deref()),
                    },
                }),
            },
        }
    }

    fn not_scanned(not_scanned: &'r NotScanned, account: &'r str, region: &'r str) -> Self {
        let part = not_scanned.target.as_deref().unwrap_or(region);
        Self {
            id: format!("portcullis/{account}/{region}/not-scanned/{part}"),
            title: format!("Not scanned: {}", wording::part(not_scanned)),
            description: or_dash(not_scanned.reason.clone()),
            severity: "INFORMATIONAL",
            status: "NOT_AVAILABLE",
            fix: None,
            fields: BTreeMap::new(),
            resource: Resource {
                r#type: "AwsAccount",
                id: format!("AWS::::Account:{account}"),
                partition: partition(region),
                region,
                details: None,
            },
        }
    }
}

impl<W: Write> Report for Asff<W> {
    fn group(&mut self, result: &GroupResult) -> io::Result<()> {
        let (Some(account), Some(region)) = (visible(result.account.as_deref()), visible(result.region.as_deref()))
        else {
            if self.options.all || result.compliance != ComplianceType::Compliant {
                self.homeless += 1;
                self.first_homeless.get_or_insert_with(|| result.group_id.clone());
            }
            return Ok(());
        };
        match result.compliance {
            ComplianceType::Compliant if !self.options.all => Ok(()),
            ComplianceType::Compliant | ComplianceType::NonCompliant | ComplianceType::InsufficientData => {
                self.push(&self.finding(account, region, Subject::group(result, account, region)))
            }
        }
    }

    fn finish(mut self: Box<Self>, summary: &Summary) -> io::Result<()> {
        for not_scanned in &summary.not_scanned {
            let (account, region) = (not_scanned.account.as_deref(), not_scanned.region.as_deref());
            if let (Some(account), Some(region)) = (visible(account), visible(region)) {
                self.push(&self.finding(account, region, Subject::not_scanned(not_scanned, account, region)))?;
            }
        }
        self.begin()?;
        self.writer.write_all(b"\n]\n")?;
        self.writer.flush()?;
        match self.first_homeless {
            Some(example) => Err(io::Error::other(AsffError::NoAccountOrRegion { groups: self.homeless, example })),
            None => Ok(()),
        }
    }
}

/// What has no attribute of its own.
fn fields(result: &GroupResult) -> BTreeMap<&'static str, String> {
    let mut fields = BTreeMap::new();
    fields.insert("portcullis/status", result.status.as_str().to_owned());
    let ports: Vec<&str> = result.exposures.iter().flat_map(|exposure| &exposure.ports).map(String::as_str).collect();
    if !ports.is_empty() {
        fields.insert("portcullis/ports", clip(&unique(ports).join(", "), DESCRIPTION_CHARS).into_owned());
    }
    if let Some(location) = &result.location {
        let line = location.line.map(|line| format!(":{line}")).unwrap_or_default();
        fields.insert("portcullis/location", clip(&format!("{}{line}", location.file), 2048).into_owned());
    }
    fields
}

fn unique(mut values: Vec<&str>) -> Vec<&str> {
    values.sort_unstable();
    values.dedup();
    values
}

fn join(sentences: impl Iterator<Item = String>) -> String {
    sentences.collect::<Vec<_>>().join("; ")
}

/// Security Hub refuses text without anything to see.
fn visible(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

fn or_dash(text: String) -> String {
    if text.trim().is_empty() { "-".to_owned() } else { text }
}

/// Of the partitions, those that ASFF knows.
fn partition(region: &str) -> Option<&'static str> {
    Some(wording::partition(region)).filter(|partition| matches!(*partition, "aws" | "aws-cn" | "aws-us-gov"))
}
