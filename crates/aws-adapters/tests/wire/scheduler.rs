//! EventBridge Scheduler.

use aws_adapters::{EventBridge, Scheduler};
use aws_traits::schedules::{Schedule, Schedules};
use rstest::rstest;
use serde_json::{Value, json};

use crate::canned::{Canned, LOST};

const ROLE: &str = "arn:aws:iam::111122223333:role/stack-ScheduleRole-1A2B";
const CREATED: (u16, &str) =
    (200, r#"{"ScheduleArn":"arn:aws:scheduler:us-east-1:111122223333:schedule/default/portcullis-af63dc4c8601ec8c"}"#);
const THERE: (u16, &str) = (409, r#"{"Message":"Schedule portcullis-af63dc4c8601ec8c already exists."}"#);

fn scheduler(aws: &Canned) -> Scheduler {
    Scheduler::new(&aws.sdk, ROLE, "stack-remediator").unwrap()
}

fn schedule() -> Schedule {
    Schedule {
        name: "portcullis-af63dc4c8601ec8c".into(),
        at: "2027-01-01T00:00:03.5Z".parse().unwrap(),
        payload: r#"{"action":"reevaluate","configRuleName":"portcullis"}"#.into(),
    }
}

#[tokio::test]
async fn a_schedule_is_created_with_a_signature() {
    let aws = Canned::serve([CREATED]).await;
    scheduler(&aws).schedule(&schedule()).await.unwrap();
    let received = aws.received();
    let [request] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(request.line(), "POST /schedules/portcullis-af63dc4c8601ec8c");
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("x-amz-target"), None);
    let signature = request.header("authorization").unwrap();
    assert!(signature.contains("/us-east-1/scheduler/aws4_request"), "{signature}");
    assert_eq!(
        serde_json::from_str::<Value>(&request.body).unwrap(),
        json!({
            "ScheduleExpression": "at(2027-01-01T00:00:03)",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": "arn:aws:lambda:us-east-1:111122223333:function:stack-remediator",
                "RoleArn": ROLE,
                "Input": r#"{"action":"reevaluate","configRuleName":"portcullis"}"#,
                "RetryPolicy": {"MaximumRetryAttempts": 5, "MaximumEventAgeInSeconds": 600},
            },
        })
    );
}

/// The code of the error is in a header, or in the body.
#[tokio::test]
async fn a_schedule_that_is_there_is_no_error() {
    let coded = (409, r#"{"__type":"ConflictException","Message":"Schedule already exists."}"#);
    let aws = Canned::serve([coded]).await;
    scheduler(&aws).schedule(&schedule()).await.unwrap();
    let aws = Canned::serve([THERE]).await;
    let error = scheduler(&aws).schedule(&schedule()).await.unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
}

/// A request that is repeated finds the schedule that the first one has made.
#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    let coded = (409, r#"{"__type":"ConflictException","Message":"Schedule already exists."}"#);
    let aws = Canned::serve([(500, r#"{"__type":"InternalServerException","Message":"oops"}"#), coded]).await;
    let aws = aws.with_retries();
    scheduler(&aws).schedule(&schedule()).await.unwrap();
    assert_eq!(aws.received().len(), 2);
    let aws = Canned::serve([LOST, CREATED]).await.with_retries();
    scheduler(&aws).schedule(&schedule()).await.unwrap();
    assert_eq!(aws.received().len(), 2);
}

#[rstest]
#[case::denied((403, r#"{"__type":"AccessDeniedException","Message":"no"}"#),
    "AccessDeniedException: no (allow scheduler:CreateSchedule to this role or user)")]
#[case::invalid((400, r#"{"__type":"ValidationException","Message":"Invalid ScheduleExpression"}"#),
    "ValidationException: Invalid ScheduleExpression")]
#[tokio::test]
async fn a_refusal_is_an_error(#[case] reply: (u16, &str), #[case] expected: &str) {
    let aws = Canned::serve([reply, CREATED]).await.with_retries();
    let error = scheduler(&aws).schedule(&schedule()).await.unwrap_err().to_string();
    let subject = "scheduler:CreateSchedule on schedule portcullis-af63dc4c8601ec8c failed: ";
    assert_eq!(error, format!("{subject}{expected}"));
    assert_eq!(aws.received().len(), 1);
}

#[tokio::test]
async fn other_partitions_have_their_own_arns() {
    let aws = Canned::serve([CREATED]).await;
    let role = ROLE.replace("arn:aws:", "arn:aws-us-gov:");
    Scheduler::new(&aws.sdk, &role, "f").unwrap().schedule(&schedule()).await.unwrap();
    let body: Value = serde_json::from_str(&aws.received()[0].body).unwrap();
    assert_eq!(body["Target"]["Arn"], json!("arn:aws-us-gov:lambda:us-east-1:111122223333:function:f"));
}

#[rstest]
#[case("")]
#[case("role/x")]
#[case("arn:aws:sts::111122223333:assumed-role/x/y")]
#[tokio::test]
async fn what_is_no_role_makes_no_schedules(#[case] role: &str) {
    let aws = Canned::serve([]).await;
    assert!(Scheduler::new(&aws.sdk, role, "f").is_none());
}

/// A bus without a scheduler says so.
#[tokio::test]
async fn without_a_role_there_are_no_schedules() {
    let aws = Canned::serve([CREATED]).await;
    let error = EventBridge::new(&aws.sdk, "default").schedule(&schedule()).await.unwrap_err().to_string();
    assert!(error.ends_with("there is no role for it: SCHEDULE_ROLE is not set"), "{error}");
    assert_eq!(aws.received().len(), 0);
}
