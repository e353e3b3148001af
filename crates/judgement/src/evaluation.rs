//! Evaluations for AWS Config, from assessments.

use aws_events::config::SECURITY_GROUP_RESOURCE_TYPE;
use aws_traits::config::{Compliance, Evaluation};
use exposure::{Assessment, SourceScope, Verdict};
use jiff::Timestamp;

use crate::annotation;
use crate::unjudged::UnjudgedError;

/// Evaluation of a judged group. `closed` are the times at which its exposures are closed automatically, if they are not at once.
///
/// # Errors
///
/// If the verdict is unknown, which is never reported as compliant.
pub fn evaluation(
    group_id: &str,
    assessment: &Assessment<'_>,
    scope: SourceScope,
    ordering_timestamp: Timestamp,
    closed: &[Timestamp],
) -> Result<Evaluation, UnjudgedError> {
    let (compliance, annotation) = match assessment.verdict() {
        Verdict::NonCompliant => (Compliance::NonCompliant, annotation::exposed(assessment, closed)),
        Verdict::Exempt => (Compliance::Compliant, annotation::exempt(assessment)),
        Verdict::Compliant => (Compliance::Compliant, annotation::compliant(scope)),
        Verdict::Unknown => return Err(UnjudgedError::new(group_id, assessment)),
    };
    Ok(Evaluation {
        resource_type: SECURITY_GROUP_RESOURCE_TYPE.to_owned(),
        resource_id: group_id.to_owned(),
        compliance,
        annotation,
        ordering_timestamp,
    })
}
