//! Operations on rules.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::delivery;
use super::rule::{Rule, RuleDefinition, RuleStatus, check};
use super::{State, limit, recorder_api, text, texts};
use crate::clock;
use crate::cloud::{Cloud, Location};
use crate::paging::page;
use crate::wire::{AwsError, Reply, input};

const MOST_RULES: usize = 1000;

impl Rule {
    /// Creates a rule.
    pub(crate) fn new(name: &str, definition: RuleDefinition, location: &Location, now: Timestamp) -> Self {
        let id: String = uuid::Uuid::new_v4().simple().to_string().chars().take(6).collect();
        let id = format!("config-rule-{id}");
        Self {
            definition,
            name: name.to_owned(),
            arn: location.arn("config", &format!("config-rule/{id}")),
            id,
            in_scope: std::collections::BTreeSet::new(),
            evaluating: std::collections::BTreeSet::new(),
            evaluation_started: None,
            next_schedule: None,
            status: RuleStatus { activated: Some(now), ..RuleStatus::default() },
        }
    }

    fn described(&self) -> Value {
        let definition = RuleDefinition {
            config_rule_name: Some(self.name.clone()),
            config_rule_arn: Some(self.arn.clone()),
            config_rule_id: Some(self.id.clone()),
            ..self.definition.clone()
        };
        let mut described = serde_json::to_value(definition).unwrap_or_default();
        if let Some(described) = described.as_object_mut() {
            let state = if self.evaluating.is_empty() { "ACTIVE" } else { "EVALUATING" };
            described.insert("ConfigRuleState".to_owned(), json!(state));
            described.entry("EvaluationModes").or_insert_with(|| json!([{"Mode": "DETECTIVE"}]));
        }
        described
    }
}

/// Returns the error for a rule that does not exist.
pub(crate) fn no_such_rule(name: &str) -> AwsError {
    AwsError::new(
        "NoSuchConfigRuleException",
        format!("The ConfigRule '{name}' provided in the request is invalid. Please check the configRule name"),
    )
}

/// Returns the rules that a request names, or all rules.
pub(crate) fn named<'a>(state: &'a State, data: &Value) -> Result<Vec<&'a Rule>, AwsError> {
    let names = texts(data, "ConfigRuleNames");
    if names.is_empty() {
        return Ok(state.rules.values().collect());
    }
    names.iter().map(|name| state.rules.get(name).ok_or_else(|| no_such_rule(name))).collect()
}

/// `PutConfigRule`.
pub(crate) async fn put(cloud: &Arc<Cloud>, data: Value) -> Reply {
    let definition: RuleDefinition = input(data.get("ConfigRule").cloned().unwrap_or_default())?;
    let (name, arn) = {
        let state = cloud.config();
        recorder_api::available(&state)?;
        let existing = state.rules.values().find(|rule| {
            definition.config_rule_name.as_ref() == Some(&rule.name)
                || definition.config_rule_id.as_ref() == Some(&rule.id)
                || definition.config_rule_arn.as_ref() == Some(&rule.arn)
        });
        match (existing, &definition.config_rule_name) {
            (Some(rule), _) => (rule.name.clone(), rule.arn.clone()),
            (None, Some(name)) if state.rules.len() < MOST_RULES => {
                (name.clone(), cloud.location.arn("config", "config-rule/config-rule-new"))
            }
            (None, Some(_)) => {
                return Err(AwsError::new(
                    "MaxNumberOfConfigRulesExceededException",
                    format!("Failed to add the rule because the account already contains {MOST_RULES} rules."),
                ));
            }
            (None, None) => return Err(AwsError::invalid("ConfigRuleName is needed to create a rule.")),
        }
    };
    check(&definition)?;
    let function = &definition.source.identifier;
    let refused =
        cloud.bridge.invocable(function, &arn).await.map_err(|error| AwsError::internal(error.to_string()))?;
    if let Some(reason) = refused {
        return Err(AwsError::new(
            "InsufficientPermissionsException",
            format!(
                "The AWS Lambda function {function} cannot be invoked. Check the specified function ARN, and check \
                     the function's permissions. ({reason})"
            ),
        ));
    }
    let settings = cloud.settings();
    let mut state = cloud.config();
    let now = clock::now();
    let mut rule =
        state.rules.remove(&name).unwrap_or_else(|| Rule::new(&name, definition.clone(), &cloud.location, now));
    rule.definition = definition;
    rule.next_schedule = rule.hours().map(|hours| clock::after(now, hours * settings.schedule_hour_seconds));
    state.rules.insert(name.clone(), rule);
    for delivery in &delivery::of_rule(&mut state, &name) {
        state.enqueue(delivery, &cloud.location, &settings);
    }
    drop(state);
    delivery::pump(cloud);
    Ok(json!({}))
}

/// `DescribeConfigRules`.
pub(crate) fn describe(cloud: &Cloud, data: &Value) -> Reply {
    let state = cloud.config();
    let rules: Vec<Value> = named(&state, data)?.into_iter().map(Rule::described).collect();
    let (rules, token) = page(rules, text(data, "NextToken"), 25)?;
    Ok(json!({"ConfigRules": rules, "NextToken": token}))
}

/// `DeleteConfigRule`.
pub(crate) fn delete(cloud: &Cloud, data: &Value) -> Reply {
    let name = text(data, "ConfigRuleName").unwrap_or_default();
    let mut state = cloud.config();
    if !state.rules.contains_key(name) {
        return Err(no_such_rule(name));
    }
    if state.remediation.configuration(name).is_some() {
        return Err(AwsError::new(
            "ResourceInUseException",
            format!(
                "A remediation action is associated with the rule {name} and AWS Config cannot delete this rule. \
                     Delete the remediation action associated with the rule before deleting the rule and try your \
                     request again later."
            ),
        ));
    }
    state.rules.remove(name);
    state.results.retain(|(rule, _), _| rule != name);
    state.remediation.forget_rule(name);
    Ok(json!({}))
}

/// `StartConfigRulesEvaluation`, which evaluates the newest configuration items again.
pub(crate) fn start_evaluation(cloud: &Arc<Cloud>, data: &Value) -> Reply {
    let settings = cloud.settings();
    let now = clock::now();
    let names = texts(data, "ConfigRuleNames");
    if names.is_empty() {
        return Err(AwsError::invalid("ConfigRuleNames must name at least one rule."));
    }
    let mut state = cloud.config();
    for rule in named(&state, data)? {
        if !rule.evaluating.is_empty() {
            return Err(AwsError::new(
                "ResourceInUseException",
                format!("The rule {} is currently being evaluated. Try again when that is over.", rule.name),
            ));
        }
        let again = rule.evaluation_started.map(|at| clock::after(at, settings.start_evaluation_interval_seconds));
        if again.is_some_and(|again| now < again) {
            return Err(AwsError::new(
                "LimitExceededException",
                format!("You have exceeded the limit of evaluations of the rule {}: one per minute.", rule.name),
            ));
        }
    }
    for name in &names {
        let deliveries = delivery::of_rule(&mut state, name);
        let numbers: Vec<u64> =
            deliveries.iter().filter_map(|one| state.enqueue(one, &cloud.location, &settings)).collect();
        if let Some(rule) = state.rules.get_mut(name) {
            rule.evaluating.extend(numbers);
            rule.evaluation_started = Some(now);
        }
    }
    drop(state);
    delivery::pump(cloud);
    Ok(json!({}))
}

/// `DescribeConfigRuleEvaluationStatus`.
pub(crate) fn evaluation_status(cloud: &Cloud, data: &Value) -> Reply {
    let state = cloud.config();
    let status: Vec<Value> = named(&state, data)?
        .into_iter()
        .map(|rule| {
            let mut status = json!({
                "ConfigRuleName": rule.name,
                "ConfigRuleArn": rule.arn,
                "ConfigRuleId": rule.id,
                "FirstActivatedTime": clock::epoch_or_null(rule.status.activated),
                "LastSuccessfulInvocationTime": clock::epoch_or_null(rule.status.invoked),
                "LastFailedInvocationTime": clock::epoch_or_null(rule.status.failed),
                "LastSuccessfulEvaluationTime": clock::epoch_or_null(rule.status.evaluated),
                "FirstEvaluationStarted": rule.status.invoked.is_some() || rule.status.evaluated.is_some(),
            });
            if let (Some((code, message)), Some(status)) = (&rule.status.error, status.as_object_mut()) {
                status.insert("LastErrorCode".to_owned(), json!(code));
                status.insert("LastErrorMessage".to_owned(), json!(message));
            }
            status
        })
        .collect();
    let (status, token) = page(status, text(data, "NextToken"), limit(data, "Limit", 50))?;
    Ok(json!({"ConfigRulesEvaluationStatus": status, "NextToken": token}))
}
