//! Days of grace: what sweeps see, and what a closing of what is due leaves open.

use aws_traits::config::RemediationException;
use aws_traits::fakes::FakeAws;
use exposure::IngressRule;
use jiff::{SignedDuration, Timestamp};
use judgement::{ConfigRulePolicy, GraceDays, GraceRecord};
use remediation::{ClosingsPerHour, Graces, Remediation, RemediationError, Response, Status, Sweep};
use rstest::rstest;
use serde_json::json;

use crate::account::{GROUP, REVOKE, aws_with, deadline, exempt, left, log_lines, now, request, rule, run, with};

const RULE: &str = "portcullis";

fn day(day: i64) -> Timestamp {
    now().saturating_add(SignedDuration::from_hours(24 * day)).unwrap()
}

fn stack(aws: &FakeAws, days: Option<u16>) -> Remediation<FakeAws> {
    let policy = ConfigRulePolicy::new(aws.clone(), aws.clone());
    let stack = Remediation::new(aws.clone(), Box::new(policy), now).with_closings_per_hour(ClosingsPerHour::from(1));
    let stack = stack.in_automatic_mode();
    days.and_then(GraceDays::new).map_or_else(
        || Remediation::new(aws.clone(), Box::new(ConfigRulePolicy::new(aws.clone(), aws.clone())), now),
        |days| stack.with_grace(days),
    )
}

async fn sweep(aws: &FakeAws, at: Timestamp) -> Option<Graces> {
    stack(aws, Some(7)).sweep(RULE, Some(at)).await.unwrap().grace
}

fn graces(open: usize, due: usize) -> Graces {
    Graces { open, due, not_remembered: 0 }
}

fn record(aws: &FakeAws) -> Option<GraceRecord> {
    let account = aws.account();
    let item = account.state.get(&("grace/portcullis".to_owned(), GROUP.to_owned()));
    item.map(|(value, _)| serde_json::from_value(value.clone()).unwrap())
}

fn due_from(aws: &FakeAws) -> Option<Timestamp> {
    record(aws).unwrap().due_from
}

fn set(aws: &FakeAws, rules: Vec<IngressRule>) {
    aws.account().groups.get_mut(GROUP).unwrap().ingress = rules;
}

fn ssh() -> IngressRule {
    rule("ssh", 22, "0.0.0.0/0")
}

fn rdp() -> IngressRule {
    rule("rdp", 3389, "0.0.0.0/0")
}

fn web() -> IngressRule {
    rule("web", 443, "0.0.0.0/0")
}

async fn close_due(aws: &FakeAws) -> Result<Response, RemediationError> {
    run(&stack(aws, Some(7)), with("onlyDue", json!("true")), deadline()).await
}

/// SSH was seen on the first day, RDP on the fourth, and the last sweep was on the eighth.
async fn one_of_two_is_due() -> FakeAws {
    let aws = aws_with(vec![ssh(), web()]);
    assert_eq!(sweep(&aws, day(0)).await, Some(graces(1, 0)));
    set(&aws, vec![ssh(), rdp(), web()]);
    assert_eq!(sweep(&aws, day(3)).await, Some(graces(1, 0)));
    assert_eq!(sweep(&aws, day(7)).await, Some(graces(1, 1)));
    aws
}

#[tokio::test]
async fn what_is_due_is_closed_and_the_rest_stays_open_until_its_own_day() {
    let aws = one_of_two_is_due().await;
    let response = close_due(&aws).await.unwrap();
    assert_eq!((response.status, left(&aws)), (Status::Closed, vec!["sgr-rdp".to_owned(), "sgr-web".to_owned()]));
    assert!(response.message.ends_with("1 rule revoked; 1 exposure is not to be closed yet"), "{}", response.message);
    // Nothing is started twice: the next sweep sees that it is closed.
    assert_eq!(sweep(&aws, day(8)).await, Some(graces(1, 0)));
    assert_eq!(due_from(&aws), None);
    let again = close_due(&aws).await.unwrap();
    assert_eq!((again.status, left(&aws).len()), (Status::NothingToDo, 2));
    assert!(again.message.ends_with("was not changed: 1 exposure is not to be closed yet"), "{}", again.message);
    assert_eq!(sweep(&aws, day(10)).await, Some(graces(1, 1)));
    assert_eq!(close_due(&aws).await.unwrap().status, Status::Closed);
    assert_eq!(left(&aws), ["sgr-web"]);
}

/// Who asks for a group by hand wants it closed.
#[tokio::test]
async fn a_closing_by_a_person_waits_for_nothing() {
    let aws = aws_with(vec![ssh(), web()]);
    sweep(&aws, day(0)).await;
    assert_eq!(run(&stack(&aws, Some(7)), request(), deadline()).await.unwrap().status, Status::Closed);
    assert_eq!(left(&aws), ["sgr-web"]);
}

#[tokio::test]
async fn a_dry_run_says_what_is_due() {
    let aws = one_of_two_is_due().await;
    let mut request = with("onlyDue", json!(true));
    request["dryRun"] = json!(true);
    let response = run(&stack(&aws, Some(7)), request, deadline()).await.unwrap();
    let revoked: Vec<_> = response.closed().unwrap().revoked.iter().map(|rule| &rule.security_group_rule_id).collect();
    assert_eq!((response.status, revoked), (Status::Planned, vec![&Some("sgr-ssh".to_owned())]));
    assert_eq!(left(&aws).len(), 3);
}

/// The strategy Replace adds rules that are no exposure; that others stay open does not refuse it.
#[tokio::test]
async fn what_is_due_is_replaced_beside_what_is_not() {
    let aws = one_of_two_is_due().await;
    let mut request = with("onlyDue", json!(true));
    (request["strategy"], request["replacementCidrs"]) = (json!("Replace"), json!(["10.0.0.0/8"]));
    let response = run(&stack(&aws, Some(7)), request.clone(), deadline()).await.unwrap();
    assert_eq!(response.status, Status::Closed, "{}", response.message);
    let sources: Vec<_> =
        aws.account().groups[GROUP].ingress.iter().map(|rule| format!("{} {}", rule.traffic, rule.source)).collect();
    assert!(sources.contains(&"tcp/22 10.0.0.0/8".to_owned()), "{sources:?}");
    assert!(sources.contains(&"tcp/3389 0.0.0.0/0".to_owned()), "{sources:?}");
    // A replacement that is an exposure itself is refused as ever.
    sweep(&aws, day(10)).await;
    request["replacementCidrs"] = json!(["0.0.0.0/1"]);
    let error = run(&stack(&aws, Some(7)), request, deadline()).await.unwrap_err();
    assert_eq!(error.kind(), "InvalidRequest", "{error}");
}

/// What the table has is not what the stack says any more.
#[rstest]
#[case::other_days(Some(30))]
#[case::no_grace(None)]
#[tokio::test]
async fn an_execution_from_before_the_days_were_changed_closes_nothing(#[case] days: Option<u16>) {
    let aws = one_of_two_is_due().await;
    let response = run(&stack(&aws, days), with("onlyDue", json!(true)), deadline()).await.unwrap();
    assert_eq!((response.status, left(&aws).len()), (Status::NothingToDo, 3), "{}", response.message);
}

#[tokio::test]
async fn without_a_record_nothing_is_closed() {
    let aws = aws_with(vec![ssh(), web()]);
    assert_eq!(close_due(&aws).await.unwrap().status, Status::NothingToDo);
    sweep(&aws, day(0)).await;
    sweep(&aws, day(7)).await;
    aws.fail("dynamodb:GetItem", "AccessDeniedException");
    let error = close_due(&aws).await.unwrap_err();
    assert!(plain_text::error_chain(&error).contains("allow dynamodb:GetItem"), "{error}");
    assert_eq!(left(&aws).len(), 2);
    assert_eq!(aws.count(REVOKE), 0);
}

#[tokio::test]
async fn a_closed_group_is_closed_whatever_is_due() {
    let aws = one_of_two_is_due().await;
    set(&aws, vec![web()]);
    let response = close_due(&aws).await.unwrap();
    assert_eq!(response.status, Status::NothingToDo);
    assert!(response.message.ends_with("exposes no blocked port"), "{}", response.message);
}

/// The hour is full: what is due goes on by its record, and by nothing else.
#[tokio::test]
async fn what_is_due_and_deferred_has_no_second_note() {
    let aws = one_of_two_is_due().await;
    let members = json!({"members": ["sg-0bbbbbbbbbbbbbbbb"]});
    let hour = ("pace/closings".to_owned(), now().to_string());
    aws.account().state.insert(hour, (members, day(9)));
    assert_eq!(close_due(&aws).await.unwrap().status, Status::Deferred);
    assert!(!aws.account().state.keys().any(|(of, _)| of.starts_with("deferred")));
    // The exception that ends with the hour has the record wait as well.
    let until = aws.account().exceptions[&(RULE.to_owned(), GROUP.to_owned())].expires;
    assert!(until.is_some());
}

fn except(aws: &FakeAws, expires: Option<Timestamp>) {
    let exception = RemediationException { group_id: GROUP.into(), message: Some("wait".into()), expires };
    aws.account().exceptions.insert((RULE.to_owned(), GROUP.to_owned()), exception);
}

#[rstest]
#[case::until_tomorrow(Some(day(8)), false)]
#[case::without_end(None, false)]
#[case::over(Some(day(6)), true)]
#[tokio::test]
async fn a_group_with_an_exception_is_due_when_it_ends(#[case] expires: Option<Timestamp>, #[case] is_due: bool) {
    let aws = aws_with(vec![ssh()]);
    sweep(&aws, day(0)).await;
    except(&aws, expires);
    assert_eq!(sweep(&aws, day(7)).await, Some(graces(1, usize::from(is_due))));
    assert_eq!(due_from(&aws).is_some(), is_due);
    aws.account().exceptions.clear();
    sweep(&aws, day(7)).await;
    assert_eq!(due_from(&aws), Some(day(7)));
}

/// An execution may have been started by what the sweep before saw.
#[tokio::test]
async fn an_execution_that_was_started_before_the_exception_closes_nothing() {
    let aws = one_of_two_is_due().await;
    except(&aws, Some(day(9)));
    sweep(&aws, day(8)).await;
    assert_eq!((close_due(&aws).await.unwrap().status, left(&aws).len()), (Status::NothingToDo, 3));
}

#[tokio::test]
async fn an_exempt_or_deleted_group_is_not_open() {
    let aws = aws_with(vec![ssh()]);
    sweep(&aws, day(0)).await;
    exempt(&aws);
    assert_eq!(sweep(&aws, day(7)).await, Some(graces(0, 0)));
    aws.account().groups.clear();
    assert_eq!(sweep(&aws, day(8)).await, Some(graces(0, 0)));
    assert!(record(&aws).is_some(), "what is gone is known for a week");
    sweep(&aws, day(15)).await;
    assert_eq!(record(&aws), None);
}

/// What stays as it is is not written at each sweep.
#[tokio::test]
async fn a_record_is_written_when_it_changes() {
    crate::log::watch();
    let aws = aws_with(vec![ssh()]);
    for at in [0, 1, 2, 7, 8, 9] {
        sweep(&aws, day(at)).await;
    }
    assert_eq!(aws.count("dynamodb:PutItem"), 2);
    assert_eq!(log_lines("grace"), 1);
}

#[tokio::test]
async fn groups_of_other_accounts_are_left_to_these() {
    let aws = aws_with(vec![ssh()]);
    aws.account().groups.get_mut(GROUP).unwrap().owner_id = Some("444455556666".into());
    assert_eq!(sweep(&aws, day(0)).await, Some(graces(0, 0)));
    assert_eq!(record(&aws), None);
}

/// A call that fails changes no date, and the rest of the sweep goes on.
#[rstest]
#[case::groups("ec2:DescribeSecurityGroups")]
#[case::records("dynamodb:Query")]
#[tokio::test]
async fn a_sweep_that_cannot_read_says_nothing(#[case] call: &'static str) {
    crate::log::watch();
    let aws = aws_with(vec![ssh()]);
    sweep(&aws, day(0)).await;
    let before = record(&aws);
    aws.fail(call, "InternalError");
    assert_eq!(sweep(&aws, day(7)).await, None);
    assert_eq!((record(&aws), log_lines("grace not looked at")), (before, 1));
    assert_eq!(sweep(&aws, day(8)).await, Some(graces(1, 1)));
}

#[tokio::test]
async fn a_record_that_cannot_be_written_is_written_by_the_next_sweep() {
    crate::log::watch();
    let aws = aws_with(vec![ssh()]);
    aws.fail("dynamodb:PutItem", "InternalError");
    assert_eq!(sweep(&aws, day(0)).await, Some(Graces { open: 1, due: 0, not_remembered: 1 }));
    assert_eq!(log_lines("grace not remembered"), 1);
    assert_eq!(sweep(&aws, day(1)).await, Some(graces(1, 0)));
    assert!(record(&aws).is_some());
}

#[tokio::test]
async fn without_days_of_grace_no_group_is_read() {
    let aws = aws_with(vec![ssh()]);
    assert_eq!(stack(&aws, None).sweep(RULE, Some(day(0))).await.unwrap(), Sweep::default());
    assert_eq!(aws.count("ec2:DescribeSecurityGroups"), 0);
}

/// Lambda repeats an event that is hours old. What was opened since is not that old.
#[tokio::test]
async fn a_sweep_is_never_before_now() {
    let aws = aws_with(vec![ssh()]);
    sweep(&aws, day(-3)).await;
    assert_eq!(record(&aws).unwrap().closes, Some(day(7)));
}
