//! The event `Portcullis Compliance`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fit::clipped_option;

/// Most bytes of the message of an exception. AWS Config takes 1,024 characters.
///
/// Source: AWS Config API reference, [PutRemediationExceptions](https://docs.aws.amazon.com/config/latest/APIReference/API_PutRemediationExceptions.html).
const MESSAGE: usize = 2_000;

/// Detail of a `Portcullis Compliance`: what AWS Config has of a group, as a sweep read it.
///
/// It repeats what AWS Config said when the compliance changed, so that an event that was lost does no lasting harm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComplianceEvent {
    /// Schema of the detail.
    pub schema: ComplianceSchema,
    /// Account of the AWS Config rule.
    pub account: String,
    /// Region.
    pub region: String,
    /// Name of the AWS Config rule.
    pub config_rule_name: String,
    /// `sg-…`.
    pub security_group_id: String,
    /// When the sweep looked.
    pub time: Timestamp,
    /// What AWS Config has.
    pub compliance: SweptCompliance,
    /// Time of the state that was judged, by which results are ordered.
    pub ordering_timestamp: Timestamp,
    /// When AWS Config stored the result; if it has none any more, when a sweep first found none.
    pub result_recorded_time: Timestamp,
    /// Ordering time of the first non-compliant result that sweeps saw since the group was last compliant.
    pub first_seen: Timestamp,
    /// When AWS Config stored that result.
    pub first_recorded_time: Timestamp,
    /// Whether the exceptions of the rule could be read. Otherwise nothing is known of an exception.
    pub exceptions_read: bool,
    /// The remediation exception that keeps AWS Config from closing the group, unless Portcullis put it.
    pub exception: Option<EventException>,
    /// When automatic mode closes the first exposure of the group, if not at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<Timestamp>,
    /// Days for which that is still to come, if it is time for a reminder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminder_days: Option<u8>,
}

/// Schema of a [`ComplianceEvent`]. Another one is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ComplianceSchema {
    /// The first.
    #[default]
    #[serde(rename = "portcullis.compliance/1")]
    V1,
}

/// The result that AWS Config has of a group. One that says nothing is not announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SweptCompliance {
    /// No exposure, or an exemption for all of them.
    Compliant,
    /// An exposure.
    NonCompliant,
    /// The group is no longer judged, or AWS Config has no result of it any more.
    NotApplicable,
}

/// A remediation exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventException {
    /// Its message: an operator's, or that of AWS Config.
    pub message: Option<String>,
    /// When a sweep first saw it. AWS Config does not tell when it was put.
    pub since: Timestamp,
    /// Its end; `None` until it is deleted.
    pub expires: Option<Timestamp>,
}

impl EventException {
    /// The exception with its message cut, so that an event stays small.
    #[must_use]
    pub fn new(message: Option<&str>, since: Timestamp, expires: Option<Timestamp>) -> Self {
        Self { message: clipped_option(message, MESSAGE), since, expires }
    }
}

impl ComplianceEvent {
    /// The JSON of the detail.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
