//! Compliance Finding (class 2003) of the Open Cybersecurity Schema Framework 1.8, one finding per group and line: what
//! collectors such as Vector, Fluent Bit and Splunk read.

use std::io::{self, Write};

use serde::Serialize;

use super::fix::Fix;
use super::{Report, ReportOptions, wording};
use crate::result::{
    AttachedTo, ComplianceType, ExemptedExposure, FoundExposure, GroupResult, Location, NotScanned, Severity, Summary,
    UnjudgedRule,
};

const OCSF_VERSION: &str = "1.8.0";

pub(super) struct Ocsf<W: Write> {
    writer: W,
    options: ReportOptions,
}

#[derive(Serialize)]
struct Event<'r> {
    activity_id: u8,
    activity_name: &'static str,
    category_uid: u8,
    category_name: &'static str,
    class_uid: u16,
    class_name: &'static str,
    type_uid: u32,
    type_name: &'static str,
    time: i64,
    severity_id: u8,
    severity: &'static str,
    status_id: u8,
    status: &'static str,
    message: String,
    metadata: Metadata,
    cloud: Cloud<'r>,
    finding_info: FindingInfo,
    compliance: Compliance<'r>,
    resources: [Resource<'r>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    remediation: Option<Remediation>,
    #[serde(skip_serializing_if = "Unmapped::is_empty")]
    unmapped: Unmapped<'r>,
}

#[derive(Serialize)]
struct Metadata {
    version: &'static str,
    profiles: [&'static str; 1],
    product: Product,
}

#[derive(Serialize)]
struct Product {
    name: &'static str,
    vendor_name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Cloud<'r> {
    provider: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Account<'r>>,
}

#[derive(Serialize)]
struct Account<'r> {
    uid: &'r str,
    r#type: &'static str,
    type_id: u8,
}

#[derive(Serialize)]
struct FindingInfo {
    uid: String,
    title: String,
    desc: String,
    created_time: i64,
    types: [&'static str; 1],
}

#[derive(Serialize)]
struct Compliance<'r> {
    control: &'static str,
    standards: [&'static str; 1],
    status_id: u8,
    status: &'static str,
    status_code: &'r str,
}

#[derive(Serialize)]
struct Resource<'r> {
    uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_partition: Option<&'static str>,
}

#[derive(Serialize)]
struct Remediation {
    desc: String,
}

/// The keys of `portcullis.scan/1` that the class has no attribute for, as they are there.
#[derive(Serialize, Default)]
struct Unmapped<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_id: Option<&'r str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    exposures: &'r [FoundExposure],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    exempted: &'r [ExemptedExposure],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unjudged: &'r [UnjudgedRule],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    attached_to: &'r [AttachedTo],
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'r Location>,
}

impl Unmapped<'_> {
    fn is_empty(&self) -> bool {
        self.vpc_id.is_none()
            && self.exposures.is_empty()
            && self.exempted.is_empty()
            && self.unjudged.is_empty()
            && self.attached_to.is_empty()
            && self.location.is_none()
    }
}

/// What an event is about.
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
    fn group(result: &'r GroupResult) -> Self {
        let group = wording::group_label(result);
        let (account, region) = (result.account.as_deref(), result.region.as_deref());
        let arn = match (account, region) {
            (Some(account), Some(region)) => wording::arn(account, region, &result.group_id),
            _ => result.group_id.clone(),
        };
        let (title, desc, severity, compliance) = match result.compliance {
            ComplianceType::NonCompliant => (
                format!("Security group {group} has blocked ports open to the internet"),
                result.exposures.iter().map(wording::exposure_sentence).collect::<Vec<_>>().join("; "),
                match wording::worst(result) {
                    Severity::Critical => (5, "Critical"),
                    Severity::High => (4, "High"),
                    Severity::Medium => (3, "Medium"),
                    Severity::Low => (2, "Low"),
                },
                (3, "Fail"),
            ),
            ComplianceType::InsufficientData => (
                format!("Security group {group} could not be judged"),
                wording::why_unjudged(result),
                (3, "Medium"),
                (2, "Warning"),
            ),
            ComplianceType::Compliant => (
                format!("Security group {group} has no blocked port open to the internet"),
                "No rule of the group opens a blocked port to the internet, or an exemption covers it".to_owned(),
                (1, "Informational"),
                (1, "Pass"),
            ),
        };
        let remediation = (result.compliance == ComplianceType::NonCompliant).then(|| Remediation {
            desc: result
                .exposures
                .iter()
                .map(|exposure| Fix::of(result, Some(exposure)).line().to_owned())
                .collect::<Vec<_>>()
                .join("\n"),
        });
        Self {
            account,
            region,
            uid: format!("portcullis/{}", arn.clone()),
            title,
            desc,
            severity,
            is_resolved: result.compliance == ComplianceType::Compliant,
            compliance,
            status_code: result.status.as_str(),
            resource: Resource {
                uid: arn,
                name: result.group_name.as_deref(),
                r#type: "AWS::EC2::SecurityGroup",
                region,
                cloud_partition: region.map(wording::partition),
            },
            remediation,
            unmapped: Unmapped {
                vpc_id: result.vpc_id.as_deref(),
                exposures: &result.exposures,
                exempted: &result.exempted,
                unjudged: &result.unjudged,
                attached_to: result.context.as_ref().map_or(&[], |context| context.attached_to.as_slice()),
                location: result.location.as_ref(),
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
                cloud_partition: region.map(wording::partition),
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

impl<W: Write> Report for Ocsf<W> {
    fn group(&mut self, result: &GroupResult) -> io::Result<()> {
        match result.compliance {
            ComplianceType::Compliant if !self.options.all => Ok(()),
            ComplianceType::Compliant | ComplianceType::NonCompliant | ComplianceType::InsufficientData => {
                self.write(Subject::group(result))
            }
        }
    }

    fn finish(mut self: Box<Self>, summary: &Summary) -> io::Result<()> {
        for not_scanned in &summary.not_scanned {
            self.write(Subject::not_scanned(not_scanned))?;
        }
        self.writer.flush()
    }
}
