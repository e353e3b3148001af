//! Remediation exceptions, and evaluations on demand.

use aws_events::config::SECURITY_GROUP_RESOURCE_TYPE;
use aws_sdk_config::types::{ComplianceType, RemediationExceptionResourceKey};
use aws_traits::AwsError;
use aws_traits::config::{Reevaluations, RemediationException, RemediationExceptions, StoredResult};
use jiff::Timestamp;

use super::{Config, date_time, timestamp};
use crate::error::FromSdk;

impl RemediationExceptions for Config {
    async fn put_remediation_exception(
        &self,
        rule_name: &str,
        group_id: &str,
        message: &str,
        expires: Timestamp,
    ) -> Result<Option<String>, AwsError> {
        const OPERATION: &str = "config:PutRemediationExceptions";
        let put = self
            .client
            .put_remediation_exceptions()
            .config_rule_name(rule_name)
            .resource_keys(exception_key(group_id))
            .message(message)
            .expiration_time(date_time(expires))
            .send()
            .await;
        match put {
            Ok(output) => Ok(output
                .failed_batches
                .unwrap_or_default()
                .into_iter()
                .next()
                .map(|batch| batch.failure_message.unwrap_or_else(|| "AWS Config gave no reason".to_owned()))),
            Err(error) => {
                let error = AwsError::from_sdk(OPERATION, group_id, &error);
                match error.code() {
                    Some("InvalidParameterValueException" | "NoSuchRemediationConfigurationException") => {
                        Ok(Some(error.to_string()))
                    }
                    _ => Err(error),
                }
            }
        }
    }

    async fn remediation_exceptions(
        &self,
        rule_name: &str,
        group_id: Option<&str>,
    ) -> Result<Vec<RemediationException>, AwsError> {
        let keys = group_id.map(|group_id| vec![exception_key(group_id)]);
        let mut exceptions = Vec::new();
        let mut next_token = None;
        // Not a paginator, which would add to the zip.
        loop {
            let page = self
                .client
                .describe_remediation_exceptions()
                .config_rule_name(rule_name)
                .set_resource_keys(keys.clone())
                .set_next_token(next_token)
                .send()
                .await
                .map_err(|error| AwsError::from_sdk("config:DescribeRemediationExceptions", rule_name, &error))?;
            exceptions.extend(page.remediation_exceptions.unwrap_or_default().into_iter().map(|exception| {
                RemediationException {
                    group_id: exception.resource_id,
                    message: exception.message,
                    expires: exception.expiration_time.as_ref().and_then(timestamp),
                }
            }));
            next_token = page.next_token.filter(|token| !token.is_empty());
            if next_token.is_none() {
                break;
            }
        }
        Ok(exceptions)
    }

    async fn delete_remediation_exception(&self, rule_name: &str, group_id: &str) -> Result<(), AwsError> {
        const OPERATION: &str = "config:DeleteRemediationExceptions";
        let deleted = self
            .client
            .delete_remediation_exceptions()
            .config_rule_name(rule_name)
            .resource_keys(exception_key(group_id))
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error) => {
                let error = AwsError::from_sdk(OPERATION, group_id, &error);
                if error.code() == Some("NoSuchRemediationExceptionException") { Ok(()) } else { Err(error) }
            }
        }
    }
}

impl Reevaluations for Config {
    async fn stored_result(&self, rule_name: &str, group_id: &str) -> Result<Option<StoredResult>, AwsError> {
        let mut next_token = None;
        loop {
            let page = self
                .client
                .get_compliance_details_by_resource()
                .resource_type(SECURITY_GROUP_RESOURCE_TYPE)
                .resource_id(group_id)
                .set_next_token(next_token)
                .send()
                .await
                .map_err(|error| AwsError::from_sdk("config:GetComplianceDetailsByResource", group_id, &error))?;
            for result in page.evaluation_results.unwrap_or_default() {
                let qualifier = result.evaluation_result_identifier.and_then(|id| id.evaluation_result_qualifier);
                if qualifier.and_then(|qualifier| qualifier.config_rule_name).as_deref() == Some(rule_name) {
                    return Ok(Some(StoredResult {
                        is_non_compliant: result.compliance_type == Some(ComplianceType::NonCompliant),
                        recorded: result.result_recorded_time.as_ref().and_then(timestamp).unwrap_or_default(),
                    }));
                }
            }
            next_token = page.next_token.filter(|token| !token.is_empty());
            if next_token.is_none() {
                return Ok(None);
            }
        }
    }

    async fn start_evaluation(&self, rule_name: &str) -> Result<bool, AwsError> {
        match self.client.start_config_rules_evaluation().config_rule_names(rule_name).send().await {
            Ok(_) => Ok(true),
            Err(error) => {
                let subject = format!("rule {rule_name}");
                let error = AwsError::from_sdk("config:StartConfigRulesEvaluation", &subject, &error);
                match error.code() {
                    Some("LimitExceededException" | "ResourceInUseException") => Ok(false),
                    _ => Err(error),
                }
            }
        }
    }
}

fn exception_key(group_id: &str) -> RemediationExceptionResourceKey {
    RemediationExceptionResourceKey::builder().resource_type(SECURITY_GROUP_RESOURCE_TYPE).resource_id(group_id).build()
}
