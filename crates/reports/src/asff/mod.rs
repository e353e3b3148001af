//! AWS Security Finding Format: an array with one finding per group, for `aws securityhub batch-import-findings
//! --findings file://…`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use findings::asff::{
    AsffContent, AsffFinding, AsffResource, FIELD_CHARS, RECOMMENDATION_CHARS, group_id, severity_label, visible,
};
use findings::{ComplianceType, GroupResult, NotScanned, ScanRecord, ScanTarget, ScanTotals};
use plain_text::clip;

use super::fix::{Command, Fixes};
use super::json_array::JsonArray;
use super::wording;
use super::{Report, ReportOptions};

/// Longest list of ports, in characters.
const PORTS_CHARS: usize = 1024;

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

    fn push(&mut self, finding: &AsffFinding<'_>) -> io::Result<()> {
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

    fn finding<'r>(&self, account: &'r str, region: &'r str, subject: Subject<'r>) -> AsffFinding<'r> {
        let Subject { id, title, description, severity, status, fix, fields, resource } = subject;
        let fields = self.fields(account, fields);
        let (created, updated) = (self.options.created, self.options.created);
        let content = AsffContent {
            id,
            account,
            region,
            title,
            description,
            severity,
            status,
            fix,
            fields,
            resource,
            created,
            updated,
        };
        content.into()
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
    resource: AsffResource<'r>,
}

impl<'r> Subject<'r> {
    fn group(record: &ScanRecord, result: &'r GroupResult, account: &'r str, region: &'r str) -> Self {
        let group = wording::group_label(result);
        let (title, description, severity, status, fix) = match result.compliance {
            ComplianceType::NonCompliant => (
                wording::open_title(&group, result),
                wording::exposure_sentences(result),
                severity_label(result.worst_severity()),
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
        let (name, vpc_id) = (result.group_name.as_deref(), result.vpc_id.as_deref());
        Self {
            id: group_id(account, region, &result.group_id),
            title,
            description,
            severity,
            status,
            fix,
            fields,
            resource: AsffResource::group(account, region, &result.group_id, name, vpc_id),
        }
    }

    fn not_scanned(not_scanned: &'r NotScanned, account: &'r str, region: &'r str) -> Self {
        let part = not_scanned.target.as_deref().unwrap_or(region);
        Self {
            id: format!("portcullis/{account}/{region}/not-scanned/{part}"),
            title: format!("Not scanned: {}", wording::part(not_scanned)),
            description: not_scanned.reason.clone(),
            severity: "INFORMATIONAL",
            status: "NOT_AVAILABLE",
            fix: None,
            fields: BTreeMap::new(),
            resource: AsffResource::account(account, region),
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
        fields.insert("portcullis/ports", clip(&unique(ports).join(", "), PORTS_CHARS).into_owned());
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
