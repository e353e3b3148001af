//! What surrounds a group, looked up in an account in memory, and what the events make of findings.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "common/clock.rs"]
mod clock;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use aws_events::cloudtrail::RuleChange;
use aws_events::sqs::SqsEvent;
use aws_traits::AwsError;
use aws_traits::fakes::FakeAws;
use aws_traits::sqs::{Hidden, Messages};
use aws_traits::surroundings::{Database, Interface};
use findings::Severity;
use findings::finding::{Finding, OwnerSource};
use findings::intake::{Intake, read_value};
use jiff::SignedDuration;
use reporter::{ContextFinder, Origin};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::Instant;

use self::clock::{CLOCK, now, pass};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";
const QUEUE: &str = "arn:aws:sqs:eu-central-1:111122223333:context";
const ONE: &str = "sg-0aaaaaaaaaaaaaaaa";
const TWO: &str = "sg-0bbbbbbbbbbbbbbbb";
const INTERFACES: &str = "ec2:DescribeNetworkInterfaces";
const HISTORY: &str = "cloudtrail:LookupEvents";
const BALANCER: &str = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/web/50dc6c495c0c9188";

/// An assessment of now, by which a group is open on SSH.
fn open(group: &str) -> Value {
    let mut event: Value = serde_json::from_str(include_str!("../../docs/events/assessment-open.json")).unwrap();
    event["time"] = json!(now());
    event["detail"]["orderingTimestamp"] = json!(now());
    event["detail"]["securityGroup"]["id"] = json!(group);
    event["detail"]["securityGroup"]["tags"] = json!({});
    let exposures = event["detail"]["exposures"].as_array_mut().unwrap();
    exposures.truncate(1);
    event["detail"]["exposureCount"] = json!(1);
    event
}

fn scheduled(group: &str) -> Value {
    let mut event = open(group);
    event["detail"]["trigger"] = json!("scheduled");
    event
}

/// The call that opened the group on SSH.
fn opening(event_id: &str, session: &str, more: &Value) -> RuleChange {
    let mut event = json!({
        "eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress", "eventID": event_id,
        "eventTime": now(), "sourceIPAddress": "203.0.113.77", "userAgent": "aws-cli/2",
        "userIdentity": {"type": "AssumedRole", "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/Dev/{session}")},
        "requestParameters": {"ipPermissions": {"items": [
            {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}}
    });
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    RuleChange::from_json(&event.to_string()).unwrap()
}

fn interface(id: &str, group: &str) -> Interface {
    Interface { id: id.to_owned(), groups: vec![group.to_owned()], ..Interface::default() }
}

fn on_instance(id: &str, group: &str, instance: &str) -> Interface {
    Interface { instance_id: Some(instance.to_owned()), ..interface(id, group) }
}

fn described(id: &str, group: &str, description: &str) -> Interface {
    Interface { description: Some(description.to_owned()), ..interface(id, group) }
}

#[derive(Debug, Default)]
struct Hiding(RefCell<Vec<Duration>>);

impl Messages for &Hiding {
    async fn hide(&self, queue_arn: &str, messages: &[Hidden]) -> Result<(), AwsError> {
        assert_eq!(queue_arn, QUEUE);
        self.0.borrow_mut().extend(messages.iter().map(|message| message.hide_for));
        Ok(())
    }
}

/// An account, the queue of its assessments, and the findings that the events make.
struct Story {
    aws: FakeAws,
    findings: BTreeMap<String, Finding>,
    told: usize,
}

impl Story {
    fn new() -> Self {
        CLOCK.set(0);
        Self { aws: FakeAws::default(), findings: BTreeMap::new(), told: 0 }
    }

    fn tag(&self, resource: &str, owner: &str) {
        self.aws.account().tags.insert(resource.to_owned(), BTreeMap::from([("Owner".into(), owner.into())]));
    }

    fn history(&self, changes: Vec<RuleChange>) {
        self.aws.account().rule_changes.insert(ONE.to_owned(), changes);
    }

    /// Delivers events in one batch. Returns for how long each message is hidden that stays in the queue, and the events.
    async fn deliver(&mut self, events: &[Value], deliveries: u32) -> (Vec<Duration>, Vec<Value>) {
        let records: Vec<Value> = events
            .iter()
            .enumerate()
            .map(|(number, event)| {
                json!({"messageId": number.to_string(), "receiptHandle": "r", "body": event.to_string(),
                    "attributes": {"ApproximateReceiveCount": deliveries.to_string()}, "eventSourceARN": QUEUE})
            })
            .collect();
        let batch: SqsEvent = serde_json::from_value(json!({"Records": records})).unwrap();
        let hiding = Hiding::default();
        let origin = Origin { account: ACCOUNT.into(), region: REGION.into(), rule: "portcullis".into() };
        let services = (self.aws.clone(), self.aws.clone(), self.aws.clone(), &hiding);
        let finder = ContextFinder::new(services, origin, "owner".to_owned(), now);
        self.aws.account().calls.clear();
        let answer = finder.handle(batch, Instant::now() + Duration::from_mins(1)).await;
        let hidden = hiding.0.into_inner();
        assert_eq!(answer.batch_item_failures.len(), hidden.len());
        (hidden, self.record())
    }

    async fn one(&mut self, event: &Value) -> (Vec<Duration>, Vec<Value>) {
        self.deliver(std::slice::from_ref(event), 1).await
    }

    /// The details of the events since the last time, which become observations.
    fn record(&mut self) -> Vec<Value> {
        let events: Vec<_> = self.aws.account().events.drain(self.told..).collect();
        let mut details = Vec::new();
        for event in events {
            let detail: Value = serde_json::from_str(&event.detail).unwrap();
            let delivered = json!({"source": event.source, "detail-type": event.detail_type, "account": ACCOUNT,
                "region": REGION, "time": now(), "detail": detail});
            let Intake::Observed(said) = read_value(delivered).unwrap() else { panic!("no observation") };
            let finding = self.findings.entry(said.key.group_id().to_owned());
            finding.or_insert_with(|| Finding::new(said.key.clone())).apply(&said.observation);
            details.push(detail);
        }
        details
    }

    fn finding(&self) -> &Finding {
        &self.findings[ONE]
    }

    fn calls(&self, operation: &str) -> usize {
        self.aws.account().calls.iter().filter(|call| **call == operation).count()
    }
}

/// A group is opened. At once its interfaces are known, and after some minutes who opened it.
#[tokio::test(start_paused = true)]
async fn first_what_uses_a_group_and_then_who_opened_it() {
    let mut story = Story::new();
    let public = Interface { public_addresses: vec!["203.0.113.10".into()], ..on_instance("eni-1", ONE, "i-1") };
    story.aws.account().interfaces = vec![interface("eni-2", ONE), public, on_instance("eni-3", TWO, "i-2")];
    story.tag("i-1", "shop@example.com");
    let event = open(ONE);
    let Intake::Observed(judged) = read_value(event.clone()).unwrap() else { panic!() };
    story.findings.insert(ONE.to_owned(), Finding::new(judged.key.clone()));
    story.findings.get_mut(ONE).unwrap().apply(&judged.observation);

    let (hidden, events) = story.one(&event).await;
    assert_eq!((hidden, events.len()), (vec![Duration::from_mins(1)], 1));
    assert_eq!(events[0]["interfaces"]["listed"][0]["resource"], "i-1");
    let owner = story.finding().owner().unwrap();
    assert_eq!((owner.name.as_str(), owner.source), ("shop@example.com", OwnerSource::InstanceTag));
    assert_eq!(story.finding().attachment().unwrap().interfaces, 2);
    assert_eq!((story.finding().severity(), story.finding().opener()), (Some(Severity::Critical), None));

    pass(SignedDuration::from_mins(1));
    let (hidden, events) = story.deliver(std::slice::from_ref(&event), 2).await;
    assert_eq!((hidden, events.len(), story.calls(INTERFACES)), (vec![Duration::from_mins(2)], 0, 0));

    CLOCK.set(-30);
    story.history(vec![opening("e-1", "alice@example.com", &json!({}))]);
    CLOCK.set(180);
    let (hidden, events) = story.deliver(std::slice::from_ref(&event), 3).await;
    assert_eq!((hidden.len(), events.len(), story.calls(INTERFACES)), (0, 1, 0));
    assert_eq!(events[0]["opener"]["caller"], "role Dev, session alice@example.com");
    let opener = story.finding().opener().unwrap();
    assert_eq!((opener.principal.as_str(), opener.stack.as_ref()), ("alice@example.com", None));

    // Nothing is asked again for the same judgement.
    let (hidden, events) = story.deliver(&[event], 4).await;
    assert_eq!((hidden.len(), events.len()), (0, 0));
    assert_eq!((story.calls(INTERFACES), story.calls(HISTORY)), (0, 0));
}

/// The event history lags by minutes. Until it has the call that opened the group again, it has only the one before.
#[tokio::test(start_paused = true)]
async fn who_opened_a_group_before_is_not_who_opened_it_again() {
    let rule = |id: &str| {
        json!({"responseElements": {"securityGroupRuleSet": {"items": [
            {"securityGroupRuleId": id, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"}]}}})
    };
    let mut story = Story::new();
    let first = opening("e-1", "alice@example.com", &rule("sgr-1"));
    story.history(vec![first.clone()]);
    pass(SignedDuration::from_secs(30));
    story.one(&open(ONE)).await;
    assert_eq!(story.finding().opener().unwrap().principal.as_str(), "alice@example.com");

    // Somebody has closed it meanwhile.
    pass(SignedDuration::from_hours(1));
    let again = opening("e-2", "bob@example.com", &rule("sgr-2"));
    pass(SignedDuration::from_secs(30));
    let event = open(ONE);
    let (hidden, events) = story.one(&event).await;
    assert_eq!((hidden, &events[0]["opener"], events.len()), (vec![Duration::from_mins(1)], &Value::Null, 1));
    pass(SignedDuration::from_mins(1));
    story.history(vec![again, first]);
    let (hidden, events) = story.deliver(&[event], 2).await;
    assert_eq!((hidden.len(), events.len()), (0, 1));
    assert_eq!(story.finding().opener().unwrap().principal.as_str(), "bob@example.com");
}

/// A change that opened nothing names who opened the group before, once the history would have another call.
#[tokio::test(start_paused = true)]
async fn a_change_that_opened_nothing_has_the_opener_of_before() {
    let mut story = Story::new();
    story.history(vec![opening("e-1", "alice", &json!({}))]);
    pass(SignedDuration::from_secs(30));
    story.one(&open(ONE)).await;
    pass(SignedDuration::from_hours(1));
    let event = open(ONE);
    let (mut announced, mut deliveries) = (0, 1);
    loop {
        let (hidden, events) = story.deliver(std::slice::from_ref(&event), deliveries).await;
        announced += events.iter().filter(|event| !event["opener"].is_null()).count();
        deliveries += 1;
        let Some(wait) = hidden.first() else { break };
        pass(SignedDuration::try_from(*wait).unwrap());
    }
    assert_eq!((announced, deliveries > 5), (1, true));
    assert_eq!(story.finding().opener().unwrap().principal.as_str(), "alice");
}

/// What opened the group is older than the history, or a trail of another kind: it is asked for 20 minutes, and no longer.
#[tokio::test(start_paused = true)]
async fn an_opener_that_nobody_knows_is_given_up() {
    let mut story = Story::new();
    let event = open(ONE);
    let mut waits = Vec::new();
    for delivery in 1..20 {
        let (hidden, _) = story.deliver(std::slice::from_ref(&event), delivery).await;
        let Some(wait) = hidden.first() else { break };
        waits.push(wait.as_secs() / 60);
        pass(SignedDuration::try_from(*wait).unwrap());
    }
    assert_eq!(waits, [1, 2, 3, 4, 5, 5]);
    pass(SignedDuration::from_hours(1));
    // The schedule opens nothing, so it asks for nobody.
    let (hidden, events) = story.one(&scheduled(ONE)).await;
    assert_eq!((hidden.len(), events.len(), story.calls(HISTORY)), (0, 0, 0));
}

/// Each change of a group that stays open, and once a day its schedule.
#[tokio::test(start_paused = true)]
async fn a_group_is_looked_at_again_when_it_changes_and_once_a_day() {
    let mut story = Story::new();
    story.history(vec![opening("e-1", "alice", &json!({}))]);
    story.one(&open(ONE)).await;
    for (hours, event, expected) in
        [(1, scheduled(ONE), (0, 0)), (22, scheduled(ONE), (1, 0)), (1, scheduled(ONE), (0, 0))]
    {
        pass(SignedDuration::from_hours(hours));
        let mut event = event;
        event["detail"]["orderingTimestamp"] = json!(now());
        story.one(&event).await;
        assert_eq!((story.calls(INTERFACES), story.calls(HISTORY)), expected, "after {hours} hours");
    }
    pass(SignedDuration::from_mins(1));
    story.one(&open(ONE)).await;
    assert_eq!((story.calls(INTERFACES), story.calls(HISTORY)), (1, 1));
}

/// Ten groups that were opened at once are looked up with one call, and only those that are open under this rule.
#[tokio::test(start_paused = true)]
async fn a_batch_is_looked_up_at_once() {
    let mut story = Story::new();
    let mut closed = open("sg-0cccccccccccccccc");
    closed["detail"]["compliance"] = json!("COMPLIANT");
    let mut other = open("sg-0dddddddddddddddd");
    other["detail"]["configRuleName"] = json!("another");
    let events = [open(ONE), open(TWO), open(ONE), closed, other];
    let (hidden, events) = story.deliver(&events, 1).await;
    assert_eq!((hidden.len(), events.len()), (3, 2));
    assert_eq!((story.calls(INTERFACES), story.calls(HISTORY), story.calls("events:PutEvents")), (1, 2, 1));
}

/// The owner is named by the tag of the group; else by that of most resources, each counted once, whatever it is.
#[rstest]
#[case::of_the_group(json!({"OWNER": "#web"}), &[], Some(("#web", OwnerSource::GroupTag)))]
#[case::empty_tag(json!({"owner": " "}), &[("i-1", "shop")], Some(("shop", OwnerSource::InstanceTag)))]
#[case::most(json!({}), &[("i-1", "shop"), ("i-2", "pay"), (BALANCER, "pay")], Some(("pay", OwnerSource::InstanceTag)))]
#[case::first_of_equals(json!({}), &[("i-1", "shop"), ("i-2", "pay"), (BALANCER, "web")], Some(("pay", OwnerSource::InstanceTag)))]
#[case::nobody(json!({"team": "shop"}), &[], None)]
#[tokio::test(start_paused = true)]
async fn an_owner_is_found_by_tags(
    #[case] tags: Value,
    #[case] owners: &[(&str, &str)],
    #[case] expected: Option<(&str, OwnerSource)>,
) {
    let mut story = Story::new();
    story.aws.account().interfaces = vec![
        on_instance("eni-1", ONE, "i-1"),
        on_instance("eni-2", ONE, "i-1"),
        on_instance("eni-3", ONE, "i-2"),
        described("eni-4", ONE, "ELB app/web/50dc6c495c0c9188"),
    ];
    for resource in ["i-1", "i-2", BALANCER] {
        story.aws.account().tags.insert(resource.to_owned(), BTreeMap::new());
    }
    for (resource, owner) in owners {
        story.tag(resource, owner);
    }
    let mut event = open(ONE);
    event["detail"]["securityGroup"]["tags"] = tags;
    story.one(&event).await;
    let owner = story.finding().owner().map(|owner| (owner.name.as_str(), owner.source));
    assert_eq!(owner, expected);
}

/// An interface does not say to which database it belongs. The one database of the group it is; of two, it is either.
#[tokio::test(start_paused = true)]
async fn databases_are_found_by_their_groups() {
    let mut story = Story::new();
    let database = |name: &str, group: &str, owner: &str| Database {
        arn: format!("arn:aws:rds:eu-central-1:111122223333:db:{name}"),
        groups: vec![group.to_owned()],
        tags: BTreeMap::from([("owner".into(), owner.into())]),
    };
    story.aws.account().interfaces =
        vec![described("eni-1", ONE, "RDSNetworkInterface"), described("eni-2", TWO, "RDSNetworkInterface")];
    story.aws.account().databases =
        vec![database("orders", ONE, "shop"), database("a", TWO, "pay"), database("b", TWO, "pay")];
    let (_, events) = story.deliver(&[open(ONE), open(TWO)], 1).await;
    let seen: Vec<_> =
        events.iter().map(|event| (&event["interfaces"]["listed"][0]["resource"], &event["owner"]["name"])).collect();
    let orders = json!("arn:aws:rds:eu-central-1:111122223333:db:orders");
    assert_eq!(seen, [(&orders, &json!("shop")), (&json!("RDSNetworkInterface"), &json!("pay"))]);
    assert_eq!(story.calls("rds:DescribeDBInstances"), 1);
}

/// What may not be read is left out and named, and the rest is announced: nothing waits for a permission.
#[rstest]
#[case::interfaces(INTERFACES, "interfaces")]
#[case::history(HISTORY, "opener")]
#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_is_named(#[case] call: &'static str, #[case] part: &str) {
    let mut story = Story::new();
    story.aws.account().interfaces = vec![on_instance("eni-1", ONE, "i-1")];
    story.history(vec![opening("e-1", "alice", &json!({}))]);
    story.aws.fail(call, "AccessDeniedException");
    let (hidden, events) = story.one(&open(ONE)).await;
    assert_eq!((hidden.len(), events.len()), (0, 2));
    let unread: Vec<_> = events.iter().flat_map(|event| event["unread"].as_array().unwrap()).collect();
    assert_eq!(unread.len(), 1);
    assert_eq!(unread[0]["call"], call);
    assert!(unread[0]["error"].as_str().unwrap().contains("(allow "), "{unread:?}");
    assert!(events.iter().all(|event| event[part].is_null()));
}

/// EC2 is busy: what is known is announced, and the rest is looked up later, for an hour.
#[tokio::test(start_paused = true)]
async fn what_passes_is_tried_again_for_an_hour() {
    let mut story = Story::new();
    story.history(vec![opening("e-1", "alice", &json!({}))]);
    story.aws.account().interfaces = vec![on_instance("eni-1", ONE, "i-1")];
    story.tag("i-1", "shop");
    let event = open(ONE);
    story.aws.fail("ec2:DescribeTags", "RequestLimitExceeded");
    let (hidden, events) = story.one(&event).await;
    assert_eq!((hidden.len(), &events[0]["interfaces"]["count"], &events[0]["owner"]), (1, &json!(1), &Value::Null));
    pass(SignedDuration::from_secs(2));
    let (hidden, _) = story.deliver(std::slice::from_ref(&event), 2).await;
    assert_eq!((hidden.len(), story.finding().owner().unwrap().name.as_str()), (0, "shop"));

    let event = open(TWO);
    pass(SignedDuration::from_hours(1));
    story.aws.fail(INTERFACES, "RequestLimitExceeded");
    let (hidden, events) = story.deliver(&[event], 9).await;
    assert_eq!((hidden.len(), events[0]["unread"].as_array().unwrap().len()), (0, 1));
}

/// An event that the bus does not take is made again, and nothing is forgotten if the table is not there.
#[rstest]
#[case::bus("events:PutEvents")]
#[case::reading("dynamodb:Query")]
#[case::writing("dynamodb:PutItem")]
#[tokio::test(start_paused = true)]
async fn a_failed_call_loses_nothing(#[case] call: &'static str) {
    let mut story = Story::new();
    story.aws.account().interfaces = vec![interface("eni-1", ONE)];
    story.history(vec![opening("e-1", "alice", &json!({}))]);
    story.aws.fail(call, "InternalFailure");
    let event = open(ONE);
    story.one(&event).await;
    story.deliver(&[event], 2).await;
    assert_eq!(story.finding().attachment().unwrap().interfaces, 1);
    assert_eq!(story.finding().opener().unwrap().principal.as_str(), "alice");
}

/// CloudFormation made the call for somebody: both are named. Of two rules, the newest call counts.
#[tokio::test(start_paused = true)]
async fn a_stack_is_named_with_who_updated_it() {
    let mut story = Story::new();
    let by = json!({"sourceIPAddress": "cloudformation.amazonaws.com", "userAgent": "cloudformation.amazonaws.com"});
    story.history(vec![opening("e-1", "ci", &by)]);
    let mut event = open(ONE);
    event["detail"]["securityGroup"]["tags"] = json!({"aws:cloudformation:stack-name": "shop"});
    let (_, events) = story.one(&event).await;
    assert_eq!((&events[1]["opener"]["name"], &events[1]["opener"]["stack"]), (&json!("ci"), &json!("shop")));
    // The same group, changed by hand.
    pass(SignedDuration::from_mins(5));
    let mut event = open(ONE);
    event["detail"]["securityGroup"]["tags"] = json!({"aws:cloudformation:stack-name": "shop"});
    story.history(vec![opening("e-2", "alice", &json!({}))]);
    let (_, events) = story.one(&event).await;
    assert_eq!((&events[1]["opener"]["name"], &events[1]["opener"]["stack"]), (&json!("alice"), &Value::Null));
}

/// A message that is no assessment goes back, for a day; the others of its batch do not.
#[tokio::test(start_paused = true)]
async fn a_message_that_is_not_understood_goes_back_alone() {
    let mut story = Story::new();
    story.history(vec![opening("e-1", "alice", &json!({}))]);
    let (hidden, events) = story.deliver(&[json!({"detail": {}}), open(ONE)], 1).await;
    assert_eq!((hidden.len(), events.len()), (1, 2));
}

/// A group of a large cluster has more interfaces than are read. That is said.
#[tokio::test(start_paused = true)]
async fn interfaces_beyond_the_limit_are_said_to_be_there() {
    let mut story = Story::new();
    story.aws.account().interfaces = (0..30).map(|number| interface(&format!("eni-{number}"), ONE)).collect();
    story.aws.account().page_size = 20;
    let (_, events) = story.one(&open(ONE)).await;
    assert_eq!((&events[0]["interfaces"]["count"], &events[0]["interfaces"]["complete"]), (&json!(20), &json!(false)));
}
