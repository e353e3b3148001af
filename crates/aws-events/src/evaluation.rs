//! What AWS Config gets back.

use exposure::{Assessment, SourceScope, Verdict};
use jiff::Timestamp;

use plain_text::one_line;

use crate::annotation::Annotation;

/// `ComplianceType`. `INSUFFICIENT_DATA` is not here: the service refuses it in `PutEvaluations`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compliance {
    /// `COMPLIANT`.
    Compliant,
    /// `NON_COMPLIANT`.
    NonCompliant,
    /// `NOT_APPLICABLE`: also takes an earlier result away.
    NotApplicable,
}

/// Every rule of a group may be a cause. This many make the message.
const CAUSES_SHOWN: usize = 5;
const CAUSE_MAX_CHARS: usize = 500;

/// The verdict on one security group, as `PutEvaluations` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// `ComplianceResourceType`.
    pub resource_type: String,
    /// `ComplianceResourceId`.
    pub resource_id: String,
    /// `ComplianceType`.
    pub compliance: Compliance,
    /// `Annotation`.
    pub annotation: Annotation,
    /// `OrderingTimestamp`: the capture time of the configuration item, or the creation time of the scheduled
    /// notification; never the present, or a slow retry would outrank a newer item.
    pub ordering_timestamp: Timestamp,
}

/// A group has no exposure, but not everything about it could be judged.
#[derive(Debug, thiserror::Error)]
#[error("security group {group_id} cannot be judged: {causes}")]
pub struct UnjudgedError {
    /// The group.
    pub group_id: String,
    /// The first causes, separated by semicolons, and how many more there are.
    pub causes: String,
}

impl UnjudgedError {
    /// The error for a group, from the causes that `assessment` found.
    #[must_use]
    pub fn new(group_id: &str, assessment: &Assessment<'_>) -> Self {
        let shown = assessment.unjudged.iter().take(CAUSES_SHOWN);
        let mut causes: Vec<String> =
            shown.map(|unjudged| one_line(&unjudged.cause.to_string(), CAUSE_MAX_CHARS)).collect();
        let more = assessment.unjudged.len().saturating_sub(CAUSES_SHOWN);
        if more > 0 {
            causes.push(format!("{more} more"));
        }
        Self { group_id: group_id.to_owned(), causes: causes.join("; ") }
    }
}

impl Evaluation {
    /// The evaluation of a group that was judged.
    ///
    /// # Errors
    ///
    /// When the verdict is unknown: that is never reported as compliant.
    pub fn of(
        group_id: &str,
        assessment: &Assessment<'_>,
        scope: SourceScope,
        ordering_timestamp: Timestamp,
    ) -> Result<Self, UnjudgedError> {
        let (compliance, annotation) = match assessment.verdict() {
            Verdict::NonCompliant => (Compliance::NonCompliant, Annotation::exposed(assessment)),
            Verdict::Exempt => (Compliance::Compliant, Annotation::exempt(assessment)),
            Verdict::Compliant => (Compliance::Compliant, Annotation::compliant(scope)),
            Verdict::Unknown => return Err(UnjudgedError::new(group_id, assessment)),
        };
        Ok(Self {
            resource_type: crate::SECURITY_GROUP_RESOURCE_TYPE.to_owned(),
            resource_id: group_id.to_owned(),
            compliance,
            annotation,
            ordering_timestamp,
        })
    }

    /// The evaluation of a resource that the rule has nothing to say about any more, or never had.
    #[must_use]
    pub fn not_applicable(resource_type: &str, resource_id: &str, why: &str, ordering_timestamp: Timestamp) -> Self {
        Self {
            resource_type: resource_type.to_owned(),
            resource_id: resource_id.to_owned(),
            compliance: Compliance::NotApplicable,
            annotation: Annotation::new(why),
            ordering_timestamp,
        }
    }
}
