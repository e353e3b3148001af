//! Recording events, with a store in memory that fails when it is told to.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use aws_events::sqs::{BatchResponse, SqsEvent};
use aws_traits::AwsError;
use aws_traits::sqs::{Hidden, MESSAGES_PER_CALL, Messages, Outgoing, SendMessages};
use findings::finding::{FindingKey, Manner, State};
use findings::intake::{Execution, Executions, LookupError};
use findings::store::{FakeStore, Fault, FindingStore};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use reporter::{Announcer, DocumentUnavailable, Documents, Job, Jobs, Recorder, pending_jobs};
use routing::Document;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::Instant;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:123456789012:record";
const NOTIFY: &str = "arn:aws:sqs:eu-west-1:123456789012:notify";
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
    sent: RefCell<Vec<Vec<Outgoing>>>,
    /// Of the next calls to send: whether they fail.
    send_faults: RefCell<Vec<bool>>,
}

impl SendMessages for &Account {
    async fn send(&self, queue_arn: &str, messages: &[Outgoing]) -> Result<(), AwsError> {
        assert_eq!(queue_arn, NOTIFY);
        assert!((1..=MESSAGES_PER_CALL).contains(&messages.len()));
        if self.send_faults.borrow_mut().pop() == Some(true) {
            return Err(AwsError::new("sqs:SendMessage", queue_arn, Some("ThrottlingException"), "slow down"));
        }
        self.sent.borrow_mut().push(messages.to_vec());
        Ok(())
    }
}

impl Account {
    /// Findings, by number, and channels that were queued, sorted.
    fn queued(&self) -> Vec<(usize, String)> {
        let read = |message: &Outgoing| {
            let Job::Finding { finding, channel } = Job::read(&message.body).unwrap() else { panic!("another job") };
            let number = usize::from_str_radix(finding.group_id().trim_start_matches("sg-"), 16).unwrap();
            (number, channel)
        };
        let mut queued: Vec<_> = self.sent.borrow().iter().flatten().map(read).collect();
        queued.sort();
        queued
    }
}

/// A routing document, or none.
#[derive(Clone)]
struct Routing(Result<Option<Rc<Document>>, DocumentUnavailable>);

impl Documents for Routing {
    async fn document(&self) -> Result<Option<Rc<Document>>, DocumentUnavailable> {
        self.0.clone()
    }
}

/// Tickets and chat hear of everything.
fn routing() -> Routing {
    let document = r##"{
        "version": 1,
        "channels": {
            "tickets": {"kind": "jira", "flavour": "cloud", "url": "https://example.atlassian.net",
                "secret": "ssm:/portcullis/jira", "project": "SEC"},
            "chat": {"kind": "slack", "token": "ssm:/portcullis/slack", "channel": "#security"}
        },
        "defaultChannels": ["tickets", "chat"]
    }"##;
    Routing(Ok(Some(Rc::new(document.parse().unwrap()))))
}

fn now() -> Timestamp {
    "2026-12-01T10:00:00Z".parse().unwrap()
}

fn nobody() -> Option<Announcer<Routing, &'static Account>> {
    None
}

/// Records a batch and has it queued who is to be told.
async fn announce(store: &FakeStore, account: &Account, routing: Routing, event: SqsEvent) -> Vec<String> {
    let announcer = Announcer::new(routing, Jobs::new(account, NOTIFY.to_owned()), now);
    let recorder = Recorder::new(store, account, account, None, Some(announcer));
    ids(recorder.handle(event, Instant::now() + Duration::from_secs(30)).await)
}

/// A group was opened. Its first message waits for what surrounds the group, and is queued at once when that is known.
#[tokio::test]
async fn a_first_message_waits_for_its_context() {
    let (store, account) = (FakeStore::default(), Account::default());
    let record = async |event: Value| {
        let announcer = Announcer::new(routing(), Jobs::new(&account, NOTIFY.to_owned()), now)
            .waiting_for_context(SignedDuration::from_secs(15));
        let recorder = Recorder::new(&store, &account, &account, None, Some(announcer));
        let answer = recorder.handle(batch(&[event], 1), Instant::now() + Duration::from_secs(30)).await;
        assert!(ids(answer).is_empty());
        let delays = |sent: Vec<Vec<Outgoing>>| sent.into_iter().flatten().map(|message| message.delay.as_secs());
        delays(account.sent.take()).collect::<Vec<_>>()
    };
    let mut context: Value = serde_json::from_str(include_str!("../../docs/events/context-interfaces.json")).unwrap();
    context["account"] = json!("123456789012");
    for (field, value) in [
        ("account", json!("123456789012")),
        ("region", json!("eu-west-1")),
        ("securityGroupId", json!(group(1))),
        ("time", json!(now())),
    ] {
        context["detail"][field] = value;
    }
    let mut assessed: Value = serde_json::from_str(include_str!("../../docs/events/assessment-open.json")).unwrap();
    (assessed["account"], assessed["time"]) = (json!("123456789012"), json!(now()));
    for (field, value) in [("account", json!("123456789012")), ("region", json!("eu-west-1"))] {
        assessed["detail"][field] = value;
    }
    assessed["detail"]["securityGroup"]["id"] = json!(group(1));
    let mut opened = change(1, "NON_COMPLIANT", 0);
    assessed["detail"]["orderingTimestamp"] =
        opened["detail"]["newEvaluationResult"]["evaluationResultIdentifier"]["orderingTimestamp"].clone();
    opened["detail"]["newEvaluationResult"]["resultRecordedTime"] = json!(now());
    assert_eq!(record(opened.clone()).await, [15, 15]);
    assert_eq!(record(context).await, [5, 5], "the assessment, which names the exposures, is to come");
    assert_eq!(record(assessed).await, [0, 0]);
    assert_eq!(record(opened).await, [0, 0], "the channels are still behind, and nothing is waited for");
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
    let recorder = Recorder::new(store, account, account, Some("portcullis".to_owned()), nobody());
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

/// As AWS Config tells of a change of one module: all at once, to many functions, some of the events twice.
#[tokio::test]
async fn a_thousand_findings_at_once_take_at_most_three_calls_each() {
    const FINDINGS: usize = 1_000;
    let (store, account) = (FakeStore::default(), Account::default());
    let events: Vec<Value> = (0..FINDINGS).map(|number| change(number, "NON_COMPLIANT", 0)).collect();
    let twice = events.iter().step_by(20).cloned().collect::<Vec<_>>();
    let batches = events.chunks(10).chain(twice.chunks(10)).map(|events| batch(events, 1));
    let failed = join_all(batches.map(|event| announce(&store, &account, routing(), event))).await;
    assert_eq!(failed.concat(), Vec::<String>::new());
    assert!(store.calls() <= 3 * FINDINGS, "{}", store.calls());
    let queued: BTreeSet<_> = account.queued().into_iter().collect();
    assert_eq!(queued.len(), 2 * FINDINGS);
    for number in 0..FINDINGS {
        assert_eq!(state(&store, number).await, Some((State::Open, 1)));
    }
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
    let recorder = Recorder::new(&store, Hanging, &account, None, nobody());
    let end = Instant::now() + Duration::from_secs(30);
    let answer = recorder.handle(batch(&[change(1, "NON_COMPLIANT", 0), failed_execution()], 1), end).await;
    assert!(Instant::now() < end);
    assert_eq!(ids(answer), ["m1"]);
    assert_eq!(state(&store, 1).await, Some((State::Open, 1)));
}

#[tokio::test]
async fn whoever_is_to_be_told_is_queued_and_once_for_a_finding() {
    let (store, account) = (FakeStore::default(), Account::default());
    let event = batch(
        &[
            change(1, "NON_COMPLIANT", 0),
            change(2, "COMPLIANT", 0),
            change(3, "NON_COMPLIANT", 0),
            change(1, "COMPLIANT", 5),
        ],
        1,
    );
    assert!(announce(&store, &account, routing(), event).await.is_empty());
    // A ticket is not begun for a group that is closed, and nobody hears of one that was never open.
    let expected = [(1, "chat"), (3, "chat"), (3, "tickets")];
    assert_eq!(account.queued(), expected.map(|(number, channel)| (number, channel.to_owned())));
}

#[tokio::test]
async fn the_store_is_asked_nothing_more_for_it_and_a_call_has_ten_messages() {
    let (store, account) = (FakeStore::default(), Account::default());
    let events: Vec<_> = (0..13).map(|number| change(number, "NON_COMPLIANT", 0)).collect();
    assert!(announce(&store, &account, routing(), batch(&events, 1)).await.is_empty());
    assert_eq!(store.calls(), 26);
    let sizes: Vec<_> = account.sent.borrow().iter().map(Vec::len).collect();
    assert_eq!(sizes, [10, 10, 6]);
}

#[tokio::test]
async fn an_event_of_which_a_job_is_not_queued_stays_and_is_queued_although_it_is_no_news_any_more() {
    let (store, account) = (FakeStore::default(), Account::default());
    let events: Vec<_> = (0..7).map(|number| change(number, "NON_COMPLIANT", 0)).collect();
    // The second call fails: of the jobs of findings 5 and 6.
    *account.send_faults.borrow_mut() = vec![true, false];
    let mut failed = announce(&store, &account, routing(), batch(&events, 1)).await;
    failed.sort();
    assert_eq!(failed, ["m5", "m6"]);
    assert_eq!(state(&store, 6).await, Some((State::Open, 1)));
    account.sent.borrow_mut().clear();
    assert!(announce(&store, &account, routing(), batch(&events[5..], 2)).await.is_empty());
    assert_eq!(account.queued().len(), 4);
    assert_eq!(state(&store, 6).await, Some((State::Open, 1)));
}

#[tokio::test]
async fn what_is_not_stored_is_not_queued() {
    let (store, account) = (FakeStore::default(), Account::default());
    store.set_faults([None, Some(Fault::AnswerLost)]);
    let event = [change(1, "NON_COMPLIANT", 0)];
    assert_eq!(announce(&store, &account, routing(), batch(&event, 1)).await, ["m0"]);
    assert!(account.queued().is_empty());
    // It was stored after all, and that is found out without any news.
    assert!(announce(&store, &account, routing(), batch(&event, 2)).await.is_empty());
    assert_eq!(account.queued().len(), 2);
}

#[rstest]
#[case::none(Ok(None))]
#[case::unreadable(Err(DocumentUnavailable::new("ssm:/routing", "ssm:GetParameter failed")))]
#[tokio::test]
async fn without_a_document_events_are_recorded_as_ever(
    #[case] document: Result<Option<Rc<Document>>, DocumentUnavailable>,
) {
    let (store, account) = (FakeStore::default(), Account::default());
    let event = batch(&[change(1, "NON_COMPLIANT", 0)], 1);
    assert!(announce(&store, &account, Routing(document), event).await.is_empty());
    assert!(account.queued().is_empty());
    assert_eq!(state(&store, 1).await, Some((State::Open, 1)));
}

/// What happened to the ticket before the group was closed, and whether and with what delay its end is queued.
#[rstest]
#[case::failed_a_moment_ago(Some(SignedDuration::from_secs(-1)), Some(Duration::ZERO))]
#[case::tried_again_soon(Some(SignedDuration::from_mins(5)), Some(Duration::from_mins(5)))]
#[case::left_to_the_sweep(Some(SignedDuration::from_mins(16)), None)]
#[case::told(None, Some(Duration::ZERO))]
#[tokio::test]
async fn a_job_waits_for_the_next_attempt(
    #[case] next_attempt: Option<SignedDuration>,
    #[case] expected: Option<Duration>,
) {
    let (store, account) = (FakeStore::default(), Account::default());
    handle(&store, &account, batch(&[change(1, "NON_COMPLIANT", 0)], 1)).await;
    let mut finding = store.get(&key(1)).await.unwrap().unwrap();
    let due = finding.due(&"tickets".into(), Manner::Ticket, now()).unwrap();
    match next_attempt {
        Some(pause) => finding.unanswered(&"tickets".into(), "no answer", now() + pause).unwrap(),
        None => finding.delivered(&"tickets".into(), &due, None).unwrap(),
    }
    // Begun and not known: it may have been told, and hears of the end.
    finding.begin(&"tickets".into(), now() - SignedDuration::from_hours(1)).unwrap();
    store.put(&finding, &[]).await.unwrap();
    announce(&store, &account, routing(), batch(&[change(1, "COMPLIANT", 5)], 1)).await;
    let sent = account.sent.borrow();
    let ticket = sent.iter().flatten().find(|message| message.body.contains("tickets"));
    assert_eq!(ticket.map(|message| message.delay), expected);
}

/// A channel that is new hears of what is open and of what was closed lately, and not of all that ever was.
#[rstest]
#[case::yesterday(1, true)]
#[case::last_month(30, false)]
#[tokio::test]
async fn a_new_channel_is_not_told_of_old_closings(#[case] days: i64, #[case] is_told: bool) {
    let (store, account) = (FakeStore::default(), Account::default());
    handle(&store, &account, batch(&[change(1, "NON_COMPLIANT", 0), change(1, "COMPLIANT", 5)], 1)).await;
    let mut finding = store.get(&key(1)).await.unwrap().unwrap();
    let later = now() + SignedDuration::from_hours(24 * days);
    let Routing(Ok(Some(document))) = routing() else { panic!() };
    // A ticket is not made for what is over.
    assert_eq!(pending_jobs(&document, &finding, later).len(), usize::from(is_told));
    // One that has tried is told, however long it takes.
    finding.failed(&"chat".into(), "down", later).unwrap();
    assert_eq!(pending_jobs(&document, &finding, later).len(), 1);
}

#[tokio::test]
async fn what_was_told_is_not_queued_again() {
    let (store, account) = (FakeStore::default(), Account::default());
    handle(&store, &account, batch(&[change(1, "NON_COMPLIANT", 0)], 1)).await;
    let mut finding = store.get(&key(1)).await.unwrap().unwrap();
    for channel in ["tickets", "chat"] {
        let due = finding.due(&channel.into(), Manner::Messages, now()).unwrap();
        finding.delivered(&channel.into(), &due, None).unwrap();
    }
    store.put(&finding, &[]).await.unwrap();
    assert!(announce(&store, &account, routing(), batch(&[change(1, "NON_COMPLIANT", 0)], 2)).await.is_empty());
    assert!(account.queued().is_empty());
}
