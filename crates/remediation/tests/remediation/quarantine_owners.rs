//! Quarantines of two groups on one network ACL.

use aws_traits::fakes::FakeAws;
use exposure::SecurityGroup;
use jiff::{SignedDuration, Timestamp};
use remediation::Status;
use rstest::rstest;
use serde_json::{Value, json};

use crate::account::{GROUP, handle, handle_at, now, rule};
use crate::network_acl::{ACL, acl_request, aws_in_subnets, changes, entries};

const OTHER: &str = "sg-0bbbbbbbbbbbbbbbb";

/// Both groups are used in one subnet; the other one exposes `port`.
fn two_groups(port: i64) -> FakeAws {
    let aws = aws_in_subnets();
    {
        let mut account = aws.account();
        let ingress = vec![rule("9", port, "0.0.0.0/0")];
        let group = SecurityGroup { id: OTHER.into(), ingress, ..account.groups[GROUP].clone() };
        account.groups.insert(OTHER.into(), group);
        account.subnets.insert(OTHER.into(), vec![("subnet-1".into(), ACL.into())]);
    }
    aws
}

fn of(group: &str, action: &str, ports: &str) -> Value {
    let mut request = acl_request(action);
    request["securityGroupId"] = json!(group);
    request["ports"] = json!(ports);
    request["executionId"] = json!(format!("{action}-{group}"));
    request
}

fn denied(aws: &FakeAws, port: &str) -> bool {
    entries(aws).iter().any(|entry| entry.contains("deny") && entry.contains(port))
}

/// A release leaves the entries of the other quarantine, whether it made them itself or found them there, and whether the
/// ports are the same or only a part of the other's.
#[rstest]
#[case::different_ports("22", "3389", false)]
#[case::the_same_port("22", "22", true)]
#[case::a_part_of_the_range("20-25", "22", true)]
#[tokio::test]
async fn a_release_keeps_the_entries_of_another_group(#[case] first: &str, #[case] second: &str, #[case] shares: bool) {
    let aws = two_groups(22);
    let before = entries(&aws);
    handle(&aws, of(GROUP, "quarantine", first)).await.unwrap();
    let alone = entries(&aws);
    handle(&aws, of(OTHER, "quarantine", second)).await.unwrap();
    assert_eq!(entries(&aws) == alone, shares, "{:?}", entries(&aws));
    let released = handle(&aws, of(GROUP, "release", "")).await.unwrap();
    assert!(denied(&aws, second) || denied(&aws, first), "{:?}", entries(&aws));
    // Private addresses are still let in.
    assert!(
        entries(&aws).iter().any(|entry| entry.contains("allow") && entry.contains("10.0.0.0/8")),
        "{:?}",
        entries(&aws)
    );
    let left = &changes(&released)[0].left;
    // The allows are for all traffic, so that both quarantines rely on them.
    assert!(!left.is_empty());
    assert_eq!(left.iter().any(|left| left.entry.rule_action == "deny"), shares, "{left:?}");
    assert!(
        left.iter().all(|left| left.reason.ends_with("is needed by the quarantine of sg-0bbbbbbbbbbbbbbbb")),
        "{left:?}"
    );
    // The last owner takes the rest along.
    let last = handle(&aws, of(OTHER, "release", "")).await.unwrap();
    assert_eq!(last.status, Status::Released);
    assert_eq!(entries(&aws), before);
}

/// A group that was released and is quarantined again needs the entries of the other group again.
#[tokio::test]
async fn a_second_quarantine_shares_entries_as_well() {
    let aws = two_groups(22);
    let before = entries(&aws);
    handle(&aws, of(GROUP, "quarantine", "22")).await.unwrap();
    handle(&aws, of(OTHER, "quarantine", "22")).await.unwrap();
    handle(&aws, of(OTHER, "release", "")).await.unwrap();
    // Within the time in which the first quarantine of the group may still be at work.
    let minutes_later: fn() -> Timestamp = || now() + SignedDuration::from_mins(5);
    handle_at(&aws, minutes_later, of(OTHER, "quarantine", "22")).await.unwrap();
    handle_at(&aws, minutes_later, of(GROUP, "release", "")).await.unwrap();
    assert!(denied(&aws, "22"), "{:?}", entries(&aws));
    let hours_later: fn() -> Timestamp = || now() + SignedDuration::from_hours(1);
    handle_at(&aws, hours_later, of(OTHER, "release", "")).await.unwrap();
    assert_eq!(entries(&aws), before);
}

/// A quarantine is released once: a later one of the other group, with the same entries, is not held by the first.
#[tokio::test]
async fn a_released_quarantine_holds_nothing() {
    let aws = two_groups(22);
    let before = entries(&aws);
    for group in [GROUP, OTHER] {
        handle(&aws, of(group, "quarantine", "22")).await.unwrap();
        handle(&aws, of(group, "release", "")).await.unwrap();
        assert_eq!(entries(&aws), before, "{group}");
    }
}
