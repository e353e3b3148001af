//! Whatever comes in whatever order: at most one execution for a group runs at a time, none is started without need, and what is open
//! is closed in the end.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::cell::Cell;
use std::time::Duration;

use aws_traits::AwsError;
use aws_traits::fakes::FakeAws;
use aws_traits::sqs::{Hidden, Messages};
use aws_traits::ssm::Progress;
use exposure::{IngressRule, SecurityGroup, Traffic};
use jiff::Timestamp;
use judgement::ConfigRulePolicy;
use proptest::prelude::*;
use responder::{Incoming, InspectorResponse, Mode, Modes, Responder, Settings};
use serde_json::json;
use tokio::time::Instant;

const GROUPS: [&str; 2] = ["sg-0aaaaaaaaaaaaaaaa", "sg-0bbbbbbbbbbbbbbbb"];
const ACCOUNT: &str = "111122223333";

thread_local! {
    /// The clock of a case, in seconds. Each case runs on one thread.
    static CLOCK: Cell<i64> = const { Cell::new(1_790_000_000) };
}

fn now() -> Timestamp {
    Timestamp::from_second(CLOCK.get()).unwrap()
}

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// Somebody opens a group by a new rule.
    Open(usize),
    /// Somebody closes it.
    Close(usize),
    /// Messages about groups are delivered; the same one as often as it is here.
    Deliver(Vec<usize>),
    /// A message is delivered while a call fails.
    Fault(usize, &'static str),
    /// The oldest execution that runs ends: it has closed its group, or failed.
    End(bool),
    /// Time passes, in seconds.
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let group = 0..GROUPS.len();
    let call = prop::sample::select(vec![
        "ssm:StartAutomationExecution",
        "ssm:GetAutomationExecution",
        "dynamodb:Query",
        "dynamodb:PutItem",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSecurityGroupRules",
        "config:DescribeConfigRules",
        "events:PutEvents",
    ]);
    prop_oneof![
        3 => group.clone().prop_map(Step::Open),
        1 => group.clone().prop_map(Step::Close),
        6 => prop::collection::vec(group.clone(), 1..5).prop_map(Step::Deliver),
        2 => (group, call).prop_map(|(group, call)| Step::Fault(group, call)),
        4 => any::<bool>().prop_map(Step::End),
        2 => (1_i64..900).prop_map(Step::Wait),
    ]
}

#[derive(Debug)]
struct Queue;

impl Messages for Queue {
    async fn hide(&self, _queue_arn: &str, _messages: &[Hidden]) -> Result<(), AwsError> {
        Ok(())
    }
}

struct World {
    aws: FakeAws,
    responder: Responder<FakeAws, FakeAws, Queue>,
    runtime: tokio::runtime::Runtime,
    rules: usize,
}

impl World {
    fn new() -> Self {
        CLOCK.set(1_790_000_000);
        let aws = FakeAws::default();
        {
            let mut account = aws.account();
            account.rules.insert("portcullis".into(), Some(json!({"FocusOnPorts": "22"}).to_string()));
            let stack =
                json!({"closeDocument": "close", "quarantineDocument": "quarantine", "approval": false, "roles": []});
            account.parameters.insert("/portcullis/stacks/portcullis".into(), stack.to_string());
            for id in GROUPS {
                let owner_id = Some(ACCOUNT.to_owned());
                account.groups.insert(id.into(), SecurityGroup { id: id.into(), owner_id, ..SecurityGroup::default() });
            }
        }
        let settings = Settings {
            account: ACCOUNT.into(),
            region: "us-east-1".into(),
            rule: "portcullis".into(),
            modes: Modes { sns: Mode::Close, ..Modes::default() },
            inspector_response: InspectorResponse::default(),
        };
        let policy = Box::new(ConfigRulePolicy::new(aws.clone(), aws.clone()));
        let responder = Responder::new(aws.clone(), policy, (aws.clone(), Queue), settings, now);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { aws, responder, runtime, rules: 0 }
    }

    fn open(&mut self, group: usize) {
        self.rules += 1;
        let traffic = Traffic::parse("tcp", Some(22), Some(22));
        // A source of its own: EC2 has no two equal rules.
        let source = format!("{}.0.0.0/1", if self.rules.is_multiple_of(2) { 0 } else { 128 });
        let rule = IngressRule {
            id: Some(format!("sgr-{}", self.rules)),
            ..IngressRule::new(traffic, source.as_str().into())
        };
        self.aws.account().groups.get_mut(GROUPS[group]).unwrap().ingress.push(rule);
    }

    fn close(&self, group: &str) {
        self.aws.account().groups.get_mut(group).unwrap().ingress.clear();
    }

    /// Delivers messages about groups. Returns the number of those that stay in the queue.
    fn deliver(&self, groups: &[usize]) -> usize {
        let record = |(index, group): (usize, &usize)| {
            json!({
                "messageId": format!("message-{index}"), "receiptHandle": "receipt", "body": GROUPS[*group],
                "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:responder",
            })
        };
        let records: Vec<_> = groups.iter().enumerate().map(record).collect();
        let incoming: Incoming = serde_json::from_value(json!({"Records": records})).unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        self.runtime.block_on(self.responder.handle(incoming, deadline)).unwrap().batch_item_failures.len()
    }

    fn end(&self, succeeds: bool) {
        let ended = {
            let mut account = self.aws.account();
            let running = account.executions.iter_mut().find(|(_, state)| state.progress == Progress::Running);
            running.map(|(execution, state)| {
                state.progress = if succeeds { Progress::Succeeded } else { Progress::Failed };
                state.outputs.insert("VerifyOutcome.Status".into(), "CLOSED".into());
                execution.parameters["SecurityGroupId"].clone()
            })
        };
        if let Some(group) = ended.filter(|_| succeeds) {
            self.close(&group);
        }
    }

    /// Executions that run, by group.
    fn running(&self) -> [usize; GROUPS.len()] {
        let account = self.aws.account();
        GROUPS.map(|group| {
            let of_group =
                account.executions.iter().filter(|(execution, _)| execution.parameters["SecurityGroupId"] == group);
            of_group.filter(|(_, state)| state.progress == Progress::Running).count()
        })
    }

    fn is_open(&self, group: usize) -> bool {
        !self.aws.account().groups[GROUPS[group]].ingress.is_empty()
    }
}

/// Cases. `PROPTEST_CASES` does not set them: each is a story of many invocations.
const CASES: u32 = 1_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_execution_at_a_time_and_all_is_closed_in_the_end(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::new();
        // Whether an item could not be written: who does not know of an execution cannot wait for it.
        let mut forgetful = false;
        for step in steps {
            let before = world.aws.account().executions.len();
            let open: Vec<bool> = (0..GROUPS.len()).map(|group| world.is_open(group)).collect();
            match step {
                Step::Open(group) => world.open(group),
                Step::Close(group) => world.close(GROUPS[group]),
                Step::Deliver(groups) => {
                    world.deliver(&groups);
                }
                Step::Fault(group, call) => {
                    world.aws.fail(call, "InternalError");
                    forgetful |= call == "dynamodb:PutItem";
                    world.deliver(&[group]);
                    world.aws.undisturbed();
                }
                Step::End(succeeds) => world.end(succeeds),
                Step::Wait(seconds) => CLOCK.set(CLOCK.get() + seconds),
            }
            for (execution, _) in world.aws.account().executions.iter().skip(before) {
                let group = GROUPS.iter().position(|id| execution.parameters["SecurityGroupId"] == **id).unwrap();
                prop_assert!(open[group], "a group that is closed has an execution");
            }
            if !forgetful {
                prop_assert!(world.running().iter().all(|running| *running <= 1), "two at once: {:?}", world.running());
            }
        }
        // From now on nothing fails. Each message is delivered until it is answered.
        for _ in 0..20 {
            CLOCK.set(CLOCK.get() + 700);
            world.deliver(&[0, 1]);
            while world.running().iter().any(|running| *running > 0) {
                world.end(true);
            }
        }
        prop_assert!(!world.is_open(0) && !world.is_open(1));
        let executions = world.aws.account().executions.len();
        prop_assert_eq!(world.deliver(&[0, 1]), 0);
        prop_assert_eq!(world.aws.account().executions.len(), executions);
    }
}
