//! Changes of the inputs of the policy: the exemptions, their ends, and prefix lists.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_traits::fakes::FakeAws;
use exposure::{AddressSet, PrefixList};
use jiff::{SignedDuration, Timestamp};
use judgement::{COPIES_LAST, ConfigRulePolicy};
use proptest::prelude::*;
use remediation::{Payload, Reevaluated, ReevaluationLimits, Remediation, RemediationError};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::{Instant, advance};

use crate::account::{GROUP, aws, aws_with, rule};

const PARAMETER: &str = "/portcullis/exemptions";
const LIST: &str = "pl-0123456789abcdef0";
const GROUPS: &str = "ec2:DescribeSecurityGroups";
const LISTS: &str = "ec2:DescribeManagedPrefixLists";
const START: &str = "2026-11-21T00:00:00Z";

thread_local! {
    /// The beginning of the test by the clock of tokio, which tests move.
    static BEGUN: Cell<Option<Instant>> = const { Cell::new(None) };
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// The clock of the test, which goes on while the function waits.
fn clock() -> Timestamp {
    let begun = BEGUN.get().unwrap_or_else(|| {
        BEGUN.set(Some(Instant::now()));
        Instant::now()
    });
    at(START) + SignedDuration::try_from(begun.elapsed()).unwrap()
}

fn begin() {
    BEGUN.set(Some(Instant::now()));
}

fn stack(aws: &FakeAws) -> Remediation<FakeAws> {
    let policy = ConfigRulePolicy::new(aws.clone(), aws.clone());
    Remediation::new(aws.clone(), Box::new(policy), clock).with_reevaluations(ReevaluationLimits::default())
}

/// The rule reads its exemptions from the parameter. The first sweep gets to know them.
async fn watched() -> FakeAws {
    begin();
    let aws = aws();
    let parameters = json!({"FocusOnPorts": "22", "ExemptionsParameter": PARAMETER, "ExemptionTagKey": "Exempt"});
    aws.account().rules.insert("portcullis".into(), Some(parameters.to_string()));
    publish(&aws, &[]);
    assert_eq!((sweep(&aws).await, started(&aws)), (false, 0));
    aws
}

/// Writes exemptions of the group with these ends.
fn publish(aws: &FakeAws, ends: &[&str]) {
    let exemption = |end: &&str| json!({"securityGroupId": GROUP, "expires": end, "reason": "r"});
    let document = json!({"version": 1, "exemptions": ends.iter().map(exemption).collect::<Vec<_>>()});
    aws.account().parameters.insert(PARAMETER.into(), document.to_string());
}

fn started(aws: &FakeAws) -> usize {
    aws.account().started.len()
}

/// Whether the sweep has the rule evaluated.
async fn sweep(aws: &FakeAws) -> bool {
    stack(aws).sweep("portcullis", None).await.unwrap().evaluated
}

async fn send(remediation: &Remediation<FakeAws>, payload: Value) -> Result<Reevaluated, RemediationError> {
    remediation.reevaluate(&Payload::from(payload).reevaluation().unwrap()?).await
}

/// Sends an event to a function that is killed after so many seconds, unless it has ended before.
async fn send_until(remediation: &Remediation<FakeAws>, payload: Value, killed: Option<u64>) {
    let limit = killed.map_or(Duration::MAX, Duration::from_secs);
    if let Ok(outcome) = tokio::time::timeout(limit, send(remediation, payload)).await {
        outcome.unwrap();
    }
}

async fn reevaluate(aws: &FakeAws, payload: Value) -> Result<Reevaluated, RemediationError> {
    send(&stack(aws), payload).await
}

/// An event about the parameter `name`, which was changed at `at`.
fn edited(name: &str, at: Timestamp) -> Value {
    json!({"action": "reevaluate", "configRuleName": "portcullis", "at": at.to_string(),
        "parameter": {"name": name, "type": "String", "operation": "Update"}})
}

fn modified(list: &str) -> Value {
    json!({"action": "reevaluate", "configRuleName": "portcullis", "call": {"eventName": "ModifyManagedPrefixList",
        "requestParameters": {"ModifyManagedPrefixListRequest": {"PrefixListId": list}}}})
}

/// Carries out the schedules whose time has come, as AWS does: once each.
async fn fire(aws: &FakeAws, remediation: &Remediation<FakeAws>) {
    loop {
        let due = {
            let mut account = aws.account();
            let name = account.schedules.values().find(|schedule| schedule.at <= clock()).map(|due| due.name.clone());
            name.and_then(|name| account.schedules.remove(&name))
        };
        let Some(schedule) = due else { return };
        let payload: Value = serde_json::from_str(&schedule.payload).unwrap();
        send(remediation, payload).await.unwrap();
    }
}

/// Lets time pass. What is scheduled is carried out within its second.
async fn pass(aws: &FakeAws, seconds: u64) {
    for _ in 0..seconds {
        advance(Duration::from_secs(1)).await;
        fire(aws, &stack(aws)).await;
    }
}

// --- The parameter

/// The evaluation begins when no evaluator uses an older copy, and not later than within a minute.
#[tokio::test(start_paused = true)]
async fn an_edit_has_the_rule_evaluated_after_the_copies() {
    let aws = watched().await;
    publish(&aws, &["2027-01-01"]);
    let edited_at = clock();
    let outcome = reevaluate(&aws, edited(PARAMETER, edited_at)).await.unwrap();
    assert_eq!((outcome.evaluated, started(&aws)), (true, 1));
    let waited = clock().duration_since(edited_at);
    assert!(COPIES_LAST < waited && waited < SignedDuration::from_secs(60), "{waited}");
    assert!(!sweep(&aws).await, "the sweep knows the new document");
    // The event again, as EventBridge may deliver it: the evaluation has answered it.
    let again = reevaluate(&aws, edited(PARAMETER, edited_at)).await.unwrap();
    assert_eq!(again.ignored.as_deref(), Some("an evaluation has begun since the change"));
    assert_eq!(started(&aws), 1);
}

/// An event that comes late is not waited for.
#[tokio::test(start_paused = true)]
async fn a_late_event_does_not_wait() {
    let aws = watched().await;
    let begun = clock();
    assert!(reevaluate(&aws, edited(PARAMETER, begun - SignedDuration::from_mins(2))).await.unwrap().evaluated);
    assert_eq!(clock(), begun);
}

#[rstest]
#[case::no_exemptions(json!({"FocusOnPorts": "22"}))]
#[case::another_parameter(json!({"FocusOnPorts": "22", "ExemptionsParameter": "/portcullis/routing"}))]
#[tokio::test(start_paused = true)]
async fn another_parameter_costs_one_call(#[case] parameters: Value) {
    let aws = watched().await;
    aws.account().rules.insert("portcullis".into(), Some(parameters.to_string()));
    let calls = aws.account().calls.len();
    let outcome = reevaluate(&aws, edited(PARAMETER, clock())).await.unwrap();
    assert_eq!(outcome.ignored.as_deref(), Some("the exemptions of the rule are not in this parameter"));
    assert_eq!(aws.account().calls[calls..], ["config:DescribeConfigRules"]);
    assert_eq!(started(&aws), 0);
}

/// By a document that cannot be read, every evaluation would fail. The failure is told, and the correction is evaluated.
#[rstest]
#[case::malformed(Some("{"))]
#[case::deleted(None)]
#[tokio::test(start_paused = true)]
async fn a_broken_document_is_not_evaluated(#[case] document: Option<&str>) {
    let aws = watched().await;
    match document {
        Some(text) => aws.account().parameters.insert(PARAMETER.into(), text.into()),
        None => aws.account().parameters.remove(PARAMETER),
    };
    let error = reevaluate(&aws, edited(PARAMETER, clock())).await.unwrap_err();
    assert_eq!((error.kind(), started(&aws)), ("ExemptionsUnavailable", 0));
    crate::log::watch();
    assert!(!sweep(&aws).await);
    assert_eq!(crate::log::messages("ERROR"), ["evaluation not requested"]);
    publish(&aws, &["2027-01-01"]);
    assert!(reevaluate(&aws, edited(PARAMETER, clock())).await.unwrap().evaluated);
}

/// Several edits within the interval are one more evaluation, at its end, without the sweep.
#[tokio::test(start_paused = true)]
async fn edits_are_put_together() {
    let aws = watched().await;
    reevaluate(&aws, edited(PARAMETER, clock())).await.unwrap();
    let first = clock();
    for end in ["2027-01-01", "2027-01-02", "2027-01-03"] {
        publish(&aws, &[end]);
        let outcome = reevaluate(&aws, edited(PARAMETER, clock())).await.unwrap();
        assert!(!outcome.evaluated);
        assert_eq!(outcome.next.unwrap().duration_since(first), SignedDuration::from_mins(15));
        assert_eq!(clock(), first, "nothing is waited for that cannot be granted");
    }
    assert_eq!(started(&aws), 1);
    pass(&aws, 15 * 60 - 1).await;
    assert_eq!(started(&aws), 1);
    pass(&aws, 10).await;
    assert_eq!(started(&aws), 2);
    pass(&aws, 30 * 60).await;
    assert_eq!(started(&aws), 2);
}

/// An event was lost: the sweep sees that the document is another one. White space makes none.
#[tokio::test(start_paused = true)]
async fn a_lost_event_is_found_by_the_sweep() {
    let aws = watched().await;
    let spaced = " {\"version\": 1,  \"exemptions\": [ ]}\n".to_owned();
    aws.account().parameters.insert(PARAMETER.into(), spaced);
    sweep(&aws).await;
    pass(&aws, 60).await;
    assert_eq!(started(&aws), 0);
    publish(&aws, &["2027-01-01"]);
    sweep(&aws).await;
    pass(&aws, 60).await;
    assert_eq!(started(&aws), 1);
    sweep(&aws).await;
    pass(&aws, 16 * 60).await;
    assert_eq!(started(&aws), 1);
}

/// The function ends while it waits: the wish is remembered.
#[tokio::test(start_paused = true)]
async fn a_wish_outlives_the_function() {
    let aws = watched().await;
    let event = edited(PARAMETER, clock());
    let work = reevaluate(&aws, event);
    assert!(tokio::time::timeout(Duration::from_secs(10), work).await.is_err());
    assert_eq!(started(&aws), 0);
    advance(Duration::from_secs(15)).await;
    assert!(sweep(&aws).await);
}

#[tokio::test(start_paused = true)]
async fn without_evaluations_on_demand_nothing_is_evaluated() {
    let aws = watched().await;
    let policy = ConfigRulePolicy::new(aws.clone(), aws.clone());
    let remediation = Remediation::new(aws.clone(), Box::new(policy), clock);
    let outcome = send(&remediation, json!({"action": "reevaluate", "configRuleName": "portcullis"})).await.unwrap();
    assert_eq!(outcome.ignored.as_deref(), Some("evaluations on demand are switched off"));
}

// --- Requests

#[rstest]
#[case::sweep(json!({"action": "sweep", "configRuleName": "portcullis"}))]
#[case::close(json!({"action": "close"}))]
#[case::list(json!(["reevaluate"]))]
fn other_payloads_are_none(#[case] payload: Value) {
    assert!(Payload::from(payload).reevaluation().is_none());
}

#[rstest]
#[case::no_rule(r#"{"action":"reevaluate"}"#, "missing field `configRuleName`")]
#[case::unknown(r#"{"action":"reevaluate","configRuleName":"r","dryRun":true}"#, "unknown field `dryRun`")]
#[case::repeated(
    r#"{"action":"reevaluate","configRuleName":"r","configRuleName":"s"}"#,
    "`configRuleName` is given more than once"
)]
fn a_malformed_request_is_refused(#[case] payload: &str, #[case] expected: &str) {
    let payload: Payload = serde_json::from_str(payload).unwrap();
    let error = payload.reevaluation().unwrap().unwrap_err();
    let text = plain_text::error_chain(&error);
    assert!(text.contains(expected), "{text}");
}

// --- Ends

/// An end that the sweep sees coming is followed within seconds.
#[tokio::test(start_paused = true)]
async fn an_end_is_scheduled_and_followed() {
    let aws = watched().await;
    publish(&aws, &["2026-11-21T00:10:00Z", "2026-11-21T01:00:00Z"]);
    reevaluate(&aws, edited(PARAMETER, clock())).await.unwrap();
    let schedules: BTreeMap<_, _> = aws.account().schedules.clone();
    let [schedule] = schedules.values().collect::<Vec<_>>()[..] else { panic!("{schedules:?}") };
    assert_eq!(schedule.at, at("2026-11-21T00:10:03Z"));
    assert!(schedule.name.starts_with("portcullis-"), "{}", schedule.name);
    assert_eq!(schedule.payload, r#"{"action":"reevaluate","configRuleName":"portcullis"}"#);
    // The first evaluation was a moment ago: this one begins when the interval is over.
    pass(&aws, 10 * 60).await;
    assert_eq!(started(&aws), 1);
    pass(&aws, 6 * 60).await;
    assert_eq!(started(&aws), 2);
    // The next sweep that is near sees the second end.
    pass(&aws, 29 * 60).await;
    assert!(!sweep(&aws).await);
    pass(&aws, 14 * 60).await;
    assert_eq!(started(&aws), 2);
    pass(&aws, 60).await;
    assert_eq!(started(&aws), 3);
}

/// A schedule was lost: the sweep follows the end, once.
#[tokio::test(start_paused = true)]
async fn an_end_without_a_schedule_is_followed_by_the_sweep() {
    let aws = watched().await;
    publish(&aws, &["2026-11-21T00:30:00Z"]);
    reevaluate(&aws, edited(PARAMETER, clock())).await.unwrap();
    advance(Duration::from_mins(20)).await;
    aws.fail("scheduler:CreateSchedule", "AccessDeniedException");
    crate::log::watch();
    assert!(!sweep(&aws).await);
    assert_eq!(crate::log::messages("WARN"), ["schedule not made"]);
    assert!(aws.account().schedules.is_empty());
    advance(Duration::from_mins(15)).await;
    assert!(sweep(&aws).await);
    advance(Duration::from_mins(15)).await;
    assert!(!sweep(&aws).await);
    assert_eq!(started(&aws), 2);
}

/// The end of an exemption by tag, on any page of the groups that have it.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_tag_is_followed() {
    let aws = watched().await;
    {
        let mut account = aws.account();
        account.page_size = 1;
        let template = account.groups[GROUP].clone();
        for (id, value) in [("sg-0bbbbbbbbbbbbbbbb", "for ever"), ("sg-0cccccccccccccccc", "2026-11-21T00:10:00Z x")] {
            let mut group = template.clone();
            group.id = id.into();
            group.tags.insert("Exempt".into(), value.into());
            account.groups.insert(id.into(), group);
        }
    }
    sweep(&aws).await;
    pass(&aws, 9 * 60 + 59).await;
    assert_eq!(started(&aws), 0);
    pass(&aws, 60).await;
    assert_eq!(started(&aws), 1);
}

/// Without a key of a tag, no groups are listed.
#[tokio::test(start_paused = true)]
async fn a_sweep_lists_groups_only_for_a_tag() {
    let aws = watched().await;
    assert_eq!(aws.count(GROUPS), 1);
    let parameters = json!({"FocusOnPorts": "22", "ExemptionsParameter": PARAMETER});
    aws.account().rules.insert("portcullis".into(), Some(parameters.to_string()));
    sweep(&aws).await;
    assert_eq!(aws.count(GROUPS), 1);
}

// --- Prefix lists

fn listed() -> FakeAws {
    begin();
    let aws = aws_with(vec![rule("1", 22, LIST)]);
    aws.account().prefix_lists.insert(LIST.into(), PrefixList::Entries(AddressSet::default()));
    aws
}

/// The evaluation begins when the change is applied, and evaluators use no copy from before.
#[tokio::test(start_paused = true)]
async fn a_prefix_list_is_evaluated_when_its_change_is_applied() {
    let aws = listed();
    aws.account().changing_lists.insert(LIST.into(), 3);
    let outcome = reevaluate(&aws, modified(LIST)).await.unwrap();
    assert_eq!((outcome.evaluated, started(&aws), aws.count(LISTS)), (true, 1, 4));
    let applied = at(START) + SignedDuration::from_secs(6);
    assert!(clock().duration_since(applied) > COPIES_LAST);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_takes_too_long_is_left_to_a_retry() {
    let aws = listed();
    aws.account().changing_lists.insert(LIST.into(), 1000);
    let error = reevaluate(&aws, modified(LIST)).await.unwrap_err();
    assert_eq!((error.kind(), started(&aws)), ("PrefixListChanging", 0));
    assert!(clock().duration_since(at(START)) < SignedDuration::from_secs(90));
    aws.account().changing_lists.clear();
    assert!(reevaluate(&aws, modified(LIST)).await.unwrap().evaluated);
}

/// A list that no group of the account admits, whoever else does, costs one call.
#[rstest]
#[case::no_group(|aws: &FakeAws| aws.account().groups.clear())]
#[case::of_another_account(|aws: &FakeAws| {
    aws.account().groups.get_mut(GROUP).unwrap().owner_id = Some("444455556666".into());
})]
#[tokio::test(start_paused = true)]
async fn a_list_that_is_not_used_is_ignored(#[case] change: fn(&FakeAws)) {
    let aws = listed();
    change(&aws);
    let outcome = reevaluate(&aws, modified(LIST)).await.unwrap();
    assert_eq!(outcome.ignored.as_deref(), Some("no security group of this account admits the prefix list"));
    assert_eq!(aws.account().calls, [GROUPS]);
}

#[tokio::test(start_paused = true)]
async fn another_call_is_ignored() {
    let aws = listed();
    let mut event = modified(LIST);
    event["call"]["eventName"] = "CreateManagedPrefixList".into();
    let outcome = reevaluate(&aws, event).await.unwrap();
    assert_eq!(outcome.ignored.as_deref(), Some("the event is not a change of a prefix list"));
    assert!(aws.account().calls.is_empty());
}

#[rstest]
#[case("config:DescribeConfigRules")]
#[case("ssm:GetParameter")]
#[case("s3:ListBucket")]
#[case("s3:PutObject")]
#[tokio::test(start_paused = true)]
async fn a_failed_call_fails_the_invocation_so_that_lambda_retries(#[case] operation: &'static str) {
    let aws = watched().await;
    let event = edited(PARAMETER, clock());
    publish(&aws, &["2027-01-01"]);
    aws.fail(operation, "ThrottlingException");
    reevaluate(&aws, event.clone()).await.unwrap_err();
    assert!(reevaluate(&aws, event).await.unwrap().evaluated);
    assert_eq!(started(&aws), 1);
}

// --- Any sequence

#[derive(Debug, Clone)]
enum Step {
    /// The document is edited, with an end so many seconds ahead; the event may be lost, and the function that handles it may be
    /// killed after so many seconds.
    Edit { end: i64, is_told: bool, killed: Option<u64> },
    /// A prefix list is changed.
    Modify { killed: Option<u64> },
    /// Config refuses evaluations, or takes them again.
    Refuse(bool),
    /// The schedules that are made from here on are lost.
    LoseSchedules,
    /// So many quarters of an hour pass, each with a sweep at its end.
    Quarters(u64),
    /// So many seconds pass.
    Seconds(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (prop_oneof![1 => 1i64..60, 1 => 60i64..6000, 4 => Just(FAR)], any::<bool>(), killed())
            .prop_map(|(end, is_told, killed)| Step::Edit { end, is_told, killed }),
        3 => killed().prop_map(|killed| Step::Modify { killed }),
        1 => any::<bool>().prop_map(Step::Refuse),
        1 => Just(Step::LoseSchedules),
        3 => (1u64..5).prop_map(Step::Quarters),
        6 => prop_oneof![1u64..40, 40u64..400].prop_map(Step::Seconds),
    ]
}

/// Shorter than the function waits.
fn killed() -> impl Strategy<Value = Option<u64>> {
    prop::option::of(1u64..25)
}

/// An end after the test: it has nothing evaluated that would answer a wish that was lost.
const FAR: i64 = 10_000_000;

/// Times in the names of the objects that begin with `kind`: nothing for the evaluations that AWS Config began, `wish-` for what
/// is remembered.
fn times(aws: &FakeAws, kind: &str) -> BTreeSet<Timestamp> {
    let prefix = format!("evaluations/111122223333/us-east-1/portcullis/{kind}");
    let account = aws.account();
    let names = account.objects.keys().filter_map(|key| key.strip_prefix(&prefix)?.strip_suffix(".json"));
    names.filter_map(|name| name.parse().ok()).collect()
}

proptest! {
    // A fiftieth of the usual cases: each is two days of sweeps.
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.div_ceil(50), max_shrink_iters: 200, ..ProptestConfig::default()
    })]

    /// Whatever happens: at most one evaluation in the interval, and the number of the day; and every change and every end is
    /// followed by an evaluation that began after it, when the limits let it.
    #[test]
    fn every_change_is_followed_within_the_limits(steps in prop::collection::vec(step(), 1..25), per_day in 1usize..12) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let aws = watched().await;
            aws.account().groups.get_mut(GROUP).unwrap().ingress.push(rule("9", 22, LIST));
            let limits = ReevaluationLimits { interval: SignedDuration::from_mins(15), per_day };
            let policy = ConfigRulePolicy::new(aws.clone(), aws.clone());
            let remediation = Remediation::new(aws.clone(), Box::new(policy), clock).with_reevaluations(limits);
            // Times from which an evaluation has to begin.
            let mut wanted: Vec<Timestamp> = Vec::new();
            let mut ends: Vec<Timestamp> = Vec::new();
            for step in steps {
                match step {
                    Step::Edit { end, is_told, killed } => {
                        ends.retain(|end| *end <= clock());
                        let end = clock() + SignedDuration::from_secs(end);
                        ends.push(end);
                        let before = aws.account().parameters.clone();
                        publish(&aws, &[&end.to_string()]);
                        // The same end again is no change.
                        if before != aws.account().parameters {
                            wanted.push(clock() + COPIES_LAST);
                        }
                        if is_told {
                            send_until(&remediation, edited(PARAMETER, clock()), killed).await;
                        } else {
                            // Two edits without a sweep in between are one change.
                            remediation.sweep("portcullis", None).await.unwrap();
                        }
                    }
                    Step::Modify { killed } => {
                        wanted.push(clock() + COPIES_LAST);
                        send_until(&remediation, modified(LIST), killed).await;
                    }
                    Step::Refuse(refuses) => aws.account().is_evaluating = refuses,
                    Step::LoseSchedules => aws.account().schedules.clear(),
                    Step::Quarters(count) => {
                        for _ in 0..count {
                            advance(Duration::from_mins(15)).await;
                            fire(&aws, &remediation).await;
                            remediation.sweep("portcullis", None).await.unwrap();
                        }
                    }
                    Step::Seconds(count) => {
                        advance(Duration::from_secs(count)).await;
                        fire(&aws, &remediation).await;
                    }
                }
                let answers: BTreeSet<_> = times(&aws, "").union(&times(&aws, "wish-")).copied().collect();
                for wanted in &wanted {
                    assert!(answers.range(wanted..).next().is_some(), "{wanted} is forgotten: {answers:?}");
                }
            }
            aws.account().is_evaluating = false;
            // Until the limits of any day let everything through.
            for _ in 0..2 * 24 * 4 {
                advance(Duration::from_mins(15)).await;
                remediation.sweep("portcullis", None).await.unwrap();
            }
            let begun: Vec<_> = times(&aws, "").into_iter().collect();
            assert_eq!(begun.len(), started(&aws), "each evaluation has its record");
            for pair in begun.windows(2) {
                assert!(pair[1].duration_since(pair[0]) >= limits.interval, "{begun:?}");
            }
            for at in &begun {
                let day = begun.iter().filter(|other| other.as_second() / 86_400 == at.as_second() / 86_400);
                assert!(day.count() <= per_day, "{begun:?}");
            }
            let passed = ends.into_iter().filter(|end| *end < clock());
            for wanted in wanted.into_iter().chain(passed) {
                assert!(begun.iter().any(|begun| *begun >= wanted), "nothing follows {wanted}: {begun:?}");
            }
            assert!(times(&aws, "wish-").is_empty(), "every wish is granted");
        });
    }
}
