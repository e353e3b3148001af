//! AWS Config.

mod remediation;

use aws_events::config::{ConfigurationItem, ItemSummary, SECURITY_GROUP_RESOURCE_TYPE};
use aws_sdk_config::types::{
    ComplianceType, ConfigurationItem as SdkItem, Evaluation as SdkEvaluation, EvaluationResult, ResourceType,
};
use aws_smithy_types::DateTime;
use aws_traits::AwsError;
use aws_traits::config::{
    Compliance, ConfigRules, ConfigurationHistory, Delivery, Evaluation, Evaluations, GroupResult, ResultType,
    RuleResults,
};
use aws_types::SdkConfig;
use jiff::{Timestamp, Unit};

use crate::error::FromSdk;

/// Most results per call.
///
/// Source: AWS Config API reference, [GetComplianceDetailsByConfigRule](https://docs.aws.amazon.com/config/latest/APIReference/API_GetComplianceDetailsByConfigRule.html).
const RESULTS_PER_CALL: i32 = 100;

/// Client of AWS Config.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) client: aws_sdk_config::Client,
}

impl Config {
    /// Creates the adapter and its client. Call it once per process.
    #[must_use]
    pub fn new(sdk: &SdkConfig) -> Self {
        Self { client: aws_sdk_config::Client::new(sdk) }
    }
}

impl Evaluations for Config {
    async fn put_evaluations(
        &self,
        evaluations: &[Evaluation],
        result_token: &str,
        test_mode: bool,
    ) -> Result<Delivery, AwsError> {
        const OPERATION: &str = "config:PutEvaluations";
        let subject = match evaluations {
            [one] => one.resource_id.clone(),
            many => format!("{} security groups", many.len()),
        };
        let sent = evaluations
            .iter()
            .map(|evaluation| to_sdk(evaluation).map_err(|problem| AwsError::malformed(OPERATION, &subject, &problem)))
            .collect::<Result<Vec<_>, _>>()?;
        let answer = self
            .client
            .put_evaluations()
            .set_evaluations(Some(sent))
            .result_token(result_token)
            .test_mode(test_mode)
            .send()
            .await;
        match answer {
            Ok(output) => {
                let resource_ids: Vec<String> =
                    output.failed_evaluations().iter().map(|failed| failed.compliance_resource_id.clone()).collect();
                Ok(if resource_ids.is_empty() { Delivery::Stored } else { Delivery::NotStored { resource_ids } })
            }
            Err(error) => {
                let error = AwsError::from_sdk(OPERATION, &subject, &error);
                match error.code() {
                    Some("InvalidResultTokenException" | "NoSuchConfigRuleException") => {
                        Ok(Delivery::Refused { error })
                    }
                    _ => Err(error),
                }
            }
        }
    }
}

impl RuleResults for Config {
    async fn rule_results(
        &self,
        rule_name: &str,
        next_token: Option<String>,
    ) -> Result<(Vec<GroupResult>, Option<String>), AwsError> {
        const OPERATION: &str = "config:GetComplianceDetailsByConfigRule";
        let subject = format!("rule {rule_name}");
        let output = self
            .client
            .get_compliance_details_by_config_rule()
            .config_rule_name(rule_name)
            .limit(RESULTS_PER_CALL)
            .set_next_token(next_token)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(OPERATION, &subject, &error))?;
        let next_token = output.next_token.filter(|token| !token.is_empty());
        let results = output.evaluation_results.unwrap_or_default().into_iter().filter_map(group_result);
        let results = results.collect::<Result<_, _>>();
        Ok((results.map_err(|problem| AwsError::malformed(OPERATION, &subject, problem))?, next_token))
    }
}

impl ConfigurationHistory for Config {
    async fn configuration_item(&self, summary: &ItemSummary) -> Result<ConfigurationItem, AwsError> {
        const OPERATION: &str = "config:GetResourceConfigHistory";
        let subject = summary.resource_id.as_str();
        // A call spans at most 7 days, so an empty page with a token is normal.
        let mut pages = self
            .client
            .get_resource_config_history()
            .resource_type(ResourceType::from(summary.resource_type.as_str()))
            .resource_id(subject)
            // Without `laterTime`, the call returns the newest item, which may be a different one.
            .later_time(date_time(summary.configuration_item_capture_time))
            .limit(1)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::from_sdk(OPERATION, subject, &error))?;
            if let Some(item) = page.configuration_items.unwrap_or_default().into_iter().next() {
                return from_sdk(item).map_err(|problem| AwsError::malformed(OPERATION, subject, problem));
            }
        }
        Err(AwsError::new(OPERATION, subject, None, "no configuration item is recorded yet"))
    }
}

impl ConfigRules for Config {
    async fn input_parameters(&self, rule_name: &str) -> Result<Option<String>, AwsError> {
        const OPERATION: &str = "config:DescribeConfigRules";
        let subject = format!("rule {rule_name}");
        let output = self
            .client
            .describe_config_rules()
            .config_rule_names(rule_name)
            .send()
            .await
            .map_err(|error| AwsError::from_sdk(OPERATION, &subject, &error))?;
        let rule = output.config_rules.unwrap_or_default().into_iter().next();
        match rule {
            Some(rule) => Ok(rule.input_parameters),
            None => Err(AwsError::malformed(OPERATION, &subject, "it contains no rule")),
        }
    }
}

/// The result of a security group; `None` of another resource.
fn group_result(result: EvaluationResult) -> Option<Result<GroupResult, &'static str>> {
    let identifier = result.evaluation_result_identifier?;
    let qualifier = identifier.evaluation_result_qualifier?;
    if qualifier.resource_type.as_deref() != Some(SECURITY_GROUP_RESOURCE_TYPE) {
        return None;
    }
    let group_id = qualifier.resource_id?;
    // Without its times, a result cannot be told from an older one.
    let time = |time: Option<&DateTime>, missing| time.and_then(timestamp).ok_or(missing);
    let times = || {
        let ordering = time(identifier.ordering_timestamp.as_ref(), "`OrderingTimestamp` is missing")?;
        Ok((ordering, time(result.result_recorded_time.as_ref(), "`ResultRecordedTime` is missing")?))
    };
    let compliance = match result.compliance_type {
        Some(ComplianceType::Compliant) => ResultType::Compliant,
        Some(ComplianceType::NonCompliant) => ResultType::NonCompliant,
        Some(ComplianceType::NotApplicable) => ResultType::NotApplicable,
        _ => ResultType::Unknown,
    };
    Some(times().map(|(ordering, recorded)| GroupResult { group_id, compliance, ordering, recorded }))
}

fn to_sdk(evaluation: &Evaluation) -> Result<SdkEvaluation, String> {
    SdkEvaluation::builder()
        .compliance_resource_type(&evaluation.resource_type)
        .compliance_resource_id(&evaluation.resource_id)
        .compliance_type(match evaluation.compliance {
            Compliance::Compliant => ComplianceType::Compliant,
            Compliance::NonCompliant => ComplianceType::NonCompliant,
            Compliance::NotApplicable => ComplianceType::NotApplicable,
        })
        .annotation(evaluation.annotation.as_str())
        .ordering_timestamp(date_time(evaluation.ordering_timestamp))
        .build()
        .map_err(|error| error.to_string())
}

fn from_sdk(item: SdkItem) -> Result<ConfigurationItem, &'static str> {
    let missing = |field: &'static str| move || field;
    Ok(ConfigurationItem {
        resource_type: item.resource_type.ok_or_else(missing("`resourceType` is missing"))?.as_str().to_owned(),
        resource_id: item.resource_id.ok_or_else(missing("`resourceId` is missing"))?,
        status: item
            .configuration_item_status
            .ok_or_else(missing("`configurationItemStatus` is missing"))?
            .as_str()
            .to_owned(),
        capture_time: item
            .configuration_item_capture_time
            .as_ref()
            .and_then(timestamp)
            .ok_or_else(missing("`configurationItemCaptureTime` is missing"))?,
        account_id: item.account_id,
        tags: item.tags.unwrap_or_default().into_iter().collect(),
        configuration: item.configuration,
    })
}

fn date_time(timestamp: Timestamp) -> DateTime {
    // The fraction is negative only before 1970, and no configuration item is that old.
    DateTime::from_secs_and_nanos(timestamp.as_second(), timestamp.subsec_nanosecond().unsigned_abs())
}

/// AWS Config has milliseconds, and sends them as a fraction of a second in floating point, which is some nanoseconds off. Two
/// times of one result are equal only without these.
fn timestamp(date_time: &DateTime) -> Option<Timestamp> {
    let sent = Timestamp::new(date_time.secs(), i32::try_from(date_time.subsec_nanos()).ok()?).ok()?;
    sent.round(Unit::Millisecond).ok()
}
