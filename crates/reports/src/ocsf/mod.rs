//! Compliance Finding (class 2003) of the Open Cybersecurity Schema Framework 1.8, one finding per group and line, for
//! collectors such as Vector, Fluent Bit and Splunk.

mod document;

use std::io::{self, Write};

use findings::{
    ComplianceType, GroupResult, NotScanned, ScanPolicy, ScanRecord, ScanTarget, ScanTotals, Severity, partition,
    security_group_arn,
};

use self::document::{
    Account, Cloud, Compliance, Event, FindingInfo, Metadata, Parameter, Product, Remediation, Resource, Unmapped,
};
use super::fix::Fixes;
use super::{Report, ReportOptions, wording};

const OCSF_VERSION: &str = "1.8.0";

pub(super) struct Ocsf<W: Write> {
    writer: W,
    options: ReportOptions,
}

/// Content of an event that depends on its subject: a group, or a part that could not be scanned.
struct Subject<'r> {
    account: Option<&'r str>,
    region: Option<&'r str>,
    uid: String,
    title: String,
    desc: String,
    severity: (u8, &'static str),
    is_resolved: bool,
    compliance: (u8, &'static str),
    status_code: &'r str,
    resource: Resource<'r>,
    remediation: Option<Remediation>,
    unmapped: Unmapped<'r>,
}

impl<'r> Subject<'r> {
    fn group(record: &ScanRecord, result: &'r GroupResult) -> Self {
        let group = wording::group_label(result);
        let (account, region) = (result.account.as_deref(), result.region.as_deref());
        let arn = match (account, region) {
            (Some(account), Some(region)) => security_group_arn(account, region, &result.group_id),
            _ => result.group_id.clone(),
        };
        let (title, desc, severity, compliance) = match result.compliance {
            ComplianceType::NonCompliant => (
                wording::open_title(&group, result),
                wording::exposure_sentences(result),
                match result.worst_severity() {
                    Severity::Critical => (5, "Critical"),
                    Severity::High => (4, "High"),
                    Severity::Medium => (3, "Medium"),
                    Severity::Low => (2, "Low"),
                },
                (3, "Fail"),
            ),
            ComplianceType::InsufficientData => {
                (wording::unjudged_title(&group), wording::why_unjudged(result), (3, "Medium"), (2, "Warning"))
            }
            ComplianceType::Compliant => {
                (wording::closed_title(&group), wording::why_compliant(result), (1, "Informational"), (1, "Pass"))
            }
        };
        let remediation = (result.compliance == ComplianceType::NonCompliant).then(|| {
            let fixes = Fixes::new(record, result);
            let mut lines: Vec<String> = result.exposures.iter().map(|exposure| fixes.of(exposure).line()).collect();
            lines.dedup();
            Remediation { desc: lines.join("\n") }
        });
        Self {
            account,
            region,
            uid: format!("portcullis/{arn}"),
            title,
            desc,
            severity,
            is_resolved: result.compliance == ComplianceType::Compliant,
            compliance,
            status_code: result.openness.as_str(),
            resource: Resource {
                uid: arn,
                name: result.group_name.as_deref(),
                r#type: "AWS::EC2::SecurityGroup",
                region,
                cloud_partition: region.map(partition),
            },
            remediation,
            unmapped: Unmapped {
                vpc_id: result.vpc_id.as_deref(),
                exposures: &result.exposures,
                exempted: &result.exempted,
                unjudged: &result.unjudged,
                attached_to: result.context.as_ref().map_or(&[], |context| context.attached_to.as_slice()),
                location: result.location.as_ref(),
                identity: account.and_then(|account| record.access_to(account)).map(ScanTarget::identity),
            },
        }
    }

    fn not_scanned(not_scanned: &'r NotScanned) -> Self {
        let part = wording::part(not_scanned);
        let region = not_scanned.region.as_deref();
        Self {
            account: not_scanned.account.as_deref(),
            region,
            uid: format!("portcullis/not-scanned/{part}"),
            title: format!("Not scanned: {part}"),
            desc: not_scanned.reason.clone(),
            severity: (0, "Unknown"),
            is_resolved: false,
            compliance: (0, "Unknown"),
            status_code: "not_scanned",
            resource: Resource {
                uid: part,
                name: None,
                r#type: "Other",
                region,
                cloud_partition: region.map(partition),
            },
            remediation: None,
            unmapped: Unmapped::default(),
        }
    }
}

impl<W: Write> Ocsf<W> {
    pub(super) fn new(writer: W, options: ReportOptions) -> Self {
        Self { writer, options }
    }

    fn write(&mut self, subject: Subject<'_>) -> io::Result<()> {
        let time = self.options.created.as_millisecond();
        let (severity_id, severity) = subject.severity;
        let (compliance_id, compliance) = subject.compliance;
        let (status_id, status) = if subject.is_resolved { (4, "Resolved") } else { (1, "New") };
        let event = Event {
            activity_id: 1,
            activity_name: "Create",
            category_uid: 2,
            category_name: "Findings",
            class_uid: 2003,
            class_name: "Compliance Finding",
            type_uid: 200_301,
            type_name: "Compliance Finding: Create",
            time,
            severity_id,
            severity,
            status_id,
            status,
            message: subject.title.clone(),
            metadata: Metadata {
                version: OCSF_VERSION,
                profiles: ["cloud"],
                product: Product { name: wording::PRODUCT, vendor_name: wording::PRODUCT, version: wording::VERSION },
            },
            cloud: Cloud {
                provider: "AWS",
                region: subject.region,
                account: subject.account.map(|uid| Account { uid, r#type: "AWS Account", type_id: 10 }),
            },
            finding_info: FindingInfo {
                uid: subject.uid,
                title: subject.title,
                desc: subject.desc,
                created_time: time,
                types: ["Network Reachability"],
            },
            compliance: Compliance {
                control: "Blocked ports are closed to the internet",
                requirements: [self.options.record.policy.sentence()],
                control_parameters: parameters(&self.options.record.policy),
                standards: ["Portcullis"],
                status_id: compliance_id,
                status: compliance,
                status_code: subject.status_code,
            },
            resources: [subject.resource],
            remediation: subject.remediation,
            unmapped: subject.unmapped,
        };
        serde_json::to_writer(&mut self.writer, &event)?;
        self.writer.write_all(b"\n")
    }
}

/// The options that state the policy.
fn parameters(policy: &ScanPolicy) -> Vec<Parameter> {
    let options = policy.options();
    let parts = options.iter().filter_map(|option| option.trim_start_matches('-').split_once('='));
    parts.map(|(name, value)| Parameter { name: name.to_owned(), value: value.to_owned() }).collect()
}

impl<W: Write> Report for Ocsf<W> {
    fn group(&mut self, result: &GroupResult) -> io::Result<()> {
        match result.compliance {
            ComplianceType::Compliant if !self.options.all => Ok(()),
            ComplianceType::Compliant | ComplianceType::NonCompliant | ComplianceType::InsufficientData => {
                self.write(Subject::group(&self.options.record, result))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    fn finish(mut self: Box<Self>, totals: &ScanTotals) -> io::Result<()> {
        for not_scanned in &totals.not_scanned {
            self.write(Subject::not_scanned(not_scanned))?;
        }
        self.writer.flush()
    }
}
