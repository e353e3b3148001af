//! Deferred closings go on, once for each note.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use aws_traits::fakes::FakeAws;
use aws_traits::state::{Partition, StateItem, StateTable as _};
use jiff::Timestamp;
use reporter::{FollowUp, FollowedUp, Origin};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::Instant;

const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";

fn at(time: &str) -> Timestamp {
    format!("2026-12-01T{time}:00Z").parse().unwrap()
}

/// A note as the remediator writes it: a sample of its tests.
fn note(until: &str, since: &str) -> Value {
    json!({
        "until": at(until), "since": at(since), "executionId": "e-1", "strategy": "Revoke", "replacementCidrs": [],
        "ignoreHold": false,
    })
}

struct Account {
    aws: FakeAws,
    follow_up: FollowUp<FakeAws, FakeAws>,
}

impl Account {
    fn new() -> Self {
        let aws = FakeAws::default();
        let origin = Origin { account: "111122223333".into(), region: "us-east-1".into(), rule: "portcullis".into() };
        let document = "portcullis-CloseDocument-1".to_owned();
        let follow_up = FollowUp::new(aws.clone(), aws.clone(), document, origin);
        Self { aws, follow_up }
    }

    async fn deferred(&self, group: &str, note: Value) {
        let partition = Partition { kind: "deferred", of: "portcullis".into() };
        let item = StateItem { id: group.to_owned(), value: note };
        self.aws.put_item(&partition, &item, Timestamp::MAX).await.unwrap();
    }

    /// Automatic mode, with so many days of grace.
    fn with_grace(self, days: u16) -> Self {
        let Self { aws, follow_up } = self;
        Self { aws, follow_up: follow_up.in_automatic_mode(true).with_grace(days) }
    }

    /// A record as the sweep of the remediator writes it.
    async fn seen(&self, group: &str, due_from: Option<&str>) {
        let exposure = json!({"traffic": "tcp/22", "source": "0.0.0.0/0", "ports": "tcp/22", "isDue": true});
        let mut value = json!({"graceDays": 7, "exposures": [exposure]});
        if let Some(due_from) = due_from {
            value["dueFrom"] = json!(at(due_from));
        }
        let partition = Partition { kind: "grace", of: "portcullis".into() };
        self.aws.put_item(&partition, &StateItem { id: group.to_owned(), value }, Timestamp::MAX).await.unwrap();
    }

    async fn run(&self, time: &str) -> FollowedUp {
        self.follow_up.run(at(time), Instant::now() + Duration::from_mins(1)).await.unwrap()
    }

    fn started(&self) -> Vec<String> {
        let executions = &self.aws.account().executions;
        executions.iter().map(|(execution, _)| execution.parameters["SecurityGroupId"].clone()).collect()
    }
}

/// Closed too many at ten past ten: the group waits until eleven, and has one execution then.
#[tokio::test]
async fn a_deferred_closing_goes_on_once_when_its_hour_has_ended() {
    let account = Account::new();
    account.deferred(GROUP, note("11:00", "10:10")).await;
    assert_eq!(account.run("10:59").await, FollowedUp { deferred: 1, ..FollowedUp::default() });
    assert_eq!(account.run("11:00").await.started, 1);
    assert_eq!(account.run("11:05").await.started, 0);
    let parameters = account.aws.account().executions[0].0.parameters.clone();
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(parameters, [("ConfigRuleName", "portcullis"), ("SecurityGroupId", GROUP), ("Strategy", "Revoke")]);
    // The next hour had no room either.
    account.deferred(GROUP, note("12:00", "11:01")).await;
    assert_eq!(account.run("11:10").await.started, 0);
    assert_eq!(account.run("12:00").await.started, 1);
}

#[tokio::test]
async fn the_closing_is_the_one_that_was_asked_for() {
    let account = Account::new();
    let mut other = note("11:00", "10:10");
    other["strategy"] = json!("Replace");
    other["replacementCidrs"] = json!(["10.0.0.0/8", "fd00::/8"]);
    other["ignoreHold"] = json!(true);
    account.deferred(GROUP, other).await;
    account.run("11:00").await;
    let (execution, _) = account.aws.account().executions[0].clone();
    assert_eq!(execution.parameters["Strategy"], "Replace");
    assert_eq!(execution.parameters["ReplacementCidrs"], "10.0.0.0/8,fd00::/8");
    assert_eq!(execution.parameters["IgnoreHold"], "true");
}

/// A first automatic run over a large account: a hundred at a time, who waits for longest first.
#[tokio::test]
async fn many_go_on_a_hundred_at_a_time() {
    let account = Account::new();
    account.aws.account().page_size = 60;
    for number in 0..250 {
        let since = format!("10:{:02}", 59 - number / 10);
        account.deferred(&format!("sg-0000000000000{number:04}"), note("11:00", &since)).await;
    }
    assert_eq!(account.run("11:00").await, FollowedUp { deferred: 250, started: 100, ..FollowedUp::default() });
    assert_eq!(account.started()[0], "sg-00000000000000240");
    assert_eq!(account.run("11:05").await.started, 100);
    assert_eq!(account.run("11:10").await.started, 50);
    assert_eq!(account.run("11:15").await.started, 0);
    let mut started = account.started();
    started.sort();
    started.dedup();
    assert_eq!(started.len(), 250);
}

/// Systems Manager is full, or does not answer: the next run goes on.
#[rstest]
#[case("AutomationExecutionLimitExceededException", 1)]
#[case("AccessDeniedException", 0)]
#[tokio::test]
async fn what_cannot_be_started_is_tried_again(#[case] code: &'static str, #[case] others: usize) {
    let account = Account::new();
    account.deferred(GROUP, note("11:00", "10:10")).await;
    account.deferred("sg-0bbbbbbbbbbbbbbbb", note("11:00", "10:11")).await;
    account.aws.fail("ssm:StartAutomationExecution", code);
    let done = account.run("11:00").await;
    assert_eq!((done.failed, done.started), (1, others));
    account.aws.lose_answer("ssm:StartAutomationExecution");
    account.run("11:05").await;
    account.run("11:10").await;
    assert_eq!(account.started().len(), 2);
}

/// Its executions failed, and rang an alarm each. It is not started for ever.
#[tokio::test]
async fn an_old_note_is_left_to_people() {
    let account = Account::new();
    account.deferred(GROUP, note("11:00", "10:10")).await;
    assert_eq!(account.run("13:00").await, FollowedUp { deferred: 1, ..FollowedUp::default() });
}

#[tokio::test]
async fn notes_that_cannot_be_read_are_an_error() {
    let account = Account::new();
    account.aws.fail("dynamodb:Query", "InternalServerError");
    assert!(account.follow_up.run(at("11:00"), Instant::now() + Duration::from_mins(1)).await.is_err());
}

/// Automatic mode was a mistake, and is switched off: what it started stops, and what people started goes on.
#[tokio::test]
async fn what_automatic_mode_started_stops_with_it() {
    let account = Account::new();
    let mut automatic = note("11:00", "10:10");
    automatic["automatic"] = json!(true);
    account.deferred(GROUP, automatic).await;
    account.deferred("sg-0bbbbbbbbbbbbbbbb", note("11:00", "10:11")).await;
    assert_eq!(account.run("11:00").await.started, 1);
    assert_eq!(account.started(), ["sg-0bbbbbbbbbbbbbbbb"]);
    let Account { aws, follow_up } = account;
    let account = Account { aws, follow_up: follow_up.in_automatic_mode(true) };
    assert_eq!(account.run("11:05").await.started, 1);
}

/// Due since ten: closed at once, and tried again each hour for as long as it is due.
#[tokio::test]
async fn what_is_due_has_one_execution_an_hour() {
    let account = Account::new().with_grace(7);
    account.seen(GROUP, Some("10:00")).await;
    account.seen("sg-0bbbbbbbbbbbbbbbb", None).await;
    assert_eq!(account.run("09:55").await, FollowedUp::default());
    assert_eq!(account.run("10:00").await, FollowedUp { due: 1, started: 1, ..FollowedUp::default() });
    assert_eq!(account.run("10:55").await, FollowedUp { due: 1, ..FollowedUp::default() });
    assert_eq!(account.run("11:00").await.started, 1);
    let parameters = account.aws.account().executions[0].0.parameters.clone();
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(parameters, [("ConfigRuleName", "portcullis"), ("OnlyDue", "true"), ("SecurityGroupId", GROUP)]);
    // Closed: the sweep has seen it.
    account.seen(GROUP, None).await;
    assert_eq!(account.run("12:00").await, FollowedUp::default());
}

/// The days that the stack has now are not those of the last sweep, or automatic mode is off.
#[rstest]
#[case::other_days(Account::new().with_grace(30))]
#[case::no_grace(Account::new().with_grace(0))]
#[tokio::test]
async fn what_was_due_by_other_days_is_not_started(#[case] account: Account) {
    account.seen(GROUP, Some("10:00")).await;
    assert_eq!(account.run("10:00").await, FollowedUp::default());
}

#[tokio::test]
async fn grace_ends_nothing_while_automatic_mode_is_off() {
    let Account { aws, follow_up } = Account::new().with_grace(7);
    let account = Account { aws, follow_up: follow_up.in_automatic_mode(false) };
    account.seen(GROUP, Some("10:00")).await;
    assert_eq!(account.run("10:00").await, FollowedUp::default());
}
