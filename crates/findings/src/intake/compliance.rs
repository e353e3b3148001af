//! `Config Rules Compliance Change`: AWS Config has another compliance of a group.
//!
//! Source: <https://docs.aws.amazon.com/config/latest/developerguide/monitor-config-with-cloudwatchevents.html>

use jiff::Timestamp;
use serde::Deserialize;

use super::envelope::Envelope;
use super::error::IntakeError;
use super::{Ignored, Intake};
use crate::event::{DELETED, EXEMPT, LEFT_SCOPE};
use crate::finding::{ConfigVerdict, FindingKey, Gone, KeyError, Moment, Observation, Observed, Source};

/// `source` of the events of AWS Config.
pub const CONFIG: &str = "aws.config";

/// `detail-type` of a change of compliance.
pub const COMPLIANCE_CHANGE: &str = "Config Rules Compliance Change";

const SECURITY_GROUP: &str = "AWS::EC2::SecurityGroup";

/// Read first: AWS Config judges resources that have neither region nor id of this form.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    resource_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    resource_id: String,
    aws_region: String,
    aws_account_id: String,
    config_rule_name: String,
    new_evaluation_result: EvaluationResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EvaluationResult {
    #[serde(rename = "evaluationResultIdentifier")]
    identifier: Identifier,
    compliance_type: Compliance,
    result_recorded_time: Timestamp,
    annotation: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identifier {
    evaluation_result_qualifier: Qualifier,
    ordering_timestamp: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Qualifier {
    evaluation_mode: Option<String>,
}

/// Source: AWS Config API reference, `ComplianceType`.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Compliance {
    Compliant,
    NonCompliant,
    NotApplicable,
    InsufficientData,
}

pub(super) fn read(envelope: &Envelope) -> Result<Intake, IntakeError> {
    let Kind { resource_type } = envelope.detail()?;
    if resource_type != SECURITY_GROUP {
        return Ok(Intake::Ignored(Ignored::ResourceType(resource_type.into())));
    }
    let change: Change = envelope.detail()?;
    let EvaluationResult { identifier, compliance_type, result_recorded_time, annotation } =
        change.new_evaluation_result;
    if identifier.evaluation_result_qualifier.evaluation_mode.as_deref() == Some("PROACTIVE") {
        return Ok(Intake::Ignored(Ignored::Proactive));
    }
    envelope.is_about(&change.aws_account_id)?;
    let rule = &change.config_rule_name;
    let key = match FindingKey::new(&change.aws_account_id, &change.aws_region, &change.resource_id, rule) {
        // AWS allows other names, which the template does not.
        Err(KeyError::Rule(_)) => return Ok(Intake::Ignored(Ignored::Rule(rule.as_str().into()))),
        key => key?,
    };
    let at = Moment::new(identifier.ordering_timestamp, result_recorded_time);
    let verdict = verdict(compliance_type, annotation.as_deref().unwrap_or_default());
    Ok(Intake::observed(key, Observation { at, what: Observed::Compliance(verdict, Source::Change) }))
}

/// The verdict, by the annotation of the evaluator. What it means is documented in `docs/semantics.md`. The assessment of an
/// exempt group has the same news with details, but comes later.
fn verdict(compliance: Compliance, annotation: &str) -> ConfigVerdict {
    match compliance {
        Compliance::Compliant if annotation.split([' ', ':']).next() == Some(EXEMPT) => ConfigVerdict::Exempt,
        Compliance::Compliant => ConfigVerdict::Compliant,
        Compliance::NonCompliant => ConfigVerdict::NonCompliant,
        Compliance::NotApplicable if annotation == DELETED => ConfigVerdict::Gone(Gone::Deleted),
        Compliance::NotApplicable if annotation == LEFT_SCOPE => ConfigVerdict::Gone(Gone::LeftScope),
        Compliance::NotApplicable => ConfigVerdict::Gone(Gone::NotApplicable),
        Compliance::InsufficientData => ConfigVerdict::InsufficientData,
    }
}
