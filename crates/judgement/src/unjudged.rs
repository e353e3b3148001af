//! The error for a group without a verdict.

use exposure::Assessment;
use plain_text::one_line;

/// Most causes in the message. Every rule of a group can be one.
const CAUSES_SHOWN: usize = 5;
const CAUSE_MAX_CHARS: usize = 500;

/// A group has no exposure, but at least one rule could not be judged.
#[derive(Debug, thiserror::Error)]
#[error("security group {group_id} cannot be judged: {causes}")]
pub struct UnjudgedError {
    /// The group.
    pub group_id: String,
    /// The first causes, separated by semicolons, and the number of the others.
    pub causes: String,
}

impl UnjudgedError {
    /// The error for a group, with the causes in `assessment`.
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
