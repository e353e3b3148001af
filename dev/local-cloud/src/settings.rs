//! The switches and durations that tests may turn while the local cloud runs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything that can be set by `PUT /settings`. Durations are in seconds.
///
/// Where AWS documents a value it is the default; where AWS's behaviour is not
/// documented, a switch lets the product be tried either way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent switch")]
pub(crate) struct Settings {
    /// Between two looks at EC2 for a change nobody announced.
    pub(crate) recorder_poll_seconds: f64,
    /// A change notification above this size is sent as an oversized one (SNS's 256 KB).
    pub(crate) oversized_threshold_bytes: usize,
    /// Rule Lambdas invoked at the same time.
    pub(crate) evaluation_concurrency: usize,
    /// How long a result token is good for.
    pub(crate) result_token_lifetime_seconds: f64,
    /// Whether an evaluation with an older `OrderingTimestamp` replaces a newer one.
    pub(crate) older_evaluation_replaces_newer: bool,
    /// So many of the next evaluations come back in `FailedEvaluations`.
    pub(crate) fail_next_evaluations: usize,
    /// Between two calls of `StartConfigRulesEvaluation` for one rule.
    pub(crate) start_evaluation_interval_seconds: f64,
    /// One hour of `MaximumExecutionFrequency`.
    pub(crate) schedule_hour_seconds: f64,
    /// Between two compliance snapshots that automatic remediation starts from.
    pub(crate) remediation_snapshot_seconds: f64,
    /// Remediate from the snapshot before the last one: AWS's may be stale.
    pub(crate) remediation_snapshot_stale: bool,
    /// Start an automatic remediation although a newer configuration item still waits for its evaluation.
    pub(crate) remediate_while_evaluation_pending: bool,
    /// Whether `PutRemediationExceptions` leaves out resources that are not non-compliant without a word, or names
    /// them in `FailedBatches`.
    pub(crate) drop_needless_exceptions: bool,
    /// Whether a Lambda's `FunctionError` fails an `aws:invokeLambdaFunction` step.
    pub(crate) function_error_fails_step: bool,
    /// Automation executions running at the same time; more wait as `Pending`.
    pub(crate) automation_concurrency: usize,
    /// The first delay before an asynchronous invocation is repeated (AWS: a minute).
    pub(crate) async_retry_base_seconds: f64,
    /// Whether the look for `s3:ListBucket` that a missing key causes carries the key as `s3:prefix`.
    pub(crate) missing_key_has_prefix: bool,
    /// How many calls of one EC2 API that changes something may come at once; 0 = EC2 does not throttle.
    pub(crate) ec2_bucket_size: u32,
    /// How many more may come every second.
    pub(crate) ec2_refill_per_second: f64,
    /// Only callers whose ARN has this part are throttled.
    pub(crate) ec2_throttled_principal: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            recorder_poll_seconds: 30.0,
            oversized_threshold_bytes: 256 * 1024,
            evaluation_concurrency: 8,
            result_token_lifetime_seconds: 3600.0,
            older_evaluation_replaces_newer: false,
            fail_next_evaluations: 0,
            start_evaluation_interval_seconds: 60.0,
            schedule_hour_seconds: 3600.0,
            remediation_snapshot_seconds: 1.0,
            remediation_snapshot_stale: false,
            remediate_while_evaluation_pending: false,
            drop_needless_exceptions: false,
            function_error_fails_step: false,
            automation_concurrency: 100,
            async_retry_base_seconds: 1.0,
            missing_key_has_prefix: false,
            ec2_bucket_size: 0,
            ec2_refill_per_second: 5.0,
            ec2_throttled_principal: String::new(),
        }
    }
}

impl Settings {
    /// These settings with the members of `change` put over them.
    ///
    /// # Errors
    ///
    /// Text that names the member that is unknown or of the wrong type.
    pub(crate) fn merged(&self, change: &Value) -> Result<Self, String> {
        let Value::Object(change) = change else { return Err("settings are a JSON object".to_owned()) };
        let mut all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        if let Value::Object(all) = &mut all {
            for (name, value) in change {
                all.insert(name.clone(), value.clone());
            }
        }
        serde_json::from_value(all).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_leaves_the_other_settings_alone() {
        let changed = Settings::default().merged(&json!({"functionErrorFailsStep": true})).unwrap();
        assert_eq!(changed, Settings { function_error_fails_step: true, ..Settings::default() });
    }

    #[test]
    fn an_unknown_setting_is_refused_by_name() {
        let error = Settings::default().merged(&json!({"functionErrorFailStep": true})).unwrap_err();
        assert!(error.contains("functionErrorFailStep"), "{error}");
    }
}
