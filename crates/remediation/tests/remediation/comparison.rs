//! What EC2 has and AWS Config does not know of.

use aws_traits::config::{GroupResult, RemediationException, ResultType};
use aws_traits::fakes::FakeAws;
use exposure::{IngressRule, PrefixList, SecurityGroup, Source};
use jiff::{SignedDuration, Timestamp};
use judgement::{ConfigRulePolicy, GraceDays};
use remediation::{Compare, Compared, Deferral, ReevaluationLimits, Remediation};
use rstest::rstest;
use serde_json::Value;

use crate::account::{GROUP, aws_with, exempt, log_lines, now, rule};

const RULE: &str = "portcullis";
const RESULTS: &str = "config:GetComplianceDetailsByConfigRule";

fn stack(aws: &FakeAws) -> Remediation<FakeAws> {
    let policy = ConfigRulePolicy::new(aws.clone(), aws.clone());
    Remediation::new(aws.clone(), Box::new(policy), now).with_reevaluations(ReevaluationLimits::default())
}

fn request(groups: Option<&[&str]>) -> Compare {
    let groups = groups.map(|groups| groups.iter().map(|&group| group.to_owned()).collect());
    Compare { config_rule_name: RULE.into(), groups }
}

async fn compare(aws: &FakeAws) -> Compared {
    stack(aws).compare(&request(None)).await.unwrap()
}

async fn again(aws: &FakeAws) -> Compared {
    stack(aws).in_automatic_mode().compare(&request(Some(&[GROUP]))).await.unwrap()
}

fn result(aws: &FakeAws, group: &str, compliance: ResultType) {
    let result = GroupResult { group_id: group.into(), compliance, ordering: now(), recorded: now() };
    aws.account().reported.push(result);
}

fn open() -> FakeAws {
    aws_with(vec![rule("ssh", 22, "0.0.0.0/0")])
}

fn closed() -> FakeAws {
    aws_with(vec![rule("web", 443, "0.0.0.0/0")])
}

fn note(aws: &FakeAws) -> Option<Deferral> {
    let account = aws.account();
    let item = account.state.get(&("deferred/portcullis".to_owned(), GROUP.to_owned()));
    item.map(|(value, _)| serde_json::from_value(value.clone()).unwrap())
}

#[rstest]
#[case::open(open(), Some(ResultType::NonCompliant), false)]
#[case::closed(closed(), Some(ResultType::Compliant), false)]
#[case::opened_unseen(open(), Some(ResultType::Compliant), true)]
#[case::never_judged(open(), None, true)]
#[case::out_of_scope(open(), Some(ResultType::NotApplicable), true)]
#[case::closed_unseen(closed(), Some(ResultType::NonCompliant), true)]
#[tokio::test]
async fn a_result_is_compared_with_the_group_as_it_is(
    #[case] aws: FakeAws,
    #[case] known: Option<ResultType>,
    #[case] differs: bool,
) {
    if let Some(compliance) = known {
        result(&aws, GROUP, compliance);
    }
    let compared = compare(&aws).await;
    assert_eq!(compared.differ, if differs { vec![GROUP.to_owned()] } else { Vec::new() });
    assert_eq!(compared.again.is_some(), differs);
    // Nothing is done at once: AWS Config may only be late.
    assert!(note(&aws).is_none() && !compared.evaluated && aws.account().started.is_empty());
}

#[tokio::test]
async fn what_differs_is_looked_at_once_more() {
    let aws = open();
    let compared = compare(&aws).await;
    assert_eq!(compared.again, now().checked_add(SignedDuration::from_mins(15)).ok());
    let schedule = aws.account().schedules.values().next().unwrap().clone();
    assert_eq!(Some(schedule.at), compared.again);
    let payload: Value = serde_json::from_str(&schedule.payload).unwrap();
    let request = remediation::Payload::from(payload).comparison().unwrap().unwrap();
    let compared = stack(&aws).in_automatic_mode().compare(&request).await.unwrap();
    assert_eq!((compared.differ, compared.closing), (vec![GROUP.to_owned()], vec![GROUP.to_owned()]));
    assert!(compared.evaluated);
    assert_eq!(aws.account().started, [RULE]);
    // As automatic mode would have closed it.
    let note = note(&aws).unwrap();
    assert_eq!((note.until, note.strategy, note.automatic), (now(), None, true));
}

/// Whatever AWS Config was late with.
#[rstest]
#[case::noticed(open(), ResultType::NonCompliant)]
#[case::closed_meanwhile(closed(), ResultType::Compliant)]
#[tokio::test]
async fn what_agrees_by_then_is_forgotten(#[case] aws: FakeAws, #[case] known: ResultType) {
    result(&aws, GROUP, known);
    assert_eq!(again(&aws).await, Compared::default());
    assert!(aws.account().started.is_empty() && note(&aws).is_none());
}

#[tokio::test]
async fn a_closed_group_that_is_open_for_aws_config_is_evaluated_and_not_closed() {
    crate::log::watch();
    let aws = closed();
    result(&aws, GROUP, ResultType::NonCompliant);
    let compared = again(&aws).await;
    assert_eq!((compared.differ.len(), compared.closing.len(), compared.evaluated), (1, 0, true));
    assert_eq!(log_lines("AWS Config differs"), 1);
}

#[tokio::test]
async fn without_automatic_mode_an_open_group_is_only_evaluated() {
    let aws = open();
    let compared = stack(&aws).compare(&request(Some(&[GROUP]))).await.unwrap();
    assert_eq!((compared.differ.len(), compared.closing.len(), compared.evaluated), (1, 0, true));
    assert!(note(&aws).is_none());
}

#[tokio::test]
async fn with_days_of_grace_the_sweep_closes_what_is_due() {
    let aws = open();
    let stack = stack(&aws).in_automatic_mode().with_grace(GraceDays::new(7).unwrap());
    let compared = stack.compare(&request(Some(&[GROUP]))).await.unwrap();
    assert_eq!((compared.differ.len(), compared.closing.len()), (1, 0));
}

#[rstest]
#[case::without_end(None, false)]
#[case::tomorrow(now().checked_add(SignedDuration::from_hours(24)).ok(), false)]
#[case::over(now().checked_sub(SignedDuration::from_hours(1)).ok(), true)]
#[tokio::test]
async fn an_exception_keeps_a_group_as_from_aws_config(#[case] expires: Option<Timestamp>, #[case] closes: bool) {
    let aws = open();
    let exception = RemediationException { group_id: GROUP.into(), message: Some("wait".into()), expires };
    aws.account().exceptions.insert((RULE.into(), GROUP.into()), exception);
    assert_eq!(!again(&aws).await.closing.is_empty(), closes);
}

#[tokio::test]
async fn an_exempt_group_and_one_that_cannot_be_judged_are_left_alone() {
    let aws = open();
    exempt(&aws);
    result(&aws, GROUP, ResultType::Compliant);
    assert!(compare(&aws).await.differ.is_empty());
    let list = IngressRule { source: Source::PrefixList("pl-0123".into()), ..rule("list", 22, "0.0.0.0/0") };
    let aws = aws_with(vec![list]);
    aws.account().prefix_lists.insert("pl-0123".into(), PrefixList::Unreadable { reason: "denied".into() });
    assert!(compare(&aws).await.differ.is_empty());
}

/// Its result is withdrawn by the evaluation, and nothing of it is open.
#[tokio::test]
async fn a_result_of_a_deleted_group_differs_at_first() {
    let aws = closed();
    result(&aws, GROUP, ResultType::Compliant);
    result(&aws, "sg-0bbbbbbbbbbbbbbbb", ResultType::NonCompliant);
    result(&aws, "sg-0cccccccccccccccc", ResultType::NotApplicable);
    assert_eq!(compare(&aws).await.differ, ["sg-0bbbbbbbbbbbbbbbb"]);
}

/// If AWS Config does not record at all, some groups tell enough.
#[tokio::test]
async fn not_all_groups_are_looked_at_once_more() {
    let aws = open();
    for number in 0..1200 {
        let group = SecurityGroup {
            id: format!("sg-{number:017x}"),
            ingress: vec![rule(&number.to_string(), 22, "0.0.0.0/0")],
            ..SecurityGroup::default()
        };
        aws.account().groups.insert(group.id.clone(), group);
    }
    aws.account().page_size = 500;
    assert_eq!(compare(&aws).await.differ.len(), 200);
    let payload = aws.account().schedules.values().next().unwrap().payload.clone();
    // Source: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Target.html, and the payload of an asynchronous invocation.
    assert!(payload.len() < 256 * 1024, "{}", payload.len());
}

#[rstest]
#[case::results(RESULTS)]
#[case::groups("ec2:DescribeSecurityGroups")]
#[case::policy("config:DescribeConfigRules")]
#[tokio::test]
async fn what_cannot_be_read_is_an_error_and_concludes_nothing(#[case] call: &'static str) {
    let aws = open();
    aws.fail(call, "InternalError");
    stack(&aws).compare(&request(None)).await.unwrap_err();
    assert!(aws.account().schedules.is_empty());
}

#[tokio::test]
async fn without_the_schedule_the_next_night_looks() {
    let aws = open();
    aws.fail("scheduler:CreateSchedule", "AccessDeniedException");
    let compared = compare(&aws).await;
    assert_eq!((compared.differ.len(), compared.again), (1, None));
}
