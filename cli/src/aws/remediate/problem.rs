//! Errors of the remediation in the words of the command line: options as the user typed them, not fields of the payload.

use plain_text::{error_chain, error_message};
use remediation::{RemediationError, RequestError};

/// The text of an error, with the remedy.
pub(super) fn text(problem: &RemediationError) -> String {
    let RemediationError::Request(request) = problem else { return error_chain(problem) };
    let refused = match request {
        RequestError::ReplacementExposes { source_text, ports } => format!(
            "with the replacement {source_text} the group would still expose {ports}: name smaller ranges with \
             --replacement-cidr, or authorise them with --authorized-cidr or in the parameters of the rule"
        ),
        RequestError::SnapshotName { name, subject, example } => format!(
            "--snapshot `{name}` is not a snapshot of {subject}: pass latest, or a snapshot such as {example}; \
             `portcullis snapshots` lists them"
        ),
        RequestError::NoSuchRule { rule_name, problem } => format!(
            "--rule: there is no AWS Config rule `{rule_name}`: {}; `aws configservice describe-config-rules` lists the \
             rules of a region",
            error_message(problem)
        ),
        RequestError::LongRuleName { start } => format!("--rule `{start}…` has more than 128 characters"),
        RequestError::RuleName => "--rule is empty".to_owned(),
        // Checked by the command line, or only in a payload.
        RequestError::ExceptionHours(_)
        | RequestError::GroupId { .. }
        | RequestError::NotOurRule { .. }
        | RequestError::Shape(_)
        | RequestError::Repeated { .. }
        | RequestError::Field { .. } => return error_chain(problem),
    };
    format!("nothing was changed: {refused}")
}
