//! A Config rule: its definition, the validation of AWS, and its scope.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::item::{Item, SECURITY_GROUP};
use crate::wire::AwsError;

/// The definition of a rule in the form of the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RuleDefinition {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) config_rule_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) config_rule_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) config_rule_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<Scope>,
    pub(crate) source: Source,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input_parameters: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) maximum_execution_frequency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) evaluation_modes: Option<Value>,
}

/// The resources in the scope of a rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Scope {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) compliance_resource_types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compliance_resource_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag_value: Option<String>,
}

/// The function of a rule, and its triggers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Source {
    pub(crate) owner: String,
    #[serde(default, rename = "SourceIdentifier")]
    pub(crate) identifier: String,
    #[serde(default, rename = "SourceDetails")]
    pub(crate) details: Vec<Detail>,
}

/// One trigger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Detail {
    #[serde(default)]
    pub(crate) event_source: String,
    pub(crate) message_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) maximum_execution_frequency: Option<String>,
}

/// An existing rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// Definition.
    pub(crate) definition: RuleDefinition,
    /// Name.
    pub(crate) name: String,
    /// Id, `config-rule-xxxxxx`.
    pub(crate) id: String,
    /// ARN, which contains the id and not the name.
    pub(crate) arn: String,
    /// Resources that were in its scope when last recorded.
    pub(crate) in_scope: BTreeSet<String>,
    /// Unfinished invocations of an evaluation on demand.
    pub(crate) evaluating: BTreeSet<u64>,
    /// Start of the last evaluation on demand.
    pub(crate) evaluation_started: Option<Timestamp>,
    /// Time of the next scheduled notification, for a periodic rule.
    pub(crate) next_schedule: Option<Timestamp>,
    /// Status for `DescribeConfigRuleEvaluationStatus`.
    pub(crate) status: RuleStatus,
}

/// The status of the invocations of a rule.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleStatus {
    pub(crate) activated: Option<Timestamp>,
    pub(crate) invoked: Option<Timestamp>,
    pub(crate) failed: Option<Timestamp>,
    pub(crate) evaluated: Option<Timestamp>,
    pub(crate) error: Option<(String, String)>,
}

impl Rule {
    /// Returns true if a message of this type triggers the rule.
    pub(crate) fn has_trigger(&self, message_type: &str) -> bool {
        self.definition.source.details.iter().any(|detail| detail.message_type == message_type)
    }

    /// Returns true if changes trigger the rule.
    pub(crate) fn on_change(&self) -> bool {
        self.has_trigger("ConfigurationItemChangeNotification")
            || self.has_trigger("OversizedConfigurationItemChangeNotification")
    }

    /// Returns the hours between two scheduled notifications, for a periodic rule.
    pub(crate) fn hours(&self) -> Option<f64> {
        let detail = self.definition.source.details.iter().find(|d| d.message_type == "ScheduledNotification")?;
        let frequency =
            detail.maximum_execution_frequency.as_deref().or(self.definition.maximum_execution_frequency.as_deref());
        Some(match frequency {
            Some("One_Hour") => 1.0,
            Some("Three_Hours") => 3.0,
            Some("Six_Hours") => 6.0,
            Some("Twelve_Hours") => 12.0,
            _ => 24.0,
        })
    }

    /// Returns true if the resource in `item` belongs to the scope. A rule without a scope covers all resources.
    pub(crate) fn covers(&self, item: &Item) -> bool {
        let Some(scope) = &self.definition.scope else { return true };
        let types = &scope.compliance_resource_types;
        (types.is_empty() || types.iter().any(|kind| kind == SECURITY_GROUP))
            && scope.compliance_resource_id.as_ref().is_none_or(|id| *id == item.resource_id)
            && scope.tag_key.as_ref().is_none_or(|key| {
                item.tags.get(key).is_some_and(|value| scope.tag_value.as_ref().is_none_or(|wanted| wanted == value))
            })
    }
}

/// Validates a definition as AWS does, regardless of other rules.
///
/// # Errors
///
/// `InvalidParameterValueException`.
pub(crate) fn check(definition: &RuleDefinition) -> Result<(), AwsError> {
    let source = &definition.source;
    if source.owner != "CUSTOM_LAMBDA" {
        return Err(AwsError::invalid(format!(
            "The local cloud runs rules of owner CUSTOM_LAMBDA only, not {}: it has none of AWS's managed rules.",
            source.owner
        )));
    }
    if !source.identifier.starts_with("arn:") || !source.identifier.contains(":lambda:") {
        return Err(AwsError::invalid(format!(
            "The sourceIdentifier {} is invalid. Please provide the ARN of a Lambda function.",
            source.identifier
        )));
    }
    if source.identifier.ends_with(":$LATEST") {
        return Err(AwsError::invalid("The $LATEST qualifier is not allowed in the sourceIdentifier."));
    }
    if source.details.is_empty() {
        return Err(AwsError::invalid("SourceDetails must not be empty for a rule of owner CUSTOM_LAMBDA."));
    }
    for detail in &source.details {
        if detail.maximum_execution_frequency.is_some() && detail.message_type != "ScheduledNotification" {
            return Err(AwsError::invalid(
                "MaximumExecutionFrequency is allowed only for the message type ScheduledNotification.",
            ));
        }
    }
    if let Some(parameters) = &definition.input_parameters
        && !serde_json::from_str::<Value>(parameters).is_ok_and(|value| value.is_object())
    {
        return Err(AwsError::invalid(format!("Invalid inputParameters: {parameters} is not a JSON object.")));
    }
    if let Some(scope) = &definition.scope {
        if scope.tag_value.is_some() && scope.tag_key.is_none() {
            return Err(AwsError::invalid("The scope has a TagValue but no TagKey."));
        }
        if scope.compliance_resource_id.is_some() && scope.compliance_resource_types.len() != 1 {
            return Err(AwsError::invalid("A ComplianceResourceId needs exactly one ComplianceResourceTypes member."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn definition(change: &Value) -> RuleDefinition {
        let mut all = json!({"ConfigRuleName": "r", "Source": {"Owner": "CUSTOM_LAMBDA",
            "SourceIdentifier": "arn:aws:lambda:us-east-1:123456789012:function:f",
            "SourceDetails": [{"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"}]}});
        for (name, value) in change.as_object().unwrap() {
            all[name] = value.clone();
        }
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn a_plain_definition_is_accepted() {
        check(&definition(&json!({}))).unwrap();
    }

    #[test]
    fn a_definition_that_aws_rejects_is_rejected() {
        for (change, word) in [
            (json!({"InputParameters": "22"}), "inputParameters"),
            (json!({"InputParameters": "{"}), "inputParameters"),
            (json!({"Scope": {"TagValue": "x"}}), "TagKey"),
            (json!({"Scope": {"ComplianceResourceId": "sg-1"}}), "ComplianceResourceId"),
            (json!({"Source": {"Owner": "AWS", "SourceIdentifier": "INCOMING_SSH_DISABLED"}}), "CUSTOM_LAMBDA"),
            (json!({"Source": {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": "f"}}), "ARN"),
        ] {
            let error = check(&definition(&change)).unwrap_err();
            assert!(error.message.contains(word), "{error}");
        }
    }
}
