//! AWS Security Finding Format: an array with one finding per group, for `aws securityhub batch-import-findings
//! --findings file://…`.

mod document;

use std::collections::BTreeMap;
use std::io::{self, Write};

use exposure::is_security_group_id;
use findings::{
    ComplianceType, GroupResult, NotScanned, ScanRecord, ScanTarget, ScanTotals, Severity, security_group_arn,
};
use plain_text::clip;

use self::document::{
    Compliance, Details, Finding, Label, ProviderFields, Recommendation, Remediation, Resource, SecurityGroup,
};
use super::fix::{Command, Fixes};
use super::json_array::JsonArray;
use super::wording;
use super::{Report, ReportOptions};

// Maximum lengths in characters. Source: https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html
const ID_CHARS: usize = 512;
const TITLE_CHARS: usize = 256;
const DESCRIPTION_CHARS: usize = 1024;
const RECOMMENDATION_CHARS: usize = 512;
const FIELD_CHARS: usize = 2048;

const TYPES: [&str; 1] = ["Software and Configuration Checks/AWS Security Best Practices/Network Reachability"];

/// Findings that the format cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AsffError {
    /// Groups without account or region, which every finding must name.
    #[error(
        "{groups} of the groups have no account or no region, such as `{example}`, and are missing from the ASFF \
         report: give --account and --region"
    )]
    NoAccountOrRegion {
        /// Number of missing groups.
        groups: u64,
        /// The first missing group.
        example: String,
    },
}

pub(super) struct Asff<W: Write> {
    writer: W,
    options: ReportOptions,
    findings: JsonArray,
    begun: bool,
    /// Groups without account or region.
    missing: u64,
    first_missing: Option<String>,
}

impl<W: Write> Asff<W> {
    pub(super) fn new(writer: W, options: ReportOptions) -> Self {
        Self { writer, options, findings: JsonArray::default(), begun: false, missing: 0, first_missing: None }
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

    /// The values of the subject, and those that every finding has.
    fn fields(&self, account: &str, mut fields: BTreeMap<&'static str, String>) -> BTreeMap<&'static str, String> {
        let record = &self.options.record;
        fields.insert("portcullis/policy", clip(&record.policy.sentence(), FIELD_CHARS).into_owned());
        fields.insert("portcullis/version", wording::VERSION.to_owned());
        let identity = record.access_to(account).map(ScanTarget::identity);
        fields.extend(identity.map(|identity| ("portcullis/identity", clip(&identity, FIELD_CHARS).into_owned())));
        fields
    }

    fn finding<'r>(&self, account: &'r str, region: &'r str, subject: Subject<'r>) -> Finding<'r> {
        let created = self.options.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let severity = Label { label: subject.severity };
        Finding {
            schema_version: "2018-10-08",
            id: clip(&subject.id, ID_CHARS).into_owned(),
            product_arn: format!(
                "arn:{}:securityhub:{region}:{account}:product/{account}/default",
                findings::partition(region)
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
            product_fields: self.fields(account, subject.fields),
            resources: [subject.resource],
            compliance: Compliance { status: subject.status },
            record_state: "ACTIVE",
        }
    }
}

/// Content of a finding that depends on its subject: a group, or a part that could not be scanned.
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
    fn group(record: &ScanRecord, result: &'r GroupResult, account: &'r str, region: &'r str) -> Self {
        let group = wording::group_label(result);
        let (title, description, severity, status, fix) = match result.compliance {
            ComplianceType::NonCompliant => (
                wording::open_title(&group, result),
                wording::exposure_sentences(result),
                match result.worst_severity() {
                    Severity::Critical => "CRITICAL",
                    Severity::High => "HIGH",
                    Severity::Medium => "MEDIUM",
                    Severity::Low => "LOW",
                },
                "FAILED",
                Some(Fixes::new(record, result)),
            ),
            ComplianceType::InsufficientData => {
                (wording::unjudged_title(&group), wording::why_unjudged(result), "MEDIUM", "WARNING", None)
            }
            ComplianceType::Compliant => {
                (wording::closed_title(&group), wording::why_compliant(result), "INFORMATIONAL", "PASSED", None)
            }
        };
        let (fix, close) = fix.as_ref().map(recommendation).unzip();
        let mut fields = fields(result);
        fields.extend(close.flatten().map(|close| ("portcullis/close", close)));
        let is_group = is_security_group_id(&result.group_id);
        Self {
            id: format!("portcullis/{account}/{region}/{}", result.group_id),
            title,
            description: or_dash(description),
            severity,
            status,
            fix,
            fields,
            resource: Resource {
                r#type: if is_group { "AwsEc2SecurityGroup" } else { "Other" },
                id: if is_group {
                    security_group_arn(account, region, &result.group_id)
                } else {
                    result.group_id.clone()
                },
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
                self.missing += 1;
                self.first_missing.get_or_insert_with(|| result.group_id.clone());
            }
            return Ok(());
        };
        match result.compliance {
            ComplianceType::Compliant if !self.options.all => Ok(()),
            ComplianceType::Compliant | ComplianceType::NonCompliant | ComplianceType::InsufficientData => {
                self.push(&self.finding(account, region, Subject::group(&self.options.record, result, account, region)))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.begin()?;
        self.writer.flush()
    }

    fn finish(mut self: Box<Self>, totals: &ScanTotals) -> io::Result<()> {
        for not_scanned in &totals.not_scanned {
            let (account, region) = (not_scanned.account.as_deref(), not_scanned.region.as_deref());
            if let (Some(account), Some(region)) = (visible(account), visible(region)) {
                self.push(&self.finding(account, region, Subject::not_scanned(not_scanned, account, region)))?;
            }
        }
        self.begin()?;
        self.writer.write_all(b"\n]\n")?;
        self.writer.flush()?;
        match self.first_missing {
            Some(example) => Err(io::Error::other(AsffError::NoAccountOrRegion { groups: self.missing, example })),
            None => Ok(()),
        }
    }
}

/// Text of a recommendation, and the command that closes the group as a value of a field. A command that is cut would close
/// by another policy, so one that is too long is in the field only, or in neither.
fn recommendation(fixes: &Fixes<'_>) -> (String, Option<String>) {
    let line = fixes.line();
    let Some(close) = fixes.close().map(Command::line) else { return (line, None) };
    let close = Some(close).filter(|close| close.chars().count() <= FIELD_CHARS);
    let text = match &close {
        _ if line.chars().count() <= RECOMMENDATION_CHARS => line,
        Some(_) => {
            "Run the command in the product field portcullis/close, which states the policy of the scan.".to_owned()
        }
        None => "Run `portcullis close` with the policy of the scan, which the JSON report states.".to_owned(),
    };
    (text, close)
}

/// Values that the format has no attribute for.
fn fields(result: &GroupResult) -> BTreeMap<&'static str, String> {
    let mut fields = BTreeMap::new();
    fields.insert("portcullis/status", result.openness.as_str().to_owned());
    let ports: Vec<&str> = result.exposures.iter().flat_map(|exposure| &exposure.ports).map(String::as_str).collect();
    if !ports.is_empty() {
        fields.insert("portcullis/ports", clip(&unique(ports).join(", "), DESCRIPTION_CHARS).into_owned());
    }
    if let Some(location) = &result.location {
        fields.insert("portcullis/location", clip(&location.to_string(), FIELD_CHARS).into_owned());
    }
    fields
}

fn unique(mut values: Vec<&str>) -> Vec<&str> {
    values.sort_unstable();
    values.dedup();
    values
}

/// `text`, unless it is blank: Security Hub refuses blank text.
fn visible(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

fn or_dash(text: String) -> String {
    if text.trim().is_empty() { "-".to_owned() } else { text }
}

/// Partition of a region, if ASFF knows it.
fn partition(region: &str) -> Option<&'static str> {
    Some(findings::partition(region)).filter(|partition| matches!(*partition, "aws" | "aws-cn" | "aws-us-gov"))
}
