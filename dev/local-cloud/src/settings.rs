//! Switches and durations that tests can change while the local cloud runs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The settings of `PUT /settings`. Durations are in seconds.
///
/// Values that AWS documents are the defaults. Where AWS does not document its behaviour, a switch selects between the
/// possibilities, so that the product can be tested with each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent switch")]
pub(crate) struct Settings {
    /// Time between two checks of EC2 for changes without a notification.
    pub(crate) recorder_poll_seconds: f64,
    /// Size above which a change notification is sent as an oversized one (256 KB in AWS).
    pub(crate) oversized_threshold_bytes: usize,
    /// Highest number of concurrent invocations of rule functions.
    pub(crate) evaluation_concurrency: usize,
    /// Lifetime of a result token.
    pub(crate) result_token_lifetime_seconds: f64,
    /// Let an evaluation with an older `OrderingTimestamp` replace a newer one.
    pub(crate) older_evaluation_replaces_newer: bool,
    /// Number of following evaluations that are returned in `FailedEvaluations`.
    pub(crate) fail_next_evaluations: usize,
    /// Shortest time between two calls of `StartConfigRulesEvaluation` for one rule.
    pub(crate) start_evaluation_interval_seconds: f64,
    /// Duration of one hour of `MaximumExecutionFrequency`.
    pub(crate) schedule_hour_seconds: f64,
    /// Time between two compliance snapshots from which automatic remediation starts.
    pub(crate) remediation_snapshot_seconds: f64,
    /// Remediate from the second-to-last snapshot, because that of AWS may be stale.
    pub(crate) remediation_snapshot_stale: bool,
    /// Start automatic remediation even while a newer configuration item waits for its evaluation.
    pub(crate) remediate_while_evaluation_pending: bool,
    /// Let `PutRemediationExceptions` ignore resources that are not non-compliant, instead of returning them in
    /// `FailedBatches`.
    pub(crate) drop_needless_exceptions: bool,
    /// Let a `FunctionError` of Lambda fail an `aws:invokeLambdaFunction` step.
    pub(crate) function_error_fails_step: bool,
    /// Let a step fail if a value of its `InputPayload`, or a value within text, is not a String. AWS documents
    /// `InputPayload` as a map of strings that is checked when the step runs.
    pub(crate) strict_payload_types: bool,
    /// How a list within text is written.
    pub(crate) list_as_text: ListAsText,
    /// Which attempts count towards `MaximumAutomaticAttempts`.
    pub(crate) attempts_counted: AttemptsCounted,
    /// Highest number of concurrent automation executions; further executions stay `Pending`.
    pub(crate) automation_concurrency: usize,
    /// Delay before the first retry of an asynchronous invocation (a minute in AWS).
    pub(crate) async_retry_base_seconds: f64,
    /// Let the check of `s3:ListBucket` after a missing key contain the key as `s3:prefix`.
    pub(crate) missing_key_has_prefix: bool,
    /// Time until a call is in the event history of CloudTrail (five minutes on average in AWS).
    pub(crate) cloud_trail_delay_seconds: f64,
    /// Whether the account has a trail. Without one, `EventBridge` gets no events from CloudTrail.
    pub(crate) trail: bool,
    /// Time until `EventBridge` gets the event of a call (seconds to minutes in AWS).
    pub(crate) trail_event_delay_seconds: f64,
    /// Whether CloudTrail records a change of several rules as a list; otherwise it records one of them.
    pub(crate) trail_lists_rules: bool,
    /// What happens to a one-time schedule whose time is in the past.
    pub(crate) past_schedules: PastSchedules,
    /// Time from a change of a prefix list until it is complete.
    pub(crate) prefix_list_change_seconds: f64,
    /// Burst limit of each mutating EC2 API, in calls; 0 means that EC2 does not throttle.
    pub(crate) ec2_bucket_size: u32,
    /// Refill rate of each mutating EC2 API, in calls per second.
    pub(crate) ec2_refill_per_second: f64,
    /// Substring of the ARN of callers that are throttled; empty means all callers.
    pub(crate) ec2_throttled_principal: String,
}

/// How a list within text is written, which AWS does not document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ListAsText {
    /// `["a","b"]`
    Json,
    /// `a,b`
    Comma,
}

/// Which automatic attempts count, of which AWS's documentation has both readings.
///
/// Source: <https://docs.aws.amazon.com/config/latest/APIReference/API_RemediationConfiguration.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum AttemptsCounted {
    /// Those that failed, as at `MaximumAutomaticAttempts`. A success starts over.
    Failures,
    /// All, as at `RetryAttemptSeconds`.
    Attempts,
}

/// What happens to a one-time schedule whose time is in the past, which AWS does not document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum PastSchedules {
    /// `CreateSchedule` fails.
    Refused,
    /// It runs at once.
    Run,
    /// It is kept, and never runs.
    Ignored,
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
            strict_payload_types: true,
            list_as_text: ListAsText::Json,
            attempts_counted: AttemptsCounted::Failures,
            automation_concurrency: 100,
            async_retry_base_seconds: 1.0,
            missing_key_has_prefix: false,
            cloud_trail_delay_seconds: 0.0,
            trail: true,
            trail_event_delay_seconds: 0.0,
            trail_lists_rules: true,
            past_schedules: PastSchedules::Refused,
            prefix_list_change_seconds: 1.0,
            ec2_bucket_size: 0,
            ec2_refill_per_second: 5.0,
            ec2_throttled_principal: String::new(),
        }
    }
}

impl Settings {
    /// Returns the settings with the members of `change` replaced.
    ///
    /// # Errors
    ///
    /// A message that names the member that is unknown or of the wrong type.
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
    fn a_change_keeps_the_other_settings() {
        let changed = Settings::default().merged(&json!({"functionErrorFailsStep": true})).unwrap();
        assert_eq!(changed, Settings { function_error_fails_step: true, ..Settings::default() });
    }

    #[test]
    fn readings_of_the_documentation_are_switched_by_name() {
        let change = json!({"strictPayloadTypes": false, "listAsText": "comma", "attemptsCounted": "attempts"});
        let changed = Settings::default().merged(&change).unwrap();
        let expected = Settings {
            strict_payload_types: false,
            list_as_text: ListAsText::Comma,
            attempts_counted: AttemptsCounted::Attempts,
            ..Settings::default()
        };
        assert_eq!(changed, expected);
        assert!(Settings::default().merged(&json!({"listAsText": "yaml"})).unwrap_err().contains("yaml"));
    }

    #[test]
    fn an_unknown_setting_is_an_error_that_names_it() {
        let error = Settings::default().merged(&json!({"functionErrorFailStep": true})).unwrap_err();
        assert!(error.contains("functionErrorFailStep"), "{error}");
    }
}
