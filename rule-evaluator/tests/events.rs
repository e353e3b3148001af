//! The events about groups, against an account in memory.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../../crates/remediation/tests/remediation/event_details.rs"]
mod event_details;
#[path = "../../crates/remediation/tests/remediation/log.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod log;

use std::time::Duration;

use aws_traits::fakes::FakeAws;
use exposure::{IngressRule, SecurityGroup, Traffic};
use findings::event::AssessmentEvent;
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use rstest::rstest;
use rule_evaluator::{Evaluator, EvaluatorError, InvocationSummary};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::log::{lines, watch};

const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";
const PUT: &str = "config:PutEvaluations";
const EVENTS: &str = "events:PutEvents";

const CHANGE: &str = include_str!("../../crates/aws-events/tests/samples/config-change-event.json");
const OVERSIZED: &str = include_str!("../../crates/aws-events/tests/samples/config-oversized-event.json");
const SCHEDULED: &str = include_str!("../../crates/aws-events/tests/samples/config-scheduled-event.json");
const DELETED: &str = include_str!("../../crates/aws-events/tests/samples/config-deleted-event.json");
const SCHEMA: &str = include_str!("../../docs/events/assessment.schema.json");

fn now() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

fn event(sample: &str) -> Map<String, Value> {
    serde_json::from_str(sample).unwrap()
}

/// The sample of a change, with these sources of SSH.
fn change(sources: &[&str]) -> Map<String, Value> {
    let mut event = event(CHANGE);
    let mut invoking: Value = serde_json::from_str(event["invokingEvent"].as_str().unwrap()).unwrap();
    let ranges: Vec<Value> = sources.iter().map(|source| json!({"cidrIp": source, "description": "team"})).collect();
    invoking["configurationItem"]["configuration"]["ipPermissions"] =
        json!([{"ipProtocol": "tcp", "fromPort": 20, "toPort": 25, "ipv4Ranges": ranges}]);
    event.insert("invokingEvent".into(), invoking.to_string().into());
    event
}

async fn handle(aws: &FakeAws, event: Map<String, Value>) -> Result<InvocationSummary, EvaluatorError> {
    Evaluator::new(aws.clone(), now).handle(event).await
}

fn error_type(error: EvaluatorError) -> String {
    Diagnostic::from(error).error_type
}

/// Details of the events that were put, which follow the schema.
fn details(aws: &FakeAws) -> Vec<Value> {
    event_details::details::<AssessmentEvent>(aws, SCHEMA)
}

/// Groups of the warnings that an event was not put.
fn not_put() -> Vec<String> {
    let lines = lines().into_iter().filter(|line| line["level"] == "WARN" && line["message"] == "event not put");
    lines.map(|line| line["security_group.id"].as_str().unwrap().to_owned()).collect()
}

fn group(id: &str, source: &str) -> SecurityGroup {
    let ingress = vec![IngressRule::new(Traffic::parse("tcp", Some(22), Some(22)), source.into())];
    SecurityGroup { id: id.into(), ingress, ..SecurityGroup::default() }
}

fn with_groups(count: usize, source: &str) -> FakeAws {
    let aws = FakeAws::default();
    for number in 0..count {
        let id = format!("sg-{number:08x}");
        aws.account().groups.insert(id.clone(), group(&id, source));
    }
    aws
}

#[tokio::test]
async fn an_open_group_is_announced_after_its_evaluation() {
    let aws = FakeAws::default();
    handle(&aws, change(&["0.0.0.0/0", "10.0.0.0/8"])).await.unwrap();
    assert_eq!(aws.account().calls, [PUT, EVENTS]);
    let event = aws.account().events[0].clone();
    assert_eq!((event.source, event.detail_type), ("portcullis", "Portcullis Assessment"));
    let arn = format!("arn:aws:ec2:us-east-1:111122223333:security-group/{GROUP}");
    assert_eq!(event.resource.as_deref(), Some(arn.as_str()));
    let detail = &details(&aws)[0];
    assert_eq!(detail["configRuleName"], "sg-port-blocklist");
    assert_eq!(detail["securityGroup"]["id"], GROUP);
    assert_eq!(detail["orderingTimestamp"], "2026-03-01T10:15:30.123Z");
    let verdict = [&detail["trigger"], &detail["compliance"], &detail["status"], &detail["severity"]];
    assert_eq!(verdict, ["change", "NON_COMPLIANT", "open_completely", "high"]);
    assert_eq!(detail["exposureCount"], 1);
    assert_eq!(
        detail["exposures"],
        json!([{"securityGroupRuleId": null, "protocol": "tcp", "fromPort": 20, "toPort": 25, "source": "0.0.0.0/0",
            "ports": ["tcp/22"], "reach": "world", "description": "team"}])
    );
}

#[rstest]
#[case::compliant(change(&["10.0.0.0/8"]))]
#[case::deleted(event(DELETED))]
#[tokio::test]
async fn what_is_compliant_or_gone_is_not_announced(#[case] event: Map<String, Value>) {
    let aws = FakeAws::default();
    handle(&aws, event).await.unwrap();
    assert_eq!(aws.account().calls, [PUT]);
}

#[tokio::test]
async fn an_exempt_group_is_announced_with_its_exemption() {
    let aws = FakeAws::default();
    let document = format!(
        r#"{{"version":1,"exemptions":[{{"securityGroupId":"{GROUP}","expires":"2026-12-31","reason":"bastion","owner":"platform"}}]}}"#
    );
    aws.account().parameters.insert("/portcullis/exemptions".into(), document);
    let mut event = change(&["0.0.0.0/0"]);
    let parameters = r#"{"FocusOnPorts":"22","ExemptionsParameter":"/portcullis/exemptions"}"#;
    event.insert("ruleParameters".into(), parameters.into());
    assert_eq!(handle(&aws, event).await.unwrap().compliant, 1);
    let detail = &details(&aws)[0];
    let verdict = [&detail["compliance"], &detail["status"], &detail["severity"], &detail["exposureCount"]];
    assert_eq!(verdict, [&json!("COMPLIANT"), &json!("restricted"), &Value::Null, &json!(0)]);
    let exemption = json!({"reason": "bastion", "expires": "2026-12-31", "owner": "platform"});
    assert_eq!((&detail["exemption"], &detail["exempted"][0]["exemption"]), (&exemption, &exemption));
    assert_eq!((&detail["exempted"][0]["source"], &detail["exemptedCount"]), (&json!("0.0.0.0/0"), &json!(1)));
}

/// A group without a verdict is announced as unknown, although there is no evaluation: it may be open.
#[rstest]
#[case::change(false)]
#[case::scheduled(true)]
#[tokio::test]
async fn a_group_without_a_verdict_is_announced_as_unknown(#[case] scheduled: bool) {
    let aws = if scheduled { with_groups(1, "pl-0badbad") } else { FakeAws::default() };
    let event = if scheduled { event(SCHEDULED) } else { change(&["pl-0badbad"]) };
    assert_eq!(error_type(handle(&aws, event).await.unwrap_err()), "CannotJudge");
    assert_eq!((aws.count(PUT), aws.count(EVENTS)), (0, 1));
    let detail = &details(&aws)[0];
    let verdict = [&detail["compliance"], &detail["status"], &detail["severity"], &detail["unjudgedCount"]];
    assert_eq!(verdict, [&json!("INSUFFICIENT_DATA"), &json!("unknown"), &Value::Null, &json!(1)]);
}

#[tokio::test]
async fn an_oversized_item_says_so() {
    let aws = FakeAws::default();
    let permission = json!({"ipProtocol":"tcp","fromPort":22,"toPort":22,"ipv4Ranges":[{"cidrIp":"0.0.0.0/0"}]});
    let item = aws_events::config::ConfigurationItem {
        resource_type: "AWS::EC2::SecurityGroup".into(),
        resource_id: GROUP.into(),
        status: "OK".into(),
        capture_time: "2026-03-01T10:15:30.123Z".parse().unwrap(),
        account_id: None,
        tags: [("owner".to_owned(), "shop".to_owned())].into(),
        configuration: Some(json!({"groupId": GROUP, "ipPermissions": [permission]}).to_string()),
    };
    aws.account().history.insert(GROUP.into(), item);
    handle(&aws, event(OVERSIZED)).await.unwrap();
    let detail = &details(&aws)[0];
    assert_eq!(
        (&detail["trigger"], &detail["securityGroup"]["tags"]),
        (&json!("oversized"), &json!({"owner": "shop"}))
    );
}

/// 250 open groups are three calls of `PutEvaluations`, and 25 of `PutEvents`, each after the evaluations that it is about.
#[tokio::test]
async fn a_schedule_puts_events_in_batches_of_ten() {
    let aws = with_groups(250, "0.0.0.0/0");
    aws.account().groups.insert("sg-ffffffff".into(), group("sg-ffffffff", "10.0.0.0/8"));
    handle(&aws, event(SCHEDULED)).await.unwrap();
    assert_eq!((aws.count(PUT), aws.count(EVENTS)), (3, 25));
    let details = details(&aws);
    assert_eq!(details.len(), 250);
    assert!(details.iter().all(|detail| detail["trigger"] == "scheduled"));
    let calls = aws.account().calls.clone();
    let calls: Vec<&str> = calls.into_iter().filter(|&call| call == PUT || call == EVENTS).collect();
    assert_eq!((calls[0], calls[11], calls.last()), (PUT, PUT, Some(&EVENTS)));
}

/// An evaluation that is lost is not announced: the next attempt does that.
#[rstest]
#[case::failed(|aws: &FakeAws| aws.fail(PUT, "InternalError"), "AwsCallFailed")]
#[case::refused(|aws: &FakeAws| aws.account().token_expired = true, "EvaluationsRefused")]
#[case::not_stored(|aws: &FakeAws| aws.account().not_stored.push(GROUP.into()), "EvaluationsNotStored")]
#[tokio::test]
async fn a_lost_evaluation_is_not_announced(#[case] disturb: fn(&FakeAws), #[case] expected: &str) {
    let aws = FakeAws::default();
    disturb(&aws);
    assert_eq!(error_type(handle(&aws, change(&["0.0.0.0/0"])).await.unwrap_err()), expected);
    assert_eq!(aws.count(EVENTS), 0);
}

#[tokio::test]
async fn a_deleted_rule_a_test_and_a_stack_without_bus_announce_nothing() {
    let aws = FakeAws::default();
    aws.fail(PUT, "NoSuchConfigRuleException");
    let _ = handle(&aws, change(&["0.0.0.0/0"])).await;
    let mut test = change(&["0.0.0.0/0"]);
    test.insert("resultToken".into(), "TESTMODE".into());
    handle(&aws, test).await.unwrap();
    assert_eq!(aws.count(EVENTS), 0);
    let aws = FakeAws::default().without_events();
    handle(&aws, change(&["0.0.0.0/0"])).await.unwrap();
    assert_eq!(aws.account().calls, [PUT]);
}

// --- Failures

#[rstest]
#[case::denied(|aws: &FakeAws| aws.fail(EVENTS, "AccessDeniedException"))]
#[case::no_bus(|aws: &FakeAws| aws.fail(EVENTS, "ResourceNotFoundException"))]
#[case::throttled(|aws: &FakeAws| aws.fail(EVENTS, "ThrottlingException"))]
#[case::rejected(|aws: &FakeAws| aws.account().rejected_events.push(GROUP.into()))]
#[case::hanging(|aws: &FakeAws| aws.hang(EVENTS))]
#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_put_is_a_warning(#[case] disturb: fn(&FakeAws)) {
    let aws = FakeAws::default();
    disturb(&aws);
    watch();
    let begun = Instant::now();
    let outcome = handle(&aws, change(&["0.0.0.0/0"])).await.unwrap();
    assert_eq!(outcome.non_compliant, 1);
    assert_eq!(aws.account().evaluations.len(), 1);
    assert_eq!(not_put(), [GROUP]);
    assert!(begun.elapsed() <= Duration::from_secs(3), "{:?}", begun.elapsed());
}

/// After a call that is denied or not answered, the other events of the invocation are not tried, and each is a warning.
#[rstest]
#[case::denied(|aws: &FakeAws| aws.fail(EVENTS, "AccessDeniedException"), 1, 150)]
#[case::hanging(|aws: &FakeAws| aws.hang(EVENTS), 1, 150)]
#[case::throttled(|aws: &FakeAws| aws.fail(EVENTS, "ThrottlingException"), 15, 10)]
#[tokio::test(start_paused = true)]
async fn a_bus_that_fails_does_not_delay_a_schedule(
    #[case] disturb: fn(&FakeAws),
    #[case] calls: usize,
    #[case] lost: usize,
) {
    let aws = with_groups(150, "0.0.0.0/0");
    disturb(&aws);
    watch();
    let begun = Instant::now();
    assert_eq!(handle(&aws, event(SCHEDULED)).await.unwrap().non_compliant, 150);
    assert_eq!((aws.count(EVENTS), not_put().len()), (calls, lost));
    assert_eq!(aws.account().events.len(), 150 - lost);
    assert!(begun.elapsed() <= Duration::from_secs(3), "{:?}", begun.elapsed());
}
