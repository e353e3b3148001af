//! The event `Portcullis Assessment`.

use std::collections::BTreeMap;

use exposure::{Assessment, SecurityGroup, Verdict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::MAX_DETAIL_BYTES;
use super::fit::{clipped, clipped_option, json_bytes, keep_first, keep_fitting};
use super::rule::{EventExempted, EventExemption, EventExposure, EventUnjudged};
use crate::compliance::verdict;
use crate::finding::ExposureList;
use crate::{ComplianceType, FoundExposure, Openness, Severity};

/// Most bytes of the tags.
const TAGS: usize = 6_000;
/// Most bytes of a name. AWS allows 255 characters for a group, 128 for a rule.
const NAME: usize = 1_020;
/// Digits of the digest of all exposures.
const DIGEST: usize = 32;

/// Detail of a `Portcullis Assessment`: a group that is non-compliant, exempt, or could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssessmentEvent {
    /// Schema of the detail.
    pub schema: AssessmentSchema,
    /// Account of the AWS Config rule.
    pub account: Option<String>,
    /// Region.
    pub region: String,
    /// Name of the AWS Config rule.
    pub config_rule_name: String,
    /// The group.
    pub security_group: EventGroup,
    /// Time of the state that was judged, by which results are ordered.
    pub ordering_timestamp: Timestamp,
    /// Reason of the evaluation.
    pub trigger: Trigger,
    /// The verdict.
    pub compliance: ComplianceType,
    /// How far the group is open.
    #[serde(rename = "status")]
    pub openness: Openness,
    /// Severity without regard to network interfaces, if the group is non-compliant.
    pub severity: Option<Severity>,
    /// Number of exposures that no exemption covers.
    pub exposure_count: usize,
    /// The first of them, most severe first.
    pub exposures: Vec<EventExposure>,
    /// When automatic mode closes the first of them, if not at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<Timestamp>,
    /// Digest of the content of all of them, if there is no room for all: equal as long as none of them changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposures_digest: Option<String>,
    /// The exemption because of which the group is compliant; the first if there are several.
    pub exemption: Option<EventExemption>,
    /// Number of exposures that exemptions cover.
    pub exempted_count: usize,
    /// The first of them, most severe first.
    pub exempted: Vec<EventExempted>,
    /// Number of rules that could not be judged.
    pub unjudged_count: usize,
    /// The first of them.
    pub unjudged: Vec<EventUnjudged>,
}

/// Schema of an [`AssessmentEvent`]. Another one is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssessmentSchema {
    /// The first.
    #[default]
    #[serde(rename = "portcullis.assessment/1")]
    V1,
}

/// Reason of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// The group changed, or the rule was evaluated again.
    Change,
    /// The same, and the configuration item was too large for the notification.
    Oversized,
    /// The schedule of the rule.
    Scheduled,
}

/// A group in an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventGroup {
    /// `sg-…`.
    pub id: String,
    /// `GroupName`.
    pub name: Option<String>,
    /// `vpc-…`.
    pub vpc_id: Option<String>,
    /// Account that owns the group.
    pub owner_id: Option<String>,
    /// Number of tags.
    pub tag_count: usize,
    /// Tags, as far as there is room for them.
    pub tags: BTreeMap<String, String>,
}

/// Circumstances of an assessment.
#[derive(Debug, Clone, Copy)]
pub struct AssessmentOrigin<'o> {
    /// Account of the AWS Config rule.
    pub account: Option<&'o str>,
    /// Region.
    pub region: &'o str,
    /// Name of the AWS Config rule.
    pub config_rule_name: &'o str,
    /// Time of the state that was judged.
    pub ordering_timestamp: Timestamp,
    /// Reason of the evaluation.
    pub trigger: Trigger,
    /// When automatic mode closes the first exposure, if not at once.
    pub closes: Option<Timestamp>,
}

impl AssessmentEvent {
    /// The event for an assessed group; `None` if it is compliant without an exemption. It has at most
    /// [`MAX_DETAIL_BYTES`] in JSON, whatever the group contains.
    #[must_use]
    pub fn new(origin: AssessmentOrigin<'_>, group: &SecurityGroup, assessment: &Assessment<'_>) -> Option<Self> {
        let found = assessment.verdict();
        if found == Verdict::Compliant {
            return None;
        }
        let (compliance, openness) = verdict(assessment);
        let exemption = assessment.exempted.first().map(|exempted| &exempted.exemption);
        let exemption = exemption.or(assessment.exempted_unjudged.first().map(|(_, exemption)| exemption));
        let mut event = Self {
            schema: AssessmentSchema::V1,
            account: clipped_option(origin.account.or(group.owner_id.as_deref()), NAME),
            region: clipped(origin.region, NAME),
            config_rule_name: clipped(origin.config_rule_name, NAME),
            security_group: EventGroup::from(group),
            ordering_timestamp: origin.ordering_timestamp,
            trigger: origin.trigger,
            compliance,
            openness,
            severity: Severity::without_context(openness),
            exposure_count: assessment.exposures.len(),
            exposures: Vec::new(),
            closes: origin.closes.filter(|_| found == Verdict::NonCompliant),
            // Takes the room of the digest until it is known whether there has to be one.
            exposures_digest: Some("0".repeat(DIGEST)),
            exemption: exemption.filter(|_| found == Verdict::Exempt).map(EventExemption::from),
            exempted_count: assessment.exempted.len(),
            exempted: Vec::new(),
            unjudged_count: assessment.unjudged.len(),
            unjudged: Vec::new(),
        };
        let mut room = MAX_DETAIL_BYTES.saturating_sub(json_bytes(&event));
        event.exposures = first(&assessment.exposures, &mut room);
        event.unjudged = first(&assessment.unjudged, &mut room);
        event.exempted = first(&assessment.exempted, &mut room);
        let is_cut = event.exposures.len() < event.exposure_count;
        event.exposures_digest = is_cut.then(|| digest(assessment));
        Some(event)
    }

    /// The JSON of the detail.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl From<&SecurityGroup> for EventGroup {
    fn from(group: &SecurityGroup) -> Self {
        Self {
            id: clipped(&group.id, NAME),
            name: clipped_option(group.name.as_deref(), NAME),
            vpc_id: clipped_option(group.vpc_id.as_deref(), NAME),
            owner_id: clipped_option(group.owner_id.as_deref(), NAME),
            tag_count: group.tags.len(),
            tags: keep_fitting(&group.tags, TAGS),
        }
    }
}

/// Digest of all exposures, by which a finding notices a change of one that is not listed.
fn digest(assessment: &Assessment<'_>) -> String {
    let found: Vec<FoundExposure> = assessment.exposures.iter().map(FoundExposure::from).collect();
    ExposureList::new(&found).digest.into()
}

/// The first of `items` that fit into `room`.
fn first<'i, I, T: From<&'i I> + Serialize>(items: &'i [I], room: &mut usize) -> Vec<T> {
    // A record has more than 32 bytes, so that no more of them can fit.
    let mut records: Vec<T> = items.iter().take(*room / 32 + 1).map(T::from).collect();
    keep_first(&mut records, room);
    records
}
