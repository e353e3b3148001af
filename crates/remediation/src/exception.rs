//! Remediation exceptions of ours, which keep automatic remediation from closing a group.

use aws_traits::config::{RemediationException, RemediationExceptions};
use jiff::Timestamp;
use tracing::warn;

/// Puts an exception until `until`. Returns the reason if there is none now.
pub(crate) async fn put(
    config: &impl RemediationExceptions,
    rule_name: &str,
    group_id: &str,
    message: &str,
    until: Timestamp,
) -> Option<String> {
    let message = format!("{}{message}", RemediationException::OURS);
    let answer = config.put_remediation_exception(rule_name, group_id, &message, until).await;
    let refused = answer.unwrap_or_else(|error| Some(error.to_string()));
    if let Some(reason) = &refused {
        warn!(security_group.id = group_id, reason, "remediation exception not created");
    }
    refused
}

/// Returns true if one of the exceptions of a rule keeps automatic mode from closing a group, whoever put it.
pub(crate) fn keeps(exceptions: &[RemediationException], group_id: &str, now: Timestamp) -> bool {
    exceptions.iter().any(|exception| exception.group_id == group_id && exception.is_in_force(now))
}

/// Deletes the exception of a group, if it is one of ours.
pub(crate) async fn end(config: &impl RemediationExceptions, rule_name: &str, group_id: &str) {
    let result = async {
        let exceptions = config.remediation_exceptions(rule_name, Some(group_id)).await?;
        if exceptions.iter().any(RemediationException::is_ours) {
            config.delete_remediation_exception(rule_name, group_id).await?;
        }
        Ok::<(), aws_traits::AwsError>(())
    };
    if let Err(error) = result.await {
        warn!(security_group.id = group_id, %error, "remediation exception not deleted");
    }
}
