//! `PutEvaluations`: the evaluations that the function of a rule reports.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::State;
use crate::clock;
use crate::cloud::{Cloud, Location};
use crate::settings::Settings;
use crate::wire::{AwsError, Reply, input};

/// The rule and the issue time of a result token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// Id of the rule. A rule that is created later with the same name has another id.
    pub(crate) rule: String,
    /// Time of issue.
    pub(crate) issued: Timestamp,
}

/// The newest evaluation of a resource by a rule.
#[derive(Debug, Clone)]
pub(crate) struct Evaluated {
    /// Type of the resource.
    pub(crate) resource_type: String,
    /// Compliance type. `NOT_APPLICABLE` is stored, too, so that an older evaluation cannot replace it.
    pub(crate) compliance: String,
    /// Annotation.
    pub(crate) annotation: Option<String>,
    /// `OrderingTimestamp`.
    pub(crate) ordering: Timestamp,
    /// Time at which it was stored.
    pub(crate) recorded: Timestamp,
    /// Time at which the rule was invoked.
    pub(crate) invoked: Timestamp,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    #[serde(default)]
    evaluations: Vec<Value>,
    result_token: String,
    test_mode: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Evaluation {
    compliance_resource_type: String,
    compliance_resource_id: String,
    compliance_type: String,
    annotation: Option<String>,
    ordering_timestamp: Value,
}

/// A change of compliance, to be sent to `EventBridge`.
type Change = Value;

/// `PutEvaluations`.
pub(crate) fn put(cloud: &Arc<Cloud>, data: Value) -> Reply {
    let request: Request = input(data)?;
    let settings = cloud.settings();
    let (failed, changes, left) = cloud.config().put_evaluations(&request, &settings, &cloud.location, clock::now())?;
    if left != settings.fail_next_evaluations {
        cloud.set_settings(Settings { fail_next_evaluations: left, ..settings });
    }
    for change in changes {
        let cloud = Arc::clone(cloud);
        tokio::spawn(async move {
            let _busy = cloud.begin();
            let sent = cloud.bridge.event("aws.config", "Config Rules Compliance Change", change, Vec::new()).await;
            if let Err(error) = sent {
                tracing::warn!("the compliance change was not sent to EventBridge: {error}");
            }
        });
    }
    Ok(json!({"FailedEvaluations": failed}))
}

impl State {
    /// Stores evaluations. Returns those that failed, the changes of compliance, and the remaining number of
    /// evaluations that are to fail.
    fn put_evaluations(
        &mut self,
        request: &Request,
        settings: &Settings,
        location: &Location,
        now: Timestamp,
    ) -> Result<(Vec<Value>, Vec<Change>, usize), AwsError> {
        let mut to_fail = settings.fail_next_evaluations;
        let mut evaluations = Vec::new();
        for raw in &request.evaluations {
            let evaluation: Evaluation = input(raw.clone())?;
            if evaluation.compliance_type == "INSUFFICIENT_DATA" {
                return Err(AwsError::invalid(
                    "INSUFFICIENT_DATA is not a compliance type that PutEvaluations accepts.",
                ));
            }
            let ordering = clock::parse(&evaluation.ordering_timestamp)
                .ok_or_else(|| AwsError::validation("The OrderingTimestamp is not a time."))?;
            evaluations.push((raw, evaluation, ordering));
        }
        if request.test_mode == Some(true) {
            return Ok((Vec::new(), Vec::new(), to_fail));
        }
        let (rule_name, issued) = self.token_s_rule(&request.result_token, settings, now)?;
        let (mut failed, mut changes) = (Vec::new(), Vec::new());
        for (raw, evaluation, ordering) in evaluations {
            if to_fail > 0 {
                to_fail = to_fail.saturating_sub(1);
                failed.push(raw.clone());
            } else if let Some(change) = self.store(&rule_name, evaluation, ordering, issued, settings, location, now) {
                changes.push(change);
            }
        }
        if let Some(rule) = self.rules.get_mut(&rule_name) {
            rule.status.evaluated = Some(now);
        }
        Ok((failed, changes, to_fail))
    }

    fn token_s_rule(&self, token: &str, settings: &Settings, now: Timestamp) -> Result<(String, Timestamp), AwsError> {
        let invalid = || AwsError::new("InvalidResultTokenException", "The specified ResultToken is not valid.");
        let token = self.tokens.get(token).ok_or_else(invalid)?;
        if clock::after(token.issued, settings.result_token_lifetime_seconds) < now {
            return Err(invalid());
        }
        let rule = self.rules.values().find(|rule| rule.id == token.rule).ok_or_else(|| {
            AwsError::new("NoSuchConfigRuleException", "The ConfigRule of the result token no longer exists.")
        })?;
        Ok((rule.name.clone(), token.issued))
    }

    #[expect(clippy::too_many_arguments, reason = "the facts of one result, each from another source")]
    fn store(
        &mut self,
        rule: &str,
        evaluation: Evaluation,
        ordering: Timestamp,
        invoked: Timestamp,
        settings: &Settings,
        location: &Location,
        now: Timestamp,
    ) -> Option<Change> {
        let key = (rule.to_owned(), evaluation.compliance_resource_id.clone());
        let old = self.results.get(&key);
        if old.is_some_and(|old| ordering < old.ordering) && !settings.older_evaluation_replaces_newer {
            return None;
        }
        let new = Evaluated {
            resource_type: evaluation.compliance_resource_type,
            compliance: evaluation.compliance_type,
            annotation: evaluation.annotation,
            ordering,
            recorded: now,
            invoked,
        };
        let before = old.map(|old| old.compliance.as_str()).filter(|compliance| *compliance != "NOT_APPLICABLE");
        let after = Some(new.compliance.as_str()).filter(|compliance| *compliance != "NOT_APPLICABLE");
        let change =
            (before != after).then(|| self.compliance_change(&key, old.filter(|_| before.is_some()), &new, location));
        self.results.insert(key, new);
        change
    }

    /// Returns `detail` of the event "Config Rules Compliance Change".
    fn compliance_change(
        &self,
        (rule, resource): &(String, String),
        old: Option<&Evaluated>,
        new: &Evaluated,
        location: &Location,
    ) -> Change {
        let result = |evaluated: &Evaluated| {
            let mut result = json!({
                "evaluationResultIdentifier": {
                    "evaluationResultQualifier": {"configRuleName": rule, "resourceType": evaluated.resource_type,
                                                  "resourceId": resource, "evaluationMode": "DETECTIVE"},
                    "orderingTimestamp": clock::iso(evaluated.ordering)},
                "complianceType": evaluated.compliance,
                "resultRecordedTime": clock::iso(evaluated.recorded),
                "configRuleInvokedTime": clock::iso(evaluated.invoked),
            });
            if let (Some(annotation), Some(result)) = (&evaluated.annotation, result.as_object_mut()) {
                result.insert("annotation".to_owned(), json!(annotation));
            }
            result
        };
        let mut detail = json!({
            "resourceId": resource, "awsRegion": location.region, "awsAccountId": location.account, "configRuleName": rule,
            "recordVersion": "1.0", "configRuleARN": self.rules.get(rule).map(|rule| rule.arn.clone()),
            "messageType": "ComplianceChangeNotification", "newEvaluationResult": result(new),
            "notificationCreationTime": clock::iso(clock::now()), "resourceType": new.resource_type,
        });
        if let (Some(old), Some(detail)) = (old, detail.as_object_mut()) {
            detail.insert("oldEvaluationResult".to_owned(), result(old));
        }
        detail
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::recorder_api::default_recorder;
    use crate::config::rule::Rule;

    fn location() -> Location {
        Location { account: "123456789012".to_owned(), region: "us-east-1".to_owned() }
    }

    fn state() -> State {
        let definition = serde_json::from_value(json!({"Source": {"Owner": "CUSTOM_LAMBDA"}})).unwrap();
        let rule = Rule::new("r", definition, &location(), clock::now());
        let mut state = State::with_recorder(default_recorder(&location()));
        state.tokens.insert("token".to_owned(), Token { rule: rule.id.clone(), issued: clock::from_millis(0) });
        state.rules.insert("r".to_owned(), rule);
        state
    }

    fn request(compliance: &str, seconds: f64) -> Request {
        let evaluation = json!({"ComplianceResourceType": "AWS::EC2::SecurityGroup", "ComplianceResourceId": "sg-1",
                                "ComplianceType": compliance, "OrderingTimestamp": seconds, "Annotation": "why"});
        Request { evaluations: vec![evaluation], result_token: "token".to_owned(), test_mode: None }
    }

    fn put(state: &mut State, request: &Request, settings: &Settings) -> Result<(usize, usize), String> {
        let result = state.put_evaluations(request, settings, &location(), clock::from_millis(5000));
        result.map(|(failed, changes, _)| (failed.len(), changes.len())).map_err(|error| error.code)
    }

    #[test]
    fn an_older_evaluation_replaces_a_newer_one_only_if_set() {
        let mut state = state();
        let settings = Settings::default();
        assert_eq!(put(&mut state, &request("NON_COMPLIANT", 2.0), &settings), Ok((0, 1)));
        assert_eq!(put(&mut state, &request("COMPLIANT", 1.0), &settings), Ok((0, 0)));
        let key = ("r".to_owned(), "sg-1".to_owned());
        assert_eq!(state.results[&key].compliance, "NON_COMPLIANT");
        let switched = Settings { older_evaluation_replaces_newer: true, ..settings };
        assert_eq!(put(&mut state, &request("COMPLIANT", 1.0), &switched), Ok((0, 1)));
        assert_eq!(state.results[&key].compliance, "COMPLIANT");
    }

    #[test]
    fn the_same_compliance_again_is_no_change() {
        let mut state = state();
        assert_eq!(put(&mut state, &request("COMPLIANT", 1.0), &Settings::default()), Ok((0, 1)));
        assert_eq!(put(&mut state, &request("COMPLIANT", 1.0), &Settings::default()), Ok((0, 0)));
    }

    #[test]
    fn tokens_expire_and_end_with_their_rule() {
        let mut state = state();
        let short = Settings { result_token_lifetime_seconds: 1.0, ..Settings::default() };
        let invalid = Err("InvalidResultTokenException".to_owned());
        assert_eq!(put(&mut state, &request("COMPLIANT", 1.0), &short), invalid);
        let unknown = Request { result_token: "other".to_owned(), ..request("COMPLIANT", 1.0) };
        assert_eq!(put(&mut state, &unknown, &Settings::default()), invalid);
        state.rules.clear();
        let gone = put(&mut state, &request("COMPLIANT", 1.0), &Settings::default());
        assert_eq!(gone, Err("NoSuchConfigRuleException".to_owned()));
    }

    #[test]
    fn test_mode_stores_nothing_and_needs_no_token() {
        let mut state = state();
        let test =
            Request { result_token: "TESTMODE".to_owned(), test_mode: Some(true), ..request("NON_COMPLIANT", 1.0) };
        assert_eq!(put(&mut state, &test, &Settings::default()), Ok((0, 0)));
        assert!(state.results.is_empty());
    }

    #[test]
    fn insufficient_data_is_rejected() {
        let refused = put(&mut state(), &request("INSUFFICIENT_DATA", 1.0), &Settings::default());
        assert_eq!(refused, Err("InvalidParameterValueException".to_owned()));
    }

    #[test]
    fn failed_evaluations_are_returned_and_not_stored() {
        let mut state = state();
        let failing = Settings { fail_next_evaluations: 1, ..Settings::default() };
        assert_eq!(put(&mut state, &request("NON_COMPLIANT", 1.0), &failing), Ok((1, 0)));
        assert!(state.results.is_empty());
    }
}
