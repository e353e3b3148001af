//! The evaluator against an account in memory.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use aws_events::config::ConfigurationItem;
use aws_traits::config::{Compliance, Evaluation, GroupResult, ResultType};
use aws_traits::fakes::FakeAws;
use exposure::{IngressRule, PrefixList, SecurityGroup, Traffic};
use findings::event::EXEMPT;
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use plain_text::error_chain;
use rstest::rstest;
use rule_evaluator::{Evaluator, EvaluatorError, InvocationSummary};
use serde_json::{Map, Value, json};

const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";
const CAPTURED: &str = "2026-03-01T10:15:30.123Z";
const PUT: &str = "config:PutEvaluations";

const CHANGE: &str = include_str!("../../crates/aws-events/tests/samples/config-change-event.json");
const OVERSIZED: &str = include_str!("../../crates/aws-events/tests/samples/config-oversized-event.json");
const SCHEDULED: &str = include_str!("../../crates/aws-events/tests/samples/config-scheduled-event.json");
const DELETED: &str = include_str!("../../crates/aws-events/tests/samples/config-deleted-event.json");
const LEFT_SCOPE: &str = include_str!("../../crates/aws-events/tests/samples/config-left-scope-event.json");

fn now() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

fn event(sample: &str) -> Map<String, Value> {
    serde_json::from_str(sample).unwrap()
}

fn with_parameters(sample: &str, parameters: &str) -> Map<String, Value> {
    let mut event = event(sample);
    event.insert("ruleParameters".into(), parameters.into());
    event
}

fn with_invoking(sample: &str, change: impl FnOnce(&mut Value)) -> Map<String, Value> {
    let mut event = event(sample);
    let mut invoking: Value = serde_json::from_str(event["invokingEvent"].as_str().unwrap()).unwrap();
    change(&mut invoking);
    event.insert("invokingEvent".into(), invoking.to_string().into());
    event
}

fn aws() -> FakeAws {
    let aws = FakeAws::default();
    let list =
        PrefixList::Entries(["10.0.0.0/8"].iter().map(|cidr| cidr.parse::<ipnetwork::IpNetwork>().unwrap()).collect());
    aws.account().prefix_lists.insert("pl-0f00ba4".into(), list);
    aws
}

async fn handle(aws: &FakeAws, event: Map<String, Value>) -> Result<InvocationSummary, EvaluatorError> {
    Evaluator::new(aws.clone(), now).handle(event).await
}

/// `resource: compliance (annotation) at time` for each evaluation.
fn evaluations(aws: &FakeAws) -> Vec<String> {
    let line = |evaluation: &Evaluation| {
        let compliance = match evaluation.compliance {
            Compliance::Compliant => "COMPLIANT",
            Compliance::NonCompliant => "NON_COMPLIANT",
            Compliance::NotApplicable => "NOT_APPLICABLE",
        };
        format!(
            "{}: {compliance} ({}) at {}",
            evaluation.resource_id, evaluation.annotation, evaluation.ordering_timestamp
        )
    };
    aws.account().evaluations.iter().map(line).collect()
}

fn error_type(error: EvaluatorError) -> String {
    Diagnostic::from(error).error_type
}

fn group(id: &str, source: &str) -> SecurityGroup {
    let ingress = vec![IngressRule::new(Traffic::parse("tcp", Some(22), Some(22)), source.into())];
    SecurityGroup { id: id.into(), ingress, ..SecurityGroup::default() }
}

// --- Change

#[tokio::test]
async fn a_change_is_judged_and_reported_in_one_evaluation_with_the_capture_time() {
    let aws = aws();
    let outcome = handle(&aws, event(CHANGE)).await.unwrap();
    assert_eq!(outcome, InvocationSummary { non_compliant: 1, ..InvocationSummary::default() });
    assert_eq!(evaluations(&aws), [format!("{GROUP}: NON_COMPLIANT (tcp/22 open to 0.0.0.0/0, ::/0) at {CAPTURED}")]);
    assert!(!aws.account().test_mode);
}

/// An evaluation of a compliant group costs one AWS call, unless prefix lists or exemptions are involved. A finding costs a
/// second one.
#[rstest]
#[case::compliant(json!([{"cidrIp": "10.0.0.0/8"}]), &[PUT])]
#[case::non_compliant(json!([{"cidrIp": "0.0.0.0/0"}]), &[PUT, "events:PutEvents"])]
#[tokio::test]
async fn an_ordinary_change_costs_one_call(#[case] ranges: Value, #[case] calls: &[&str]) {
    let aws = FakeAws::default();
    let plain = with_invoking(CHANGE, |invoking| {
        let permission = &mut invoking["configurationItem"]["configuration"]["ipPermissions"][0];
        permission["prefixListIds"] = json!([]);
        permission["ipRanges"] = json!([]);
        permission["ipv6Ranges"] = json!([]);
        permission["ipv4Ranges"] = ranges;
    });
    handle(&aws, plain).await.unwrap();
    assert_eq!(aws.account().calls, calls);
}

/// Deleted, left-scope, not-recorded → `NOT_APPLICABLE`.
#[rstest]
#[case::deleted(event(DELETED), "the security group no longer exists")]
#[case::left_scope(event(LEFT_SCOPE), "the security group has left the scope of the rule")]
#[case::not_recorded(
    with_invoking(CHANGE, |event| event["configurationItem"]["configurationItemStatus"] = "ResourceNotRecorded".into()),
    "the security group is not recorded by AWS Config"
)]
#[case::deleted_not_recorded(
    with_invoking(CHANGE, |event| event["configurationItem"]["configurationItemStatus"] = "ResourceDeletedNotRecorded".into()),
    "the security group is not recorded by AWS Config"
)]
#[case::another_type(
    with_invoking(CHANGE, |event| event["configurationItem"]["resourceType"] = "AWS::EC2::Instance".into()),
    "the rule judges security groups only"
)]
#[case::oversized_and_deleted(
    with_invoking(OVERSIZED, |event| event["configurationItemSummary"]["configurationItemStatus"] = "ResourceDeleted".into()),
    "the security group no longer exists"
)]
#[tokio::test]
async fn deleted_and_out_of_scope_resources_are_not_applicable(#[case] event: Map<String, Value>, #[case] why: &str) {
    let aws = FakeAws::default();
    let outcome = handle(&aws, event).await.unwrap();
    assert_eq!(outcome.not_applicable, 1);
    assert_eq!(evaluations(&aws), [format!("{GROUP}: NOT_APPLICABLE ({why}) at {CAPTURED}")]);
    assert_eq!(aws.account().calls, [PUT]);
}

/// Unknown message types are ignored.
#[tokio::test]
async fn unknown_messages_and_proactive_mode_are_ignored() {
    let aws = FakeAws::default();
    let unknown = with_invoking(SCHEDULED, |event| event["messageType"] = "Novelty".into());
    assert_eq!(handle(&aws, unknown).await.unwrap().ignored.as_deref(), Some("message type Novelty"));
    let mut proactive = event(CHANGE);
    proactive.insert("evaluationMode".into(), "PROACTIVE".into());
    assert_eq!(handle(&aws, proactive).await.unwrap().ignored.as_deref(), Some("evaluation mode PROACTIVE"));
    assert_eq!(aws.account().calls, Vec::<&str>::new());
}

#[tokio::test]
async fn the_same_event_twice_gives_the_same_evaluation() {
    let aws = aws();
    handle(&aws, event(CHANGE)).await.unwrap();
    handle(&aws, event(CHANGE)).await.unwrap();
    let evaluations = evaluations(&aws);
    assert_eq!(evaluations[0], evaluations[1]);
}

#[tokio::test]
async fn testmode_asks_for_test_mode() {
    let aws = aws();
    let mut test = event(CHANGE);
    test.insert("resultToken".into(), "TESTMODE".into());
    handle(&aws, test).await.unwrap();
    assert!(aws.account().test_mode);
}

// --- Oversized

fn recorded(captured: &str) -> ConfigurationItem {
    let permission = json!({"ipProtocol":"tcp","fromPort":22,"toPort":22,"ipv4Ranges":[{"cidrIp":"0.0.0.0/0"}]});
    ConfigurationItem {
        resource_type: "AWS::EC2::SecurityGroup".into(),
        resource_id: GROUP.into(),
        status: "OK".into(),
        capture_time: captured.parse().unwrap(),
        account_id: None,
        tags: std::collections::BTreeMap::default(),
        // A JSON string that contains an object, as in the API.
        configuration: Some(json!(json!({"groupId": GROUP, "ipPermissions": [permission]}).to_string()).to_string()),
    }
}

#[rstest]
#[case("2026-03-01T10:15:30.123Z")]
#[case("2026-03-01T10:15:30.122999906Z")]
#[tokio::test]
async fn an_oversized_item_is_fetched_from_the_history(#[case] captured: &str) {
    let aws = FakeAws::default();
    aws.account().history.insert(GROUP.into(), recorded(captured));
    handle(&aws, event(OVERSIZED)).await.unwrap();
    assert_eq!(evaluations(&aws), [format!("{GROUP}: NON_COMPLIANT (tcp/22 open to 0.0.0.0/0) at {CAPTURED}")]);
    assert_eq!(aws.account().calls, ["config:GetResourceConfigHistory", PUT, "events:PutEvents"]);
}

/// The history may lag behind the notification: Lambda retries.
#[tokio::test]
async fn an_older_item_than_the_one_notified_is_not_judged() {
    let aws = FakeAws::default();
    aws.account().history.insert(GROUP.into(), recorded("2026-03-01T10:15:29Z"));
    let error = handle(&aws, event(OVERSIZED)).await.unwrap_err();
    assert_eq!(error_type(error), "NotRecordedYet");
    assert_eq!(evaluations(&aws), Vec::<String>::new());
}

// --- Scheduled

#[tokio::test]
async fn a_schedule_judges_every_group_and_withdraws_the_results_of_deleted_ones() {
    let aws = FakeAws::default();
    {
        let mut account = aws.account();
        account.page_size = 2;
        for (id, source) in [("sg-00000001", "0.0.0.0/0"), ("sg-00000002", "10.0.0.0/8"), ("sg-00000003", "::/0")] {
            account.groups.insert(id.into(), group(id, source));
        }
        let result = |(id, compliance): (&str, ResultType)| GroupResult {
            group_id: id.to_owned(),
            compliance,
            ordering: Timestamp::UNIX_EPOCH,
            recorded: Timestamp::UNIX_EPOCH,
        };
        let results = [
            ("sg-00000001", ResultType::Compliant),
            ("sg-00000009", ResultType::NonCompliant),
            // It is withdrawn already.
            ("sg-00000008", ResultType::NotApplicable),
            ("sg-00000003", ResultType::Unknown),
        ];
        account.reported = results.map(result).to_vec();
    }
    let outcome = handle(&aws, event(SCHEDULED)).await.unwrap();
    assert_eq!(outcome, InvocationSummary { compliant: 1, non_compliant: 2, not_applicable: 1, ignored: None });
    assert_eq!(
        evaluations(&aws),
        [
            "sg-00000001: NON_COMPLIANT (tcp/22 open to 0.0.0.0/0) at 2026-03-01T12:00:00Z",
            "sg-00000002: COMPLIANT (no blocked port is open to the world) at 2026-03-01T12:00:00Z",
            "sg-00000003: NON_COMPLIANT (tcp/22 open to ::/0) at 2026-03-01T12:00:00Z",
            "sg-00000009: NOT_APPLICABLE (the security group no longer exists) at 2026-03-01T12:00:00Z",
        ]
    );
    assert_eq!(aws.count("ec2:DescribeSecurityGroups"), 2);
    assert_eq!(aws.count("config:GetComplianceDetailsByConfigRule"), 2);
}

#[tokio::test]
async fn evaluations_go_in_batches_of_a_hundred() {
    let aws = FakeAws::default();
    for number in 0..250 {
        let id = format!("sg-{number:08x}");
        aws.account().groups.insert(id.clone(), group(&id, "0.0.0.0/0"));
    }
    let outcome = handle(&aws, event(SCHEDULED)).await.unwrap();
    assert_eq!(outcome.non_compliant, 250);
    assert_eq!(aws.count(PUT), 3);
}

/// A group that cannot be judged neither hides the others nor counts as compliant.
#[tokio::test]
async fn a_schedule_reports_the_others_and_fails_for_the_one_it_cannot_judge() {
    let aws = FakeAws::default();
    for (id, source) in [("sg-00000001", "pl-0badbad"), ("sg-00000002", "10.0.0.0/8")] {
        aws.account().groups.insert(id.into(), group(id, source));
    }
    let error = handle(&aws, event(SCHEDULED)).await.unwrap_err();
    assert!(
        error_chain(&error).starts_with("1 of 2 security groups cannot be judged: security group sg-00000001"),
        "{error}"
    );
    assert_eq!(error_type(error), "CannotJudge");
    assert_eq!(evaluations(&aws).len(), 1);
}

/// An account without security groups has no evaluations, which is no error.
#[tokio::test]
async fn an_empty_account_is_fine() {
    let aws = FakeAws::default();
    assert_eq!(handle(&aws, event(SCHEDULED)).await.unwrap(), InvocationSummary::default());
    assert_eq!(aws.count(PUT), 0);
}

// --- Failures

/// A bad rule parameter fails the invocation with a message that names key and token, and never reports `COMPLIANT`.
#[rstest]
#[case(CHANGE)]
#[case(OVERSIZED)]
#[case(SCHEDULED)]
#[tokio::test]
async fn a_bad_parameter_fails_the_invocation(#[case] sample: &str) {
    let aws = aws();
    let error = handle(&aws, with_parameters(sample, r#"{"FocusOnPorts":"22,ssh"}"#)).await.unwrap_err();
    let message = error_chain(&error);
    assert!(
        message.starts_with("AWS Config rule sg-port-blocklist: rule parameter `FocusOnPorts`: `ssh` is not a port"),
        "{message}"
    );
    assert_eq!(error_type(error), "InvalidRuleParameters");
    assert_eq!(aws.account().calls, Vec::<&str>::new());
}

#[tokio::test]
async fn a_payload_that_is_not_an_event_fails() {
    let error = handle(&FakeAws::default(), Map::new()).await.unwrap_err();
    assert_eq!(error_type(error), "InvalidEvent");
}

#[tokio::test]
async fn a_group_without_readable_configuration_fails() {
    let aws = FakeAws::default();
    let garbage = with_invoking(CHANGE, |event| event["configurationItem"]["configuration"] = json!({}));
    assert_eq!(error_type(handle(&aws, garbage).await.unwrap_err()), "InvalidConfigurationItem");
    assert_eq!(aws.account().calls, Vec::<&str>::new());
}

/// A prefix list that cannot be read never makes a group compliant: the evaluation fails.
#[tokio::test]
async fn an_unreadable_prefix_list_fails_the_invocation_and_is_read_again() {
    let aws = aws();
    let only_list = || {
        with_invoking(CHANGE, |event| {
            let permission = &mut event["configurationItem"]["configuration"]["ipPermissions"][0];
            for list in ["ipv4Ranges", "ipv6Ranges", "ipRanges"] {
                permission[list] = json!([]);
            }
        })
    };
    aws.fail("ec2:GetManagedPrefixListEntries", "UnauthorizedOperation");
    let evaluator = Evaluator::new(aws.clone(), now);
    let error = evaluator.handle(only_list()).await.unwrap_err();
    assert!(error_chain(&error).contains("prefix list pl-0f00ba4 could not be read"), "{error}");
    assert!(error_chain(&error).contains("allow ec2:GetManagedPrefixListEntries to this role"), "{error}");
    assert_eq!(error_type(error), "CannotJudge");

    assert_eq!(evaluator.handle(only_list()).await.unwrap().compliant, 1);
    assert_eq!(evaluator.handle(only_list()).await.unwrap().compliant, 1);
    assert_eq!(aws.count("ec2:GetManagedPrefixListEntries"), 2, "the second time from the cache");
}

/// A verdict that AWS Config refuses is lost, and the invocation fails: an alarm rings, and the event is kept.
#[rstest]
#[case(CHANGE)]
#[case(SCHEDULED)]
#[tokio::test]
async fn a_lost_verdict_is_an_error(#[case] sample: &str) {
    let aws = aws();
    aws.account().token_expired = true;
    for number in 0..250 {
        let id = format!("sg-{number:08x}");
        aws.account().groups.insert(id.clone(), group(&id, "0.0.0.0/0"));
    }
    let error = handle(&aws, event(sample)).await.unwrap_err();
    assert!(error_chain(&error).starts_with("the verdict is lost, re-evaluate the rule: "), "{error}");
    assert_eq!(error_type(error), "EvaluationsRefused");
    assert_eq!(evaluations(&aws), Vec::<String>::new());
}

/// Evaluations in `FailedEvaluations` fail the invocation.
#[tokio::test]
async fn evaluations_that_were_not_stored_fail_the_invocation() {
    let aws = aws();
    aws.account().not_stored.push(GROUP.into());
    let error = handle(&aws, event(CHANGE)).await.unwrap_err();
    assert_eq!(error_chain(&error), format!("AWS Config did not store the evaluations of {GROUP}"));
    assert_eq!(error_type(error), "EvaluationsNotStored");
}

#[rstest]
#[case("ThrottlingException")]
#[case("InternalError")]
#[tokio::test]
async fn a_failed_call_fails_the_invocation_so_that_lambda_retries(#[case] code: &'static str) {
    let aws = aws();
    aws.fail(PUT, code);
    let error = handle(&aws, event(CHANGE)).await.unwrap_err();
    assert_eq!(error_type(error), "AwsCallFailed");
    handle(&aws, event(CHANGE)).await.unwrap();
    assert_eq!(evaluations(&aws).len(), 1);
}

// --- Exemptions

const EXEMPTIONS: &str = r#"{"FocusOnPorts":"22,80,3389","ExemptionsParameter":"/portcullis/exemptions"}"#;

#[tokio::test]
async fn exemptions_are_read_from_the_named_parameter_once_while_warm() {
    let aws = aws();
    let document = format!(
        r#"{{"version":1,"exemptions":[{{"securityGroupId":"{GROUP}","expires":"2026-12-31","reason":"bastion"}}]}}"#
    );
    aws.account().parameters.insert("/portcullis/exemptions".into(), document);
    let evaluator = Evaluator::new(aws.clone(), now);
    for _ in 0..3 {
        evaluator.handle(with_parameters(CHANGE, EXEMPTIONS)).await.unwrap();
    }
    assert_eq!(
        evaluations(&aws)[0],
        format!(
            "{GROUP}: COMPLIANT ({EXEMPT} until 2026-12-31: bastion (tcp/22 open to 0.0.0.0/0, ::/0)) at {CAPTURED}"
        )
    );
    assert_eq!(aws.count("ssm:GetParameter"), 1);
}

#[rstest]
#[case(None, "ssm:GetParameter on parameter /portcullis/exemptions failed: ParameterNotFound")]
#[case(Some("[]"), "SSM parameter `/portcullis/exemptions`: exemptions document")]
#[tokio::test]
async fn without_readable_exemptions_nothing_is_judged(#[case] document: Option<&str>, #[case] expected: &str) {
    let aws = aws();
    if let Some(document) = document {
        aws.account().parameters.insert("/portcullis/exemptions".into(), document.into());
    }
    let error = handle(&aws, with_parameters(CHANGE, EXEMPTIONS)).await.unwrap_err();
    assert!(error_chain(&error).contains(expected) || document.is_none(), "{error}");
    assert_eq!(error_type(error), "ExemptionsUnavailable");
    assert_eq!(evaluations(&aws), Vec::<String>::new());
}
