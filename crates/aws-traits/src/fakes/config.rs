//! AWS Config in memory.

use aws_events::config::{ConfigurationItem, ItemSummary};
use jiff::Timestamp;

use super::FakeAws;
use crate::config::{
    ConfigRules, ConfigurationHistory, Delivery, EVALUATIONS_PER_CALL, Evaluation, Evaluations, GroupResult,
    Reevaluations, RemediationException, RemediationExceptions, RuleResults, StoredResult,
};
use crate::error::AwsError;

impl Evaluations for FakeAws {
    async fn put_evaluations(
        &self,
        evaluations: &[Evaluation],
        result_token: &str,
        test_mode: bool,
    ) -> Result<Delivery, AwsError> {
        const OPERATION: &str = "config:PutEvaluations";
        self.call(OPERATION, result_token, |account| {
            if evaluations.is_empty() || evaluations.len() > EVALUATIONS_PER_CALL {
                return Err(AwsError::new(OPERATION, "", Some("ValidationException"), "1 to 100 evaluations"));
            }
            account.test_mode = test_mode;
            if account.token_expired {
                let error = AwsError::new(OPERATION, "", Some("InvalidResultTokenException"), "expired");
                return Ok(Delivery::Refused { error });
            }
            let (lost, stored): (Vec<_>, Vec<_>) = evaluations
                .iter()
                .cloned()
                .partition(|evaluation| account.not_stored.contains(&evaluation.resource_id));
            account.evaluations.extend(stored);
            if lost.is_empty() {
                return Ok(Delivery::Stored);
            }
            Ok(Delivery::NotStored {
                resource_ids: lost.into_iter().map(|evaluation| evaluation.resource_id).collect(),
            })
        })
        .await
    }
}

impl RuleResults for FakeAws {
    async fn rule_results(
        &self,
        rule_name: &str,
        next_token: Option<String>,
    ) -> Result<(Vec<GroupResult>, Option<String>), AwsError> {
        self.call("config:GetComplianceDetailsByConfigRule", rule_name, |account| {
            Ok(account.page(&account.reported, next_token.as_deref()))
        })
        .await
    }
}

impl ConfigurationHistory for FakeAws {
    async fn configuration_item(&self, summary: &ItemSummary) -> Result<ConfigurationItem, AwsError> {
        const OPERATION: &str = "config:GetResourceConfigHistory";
        let subject = summary.resource_id.as_str();
        self.call(OPERATION, subject, |account| {
            let item = account.history.get(subject).cloned();
            item.ok_or_else(|| AwsError::new(OPERATION, subject, Some("ResourceNotDiscoveredException"), "unknown"))
        })
        .await
    }
}

impl ConfigRules for FakeAws {
    async fn input_parameters(&self, rule_name: &str) -> Result<Option<String>, AwsError> {
        const OPERATION: &str = "config:DescribeConfigRules";
        self.call(OPERATION, rule_name, |account| {
            let parameters = account.rules.get(rule_name).cloned();
            parameters
                .ok_or_else(|| AwsError::new(OPERATION, rule_name, Some("NoSuchConfigRuleException"), "no such rule"))
        })
        .await
    }
}

impl RemediationExceptions for FakeAws {
    async fn put_remediation_exception(
        &self,
        rule_name: &str,
        group_id: &str,
        message: &str,
        expires: Timestamp,
    ) -> Result<Option<String>, AwsError> {
        self.call("config:PutRemediationExceptions", group_id, |account| {
            if account.exception_refused.is_none() {
                let (group, message) = (group_id.to_owned(), Some(message.to_owned()));
                let exception = RemediationException { group_id: group.clone(), message, expires: Some(expires) };
                account.exceptions.insert((rule_name.to_owned(), group), exception);
            }
            Ok(account.exception_refused.clone())
        })
        .await
    }

    async fn remediation_exceptions(
        &self,
        rule_name: &str,
        group_id: Option<&str>,
    ) -> Result<Vec<RemediationException>, AwsError> {
        self.call("config:DescribeRemediationExceptions", rule_name, |account| {
            let of_rule = account.exceptions.iter().filter(|((rule, _), _)| rule == rule_name);
            let wanted = of_rule.filter(|((_, group), _)| group_id.is_none_or(|wanted| wanted == group));
            Ok(wanted.map(|(_, exception)| exception.clone()).collect())
        })
        .await
    }

    async fn delete_remediation_exception(&self, rule_name: &str, group_id: &str) -> Result<(), AwsError> {
        self.call("config:DeleteRemediationExceptions", group_id, |account| {
            account.exceptions.remove(&(rule_name.to_owned(), group_id.to_owned()));
            Ok(())
        })
        .await
    }
}

impl Reevaluations for FakeAws {
    async fn stored_result(&self, rule_name: &str, group_id: &str) -> Result<Option<StoredResult>, AwsError> {
        self.call("config:GetComplianceDetailsByResource", group_id, |account| {
            Ok(account.results.get(&(rule_name.to_owned(), group_id.to_owned())).copied())
        })
        .await
    }

    async fn start_evaluation(&self, rule_name: &str) -> Result<bool, AwsError> {
        self.call("config:StartConfigRulesEvaluation", rule_name, |account| {
            if !account.is_evaluating {
                account.started.push(rule_name.to_owned());
            }
            Ok(!account.is_evaluating)
        })
        .await
    }
}
