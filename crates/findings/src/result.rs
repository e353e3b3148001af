//! What is said of a group: the model behind every format, and the JSON of `portcullis.scan/1` as it is.

use exposure::{Assessment, Exemption, Exposure, IngressRule, Reach, SecurityGroup, Verdict};
use serde::{Serialize, Serializer};

/// The verdict in AWS Config's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ComplianceType {
    /// No blocked port is open, or an exemption covers what is.
    Compliant,
    /// At least one exposure that no exemption covers.
    NonCompliant,
    /// A rule could not be judged, and nothing else is wrong. Never to be taken for compliant.
    InsufficientData,
}

impl ComplianceType {
    /// As it stands in the JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compliant => "COMPLIANT",
            Self::NonCompliant => "NON_COMPLIANT",
            Self::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

/// How far a group is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Openness {
    /// To most of the internet.
    #[serde(rename = "open_completely")]
    World,
    /// To some of it.
    #[serde(rename = "open_partly")]
    Partial,
    /// It cannot be told.
    #[serde(rename = "unknown")]
    Unknown,
    /// Not at all, or only where an exemption says so.
    #[serde(rename = "restricted")]
    Restricted,
}

impl Openness {
    /// As it stands in the JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::World => "open_completely",
            Self::Partial => "open_partly",
            Self::Unknown => "unknown",
            Self::Restricted => "restricted",
        }
    }
}

/// How soon somebody should look. Known only where it is known what the group is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Open to the world, and on an interface with a public address.
    Critical,
    /// Open to the world on an interface without one, or partly open with one.
    High,
    /// Partly open, on an interface without a public address.
    Medium,
    /// Attached to nothing.
    Low,
}

impl Severity {
    /// As it stands in the JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// One evaluated group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupResult {
    /// `sg-…`; in a template or a plan, where there is no id yet, the name of the resource there.
    pub group_id: String,
    /// `GroupName`.
    pub group_name: Option<String>,
    /// `vpc-…`.
    pub vpc_id: Option<String>,
    /// The account that owns the group.
    pub account: Option<String>,
    /// The region it is in.
    pub region: Option<String>,
    /// The verdict.
    pub compliance: ComplianceType,
    /// How far it is open.
    #[serde(rename = "status")]
    pub openness: Openness,
    /// What is open, most severe first.
    pub exposures: Vec<FoundExposure>,
    /// What would be exposed if no exemption covered it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exempted: Vec<ExemptedExposure>,
    /// Rules that could not be judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unjudged: Vec<UnjudgedRule>,
    /// Only of a non-compliant group whose context is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// What the group is attached to, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
    /// Where in the input it stands, if the input is a text that somebody edits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// A rule that exposes blocked ports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundExposure {
    /// `sgr-…`, where the input has it.
    pub rule_id: Option<String>,
    /// `IpProtocol` in EC2's spelling; `-1` is all.
    pub protocol: String,
    /// First port of the rule; null where the protocol has none.
    pub from_port: Option<i64>,
    /// Last port of the rule.
    pub to_port: Option<i64>,
    /// CIDR or prefix list.
    pub source: String,
    /// The blocked ports that it carries, such as `tcp/22` or `udp/8000-8100`.
    pub ports: Vec<String>,
    /// How much of the internet its source is: `world` or `partial`.
    #[serde(serialize_with = "serialize_reach")]
    pub reach: Reach,
    /// The rule's description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// As it stands in the JSON.
#[must_use]
pub fn reach_name(reach: Reach) -> &'static str {
    match reach {
        Reach::World => "world",
        Reach::Partial => "partial",
        Reach::None => "none",
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn serialize_reach<S: Serializer>(reach: &Reach, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reach_name(*reach))
}

/// An exposure that an exemption covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExemptedExposure {
    /// What would be exposed.
    #[serde(flatten)]
    pub exposure: FoundExposure,
    /// Why it may be.
    pub reason: String,
    /// Until when, as the document has it; null never ends.
    pub expires: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
}

/// A rule that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnjudgedRule {
    /// `sgr-…`, where the input has it.
    pub rule_id: Option<String>,
    /// Its source, as it came.
    pub source: String,
    /// Why not.
    pub reason: String,
}

/// What a group is attached to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Context {
    /// The network interfaces that carry it.
    pub attached_to: Vec<AttachedTo>,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttachedTo {
    /// `eni-…`.
    pub network_interface_id: String,
    /// What the interface is for: `i-…` of an instance, else its description.
    pub resource: Option<String>,
    /// Its public IPv4 address or its IPv6 addresses.
    pub public_addresses: Vec<String>,
}

impl Context {
    /// Whether anything uses the group.
    #[must_use]
    pub fn in_use(&self) -> bool {
        !self.attached_to.is_empty()
    }

    /// Whether the internet can address something that uses the group.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.attached_to.iter().any(|attached| !attached.public_addresses.is_empty())
    }
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Location {
    /// The file as it was named; `-` is standard input.
    pub file: String,
    /// The resource within it: a logical id of CloudFormation, an address of Terraform.
    pub resource: Option<String>,
    /// Counted from 1, where it is known.
    pub line: Option<u64>,
}

/// A part of what was asked for that could not be scanned: it hides nothing else, and is never compliant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotScanned {
    /// The account, if there is one.
    pub account: Option<String>,
    /// The region, if there is one.
    pub region: Option<String>,
    /// The file, the group or the record, if there is one.
    pub target: Option<String>,
    /// What went wrong, and what to do.
    pub reason: String,
}

/// What is to be said of all groups together, once the last one was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanTotals {
    /// How many groups were evaluated.
    pub groups_evaluated: u64,
    /// How many of them are non-compliant.
    pub noncompliant: u64,
    /// How many of them could not be judged.
    pub insufficient_data: u64,
    /// How many of the compliant ones are so only because of an exemption.
    pub exempt: u64,
    /// What could not be scanned.
    pub not_scanned: Vec<NotScanned>,
}

impl ScanTotals {
    /// Counts a group.
    pub fn count(&mut self, result: &GroupResult) {
        self.groups_evaluated += 1;
        match result.compliance {
            ComplianceType::NonCompliant => self.noncompliant += 1,
            ComplianceType::InsufficientData => self.insufficient_data += 1,
            ComplianceType::Compliant if !result.exempted.is_empty() => self.exempt += 1,
            ComplianceType::Compliant => {}
        }
    }
}

impl GroupResult {
    /// What `assessment` says of `group`.
    #[must_use]
    pub fn new(group: &SecurityGroup, region: Option<&str>, assessment: &Assessment<'_>) -> Self {
        let (compliance, openness) = match assessment.verdict() {
            Verdict::NonCompliant if assessment.exposures.iter().any(|exposure| exposure.reach == Reach::World) => {
                (ComplianceType::NonCompliant, Openness::World)
            }
            Verdict::NonCompliant => (ComplianceType::NonCompliant, Openness::Partial),
            Verdict::Unknown => (ComplianceType::InsufficientData, Openness::Unknown),
            Verdict::Exempt | Verdict::Compliant => (ComplianceType::Compliant, Openness::Restricted),
        };
        Self {
            group_id: group.id.clone(),
            group_name: group.name.clone(),
            vpc_id: group.vpc_id.clone(),
            account: group.owner_id.clone(),
            region: region.map(str::to_owned),
            compliance,
            openness,
            exposures: assessment.exposures.iter().map(FoundExposure::from).collect(),
            exempted: assessment
                .exempted
                .iter()
                .map(|exempted| ExemptedExposure::new((&exempted.exposure).into(), &exempted.exemption))
                .collect(),
            unjudged: assessment
                .unjudged
                .iter()
                .map(|unjudged| UnjudgedRule {
                    rule_id: unjudged.rule.id.clone(),
                    source: unjudged.rule.source.to_string(),
                    reason: unjudged.cause.to_string(),
                })
                .collect(),
            severity: None,
            context: None,
            location: None,
        }
    }

    /// With what the group is attached to, and how severe that makes it.
    #[must_use]
    pub fn with_context(self, context: Context) -> Self {
        let severity = (self.compliance == ComplianceType::NonCompliant).then(|| {
            match (context.in_use(), self.openness == Openness::World, context.is_public()) {
                (false, ..) => Severity::Low,
                (true, true, true) => Severity::Critical,
                (true, true, false) | (true, false, true) => Severity::High,
                (true, false, false) => Severity::Medium,
            }
        });
        Self { severity, context: Some(context), ..self }
    }

    /// How severe an exposure is where the context of its group is not known.
    #[must_use]
    pub fn severity_of(&self, reach: Reach) -> Severity {
        self.severity.unwrap_or(match reach {
            Reach::World => Severity::High,
            Reach::Partial | Reach::None => Severity::Medium,
        })
    }

    /// The worst of a group's exposures.
    #[must_use]
    pub fn worst_severity(&self) -> Severity {
        let world = self.exposures.iter().any(|exposure| exposure.reach == Reach::World);
        self.severity_of(if world { Reach::World } else { Reach::Partial })
    }
}

impl From<&Exposure<'_>> for FoundExposure {
    fn from(exposure: &Exposure<'_>) -> Self {
        let rule: &IngressRule = exposure.rule;
        Self {
            rule_id: rule.id.clone(),
            protocol: rule.traffic.protocol().into_owned(),
            from_port: rule.traffic.from_port(),
            to_port: rule.traffic.to_port(),
            source: rule.source.to_string(),
            ports: exposure.ports.ranges().map(|(transport, range)| format!("{transport}/{range}")).collect(),
            reach: exposure.reach,
            description: rule.description.clone(),
        }
    }
}

impl FoundExposure {
    /// What a rule lets through: `tcp 20-25`, `all traffic`.
    #[must_use]
    pub fn traffic(&self) -> String {
        match (self.protocol.as_str(), self.from_port, self.to_port) {
            ("-1", ..) => "all traffic".to_owned(),
            (protocol, Some(from), Some(to)) if from == to => format!("{protocol} {from}"),
            (protocol, Some(from), Some(to)) => format!("{protocol} {from}-{to}"),
            (protocol, ..) => protocol.to_owned(),
        }
    }
}

impl ExemptedExposure {
    fn new(exposure: FoundExposure, exemption: &Exemption) -> Self {
        Self {
            exposure,
            reason: exemption.reason.clone(),
            expires: exemption.expires.as_ref().map(ToString::to_string),
            owner: exemption.owner.clone(),
        }
    }
}
