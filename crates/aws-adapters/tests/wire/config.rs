//! AWS Config.

use aws_adapters::Config;
use aws_events::config::ItemSummary;
use aws_traits::AwsError;
use aws_traits::config::{
    Annotation, Compliance, ConfigRules, ConfigurationHistory, Delivery, Evaluation, Evaluations, GroupResult,
    RemediationExceptions, ResultType, RuleResults,
};
use rstest::rstest;

use crate::canned::Canned;

fn evaluation() -> Evaluation {
    Evaluation {
        resource_type: "AWS::EC2::SecurityGroup".into(),
        resource_id: "sg-0aaaaaaaaaaaaaaaa".into(),
        compliance: Compliance::NonCompliant,
        annotation: Annotation::new("tcp/22 open to 0.0.0.0/0 and ::/0"),
        ordering_timestamp: "2026-03-01T10:15:30.123Z".parse().unwrap(),
    }
}

#[tokio::test]
async fn put_evaluations_sends_the_documented_request() {
    let aws = Canned::serve([(200, r#"{"FailedEvaluations":[]}"#)]).await;
    let delivery = Config::new(&aws.sdk).put_evaluations(&[evaluation()], "sample-result-token", false).await.unwrap();
    assert_eq!(delivery, Delivery::Stored);
    let requests = aws.requests();
    let (target, body) = requests[0].split_once(' ').unwrap();
    assert_eq!(target, "StarlingDoveService.PutEvaluations");
    let sample = include_str!("../../../aws-events/tests/samples/put-evaluations-request.json");
    let (sent, expected): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(body).unwrap(), serde_json::from_str(sample).unwrap());
    assert_eq!(sent, expected);
}

/// AWS Config answers HTTP 200 although it did not store the evaluation.
#[tokio::test]
async fn failed_evaluations_are_inspected() {
    let reply = r#"{"FailedEvaluations":[{"ComplianceResourceType":"AWS::EC2::SecurityGroup","ComplianceResourceId":"sg-0aaaaaaaaaaaaaaaa","ComplianceType":"NON_COMPLIANT","OrderingTimestamp":1772360130.123}]}"#;
    let aws = Canned::serve([(200, reply)]).await;
    let delivery = Config::new(&aws.sdk).put_evaluations(&[evaluation()], "token", true).await.unwrap();
    assert_eq!(delivery, Delivery::NotStored { resource_ids: vec!["sg-0aaaaaaaaaaaaaaaa".into()] });
    assert!(aws.requests()[0].contains(r#""TestMode":true"#));
}

/// An invalid result token is final; throttling is not.
#[rstest]
#[case("InvalidResultTokenException", true)]
#[case("NoSuchConfigRuleException", true)]
#[case("ThrottlingException", false)]
#[case("InvalidParameterValueException", false)]
#[tokio::test]
async fn refusals_differ_from_failures(#[case] code: &str, #[case] is_final: bool) {
    let aws = Canned::serve([(400, &format!(r#"{{"__type":"{code}","message":"no"}}"#))]).await;
    let result = Config::new(&aws.sdk).put_evaluations(&[evaluation()], "secret-token", false).await;
    let error = match result {
        Ok(Delivery::Refused { error }) if is_final => error,
        Err(error) if !is_final => error,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(error.to_string(), format!("config:PutEvaluations on sg-0aaaaaaaaaaaaaaaa failed: {code}: no"));
    assert!(!format!("{error:?}").contains("secret-token"));
}

fn summary() -> ItemSummary {
    ItemSummary {
        resource_type: "AWS::EC2::SecurityGroup".into(),
        resource_id: "sg-0aaaaaaaaaaaaaaaa".into(),
        configuration_item_status: "OK".into(),
        configuration_item_capture_time: "2026-03-01T10:15:30.123Z".parse().unwrap(),
    }
}

/// A call spans seven days, so an empty page with a token is normal.
#[tokio::test]
async fn the_history_is_read_up_to_the_notification_and_through_empty_pages() {
    let sample = include_str!("../../../aws-events/tests/samples/get-resource-config-history-response.json");
    let aws = Canned::serve([(200, r#"{"configurationItems":[],"nextToken":"more"}"#), (200, sample)]).await;
    let item = Config::new(&aws.sdk).configuration_item(&summary()).await.unwrap();
    let group = item.security_group().unwrap();
    assert_eq!(group.ingress.len(), 7);
    assert_eq!(group.owner_id.as_deref(), Some("111122223333"));
    assert_eq!(item.tags.get("Name").map(String::as_str), Some("web"));
    assert_eq!(item.status, "OK");
    let requests = aws.requests();
    assert!(requests[0].starts_with("StarlingDoveService.GetResourceConfigHistory"), "{requests:?}");
    assert!(requests[0].contains(r#""laterTime":1772360130.123"#), "{requests:?}");
    assert!(requests[1].contains(r#""nextToken":"more""#), "{requests:?}");
}

#[tokio::test]
async fn an_empty_history_is_an_error() {
    let aws = Canned::serve([(200, r#"{"configurationItems":[]}"#)]).await;
    let error = Config::new(&aws.sdk).configuration_item(&summary()).await.unwrap_err();
    assert!(error.to_string().ends_with("no configuration item is recorded yet"), "{error}");
}

fn page_of(results: &[String]) -> String {
    format!(r#"{{"EvaluationResults":[{}],"NextToken":"2"}}"#, results.join(","))
}

fn found(id: &str, kind: &str, compliance: &str) -> String {
    format!(
        r#"{{"EvaluationResultIdentifier":{{"EvaluationResultQualifier":{{"ConfigRuleName":"r","ResourceType":"{kind}","ResourceId":"{id}"}},"OrderingTimestamp":1772360130.123}},"ComplianceType":"{compliance}","ResultRecordedTime":1772360164.9}}"#
    )
}

#[tokio::test]
async fn results_of_a_rule_are_those_of_security_groups_with_their_times() {
    let page = page_of(&[
        found("sg-1", "AWS::EC2::SecurityGroup", "NON_COMPLIANT"),
        found("sg-2", "AWS::EC2::SecurityGroup", "NOT_APPLICABLE"),
        found("sg-3", "AWS::EC2::SecurityGroup", "NOVELTY"),
        found("i-1", "AWS::EC2::Instance", "COMPLIANT"),
        found("sg-4", "AWS::EC2::SecurityGroup", "COMPLIANT"),
    ]);
    let aws = Canned::serve([(200, &page)]).await;
    let (results, next) = Config::new(&aws.sdk).rule_results("r", Some("1".into())).await.unwrap();
    let result = |(id, compliance): (&str, ResultType)| GroupResult {
        group_id: id.to_owned(),
        compliance,
        ordering: "2026-03-01T10:15:30.123Z".parse().unwrap(),
        recorded: "2026-03-01T10:16:04.9Z".parse().unwrap(),
    };
    let expected = [
        ("sg-1", ResultType::NonCompliant),
        ("sg-2", ResultType::NotApplicable),
        ("sg-3", ResultType::Unknown),
        ("sg-4", ResultType::Compliant),
    ];
    assert_eq!((results, next.as_deref()), (expected.map(result).to_vec(), Some("2")));
    let request = &aws.requests()[0];
    assert!(request.contains(r#""NextToken":"1""#) && request.contains(r#""Limit":100"#), "{request}");
}

/// Without its times, a result could pass for a newer one.
#[tokio::test]
async fn a_result_without_times_is_an_error() {
    let page = page_of(&[found("sg-1", "AWS::EC2::SecurityGroup", "COMPLIANT").replace("ResultRecordedTime", "Other")]);
    let aws = Canned::serve([(200, &page)]).await;
    let error = Config::new(&aws.sdk).rule_results("r", None).await.unwrap_err().to_string();
    assert!(error.contains("`ResultRecordedTime` is missing"), "{error}");
}

#[tokio::test]
async fn input_parameters_come_from_the_rule() {
    let rule = r#"{"ConfigRules":[{"ConfigRuleName":"r","InputParameters":"{\"FocusOnPorts\":\"22\"}","Source":{"Owner":"CUSTOM_LAMBDA","SourceIdentifier":"arn"}}]}"#;
    let aws = Canned::serve([
        (200, rule),
        (200, r#"{"ConfigRules":[]}"#),
        (400, r#"{"__type":"NoSuchConfigRuleException","message":"gone"}"#),
    ])
    .await;
    let config = Config::new(&aws.sdk);
    assert_eq!(config.input_parameters("r").await.unwrap().as_deref(), Some(r#"{"FocusOnPorts":"22"}"#));
    assert!(config.input_parameters("r").await.unwrap_err().to_string().contains("it contains no rule"));
    assert_eq!(config.input_parameters("r").await.unwrap_err().code(), Some("NoSuchConfigRuleException"));
}

// --- Remediation exceptions

async fn except(aws: &Canned) -> Result<Option<String>, AwsError> {
    let expires = "2026-11-22T00:00:00.5Z".parse().unwrap();
    Config::new(&aws.sdk).put_remediation_exception("portcullis", "sg-1", "restored by 9c2d", expires).await
}

/// The request has one resource, an expiry and the reason.
#[tokio::test]
async fn an_exception_is_put_for_one_group_until_a_time() {
    let aws = Canned::serve([(200, r#"{"FailedBatches":[]}"#)]).await;
    assert_eq!(except(&aws).await.unwrap(), None);
    let requests = aws.requests();
    let (target, body) = requests[0].split_once(' ').unwrap();
    assert_eq!(target, "StarlingDoveService.PutRemediationExceptions");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(body).unwrap(),
        serde_json::json!({
            "ConfigRuleName": "portcullis",
            "ResourceKeys": [{"ResourceType": "AWS::EC2::SecurityGroup", "ResourceId": "sg-1"}],
            "Message": "restored by 9c2d",
            "ExpirationTime": 1_795_305_600.5,
        })
    );
}

/// AWS Config answers HTTP 200 although it refused the exception, for example because the group is compliant at that moment.
#[rstest]
#[case(
    r#"{"FailedBatches":[{"FailureMessage":"not NON_COMPLIANT","FailedItems":[{"ResourceId":"sg-1"}]}]}"#,
    "not NON_COMPLIANT"
)]
#[case(r#"{"FailedBatches":[{"FailedItems":[{"ResourceId":"sg-1"}]}]}"#, "AWS Config gave no reason")]
#[tokio::test]
async fn failed_batches_are_inspected(#[case] reply: &str, #[case] expected: &str) {
    let aws = Canned::serve([(200, reply)]).await;
    assert_eq!(except(&aws).await.unwrap().as_deref(), Some(expected));
}

/// A rule without remediation needs no exception; a role without permission has to be fixed.
#[rstest]
#[case("InvalidParameterValueException", true)]
#[case("NoSuchRemediationConfigurationException", true)]
#[case("AccessDeniedException", false)]
#[case("ThrottlingException", false)]
#[tokio::test]
async fn a_needless_exception_is_not_a_failure(#[case] code: &str, #[case] is_needless: bool) {
    let aws = Canned::serve([(400, &format!(r#"{{"__type":"{code}","message":"no"}}"#))]).await;
    let reason = match except(&aws).await {
        Ok(Some(reason)) if is_needless => reason,
        Err(error) if !is_needless => error.to_string(),
        other => unreachable!("{other:?}"),
    };
    assert!(reason.starts_with(&format!("config:PutRemediationExceptions on sg-1 failed: {code}: no")), "{reason}");
}
