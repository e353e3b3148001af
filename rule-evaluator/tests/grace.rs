//! With days of grace: when what is open is closed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use aws_traits::fakes::FakeAws;
use jiff::{SignedDuration, Timestamp};
use judgement::GraceDays;
use rstest::rstest;
use rule_evaluator::Evaluator;
use serde_json::{Map, Value, json};

const CHANGE: &str = include_str!("../../crates/aws-events/tests/samples/config-change-event.json");

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// A change of the group of the sample, which is open to the world on port 22 if `ports` has it.
fn event(ports: &str) -> Map<String, Value> {
    let mut event: Map<String, Value> = serde_json::from_str(CHANGE).unwrap();
    event.insert("ruleParameters".into(), json!({"FocusOnPorts": ports}).to_string().into());
    event
}

/// The annotation of the evaluation.
async fn annotation(aws: &FakeAws, ports: &str) -> String {
    let evaluator = Evaluator::new(aws.clone(), now).with_grace(GraceDays::new(7).unwrap());
    evaluator.handle(event(ports)).await.unwrap();
    aws.account().evaluations.last().unwrap().annotation.to_string()
}

/// What the sweep of the remediator has written: all that was seen first before some days.
fn seen(aws: &FakeAws, first: &Map<String, Value>, days: i64) {
    let at = now().saturating_sub(SignedDuration::from_hours(24 * days)).unwrap();
    let invoking: Value = serde_json::from_str(first["invokingEvent"].as_str().unwrap()).unwrap();
    let group = invoking["configurationItem"]["resourceId"].as_str().unwrap().to_owned();
    let exposure =
        |source| json!({"traffic": "tcp/22", "source": source, "ports": "tcp/22", "firstSeen": at, "countsFrom": at});
    let record = json!({"graceDays": 7, "exposures": [exposure("0.0.0.0/0"), exposure("::/0")]});
    let rule = first["configRuleName"].as_str().unwrap();
    aws.account().state.insert((format!("grace/{rule}"), group), (record, Timestamp::MAX));
}

#[tokio::test]
async fn what_no_sweep_has_seen_yet_is_closed_after_all_days() {
    let aws = FakeAws::default();
    let text = annotation(&aws, "22").await;
    assert!(text.ends_with("; closes on 2026-11-28 unless fixed or exempted"), "{text}");
}

#[tokio::test]
async fn what_was_seen_before_is_closed_when_its_days_are_over() {
    let aws = FakeAws::default();
    seen(&aws, &event("22"), 5);
    let text = annotation(&aws, "22").await;
    assert!(text.ends_with("; closes on 2026-11-23 unless fixed or exempted"), "{text}");
}

/// The verdict does not depend on the table.
#[rstest]
#[case("AccessDeniedException")]
#[case("InternalServerError")]
#[tokio::test]
async fn a_record_that_cannot_be_read_keeps_nothing_back(#[case] code: &'static str) {
    let aws = FakeAws::default();
    aws.fail("dynamodb:GetItem", code);
    let text = annotation(&aws, "22").await;
    assert!(text.starts_with("tcp/22 open to ") && !text.contains("closes"), "{text}");
}

/// A group that is not open costs no call.
#[tokio::test]
async fn of_a_closed_group_no_record_is_read() {
    let aws = FakeAws::default();
    annotation(&aws, "9999").await;
    assert_eq!(aws.count("dynamodb:GetItem"), 0);
}

#[tokio::test]
async fn without_grace_no_record_is_read_and_no_day_is_said() {
    let aws = FakeAws::default();
    Evaluator::new(aws.clone(), now).handle(event("22")).await.unwrap();
    let text = aws.account().evaluations.last().unwrap().annotation.to_string();
    assert!(text.starts_with("tcp/22 open to ") && !text.contains("closes"), "{text}");
    assert_eq!(aws.count("dynamodb:GetItem"), 0);
}
