//! The rules of a region that a Lambda function evaluates.

use aws_sdk_config::types::{ConfigRuleState, Owner};
use aws_traits::AwsError;

use crate::config::Config;
use crate::error::FromSdk;

/// AWS Config rule that a Lambda function evaluates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionRule {
    /// Name of the rule.
    pub name: String,
    /// `InputParameters`, as JSON.
    pub input_parameters: Option<String>,
}

impl Config {
    /// `DescribeConfigRules`: the rules of the region that a Lambda function evaluates, sorted by name, without those that are
    /// being deleted.
    ///
    /// # Errors
    ///
    /// When a call failed.
    pub async fn function_rules(&self) -> Result<Vec<FunctionRule>, AwsError> {
        let mut pages = self.client.describe_config_rules().into_paginator().send();
        let mut rules = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::from_sdk("config:DescribeConfigRules", "the region", &error))?;
            for rule in page.config_rules.unwrap_or_default() {
                let is_of_function = rule.source.is_some_and(|source| source.owner == Owner::CustomLambda);
                let is_leaving = matches!(
                    rule.config_rule_state,
                    Some(ConfigRuleState::Deleting | ConfigRuleState::DeletingResults)
                );
                if let Some(name) = rule.config_rule_name
                    && is_of_function
                    && !is_leaving
                {
                    rules.push(FunctionRule { name, input_parameters: rule.input_parameters });
                }
            }
        }
        rules.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(rules)
    }
}
