//! Criteria: where they come from, and what a group is judged by.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use aws_traits::fakes::FakeAws;
use exposure::{
    AddressSet, Exemptions, IngressRule, Policy, PrefixList, PrefixLists, SecurityGroup, Source, Traffic, Verdict,
};
use jiff::{SignedDuration, Timestamp};
use judgement::{CachedExemptions, CachedPrefixLists, ConfigRulePolicy, Criteria};
use plain_text::error_chain;
use rstest::rstest;

const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";
const LIST: &str = "pl-0f00ba4";
const EXEMPT: &str = r#"{"version":1,"exemptions":[
    {"securityGroupId":"sg-0aaaaaaaaaaaaaaaa","expires":"2026-12-31","reason":"bastion"}]}"#;

fn now() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

fn group(source: Source) -> SecurityGroup {
    let rule = IngressRule::new(Traffic::parse("tcp", Some(22), Some(22)), source);
    SecurityGroup { id: GROUP.into(), ingress: vec![rule], ..SecurityGroup::default() }
}

/// An account with a rule whose exemptions are in an SSM parameter.
fn account(parameters: &str, exemptions: Option<&str>) -> FakeAws {
    let aws = FakeAws::default();
    aws.account().rules.insert("portcullis".into(), Some(parameters.into()));
    if let Some(document) = exemptions {
        aws.account().parameters.insert("/portcullis/exemptions".into(), document.into());
    }
    aws
}

async fn read(aws: &FakeAws) -> Result<Criteria, String> {
    let source = ConfigRulePolicy::new(aws.clone(), aws.clone());
    Criteria::read(&source, "portcullis", now()).await.map_err(|error| error_chain(&error))
}

const WITH_EXEMPTIONS: &str = r#"{"FocusOnPorts":"22","ExemptionsParameter":"/portcullis/exemptions"}"#;

#[tokio::test]
async fn an_exempt_group_is_judged_by_the_document_that_the_rule_names() {
    let aws = account(WITH_EXEMPTIONS, Some(EXEMPT));
    let lists = CachedPrefixLists::new(SignedDuration::ZERO);
    let judged = read(&aws).await.unwrap().judge(group("0.0.0.0/0".into()), &aws, &lists).await;
    assert_eq!(judged.assess().verdict(), Verdict::Exempt);
    // The same group by another rule, after a change.
    let closed = SecurityGroup { ingress: Vec::new(), ..judged.group.clone() };
    assert_eq!(judged.assess_instead(&closed).verdict(), Verdict::Compliant);
}

#[rstest]
#[case::no_such_rule(FakeAws::default(), "config:DescribeConfigRules on portcullis failed")]
#[case::bad_parameters(
    account(r#"{"FocusOnPorts":"ssh"}"#, None),
    "AWS Config rule portcullis: rule parameter `FocusOnPorts`: `ssh` is not a port"
)]
#[case::no_such_document(account(WITH_EXEMPTIONS, None), "the exemptions cannot be read: ssm:GetParameter")]
#[case::bad_document(
    account(WITH_EXEMPTIONS, Some("{}")),
    "SSM parameter `/portcullis/exemptions`: exemptions document"
)]
#[tokio::test]
async fn unknown_criteria_judge_nothing(#[case] aws: FakeAws, #[case] message: &str) {
    let error = read(&aws).await.unwrap_err();
    assert!(error.starts_with(message), "{error}");
}

/// A prefix list is read once while it is cached, one that cannot be read every time, and none when it does not matter.
#[tokio::test]
async fn prefix_lists_are_read_as_seldom_as_possible() {
    const READ: &str = "ec2:GetManagedPrefixListEntries";
    let aws = account(r#"{"FocusOnPorts":"22"}"#, None);
    let criteria = Criteria { since: Some(now()), ..read(&aws).await.unwrap() };
    let lists = CachedPrefixLists::new(SignedDuration::from_secs(60));
    let listed = || group(Source::PrefixList(LIST.into()));
    for reads in [1, 2] {
        assert_eq!(criteria.judge(listed(), &aws, &lists).await.assess().verdict(), Verdict::Unknown);
        assert_eq!(aws.count(READ), reads);
    }
    aws.account().prefix_lists.insert(LIST.into(), PrefixList::Entries(AddressSet::default()));
    for _ in 0..2 {
        assert_eq!(criteria.judge(listed(), &aws, &lists).await.assess().verdict(), Verdict::Compliant);
        assert_eq!(aws.count(READ), 3);
    }
    criteria.judge(group("10.0.0.0/8".into()), &aws, &lists).await;
    assert_eq!(aws.count(READ), 3);
    // A notification that is newer than the copy, and one of unknown time.
    for (since, reads) in [(Some(now() + SignedDuration::from_secs(1)), 4), (None, 5)] {
        Criteria { since, ..criteria.clone() }.judge(listed(), &aws, &lists).await;
        assert_eq!(aws.count(READ), reads);
    }
}

/// An exemptions document is read once for the notifications that are older than its copy, and anew for a newer one: who
/// withdraws an exemption and has the rule evaluated again gets a judgement without it.
#[tokio::test]
async fn a_withdrawn_exemption_does_not_count_for_a_newer_notification() {
    let aws = account(WITH_EXEMPTIONS, Some(EXEMPT));
    let cached = CachedExemptions::new(SignedDuration::from_secs(60));
    let second = SignedDuration::from_secs(1);
    let read =
        async |since, at| cached.read(&aws, Some("/portcullis/exemptions"), since, at).await.unwrap().iter().count();
    assert_eq!(read(Some(now()), now()).await, 1);
    aws.account().parameters.insert("/portcullis/exemptions".into(), r#"{"version":1,"exemptions":[]}"#.into());
    assert_eq!(read(Some(now()), now() + second).await, 1, "older than the copy");
    assert_eq!(read(Some(now() + second), now() + second).await, 0);
    assert_eq!(read(None, now() + second).await, 0);
    assert_eq!(aws.count("ssm:GetParameter"), 3);
    assert!(cached.read(&aws, None, None, now()).await.unwrap().iter().next().is_none());
}

/// A file does not contain the entries of a prefix list.
#[rstest]
#[case::unknown(None, Verdict::Unknown)]
#[case::known(Some(PrefixList::Entries(AddressSet::default())), Verdict::Compliant)]
#[case::of_aws(Some(PrefixList::AwsOwned), Verdict::Compliant)]
fn a_group_of_a_file_is_judged_by_the_lists_at_hand(#[case] list: Option<PrefixList>, #[case] verdict: Verdict) {
    let known: PrefixLists = list.map(|list| (LIST.to_owned(), list)).into_iter().collect();
    let criteria = Criteria::new(Policy::new("22".parse().unwrap()), Exemptions::default(), now());
    let judged = criteria.judge_offline(group(Source::PrefixList(LIST.into())), &known);
    assert_eq!(judged.assess().verdict(), verdict);
}
