//! Copies of exemptions and prefix lists that a warm evaluator keeps.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::cell::Cell;

use aws_traits::config::Compliance;
use aws_traits::fakes::FakeAws;
use exposure::PrefixList;
use ipnetwork::IpNetwork;
use jiff::{SignedDuration, Timestamp};
use judgement::COPIES_LAST;
use rstest::rstest;
use rule_evaluator::Evaluator;
use serde_json::{Map, Value, json};

const GROUP: &str = "sg-0aaaaaaaaaaaaaaaa";
const LIST: &str = "pl-0f00ba4";
const PARAMETER: &str = "/portcullis/exemptions";
const CHANGE: &str = include_str!("../../crates/aws-events/tests/samples/config-change-event.json");

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
}

fn clock() -> Timestamp {
    "2026-11-21T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(NOW.get())
}

/// The notification about the group, which admits the prefix list to port 22, with this creation time.
fn notification(created: Option<Timestamp>) -> Map<String, Value> {
    let mut event: Map<String, Value> = serde_json::from_str(CHANGE).unwrap();
    let mut invoking: Value = serde_json::from_str(event["invokingEvent"].as_str().unwrap()).unwrap();
    match created {
        Some(created) => invoking["notificationCreationTime"] = created.to_string().into(),
        None => _ = invoking.as_object_mut().unwrap().remove("notificationCreationTime"),
    }
    let permission = &mut invoking["configurationItem"]["configuration"]["ipPermissions"][0];
    for list in ["ipv4Ranges", "ipv6Ranges", "ipRanges"] {
        permission[list] = json!([]);
    }
    event.insert("invokingEvent".into(), invoking.to_string().into());
    let parameters = json!({"FocusOnPorts": "22", "ExemptionsParameter": PARAMETER});
    event.insert("ruleParameters".into(), parameters.to_string().into());
    event
}

/// The list admits the world, and the group is exempt or not.
fn publish(aws: &FakeAws, cidr: &str, is_exempt: bool) {
    let list = PrefixList::Entries([cidr.parse::<IpNetwork>().unwrap()].into_iter().collect());
    let exemption = json!({"securityGroupId": GROUP, "expires": "2027-01-01", "reason": "r"});
    let exemptions = if is_exempt { vec![exemption] } else { vec![] };
    let mut account = aws.account();
    account.prefix_lists.insert(LIST.into(), list);
    account.parameters.insert(PARAMETER.into(), json!({"version": 1, "exemptions": exemptions}).to_string());
}

async fn verdict(evaluator: &Evaluator<FakeAws>, aws: &FakeAws, created: Option<Timestamp>) -> Compliance {
    evaluator.handle(notification(created)).await.unwrap();
    aws.account().evaluations.last().unwrap().compliance
}

/// AWS does not say which creation time the notifications of an evaluation on demand have: that of the evaluation, or that of
/// the configuration item, which may be older than the copy. Whichever it is, an evaluation that begins when copies have expired
/// is judged by what was changed before.
#[rstest]
#[case::of_the_evaluation(Some(COPIES_LAST.as_secs()))]
#[case::of_the_item(Some(-86_400))]
#[case::unknown(None)]
#[tokio::test]
async fn an_evaluation_after_the_copies_is_judged_by_the_change(
    #[case] created: Option<i64>,
    #[values(("0.0.0.0/0", false), ("10.0.0.0/8", true))] changed: (&str, bool),
) {
    let aws = FakeAws::default();
    publish(&aws, "0.0.0.0/0", true);
    if changed == ("10.0.0.0/8", true) {
        publish(&aws, "0.0.0.0/0", false);
    }
    let evaluator = Evaluator::new(aws.clone(), clock);
    let before = verdict(&evaluator, &aws, Some(clock())).await;
    // The change comes right after the reading, so that the copies are as old as can be.
    publish(&aws, changed.0, changed.1);
    NOW.set(COPIES_LAST.as_secs());
    let created = created.map(|seconds| clock() + SignedDuration::from_secs(seconds - COPIES_LAST.as_secs()));
    let after = verdict(&evaluator, &aws, created).await;
    let expected = if changed.1 {
        (Compliance::NonCompliant, Compliance::Compliant)
    } else {
        (Compliance::Compliant, Compliance::NonCompliant)
    };
    assert_eq!((before, after), expected);
}

/// Before that, notifications about many groups are judged by one copy.
#[tokio::test]
async fn copies_save_calls_for_a_while() {
    let aws = FakeAws::default();
    publish(&aws, "0.0.0.0/0", true);
    let evaluator = Evaluator::new(aws.clone(), clock);
    for second in 0..COPIES_LAST.as_secs() {
        NOW.set(second);
        verdict(&evaluator, &aws, Some(clock() - SignedDuration::from_secs(second + 1))).await;
    }
    assert_eq!((aws.count("ssm:GetParameter"), aws.count("ec2:GetManagedPrefixListEntries")), (1, 1));
}
