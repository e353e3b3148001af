//! Evaluations that closings ask for, and the sweep.

use aws_traits::config::{RemediationException, StoredResult};
use aws_traits::fakes::FakeAws;
use exposure::{AddressSet, PrefixList};
use jiff::{SignedDuration, Timestamp};
use judgement::ConfigRulePolicy;
use remediation::{ReevaluationLimits, Remediation, Status};
use rstest::rstest;

use crate::account::{GROUP, aws, aws_with, deadline, exempt, log_lines, now, request, rule, run};

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn soon() -> Timestamp {
    at("2026-11-21T00:00:30Z")
}

fn quarter_past() -> Timestamp {
    at("2026-11-21T00:15:00Z")
}

fn stack(aws: &FakeAws, now: fn() -> Timestamp) -> Remediation<FakeAws> {
    let policy = ConfigRulePolicy::new(aws.clone(), aws.clone());
    Remediation::new(aws.clone(), Box::new(policy), now).with_reevaluations(ReevaluationLimits::default())
}

/// AWS Config has the group as non-compliant since `recorded`.
fn non_compliant(aws: &FakeAws, recorded: Timestamp) {
    let result = StoredResult { is_non_compliant: true, recorded };
    aws.account().results.insert(("portcullis".into(), GROUP.into()), result);
}

fn started(aws: &FakeAws) -> usize {
    aws.account().started.len()
}

/// The first closing of an exempt group has the rule evaluated; the next ones wait, and automatic mode with them.
#[tokio::test]
async fn an_exempt_group_is_evaluated_again_once() {
    let aws = aws();
    exempt(&aws);
    non_compliant(&aws, now());
    let response = run(&stack(&aws, now), request(), deadline()).await.unwrap();
    assert_eq!((response.status, started(&aws)), (Status::Exempt, 1));
    assert!(response.message.ends_with("; AWS Config evaluates the rule again"), "{}", response.message);
    let response = run(&stack(&aws, soon), request(), deadline()).await.unwrap();
    assert!(response.message.ends_with("; AWS Config is to evaluate the rule again"), "{}", response.message);
    assert_eq!(started(&aws), 1);
    let brake = aws.account().exceptions.values().next().unwrap().expires.unwrap();
    assert_eq!(brake.duration_since(soon()), SignedDuration::from_secs(30));
    // The wish is remembered, and granted by the sweep when its time has come.
    assert!(!stack(&aws, soon).sweep("portcullis", None).await.unwrap().evaluated);
    assert!(stack(&aws, quarter_past).sweep("portcullis", None).await.unwrap().evaluated);
    assert!(!stack(&aws, quarter_past).sweep("portcullis", None).await.unwrap().evaluated);
    assert_eq!(started(&aws), 2);
}

/// AWS Config may refuse: then the wish is remembered, and does not count.
#[tokio::test]
async fn an_evaluation_that_is_refused_is_remembered() {
    let aws = aws();
    exempt(&aws);
    non_compliant(&aws, now());
    aws.account().is_evaluating = true;
    run(&stack(&aws, now), request(), deadline()).await.unwrap();
    aws.account().is_evaluating = false;
    assert_eq!(started(&aws), 0);
    assert!(stack(&aws, now).sweep("portcullis", None).await.unwrap().evaluated);
}

/// A change of the group itself is noticed by AWS Config; a change of a prefix list is not.
#[rstest]
#[case::soon_noticed("0.0.0.0/0", "2026-11-20T23:55:00Z", 0)]
#[case::never_noticed("0.0.0.0/0", "2026-11-20T23:45:00Z", 1)]
#[case::prefix_list("pl-0f00ba4", "2026-11-20T23:59:59Z", 1)]
#[tokio::test]
async fn nothing_to_do_has_the_rule_evaluated_if_config_does_not_notice(
    #[case] source: &str,
    #[case] recorded: &str,
    #[case] expected: usize,
) {
    let port = if source.starts_with("pl-") { 22 } else { 443 };
    let aws = aws_with(vec![rule("1", port, source)]);
    aws.account().prefix_lists.insert("pl-0f00ba4".into(), PrefixList::Entries(AddressSet::default()));
    non_compliant(&aws, at(recorded));
    let response = run(&stack(&aws, now), request(), deadline()).await.unwrap();
    assert_eq!((response.status, started(&aws)), (Status::NothingToDo, expected));
}

#[tokio::test]
async fn a_compliant_result_needs_no_evaluation() {
    let aws = aws();
    exempt(&aws);
    run(&stack(&aws, now), request(), deadline()).await.unwrap();
    let result = StoredResult { is_non_compliant: false, recorded: now() };
    aws.account().results.insert(("portcullis".into(), GROUP.into()), result);
    run(&stack(&aws, now), request(), deadline()).await.unwrap();
    assert_eq!(started(&aws), 0);
}

/// At most a number of evaluations a day; then an alarm rings.
#[tokio::test]
async fn the_evaluations_of_a_day_are_limited() {
    let aws = aws();
    exempt(&aws);
    non_compliant(&aws, now());
    for hour in 0..12 {
        let key = format!("evaluations/111122223333/us-east-1/portcullis/2026-11-21T{hour:02}:00:00Z.json");
        aws.account().put_object(&key, "{}".into(), [].into());
    }
    crate::log::watch();
    let evening = || at("2026-11-21T20:00:00Z");
    run(&stack(&aws, evening), request(), at("2026-11-21T20:02:00Z")).await.unwrap();
    assert_eq!((started(&aws), log_lines("evaluations of the day used up")), (0, 1));
    assert!(stack(&aws, || at("2026-11-22T00:01:00Z")).sweep("portcullis", None).await.unwrap().evaluated);
}

/// AWS Config has given up on an open group: the sweep finds it. Ours, an exempt and a closed group are no such case.
#[tokio::test]
async fn a_parked_group_is_found() {
    let aws = aws();
    let exception =
        |message: &str| RemediationException { group_id: GROUP.into(), message: Some(message.into()), expires: None };
    let key = ("portcullis".to_owned(), GROUP.to_owned());
    aws.account().exceptions.insert(key.clone(), exception("Automatic remediation failed 3 times"));
    crate::log::watch();
    assert_eq!(stack(&aws, now).sweep("portcullis", None).await.unwrap().parked, [GROUP]);
    assert_eq!(log_lines("security group parked"), 1);
    exempt(&aws);
    assert!(stack(&aws, now).sweep("portcullis", None).await.unwrap().parked.is_empty());
    aws.account().parameters.insert("/p".into(), r#"{"version":1,"exemptions":[]}"#.into());
    aws.account().exceptions.insert(key, exception("Portcullis: restored by 9c2d"));
    assert!(stack(&aws, now).sweep("portcullis", None).await.unwrap().parked.is_empty());
}
