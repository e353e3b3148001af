//! Most groups that are closed in an hour.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use aws_traits::config::RemediationException;
use aws_traits::fakes::FakeAws;
use exposure::SecurityGroup;
use jiff::{SignedDuration, Timestamp};
use judgement::ConfigRulePolicy;
use plain_text::error_chain;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use remediation::{ClosingsPerHour, Deferral, Remediation, RemediationError, Response, Status, StrategyName};
use rstest::rstest;
use serde_json::{Value, json};

use crate::account::{
    GROUP, REVOKE, aws, aws_with, carve, deadline, exempt, incomplete, left, log_lines, now, ports, request, restore,
    rule, run, with,
};

const ADMIT: &str = "dynamodb:UpdateItem";
const REMEMBER: &str = "dynamodb:PutItem";
const FORGET: &str = "dynamodb:DeleteItem";
const EXCEPTION: &str = "config:PutRemediationExceptions";

thread_local! {
    static CLOCK: Cell<Timestamp> = const { Cell::new(Timestamp::UNIX_EPOCH) };
}

fn clock() -> Timestamp {
    CLOCK.get()
}

fn at(time: &str) -> Timestamp {
    format!("2026-11-21T{time}Z").parse().unwrap()
}

fn uncounted(aws: &FakeAws, now: fn() -> Timestamp) -> Remediation<FakeAws> {
    Remediation::new(aws.clone(), Box::new(ConfigRulePolicy::new(aws.clone(), aws.clone())), now)
}

fn stack(aws: &FakeAws, most: u32) -> Remediation<FakeAws> {
    uncounted(aws, now).with_closings_per_hour(ClosingsPerHour::from(most))
}

async fn close(aws: &FakeAws, most: u32, request: Value) -> Result<Response, RemediationError> {
    run(&stack(aws, most), request, deadline()).await
}

/// Members of the set of an hour.
fn admitted(aws: &FakeAws, hour: &str) -> Vec<String> {
    let account = aws.account();
    let set = account.state.get(&("pace/closings".to_owned(), format!("2026-11-21T{hour}:00:00Z")));
    let members = set.map_or(&Value::Null, |(set, _)| &set["members"]).as_array().cloned().unwrap_or_default();
    members.iter().map(|member| member.as_str().unwrap().to_owned()).collect()
}

fn deferral(aws: &FakeAws, group: &str) -> Option<Deferral> {
    let account = aws.account();
    let item = account.state.get(&("deferred/portcullis".to_owned(), group.to_owned()));
    item.map(|(value, _)| serde_json::from_value(value.clone()).unwrap())
}

fn id(number: usize) -> String {
    format!("sg-{number:017x}")
}

fn open(aws: &FakeAws, number: usize) {
    let group = SecurityGroup {
        id: id(number),
        vpc_id: Some("vpc-0a1b2c3d".into()),
        ingress: vec![
            rule(&format!("open{number}"), 22, "0.0.0.0/0"),
            rule(&format!("kept{number}"), 443, "0.0.0.0/0"),
        ],
        ..SecurityGroup::default()
    };
    aws.account().groups.insert(group.id.clone(), group);
}

fn is_open(aws: &FakeAws, number: usize) -> bool {
    aws.account().groups[&id(number)].ingress.iter().any(|rule| rule.id == Some(format!("sgr-open{number}")))
}

fn request_for(number: usize) -> Value {
    with("securityGroupId", json!(id(number)))
}

/// An account in which the groups below `number` are open, and every call lets the others run.
fn account(number: usize) -> FakeAws {
    let aws = aws().with_turns();
    (0..number).for_each(|number| open(&aws, number));
    aws
}

/// An account in which the one closing of this hour was done.
async fn full() -> FakeAws {
    let aws = aws();
    open(&aws, 0);
    assert_eq!(close(&aws, 1, request_for(0)).await.unwrap().status, Status::Closed);
    aws
}

#[tokio::test]
async fn of_fifty_closings_at_once_exactly_as_many_are_made_as_may_be() {
    const MOST: u32 = 20;
    let aws = account(50);
    let stack = stack(&aws, MOST);
    let closings = (0..50).map(|number| run(&stack, request_for(number), deadline()));
    let outcomes = all(closings.collect(), &[7, 3, 31, 0, 49, 12]).await;
    let count = |status| outcomes.iter().filter(|outcome| outcome.as_ref().unwrap().status == status).count();
    assert_eq!((count(Status::Closed), count(Status::Deferred)), (20, 30));
    let closed: BTreeSet<String> = (0..50).filter(|number| !is_open(&aws, *number)).map(id).collect();
    assert_eq!(admitted(&aws, "00").into_iter().collect::<BTreeSet<_>>(), closed);
    let account = aws.account();
    assert_eq!((closed.len(), account.exceptions.len()), (20, 30));
    assert!(account.exceptions.values().all(|exception| exception.expires == Some(at("01:00:00"))));
    assert!(account.exceptions.keys().all(|(_, group)| !closed.contains(group)));
}

#[tokio::test]
async fn a_deferred_closing_changes_nothing_and_says_how_to_go_on() {
    let aws = full().await;
    let snapshots = aws.account().objects.len();
    let (before, revocations) = (left(&aws), aws.count(REVOKE));
    crate::log::watch();
    let response = close(&aws, 1, request()).await.unwrap();
    let message = "sg-0aaaaaaaaaaaaaaaa is still open: closing deferred until 2026-11-21T01:00:00Z, since this hour has had 1 closing; ";
    assert!(response.message.starts_with(message), "{}", response.message);
    for remedy in ["IgnorePace", "ClosingsPerHour", "RemediationMode to False"] {
        assert!(response.message.contains(remedy), "{}", response.message);
    }
    let json = serde_json::to_value(&response).unwrap();
    assert_eq!(
        json!([json["status"], json["deferredUntil"], json["closingsPerHour"], json["snapshot"], json["revoked"]]),
        json!(["DEFERRED", "2026-11-21T01:00:00Z", 1, null, []])
    );
    assert_eq!((left(&aws), aws.count(REVOKE)), (before, revocations));
    assert_eq!(aws.account().objects.len(), snapshots);
    assert_eq!(log_lines("closing deferred"), 1);
}

/// One exception of ours, which ends with the hour: AWS Config starts one execution in it, and no sweep takes the group for
/// parked.
#[tokio::test]
async fn a_deferred_closing_puts_one_exception_that_ends_with_the_hour() {
    let aws = full().await;
    close(&aws, 1, request()).await.unwrap();
    assert_eq!(aws.count(EXCEPTION), 1);
    let exceptions: Vec<_> = aws.account().exceptions.values().cloned().collect();
    let [exception] = &exceptions[..] else { panic!("{exceptions:?}") };
    assert_eq!(
        (exception.group_id.as_str(), exception.expires, exception.is_ours()),
        (GROUP, Some(at("01:00:00")), true)
    );
    let message = "Portcullis: closing deferred until 2026-11-21T01:00:00Z: this hour has had 1 closing";
    assert_eq!(exception.message.as_deref(), Some(message));
    assert_eq!(stack(&aws, 1).sweep("portcullis", None).await.unwrap(), remediation::Sweep::default());
}

#[tokio::test]
async fn a_deferred_closing_is_remembered_with_what_it_was_asked() {
    let aws = full().await;
    let mut request = carve();
    request["replacementCidrs"] = json!("10.0.0.0/8,fd00::/8");
    close(&aws, 1, request).await.unwrap();
    let expected = Deferral {
        until: at("01:00:00"),
        since: now(),
        execution_id: Some("8a1b".into()),
        strategy: Some(StrategyName::Carve),
        replacement_cidrs: vec!["10.0.0.0/8".into(), "fd00::/8".into()],
        ignore_hold: false,
        automatic: false,
    };
    assert_eq!(deferral(&aws, GROUP), Some(expected.clone()));
    // Of automatic mode, it is known that it was.
    let mut request = carve();
    request["replacementCidrs"] = json!("10.0.0.0/8,fd00::/8");
    run(&stack(&aws, 1).in_automatic_mode(), request, deadline()).await.unwrap();
    assert_eq!(deferral(&aws, GROUP), Some(Deferral { automatic: true, ..expected }));
    // It is gone once the group is closed, also by somebody else, or may stay open.
    assert_eq!(close(&aws, 2, with("strategy", json!("Carve"))).await.unwrap().status, Status::Closed);
    assert_eq!(deferral(&aws, GROUP), None);
}

#[rstest]
#[case::closed_by_somebody(|aws: &FakeAws| { aws.account().groups.get_mut(GROUP).unwrap().ingress.clear(); }, Status::NothingToDo)]
#[case::exempt(exempt, Status::Exempt)]
#[tokio::test]
async fn a_deferral_that_is_moot_is_forgotten(#[case] change: fn(&FakeAws), #[case] status: Status) {
    let aws = full().await;
    close(&aws, 1, request()).await.unwrap();
    assert!(deferral(&aws, GROUP).is_some());
    change(&aws);
    assert_eq!(close(&aws, 1, request()).await.unwrap().status, status);
    assert_eq!(deferral(&aws, GROUP), None);
}

/// What closes nothing is not counted.
#[rstest]
#[case::compliant(|aws: &FakeAws| { aws.account().groups.get_mut(GROUP).unwrap().ingress.clear(); }, request())]
#[case::deleted(|aws: &FakeAws| { aws.account().groups.remove(GROUP); }, request())]
#[case::exempt(exempt, request())]
#[case::dry_run(|_: &FakeAws| {}, with("dryRun", json!(true)))]
#[case::dry_run_of_all(|_: &FakeAws| {}, { let mut all = with("dryRun", json!(true)); all["ignorePace"] = json!(true); all })]
#[tokio::test]
async fn what_closes_nothing_does_not_count(#[case] change: fn(&FakeAws), #[case] request: Value) {
    let aws = aws();
    change(&aws);
    close(&aws, 1, request).await.unwrap();
    assert_eq!((aws.count(ADMIT), aws.count(REMEMBER)), (0, 0));
}

#[tokio::test]
async fn a_held_group_does_not_count() {
    let aws = aws();
    close(&aws, 0, request()).await.unwrap();
    run(&uncounted(&aws, now), restore(), deadline()).await.unwrap();
    assert_eq!(close(&aws, 1, request()).await.unwrap().status, Status::Exempt);
    assert_eq!(aws.count(ADMIT), 0);
}

/// Number of objects in the bucket, holds among them, and the exceptions.
fn holds(aws: &FakeAws) -> (usize, Vec<RemediationException>) {
    let account = aws.account();
    (account.objects.len(), account.exceptions.values().cloned().collect())
}

/// A person who ignores the hold is deferred like others; until then, the hold and its exception stay.
#[tokio::test]
async fn a_deferral_ends_no_hold() {
    let aws = full().await;
    run(&uncounted(&aws, now), request(), deadline()).await.unwrap();
    run(&uncounted(&aws, now), restore(), deadline()).await.unwrap();
    let before = holds(&aws);
    let ignoring = with("ignoreHold", json!(true));
    assert_eq!(close(&aws, 1, ignoring.clone()).await.unwrap().status, Status::Deferred);
    assert_eq!(holds(&aws), before);
    assert!(deferral(&aws, GROUP).unwrap().ignore_hold);
    assert_eq!(close(&aws, 2, ignoring).await.unwrap().status, Status::Closed);
    assert!(aws.account().exceptions.is_empty());
}

/// A retry, and a group that was opened again, do not count twice.
#[tokio::test]
async fn a_group_counts_once_in_an_hour() {
    let aws = full().await;
    open(&aws, 0);
    assert_eq!(close(&aws, 1, request_for(0)).await.unwrap().status, Status::Closed);
    assert_eq!(admitted(&aws, "00"), [id(0)]);
}

#[tokio::test]
async fn who_ignores_the_pace_is_not_limited_but_counts() {
    let aws = full().await;
    assert_eq!(close(&aws, 1, with("ignorePace", json!("true"))).await.unwrap().status, Status::Closed);
    assert_eq!(admitted(&aws, "00"), [id(0), GROUP.to_owned()]);
    open(&aws, 1);
    assert_eq!(close(&aws, 2, request_for(1)).await.unwrap().status, Status::Deferred);
}

#[tokio::test]
async fn without_a_limit_nothing_is_counted_and_an_earlier_deferral_forgotten() {
    let aws = full().await;
    close(&aws, 1, request()).await.unwrap();
    let counted = aws.count(ADMIT);
    assert_eq!(close(&aws, 0, request()).await.unwrap().status, Status::Closed);
    assert_eq!((aws.count(ADMIT), deferral(&aws, GROUP)), (counted, None));
}

/// The command line has no table, and neither have the functions that restore and quarantine.
#[tokio::test]
async fn a_program_that_does_not_count_needs_no_table() {
    let aws = aws();
    let response = run(&uncounted(&aws, now), request(), deadline()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert!(aws.account().calls.iter().all(|call| !call.starts_with("dynamodb:")), "{:?}", aws.account().calls);
}

#[rstest]
#[case::throttled("ProvisionedThroughputExceededException")]
#[case::denied("AccessDeniedException")]
#[case::deleted("ResourceNotFoundException")]
#[case::internal("InternalServerError")]
#[tokio::test]
async fn if_a_closing_cannot_be_counted_nothing_is_changed(#[case] code: &'static str) {
    let aws = aws();
    let before = left(&aws);
    aws.fail(ADMIT, code);
    let error = close(&aws, 1, request()).await.unwrap_err();
    assert_eq!(error.kind(), "PaceUnavailable");
    let text = error_chain(&error);
    assert!(text.starts_with("nothing was changed: the closings of this hour could not be counted"), "{text}");
    assert!(text.contains("IgnorePace") && text.contains(code), "{text}");
    assert_eq!((left(&aws), aws.count("s3:PutObject"), aws.count(EXCEPTION)), (before, 0, 0));
    // A closing that ignores the pace does not depend on the table.
    aws.fail(ADMIT, code);
    crate::log::watch();
    assert_eq!(close(&aws, 1, with("ignorePace", json!(true))).await.unwrap().status, Status::Closed);
    assert_eq!(log_lines("closing not counted"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_does_not_answer_ends_the_closing_at_its_deadline() {
    let aws = aws();
    let before = left(&aws);
    aws.hang(ADMIT);
    let Err(RemediationError::Incomplete(response)) = close(&aws, 1, request()).await else { panic!("not incomplete") };
    assert_eq!((response.status, left(&aws)), (Status::Failed, before));
    assert!(response.message.contains("nothing was changed"), "{}", response.message);
}

/// The group was counted although the answer was lost: the next attempt is admitted, and takes no other's place.
#[tokio::test]
async fn a_lost_answer_takes_one_place_only() {
    let aws = aws();
    aws.lose_answer(ADMIT);
    close(&aws, 1, request()).await.unwrap_err();
    assert_eq!(close(&aws, 1, request()).await.unwrap().status, Status::Closed);
    assert_eq!(admitted(&aws, "00"), [GROUP]);
}

/// A function that is killed after any call: the next attempt closes the group, and takes no other's place.
#[tokio::test]
async fn a_kill_after_any_call_takes_one_place_only() {
    for calls in 1.. {
        let aws = aws();
        aws.cut_after(calls);
        let outcome = tokio::select! {
            biased;
            outcome = close(&aws, 1, request()) => Some(outcome),
            () = poll_fn(|_| if aws.is_cut() { Poll::Ready(()) } else { Poll::Pending }) => None,
        };
        aws.answer_again();
        if outcome.is_some() {
            assert!(calls > 8, "{calls} calls");
            break;
        }
        let again = close(&aws, 1, request()).await.unwrap();
        assert!(matches!(again.status, Status::Closed | Status::NothingToDo), "{calls}: {again:?}");
        assert_eq!((left(&aws).len(), admitted(&aws, "00")), (2, vec![GROUP.to_owned()]), "{calls}");
        open(&aws, 0);
        assert_eq!(close(&aws, 1, request_for(0)).await.unwrap().status, Status::Deferred, "{calls}");
    }
}

/// What cannot be remembered or forgotten is a line in the log, and no failure.
#[tokio::test]
async fn a_deferral_that_is_not_remembered_or_forgotten_is_a_warning() {
    let aws = full().await;
    crate::log::watch();
    aws.fail(REMEMBER, "AccessDeniedException");
    aws.fail(EXCEPTION, "ThrottlingException");
    assert_eq!(close(&aws, 1, request()).await.unwrap().status, Status::Deferred);
    aws.fail(FORGET, "AccessDeniedException");
    assert_eq!(close(&aws, 2, request()).await.unwrap().status, Status::Closed);
    for line in ["deferral not remembered", "remediation exception not created", "deferral not forgotten"] {
        assert_eq!(log_lines(line), 1, "{line}");
    }
}

/// The last moment of an hour, and the first of the next one.
#[tokio::test]
async fn the_next_hour_has_room_again() {
    let aws = full().await;
    let stack = uncounted(&aws, clock).with_closings_per_hour(ClosingsPerHour::from(1));
    CLOCK.set("2026-11-21T00:59:59.999999999Z".parse().unwrap());
    let deadline = at("02:00:00");
    assert_eq!(run(&stack, request(), deadline).await.unwrap().status, Status::Deferred);
    CLOCK.set(at("01:00:00"));
    assert_eq!(run(&stack, request(), deadline).await.unwrap().status, Status::Closed);
    assert_eq!((admitted(&aws, "00"), admitted(&aws, "01")), (vec![id(0)], vec![GROUP.to_owned()]));
}

/// Rules that an earlier closing owes are given back in an hour that has no room: that closes nothing.
#[tokio::test]
async fn rules_that_are_owed_need_no_room() {
    let fill = (0..59).map(|number| rule(&format!("fill{number}"), 10_000 + number, "10.7.0.0/16"));
    let aws = aws_with([ports("1", 20, 25, "0.0.0.0/0")].into_iter().chain(fill).collect());
    aws.account().quota = 60;
    assert_eq!(incomplete(close(&aws, 1, carve()).await).status, Status::Partial);
    assert_eq!(left(&aws).len(), 60);
    aws.account().quota = 0;
    CLOCK.set(at("01:00:00"));
    let stack = uncounted(&aws, clock).with_closings_per_hour(ClosingsPerHour::from(1));
    open(&aws, 0);
    assert_eq!(run(&stack, request_for(0), at("02:00:00")).await.unwrap().status, Status::Closed);
    assert_eq!(run(&stack, carve(), at("02:00:00")).await.unwrap().status, Status::Closed);
    assert_eq!((left(&aws).len(), admitted(&aws, "01")), (61, vec![id(0)]));
}

/// Runs futures to their ends. `turns` says whose turn is next, over and over.
async fn all<F: Future>(futures: Vec<F>, turns: &[usize]) -> Vec<F::Output> {
    let mut waiting: Vec<(usize, Pin<Box<F>>)> = futures.into_iter().map(Box::pin).enumerate().collect();
    let mut done = BTreeMap::new();
    let mut turns = turns.iter().cycle();
    poll_fn(|context| {
        if waiting.is_empty() {
            return Poll::Ready(());
        }
        let next = turns.next().map_or(0, |turn| turn % waiting.len());
        let (number, future) = &mut waiting[next];
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            done.insert(*number, output);
            waiting.remove(next);
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    done.into_values().collect()
}

const GROUPS: usize = 8;

/// Some closings at once.
#[derive(Debug, Clone)]
struct Wave {
    /// Minutes since the wave before.
    after: i64,
    /// Groups that somebody opens before.
    opened: Vec<usize>,
    /// Groups to close, some more than once.
    closed: Vec<usize>,
    /// Whose turn is next.
    turns: Vec<usize>,
    /// How the calls of the table fail, one after the other: not at all, without a change, or after it.
    faults: Vec<Option<bool>>,
}

fn waves() -> impl Strategy<Value = Vec<Wave>> {
    let some = |most| prop::collection::vec(0..GROUPS, 0..most);
    let turns = prop::collection::vec(0..64_usize, 1..40);
    let faults = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(any::<Option<bool>>(), 0..6)];
    let wave = (0..40_i64, some(6), some(12), turns, faults).prop_map(|(after, opened, closed, turns, faults)| Wave {
        after,
        opened,
        closed,
        turns,
        faults,
    });
    prop::collection::vec(wave, 1..12)
}

/// Whatever runs at once, fails, and is repeated: no hour has more groups that are changed than may be. Without failures, it has
/// as many.
#[test]
fn no_hour_has_more_closings_than_may_be() {
    let config = ProptestConfig::default();
    let config = ProptestConfig { cases: config.cases.div_ceil(20), failure_persistence: None, ..config };
    let outcome = TestRunner::new(config).run(&(waves(), 1..5_u32), |(waves, most)| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let aws = account(GROUPS);
            let stack = uncounted(&aws, clock).with_closings_per_hour(ClosingsPerHour::from(most));
            CLOCK.set(now());
            let mut changed: BTreeMap<i64, BTreeSet<usize>> = BTreeMap::new();
            let mut has_failed = BTreeSet::new();
            for Wave { after, opened, closed, turns, faults } in waves {
                CLOCK.set(clock() + SignedDuration::from_mins(after));
                let hour = clock().as_second() / 3_600;
                for number in &opened {
                    open(&aws, *number);
                }
                for fault in &faults {
                    match fault {
                        None => aws.meanwhile(ADMIT, |_| {}),
                        Some(false) => aws.fail(ADMIT, "ThrottlingException"),
                        Some(true) => aws.lose_answer(ADMIT),
                    }
                }
                let open_before: BTreeSet<usize> = (0..GROUPS).filter(|number| is_open(&aws, *number)).collect();
                let deadline = clock() + SignedDuration::from_mins(2);
                let closings = closed.iter().map(|number| run(&stack, request_for(*number), deadline)).collect();
                let outcomes = all(closings, &turns).await;
                aws.undisturbed();
                if outcomes.iter().any(Result::is_err) {
                    has_failed.insert(hour);
                }
                let gone = open_before.iter().copied().filter(|number| !is_open(&aws, *number));
                let of_hour = changed.entry(hour).or_default();
                of_hour.extend(gone);
                prop_assert!(of_hour.len() <= usize::try_from(most).unwrap(), "{of_hour:?} of {most}");
                if !has_failed.contains(&hour) && of_hour.len() < usize::try_from(most).unwrap() {
                    let left = closed.iter().filter(|number| is_open(&aws, **number)).count();
                    prop_assert_eq!(left, 0, "{:?} of {}: {:?}", of_hour, most, outcomes);
                }
            }
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
