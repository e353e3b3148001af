//! Recording events, with a store in memory that fails when it is told to.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use aws_events::sqs::{BatchResponse, SqsEvent};
use aws_traits::AwsError;
use aws_traits::sqs::{Hidden, Messages};
use findings::finding::{FindingKey, State};
use findings::intake::{Execution, Executions, LookupError};
use findings::store::{FakeStore, Fault, FindingStore};
use reporter::Recorder;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::Instant;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:record";
const ACCOUNT: &str = "123456789012";

fn group(number: usize) -> String {
    format!("sg-{number:017x}")
}

fn key(number: usize) -> FindingKey {
    format!("{ACCOUNT}/eu-west-1/{}/portcullis", group(number)).parse().unwrap()
}

fn change(number: usize, compliance: &str, minute: u32) -> Value {
    let time = format!("2026-12-01T09:{minute:02}:00Z");
    json!({
        "source": "aws.config", "detail-type": "Config Rules Compliance Change",
        "account": ACCOUNT, "region": "eu-west-1", "time": time,
        "detail": {
            "resourceId": group(number), "awsRegion": "eu-west-1", "awsAccountId": ACCOUNT,
            "configRuleName": "portcullis", "resourceType": "AWS::EC2::SecurityGroup",
            "newEvaluationResult": {
                "evaluationResultIdentifier": {
                    "evaluationResultQualifier": {"evaluationMode": "DETECTIVE"}, "orderingTimestamp": time,
                },
                "complianceType": compliance, "resultRecordedTime": time,
            },
        },
    })
}

fn failed_execution() -> Value {
    json!({
        "source": "aws.ssm", "detail-type": "EC2 Automation Execution Status-change Notification",
        "account": ACCOUNT, "region": "eu-west-1", "time": "2026-12-01T09:30:00Z",
        "detail": {"ExecutionId": "e-1", "Definition": "portcullis-CloseDocument-AbC123", "Status": "Failed"},
    })
}

/// A batch of messages with these bodies, each at this delivery.
fn batch(bodies: &[Value], delivery: u32) -> SqsEvent {
    texts(&bodies.iter().map(Value::to_string).collect::<Vec<_>>(), delivery)
}

fn texts(bodies: &[String], delivery: u32) -> SqsEvent {
    let message = |(index, body): (usize, &String)| {
        json!({
            "messageId": format!("m{index}"), "receiptHandle": format!("r{index}"), "body": body,
            "attributes": {"ApproximateReceiveCount": delivery.to_string()}, "eventSourceARN": QUEUE,
        })
    };
    let records: Vec<_> = bodies.iter().enumerate().map(message).collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

#[derive(Default)]
struct Account {
    executions: BTreeMap<String, Execution>,
    is_throttling: Cell<bool>,
    lookups: Cell<usize>,
    hidden: RefCell<Vec<(String, Hidden)>>,
}

impl Executions for &Account {
    async fn execution(&self, id: &str) -> Result<Option<Execution>, LookupError> {
        self.lookups.set(self.lookups.get() + 1);
        if self.is_throttling.get() {
            return Err(LookupError::new("ssm:GetAutomationExecution failed: ThrottlingException"));
        }
        Ok(self.executions.get(id).cloned())
    }
}

impl Messages for &Account {
    async fn hide(&self, queue_arn: &str, messages: &[Hidden]) -> Result<(), AwsError> {
        let mut hidden = self.hidden.borrow_mut();
        hidden.extend(messages.iter().map(|message| (queue_arn.to_owned(), message.clone())));
        Ok(())
    }
}

/// Ids of the messages that stay in the queue.
fn ids(answer: BatchResponse) -> Vec<String> {
    answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

async fn handle(store: &FakeStore, account: &Account, event: SqsEvent) -> Vec<String> {
    let recorder = Recorder::new(store, account, account, Some("portcullis".to_owned()));
    ids(recorder.handle(event, Instant::now() + Duration::from_secs(30)).await)
}

async fn state(store: &FakeStore, number: usize) -> Option<(State, u64)> {
    store.get(&key(number)).await.unwrap().map(|finding| (finding.state(), finding.revision()))
}

#[tokio::test]
async fn the_events_of_a_batch_are_recorded() {
    let (store, account) = (FakeStore::default(), Account::default());
    let event = batch(
        &[
            change(1, "NON_COMPLIANT", 0),
            change(2, "NON_COMPLIANT", 0),
            change(1, "COMPLIANT", 5),
            json!({"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification"}),
        ],
        1,
    );
    assert!(handle(&store, &account, event).await.is_empty());
    assert_eq!(state(&store, 1).await, Some((State::Closed, 2)));
    assert_eq!(state(&store, 2).await, Some((State::Open, 1)));
    assert!(account.hidden.borrow().is_empty());
}

#[tokio::test]
async fn a_batch_that_is_delivered_again_changes_nothing() {
    let (store, account) = (FakeStore::default(), Account::default());
    let events = [change(1, "NON_COMPLIANT", 0), change(1, "COMPLIANT", 5)];
    handle(&store, &account, batch(&events, 1)).await;
    let before = store.get(&key(1)).await.unwrap();
    assert!(handle(&store, &account, batch(&events, 2)).await.is_empty());
    assert_eq!(store.get(&key(1)).await.unwrap(), before);
}

#[tokio::test]
async fn ten_findings_take_two_calls_each() {
    let (store, account) = (FakeStore::default(), Account::default());
    let events: Vec<_> = (0..10).map(|number| change(number, "NON_COMPLIANT", 0)).collect();
    assert!(handle(&store, &account, batch(&events, 1)).await.is_empty());
    assert_eq!(store.calls(), 20);
}

#[rstest]
#[case::throttled(Fault::Throttled)]
#[case::answer_lost(Fault::AnswerLost)]
#[tokio::test]
async fn an_event_that_the_store_does_not_take_stays_in_the_queue_and_no_other_one(#[case] fault: Fault) {
    let (store, account) = (FakeStore::default(), Account::default());
    // Of the first call: the read of one of the two.
    store.set_faults([Some(fault)]);
    let events = [change(1, "NON_COMPLIANT", 0), change(2, "NON_COMPLIANT", 0)];
    let failed = handle(&store, &account, batch(&events, 3)).await;
    assert_eq!(failed.len(), 1);
    let hidden = Hidden { receipt: failed[0].replace('m', "r"), hide_for: Duration::from_secs(8) };
    assert_eq!(*account.hidden.borrow(), [(QUEUE.to_owned(), hidden)]);
    // The next delivery records it.
    assert!(handle(&store, &account, batch(&events, 4)).await.is_empty());
    for number in [1, 2] {
        assert_eq!(state(&store, number).await, Some((State::Open, 1)));
    }
}

#[rstest]
#[case::no_json("{".to_owned())]
#[case::no_field(json!({"source": "portcullis", "detail-type": "Portcullis Assessment"}).to_string())]
#[case::foreign({
    let mut event = change(1, "COMPLIANT", 5);
    event["account"] = json!("999999999999");
    event.to_string()
})]
#[tokio::test]
async fn an_event_that_is_refused_stays_in_the_queue_and_changes_nothing(#[case] body: String) {
    let (store, account) = (FakeStore::default(), Account::default());
    let event = texts(&[body, change(2, "NON_COMPLIANT", 0).to_string()], 1);
    assert_eq!(handle(&store, &account, event).await, ["m0"]);
    assert_eq!(state(&store, 1).await, None);
    assert_eq!(state(&store, 2).await, Some((State::Open, 1)));
}

#[tokio::test]
async fn a_closing_that_did_not_start_is_looked_up() {
    let parameters = [("SecurityGroupId".to_owned(), vec![group(1)])].into();
    let failure_message = Some("the role cannot be assumed".to_owned());
    let execution = Execution { parameters, failure_message, ..Execution::default() };
    let account = Account { executions: [("e-1".to_owned(), execution)].into(), ..Account::default() };
    let store = FakeStore::default();
    let events = [change(1, "NON_COMPLIANT", 0), failed_execution()];
    account.is_throttling.set(true);
    assert_eq!(handle(&store, &account, batch(&events, 1)).await, ["m1"]);
    account.is_throttling.set(false);
    assert!(handle(&store, &account, batch(&events, 2)).await.is_empty());
    assert_eq!(account.lookups.get(), 2);
    let finding = store.get(&key(1)).await.unwrap().unwrap();
    assert_eq!((finding.state(), finding.revision()), (State::Open, 2), "a closing that fails is news");
    assert_eq!(finding.attempt().unwrap().execution_id.as_str(), "e-1");
}

#[tokio::test]
async fn an_execution_that_systems_manager_has_forgotten_goes_to_the_dead_letter_queue() {
    let (store, account) = (FakeStore::default(), Account::default());
    assert_eq!(handle(&store, &account, batch(&[failed_execution()], 1)).await, ["m0"]);
    assert_eq!(store.calls(), 0);
}

/// Systems Manager, hanging.
struct Hanging;

impl Executions for Hanging {
    async fn execution(&self, _: &str) -> Result<Option<Execution>, LookupError> {
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn what_there_is_no_time_for_stays_in_the_queue() {
    let (store, account) = (FakeStore::default(), Account::default());
    let recorder = Recorder::new(&store, Hanging, &account, None);
    let end = Instant::now() + Duration::from_secs(30);
    let answer = recorder.handle(batch(&[change(1, "NON_COMPLIANT", 0), failed_execution()], 1), end).await;
    assert!(Instant::now() < end);
    assert_eq!(ids(answer), ["m1"]);
    assert_eq!(state(&store, 1).await, Some((State::Open, 1)));
}
