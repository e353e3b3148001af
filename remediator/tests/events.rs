//! The events about outcomes, against an account in memory.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(dead_code, reason = "the account in memory is that of the tests of the library")]

#[path = "../../crates/remediation/tests/remediation/account.rs"]
mod account;
#[path = "../../crates/remediation/tests/remediation/event_details.rs"]
mod event_details;
#[path = "../../crates/remediation/tests/remediation/log.rs"]
mod log;
#[path = "../../crates/remediation/tests/remediation/network_acl.rs"]
mod network_acl;

use std::time::Duration;

use aws_traits::fakes::FakeAws;
use exposure::{IngressRule, Traffic};
use findings::event::{MAX_DETAIL_BYTES, RemediationEvent};
use jiff::Timestamp;
use remediation::{ClosingsPerHour, Response};
use remediator::{InvocationError, Remediator};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::account::{GROUP, aws, aws_with, deadline, left, now, remediation, request, restore, with};
use crate::log::{lines, watch};
use crate::network_acl::{acl_request, aws_in_subnets};

const EVENTS: &str = "events:PutEvents";
const SCHEMA: &str = include_str!("../../docs/events/remediation.schema.json");

async fn handle(aws: &FakeAws, payload: Value) -> Result<Response, InvocationError> {
    handle_until(aws, payload, deadline()).await
}

async fn handle_until(aws: &FakeAws, payload: Value, deadline: Timestamp) -> Result<Response, InvocationError> {
    Remediator::new(remediation(aws)).handle(payload, deadline).await
}

/// Details of the events that were put, which follow the schema.
fn details(aws: &FakeAws) -> Vec<Value> {
    event_details::details::<RemediationEvent>(aws, SCHEMA)
}

/// Every request that is understood is one event, with the response.
#[rstest]
#[case::closed(&[request()], "close", "CLOSED")]
#[case::closed_already(&[request(), request()], "close", "NOTHING_TO_DO")]
#[case::planned(&[with("dryRun", json!(true))], "close", "PLANNED")]
#[case::restored(&[request(), restore()], "restore", "RESTORED")]
#[case::held(&[request(), restore(), request()], "close", "EXEMPT")]
#[case::quarantined(&[acl_request("quarantine")], "quarantine", "QUARANTINED")]
#[case::released(&[acl_request("quarantine"), acl_request("release")], "release", "RELEASED")]
#[tokio::test]
async fn an_outcome_is_an_event(#[case] requests: &[Value], #[case] action: &str, #[case] status: &str) {
    let aws = aws_in_subnets();
    let mut answer: Option<Response> = None;
    for request in requests {
        answer = Some(handle(&aws, request.clone()).await.unwrap());
    }
    let event = aws.account().events.last().unwrap().clone();
    assert_eq!((event.source, event.detail_type), ("portcullis", "Portcullis Remediation"));
    assert_eq!(event.resource.unwrap(), format!("arn:aws:ec2:us-east-1:111122223333:security-group/{GROUP}"));
    let (details, request) = (details(&aws), requests.last().unwrap());
    assert_eq!(details.len(), requests.len());
    let detail = details.last().unwrap();
    assert_eq!((&detail["action"], &detail["status"]), (&json!(action), &json!(status)));
    assert_eq!((&detail["account"], &detail["region"]), (&json!("111122223333"), &json!("us-east-1")));
    assert_eq!((&detail["securityGroupId"], &detail["configRuleName"]), (&json!(GROUP), &json!("portcullis")));
    assert_eq!((&detail["executionId"], &detail["time"]), (&request["executionId"], &json!("2026-11-21T00:00:00Z")));
    assert_eq!((&detail["dryRun"], &detail["error"]), (&json!(status == "PLANNED"), &Value::Null));
    assert_eq!(detail["response"], serde_json::to_value(answer.unwrap()).unwrap());
}

/// A closing that waits for the next hour is an event as well, and an INFO line with the status.
#[tokio::test]
async fn a_deferred_closing_is_an_event() {
    const OTHER: &str = "sg-0bbbbbbbbbbbbbbbb";
    let aws = aws();
    let other = exposure::SecurityGroup { id: OTHER.into(), ..aws.account().groups[GROUP].clone() };
    aws.account().groups.insert(OTHER.into(), other);
    let remediator = Remediator::new(remediation(&aws).with_closings_per_hour(ClosingsPerHour::from(1)));
    remediator.handle(with("securityGroupId", json!(OTHER)), deadline()).await.unwrap();
    watch();
    remediator.handle(request(), deadline()).await.unwrap();
    let done: Vec<_> = lines().into_iter().filter(|line| line["message"] == "close done").collect();
    assert_eq!((done.len(), &done[0]["status"], &done[0]["level"]), (1, &json!("DEFERRED"), &json!("INFO")));
    let details = details(&aws);
    let statuses: Vec<_> = details.iter().map(|detail| detail["status"].clone()).collect();
    assert_eq!(statuses, ["CLOSED", "DEFERRED"]);
    let response = &details[1]["response"];
    assert_eq!((&response["deferredUntil"], &response["closingsPerHour"]), (&json!("2026-11-21T01:00:00Z"), &json!(1)));
}

#[rstest]
#[case(&["sgr-1"], "PARTIAL")]
#[case(&["sgr-1", "sgr-4"], "FAILED")]
#[tokio::test(start_paused = true)]
async fn an_incomplete_outcome_is_an_event(#[case] locked: &[&str], #[case] status: &str) {
    let aws = aws();
    aws.account().locked.extend(locked.iter().map(|&id| id.to_owned()));
    handle(&aws, request()).await.unwrap_err();
    let detail = &details(&aws)[0];
    assert_eq!((&detail["status"], &detail["counts"]["remaining"]), (&json!(status), &json!(locked.len())));
    assert_eq!(detail["error"], Value::Null);
}

/// An error before the first change has no response, but a kind and a text.
#[tokio::test]
async fn an_obstacle_is_an_event() {
    let aws = aws();
    aws.account().rules.clear();
    let error = handle(&aws, request()).await.unwrap_err();
    let detail = &details(&aws)[0];
    assert_eq!((&detail["status"], &detail["response"]), (&json!("FAILED"), &Value::Null));
    assert_eq!(detail["error"]["type"], "AwsCallFailed");
    let message = lambda_runtime::Diagnostic::from(error).error_message;
    assert_eq!(detail["error"]["message"], message);
}

#[tokio::test]
async fn a_request_that_is_not_understood_is_no_event() {
    let aws = aws();
    handle(&aws, with("dryrun", json!(true))).await.unwrap_err();
    assert_eq!(aws.account().calls, Vec::<&str>::new());
}

#[tokio::test]
async fn a_stack_without_bus_puts_no_event() {
    let aws = aws().without_events();
    handle(&aws, request()).await.unwrap();
    assert_eq!(aws.count(EVENTS), 0);
}

/// A closing of a thousand rules fits, with the number of all.
#[tokio::test]
async fn a_large_outcome_is_cut() {
    let rules = (0..1_000_i64).map(|number| IngressRule {
        id: Some(format!("sgr-{number:017x}")),
        ..IngressRule::new(Traffic::parse("tcp", Some(22), Some(22 + number)), "0.0.0.0/0".into())
    });
    let aws = aws_with(rules.collect());
    handle(&aws, request()).await.unwrap();
    let detail = &details(&aws)[0];
    assert_eq!((&detail["status"], &detail["counts"]["revoked"]), (&json!("CLOSED"), &json!(1_000)));
    assert!((50..1_000).contains(&detail["response"]["revoked"].as_array().unwrap().len()));
    assert!(aws.account().events[0].detail.len() <= MAX_DETAIL_BYTES);
}

// --- Failures

#[rstest]
#[case::denied(|aws: &FakeAws| aws.fail(EVENTS, "AccessDeniedException"))]
#[case::no_bus(|aws: &FakeAws| aws.fail(EVENTS, "ResourceNotFoundException"))]
#[case::rejected(|aws: &FakeAws| aws.account().rejected_events.push(GROUP.into()))]
#[case::hanging(|aws: &FakeAws| aws.hang(EVENTS))]
#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_put_is_a_warning(#[case] disturb: fn(&FakeAws)) {
    let aws = aws();
    disturb(&aws);
    watch();
    let begun = Instant::now();
    handle(&aws, request()).await.unwrap();
    assert_eq!(left(&aws).len(), 2);
    let warnings: Vec<Value> = lines().into_iter().filter(|line| line["level"] == "WARN").collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!((&warnings[0]["message"], &warnings[0]["security_group.id"]), (&json!("event not put"), &json!(GROUP)));
    assert!(begun.elapsed() <= Duration::from_secs(3), "{:?}", begun.elapsed());
}

/// Less time than usual is left: the answer comes before the deadline all the same.
#[rstest]
#[case::a_second(1_000, 700)]
#[case::none(0, 0)]
#[tokio::test(start_paused = true)]
async fn an_event_takes_no_time_that_the_answer_needs(#[case] left: i64, #[case] most: u64) {
    let aws = aws();
    // Malformed rules of AWS Config end the closing at once.
    aws.account().rules.clear();
    aws.hang(EVENTS);
    let begun = Instant::now();
    let deadline = now() + jiff::SignedDuration::from_millis(left);
    handle_until(&aws, request(), deadline).await.unwrap_err();
    assert!(begun.elapsed() <= Duration::from_millis(most + 1), "{:?}", begun.elapsed());
}
