//! SARIF 2.1.0. GitHub code scanning accepts a file only if every result has a physical location, so each result gets the
//! most precise one that is known: that of a rule which is a resource of its own, else that of the group. GitHub shows a
//! finding in a pull request only if the request changes its line.

mod document;

use std::io::{self, Write};

use exposure::Reach;
use findings::{ComplianceType, FoundExposure, GroupResult, NotScanned, ScanTotals, Severity, UnjudgedRule};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::document::{
    ArtifactLocation, Configuration, Descriptor, Driver, Fingerprints, Invocation, InvocationProperties, Location,
    LogicalLocation, Message, Notification, PhysicalLocation, Properties, Region, SarifResult, Tool,
};
use super::fix::{Fix, Fixes};
use super::json_array::JsonArray;
use super::scan_info::ScanInfo;
use super::{Report, ReportOptions, wording};

/// Characters that are escaped in a path: all but the slash and the unreserved characters of RFC 3986.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

const START: &str = r#"{"version":"2.1.0","$schema":"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json","runs":[{"tool":"#;

/// A SARIF report. Parts that could not be scanned are known only at the end, so they follow the results.
pub(super) struct Sarif<W: Write> {
    writer: W,
    options: ReportOptions,
    results: JsonArray,
    begun: bool,
}

/// A rule in the sense of SARIF: a kind of result.
#[derive(Debug, Clone, Copy)]
enum Rule {
    OpenToWorld,
    PartlyOpen,
    NotJudged,
}

impl Rule {
    fn id(self) -> &'static str {
        match self {
            Self::OpenToWorld => "open-to-world",
            Self::PartlyOpen => "partly-open",
            Self::NotJudged => "not-judged",
        }
    }

    fn index(self) -> usize {
        match self {
            Self::OpenToWorld => 0,
            Self::PartlyOpen => 1,
            Self::NotJudged => 2,
        }
    }

    fn descriptor(self) -> Descriptor {
        let (name, short, full, help, level, security_severity) = match self {
            Self::OpenToWorld => (
                "OpenToWorld",
                "A blocked port is open to the world",
                "A rule of the security group admits most of the internet to a port that must stay closed.",
                "Revoke the rule, or narrow its source to the addresses that need the port.",
                "error",
                "8.5",
            ),
            Self::PartlyOpen => (
                "PartlyOpen",
                "A blocked port is open to a part of the internet",
                "A rule of the security group admits some internet addresses to a port that must stay closed.",
                "Revoke the rule, or authorize its addresses if they are yours.",
                "warning",
                "5.5",
            ),
            Self::NotJudged => (
                "NotJudged",
                "A rule could not be judged",
                "A rule of the security group was not understood, so the group may be open.",
                "Give the rule values that are known before deployment, or scan the live group.",
                "warning",
                "4.0",
            ),
        };
        let message = |text: &str| Message { text: text.to_owned() };
        Descriptor {
            id: self.id(),
            name,
            short_description: message(short),
            full_description: message(full),
            help: message(help),
            default_configuration: Configuration { level },
            properties: Properties { tags: ["security", "external/cwe/cwe-284"], security_severity },
        }
    }
}

impl<W: Write> Sarif<W> {
    pub(super) fn new(writer: W, options: ReportOptions) -> Self {
        Self { writer, options, results: JsonArray::default(), begun: false }
    }

    fn begin(&mut self) -> io::Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        self.writer.write_all(START.as_bytes())?;
        let driver = Driver {
            name: wording::PRODUCT,
            version: wording::VERSION,
            semantic_version: wording::VERSION,
            rules: [Rule::OpenToWorld, Rule::PartlyOpen, Rule::NotJudged].map(Rule::descriptor),
        };
        serde_json::to_writer(&mut self.writer, &Tool { driver })?;
        self.writer.write_all(br#","columnKind":"unicodeCodePoints","results":["#)
    }

    fn push(
        &mut self,
        group: &GroupResult,
        rule: Rule,
        level: &'static str,
        text: String,
        origin: (&str, Option<&findings::Location>),
    ) -> io::Result<()> {
        self.begin()?;
        let name = group.qualified_name();
        let (key, own_location) = origin;
        let fingerprint = format!("{name}/{key}");
        let result = SarifResult {
            rule_id: rule.id(),
            rule_index: rule.index(),
            level,
            message: Message { text },
            locations: [Location {
                physical_location: self.physical_location(own_location.or(group.location.as_ref()), &name),
                logical_locations: [LogicalLocation {
                    name: group.group_name.clone().unwrap_or_else(|| group.group_id.clone()),
                    fully_qualified_name: name,
                    kind: "resource",
                }],
            }],
            partial_fingerprints: Fingerprints { line: fingerprint.clone(), own: fingerprint },
        };
        self.results.push(&mut self.writer, &result)
    }

    /// The line in a template or plan, else the scanned file, else a made-up path for the live group.
    fn physical_location(&self, location: Option<&findings::Location>, qualified_name: &str) -> PhysicalLocation {
        let file = location.map(|location| &location.file).or(self.options.input.as_ref());
        let uri = file.map_or_else(|| uri(&format!("security-groups/{qualified_name}")), |file| uri(file));
        let start_line = location.and_then(|location| location.line).unwrap_or(1);
        PhysicalLocation { artifact_location: ArtifactLocation { uri }, region: Region { start_line } }
    }

    fn exposure(&mut self, group: &GroupResult, exposure: &FoundExposure, fix: &str) -> io::Result<()> {
        let rule = match exposure.reach {
            Reach::World => Rule::OpenToWorld,
            Reach::Partial | Reach::None => Rule::PartlyOpen,
        };
        let level = match group.severity_of(exposure.reach) {
            Severity::Critical | Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low => "note",
        };
        let text =
            format!("Security group {}: {}. {fix}", wording::group_label(group), wording::exposure_sentence(exposure));
        self.push(group, rule, level, text, (&exposure.key(), exposure.location.as_ref()))
    }

    fn unjudged(&mut self, group: &GroupResult, unjudged: &UnjudgedRule) -> io::Result<()> {
        let text = format!(
            "Security group {}: the rule {}from {} could not be judged: {}",
            wording::group_label(group),
            unjudged.rule_id.as_ref().map(|id| format!("{id} ")).unwrap_or_default(),
            unjudged.source,
            unjudged.reason,
        );
        self.push(group, Rule::NotJudged, "warning", text, (unjudged.key(), unjudged.location.as_ref()))
    }
}

impl<W: Write> Report for Sarif<W> {
    fn group(&mut self, result: &GroupResult) -> io::Result<()> {
        match result.compliance {
            ComplianceType::Compliant => Ok(()),
            ComplianceType::NonCompliant => {
                let fixes = Fixes::new(&self.options.record, result);
                let sentences: Vec<String> =
                    result.exposures.iter().map(|exposure| sentence(fixes.of(exposure))).collect();
                let mut exposures = result.exposures.iter().zip(sentences);
                exposures.try_for_each(|(exposure, fix)| self.exposure(result, exposure, &fix))
            }
            ComplianceType::InsufficientData => {
                result.unjudged.iter().try_for_each(|unjudged| self.unjudged(result, unjudged))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.begin()?;
        self.writer.flush()
    }

    fn finish(mut self: Box<Self>, totals: &ScanTotals) -> io::Result<()> {
        self.begin()?;
        self.writer.write_all(b"\n],\"invocations\":[")?;
        let invocation = Invocation {
            execution_successful: totals.not_scanned.is_empty(),
            end_time_utc: self.options.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            tool_execution_notifications: totals.not_scanned.iter().map(notification).collect(),
            properties: InvocationProperties { scan: ScanInfo::of(&self.options) },
        };
        serde_json::to_writer(&mut self.writer, &invocation)?;
        self.writer.write_all(b"]}]}\n")?;
        self.writer.flush()
    }
}

fn notification(not_scanned: &NotScanned) -> Notification {
    let text = format!("Not scanned: {}: {}", wording::part(not_scanned), not_scanned.reason);
    Notification { level: "error", message: Message { text } }
}

/// URI of a file. A relative path stays relative, since GitHub looks for it in the repository.
fn uri(file: &str) -> String {
    if file == "-" {
        return "stdin".to_owned();
    }
    let scheme = if file.starts_with('/') { "file://" } else { "" };
    let path = file.strip_prefix("./").unwrap_or(file);
    format!("{scheme}{}", utf8_percent_encode(path, PATH))
}

fn sentence(fix: Fix<'_>) -> String {
    match fix {
        Fix::Edit(advice) => advice,
        command @ (Fix::Revoke(_) | Fix::Close(_)) => format!("To close it: {}", command.line()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::relative("infra/main.yaml", "infra/main.yaml")]
    #[case::here("./plan.json", "plan.json")]
    #[case::absolute("/srv/plan.json", "file:///srv/plan.json")]
    #[case::space("my plan#1?.json", "my%20plan%231%3F.json")]
    #[case::unicode("größe.json", "gr%C3%B6%C3%9Fe.json")]
    #[case::stdin("-", "stdin")]
    fn a_file_becomes_a_uri(#[case] file: &str, #[case] expected: &str) {
        assert_eq!(uri(file), expected);
    }
}
