//! Operations on remediation configurations and their executions.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::remediation::{Progress, RemediationConfiguration, Run};
use super::{limit, remediation_run, text, texts};
use crate::clock;
use crate::cloud::Cloud;
use crate::paging::page;
use crate::wire::{AwsError, Caller, Reply, input};

fn no_configuration(rule: &str) -> AwsError {
    AwsError::new(
        "NoSuchRemediationConfigurationException",
        format!("No RemediationConfiguration for rule {rule} exists."),
    )
}

fn check(configuration: &RemediationConfiguration) -> Result<(), AwsError> {
    if configuration.parameters.len() > 25 {
        return Err(AwsError::invalid("A remediation configuration has at most 25 parameters."));
    }
    for (name, parameter) in &configuration.parameters {
        match (&parameter.resource_value, &parameter.static_value) {
            (Some(_), None) => {}
            (None, Some(value)) if !value.values.is_empty() => {}
            _ => {
                return Err(AwsError::invalid(format!(
                    "The parameter {name} needs exactly one of ResourceValue and StaticValue, with a value."
                )));
            }
        }
    }
    let role = configuration
        .parameters
        .get("AutomationAssumeRole")
        .and_then(|parameter| parameter.static_value.as_ref()?.values.first().filter(|role| !role.is_empty()));
    if configuration.automatic && role.is_none() {
        return Err(AwsError::invalid(
            "The AutomationAssumeRole parameter is required for automatic remediation, with the ARN of a role.",
        ));
    }
    Ok(())
}

/// Returns an error if the caller may not pass the role of the configuration to SSM.
async fn check_pass_role(
    cloud: &Cloud,
    configuration: &RemediationConfiguration,
    caller: &Caller,
) -> Result<(), AwsError> {
    let roles = configuration.parameters.values().filter_map(|parameter| parameter.static_value.as_ref());
    for role in roles.flat_map(|value| &value.values).filter(|value| value.contains(":role/")) {
        let refused = cloud.bridge.may_pass_role(&caller.access_key, role).await;
        if let Some(reason) = refused.map_err(|error| AwsError::internal(error.to_string()))? {
            return Err(AwsError::new("InsufficientPermissionsException", reason));
        }
    }
    Ok(())
}

/// `PutRemediationConfigurations`.
pub(crate) async fn put(cloud: &Arc<Cloud>, data: Value, caller: &Caller) -> Reply {
    let configurations: Vec<RemediationConfiguration> =
        input(data.get("RemediationConfigurations").cloned().unwrap_or_else(|| json!([])))?;
    for configuration in &configurations {
        if !cloud.config().rules.contains_key(&configuration.config_rule_name) {
            return Err(super::rule_api::no_such_rule(&configuration.config_rule_name));
        }
        check(configuration)?;
        check_pass_role(cloud, configuration, caller).await?;
    }
    let mut state = cloud.config();
    for mut configuration in configurations {
        let rule = configuration.config_rule_name.clone();
        let id = uuid::Uuid::new_v4();
        let kept = state.remediation.configuration(&rule).and_then(|old| old.arn.clone());
        configuration.arn = Some(
            kept.unwrap_or_else(|| cloud.location.arn("config", &format!("remediation-configuration/{rule}/{id}"))),
        );
        if configuration.automatic {
            configuration.maximum_automatic_attempts.get_or_insert(5);
            configuration.retry_attempt_seconds.get_or_insert(60);
        }
        state.remediation.configurations.insert(rule, configuration);
    }
    Ok(json!({"FailedBatches": []}))
}

/// `DescribeRemediationConfigurations`, which omits rules without a configuration.
pub(crate) fn describe(cloud: &Cloud, data: &Value) -> Value {
    let state = cloud.config();
    let configurations: Vec<Value> = texts(data, "ConfigRuleNames")
        .iter()
        .filter_map(|rule| serde_json::to_value(state.remediation.configuration(rule)?).ok())
        .collect();
    json!({"RemediationConfigurations": configurations})
}

/// `DeleteRemediationConfiguration`.
pub(crate) fn delete(cloud: &Cloud, data: &Value) -> Reply {
    let rule = text(data, "ConfigRuleName").unwrap_or_default();
    let mut state = cloud.config();
    if state.remediation.configuration(rule).is_none() {
        return Err(no_configuration(rule));
    }
    if state.remediation.running(rule) {
        return Err(AwsError::new(
            "RemediationInProgressException",
            format!(
                "The remediation action of the rule {rule} is currently executing. Wait until it is over, then \
                     delete it."
            ),
        ));
    }
    state.remediation.configurations.remove(rule);
    state.remediation.forget_rule(rule);
    Ok(json!({}))
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceKey {
    resource_type: String,
    resource_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StartRequest {
    config_rule_name: String,
    resource_keys: Vec<ResourceKey>,
}

/// `StartRemediationExecution`, which the *Remediate* button calls.
pub(crate) async fn start(cloud: &Arc<Cloud>, data: Value, caller: &Caller) -> Reply {
    let request: StartRequest = input(data)?;
    let rule = request.config_rule_name;
    let configuration = cloud.config().remediation.configuration(&rule).cloned();
    let configuration = configuration.ok_or_else(|| no_configuration(&rule))?;
    check_pass_role(cloud, &configuration, caller).await?;
    let now = clock::now();
    let (mut failed, mut reasons, mut started) = (Vec::new(), Vec::new(), Vec::new());
    {
        let mut state = cloud.config();
        for resource in request.resource_keys {
            let key = (rule.clone(), resource.resource_id.clone());
            let compliance = state.results.get(&key).map(|result| result.compliance.as_str());
            let reason = match compliance {
                Some("NON_COMPLIANT") => None,
                Some("COMPLIANT") => Some("is already compliant"),
                _ => Some("has no evaluation result"),
            };
            let busy = state.remediation.runs.get(&key).is_some_and(|run| run.progress.active());
            if let Some(reason) = reason.or(busy.then_some("is being remediated already")) {
                reasons.push(format!("{} {reason}", resource.resource_id));
                failed.push(json!({"resourceType": resource.resource_type, "resourceId": resource.resource_id}));
                continue;
            }
            let run = Run {
                resource_type: resource.resource_type,
                automatic: false,
                progress: Progress::Running,
                execution: None,
                error: None,
                invoked: now,
                updated: now,
            };
            state.remediation.runs.insert(key.clone(), run);
            started.push(key);
        }
    }
    remediation_run::launch(cloud, started);
    if failed.is_empty() {
        return Ok(json!({}));
    }
    Ok(json!({"FailureMessage": format!("Not remediated: {}.", reasons.join(", ")), "FailedItems": failed}))
}

/// `DescribeRemediationExecutionStatus`.
pub(crate) fn status(cloud: &Cloud, data: &Value) -> Reply {
    let rule = text(data, "ConfigRuleName").unwrap_or_default();
    let keys = data.get("ResourceKeys").and_then(Value::as_array);
    let state = cloud.config();
    if state.remediation.configuration(rule).is_none() {
        return Err(no_configuration(rule));
    }
    let runs: Vec<(String, Run)> = state
        .remediation
        .runs
        .iter()
        .filter(|((name, _), _)| name == rule)
        .filter(|((_, id), _)| keys.is_none_or(|keys| keys.iter().any(|key| text(key, "resourceId") == Some(id))))
        .map(|((_, id), run)| (id.clone(), run.clone()))
        .collect();
    drop(state);
    let statuses: Vec<Value> = runs
        .into_iter()
        .map(|(id, run)| {
            json!({
                "ResourceKey": {"resourceType": run.resource_type, "resourceId": id},
                "State": run.progress.name(),
                "StepDetails": remediation_run::step_details(cloud, &run),
                "InvocationTime": clock::epoch(run.invoked),
                "LastUpdatedTime": clock::epoch(run.updated),
            })
        })
        .collect();
    let (statuses, token) = page(statuses, text(data, "NextToken"), limit(data, "Limit", 100))?;
    Ok(json!({"RemediationExecutionStatuses": statuses, "NextToken": token}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(parameters: &Value, automatic: bool) -> RemediationConfiguration {
        serde_json::from_value(json!({"ConfigRuleName": "r", "TargetType": "SSM_DOCUMENT", "TargetId": "d",
                                      "Automatic": automatic, "Parameters": parameters}))
        .unwrap()
    }

    #[test]
    fn a_parameter_has_exactly_one_value() {
        let resource = json!({"Value": "RESOURCE_ID"});
        let fixed = json!({"Values": ["x"]});
        for (parameter, good) in [
            (json!({"ResourceValue": resource}), true),
            (json!({"StaticValue": fixed}), true),
            (json!({"StaticValue": {"Values": []}}), false),
            (json!({"ResourceValue": resource, "StaticValue": fixed}), false),
            (json!({}), false),
        ] {
            let checked = check(&configuration(&json!({"P": parameter}), false));
            assert_eq!(checked.is_ok(), good, "{parameter}");
        }
    }

    #[test]
    fn automatic_needs_the_role_under_its_one_name() {
        let role = json!({"StaticValue": {"Values": ["arn:aws:iam::123456789012:role/r"]}});
        assert!(check(&configuration(&json!({"AutomationAssumeRole": role}), true)).is_ok());
        assert!(check(&configuration(&json!({"AssumeRole": role}), true)).is_err());
        assert!(check(&configuration(&json!({"AssumeRole": role}), false)).is_ok());
    }
}
