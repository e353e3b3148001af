//! The result of an invocation.

use aws_traits::config::{Compliance, Evaluation};
use serde::Serialize;

/// Result of an invocation. AWS Config ignores it; an operator who invokes the function sees it.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InvocationSummary {
    /// Evaluations with `COMPLIANT`.
    pub compliant: usize,
    /// Evaluations with `NON_COMPLIANT`.
    pub non_compliant: usize,
    /// Evaluations with `NOT_APPLICABLE`.
    pub not_applicable: usize,
    /// Reason for which nothing was evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
}

impl InvocationSummary {
    pub(crate) fn count(&mut self, evaluation: &Evaluation) {
        match evaluation.compliance {
            Compliance::Compliant => self.compliant += 1,
            Compliance::NonCompliant => self.non_compliant += 1,
            Compliance::NotApplicable => self.not_applicable += 1,
        }
    }

    pub(crate) fn ignored(why: String) -> Self {
        Self { ignored: Some(why), ..Self::default() }
    }
}
