//! The result for a security group.

use exposure::{Assessment, SecurityGroup};
use serde::Serialize;

use crate::compliance::verdict;
use crate::{
    ComplianceType, Context, ExemptedExposure, FoundExposure, Location, Openness, Severity, Snippet, UnjudgedRule,
};

/// The result for a security group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupResult {
    /// `sg-…`. In a template or a plan, which have no ids yet, the name of the resource.
    pub group_id: String,
    /// `GroupName`.
    pub group_name: Option<String>,
    /// `vpc-…`.
    pub vpc_id: Option<String>,
    /// Account that owns the group.
    pub account: Option<String>,
    /// Region of the group.
    pub region: Option<String>,
    /// The verdict.
    pub compliance: ComplianceType,
    /// How far the group is open.
    #[serde(rename = "status")]
    pub openness: Openness,
    /// Exposures, in the order of the assessment: most severe first.
    pub exposures: Vec<FoundExposure>,
    /// Exposures that exemptions cover.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exempted: Vec<ExemptedExposure>,
    /// Rules that could not be judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unjudged: Vec<UnjudgedRule>,
    /// Severity, if the group is non-compliant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Network interfaces of the group, if they were looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
    /// Position in the input, if the input is a template or a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Lines at the location, if they were read. They are no part of the JSON, whose readers have the file.
    #[serde(skip)]
    pub snippet: Option<Snippet>,
}

impl GroupResult {
    /// The result for `group`, given its assessment. Context, location and snippet are empty.
    #[must_use]
    pub fn new(group: &SecurityGroup, region: Option<&str>, assessment: &Assessment<'_>) -> Self {
        let (compliance, openness) = verdict(assessment);
        Self {
            group_id: group.id.clone(),
            group_name: group.name.clone(),
            vpc_id: group.vpc_id.clone(),
            account: group.owner_id.clone(),
            region: region.map(str::to_owned),
            compliance,
            openness,
            exposures: assessment.exposures.iter().map(FoundExposure::from).collect(),
            exempted: assessment.exempted.iter().map(ExemptedExposure::from).collect(),
            unjudged: assessment.unjudged.iter().map(UnjudgedRule::from).collect(),
            severity: Severity::without_context(openness),
            context: None,
            location: None,
            snippet: None,
        }
    }
}
