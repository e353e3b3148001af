//! Quarantines and releases with failures.

use aws_traits::fakes::{Account, FakeAws};
use plain_text::error_chain;
use remediation::Status;
use rstest::rstest;
use serde_json::json;

use crate::account::{GROUP, PUT, handle, incomplete, rule};
use crate::network_acl::{
    ACL, CREATE, DELETE, DESCRIBE_ACLS, OTHER_ACL, acl_request, acl_request_with, aws_in_subnets, aws_in_two_subnets,
    changes, entries, entries_of, entry, texts,
};

// --- Unknown state is never quarantined, and never reported as quarantined

/// The exposed ports are unknown if a rule of the group cannot be judged. The request can name them.
#[tokio::test]
async fn an_unjudged_group_is_not_quarantined() {
    let aws = aws_in_subnets();
    aws.account().groups.get_mut(GROUP).unwrap().ingress = vec![rule("1", 22, "pl-0badbad")];
    let before = entries(&aws);
    let error = handle(&aws, acl_request("quarantine")).await.unwrap_err();
    assert!(error_chain(&error).starts_with("nothing was changed: "), "{error}");
    assert_eq!(error.kind(), "CannotJudge");
    assert_eq!((aws.count(PUT), aws.count(CREATE)), (0, 0));
    assert_eq!(entries(&aws), before);
    let named = acl_request_with("quarantine", "ports", json!("tcp/22"));
    assert_eq!(handle(&aws, named).await.unwrap().status, Status::Quarantined);
}

/// A misspelt or deleted ACL is an error, not a success.
#[rstest]
#[case("quarantine")]
#[case("release")]
#[tokio::test]
async fn a_missing_acl_fails(#[case] action: &str) {
    let aws = aws_in_subnets();
    let before = entries(&aws);
    let named = acl_request_with(action, "networkAclIds", json!([ACL, "acl-0d0d0d0d"]));
    let error = handle(&aws, named).await.unwrap_err();
    assert_eq!(
        error_chain(&error),
        "nothing was changed: ec2:DescribeNetworkAcls on acl-0d0d0d0d failed: InvalidNetworkAclID.NotFound: no such ACL"
    );
    assert_eq!(error.kind(), "AwsCallFailed");
    assert_eq!((aws.count(PUT), entries(&aws)), (0, before));
}

/// The entries are gone, although the release cannot be recorded; the next release records it.
#[tokio::test]
async fn a_release_that_cannot_be_recorded_is_a_release() {
    let aws = aws_in_subnets();
    let before = entries(&aws);
    handle(&aws, acl_request("quarantine")).await.unwrap();
    // The first name is taken, by the quarantine of the same millisecond.
    (0..2).for_each(|_| aws.meanwhile(PUT, |_| {}));
    aws.fail(PUT, "AccessDenied");
    assert_eq!(handle(&aws, acl_request("release")).await.unwrap().status, Status::Released);
    assert_eq!(entries(&aws), before);
    let noted =
        |aws: &FakeAws| aws.account().objects.values().filter(|object| object.json.contains("\"released\"")).count();
    assert_eq!(noted(&aws), 0);
    for _ in 0..2 {
        assert_eq!(handle(&aws, acl_request("release")).await.unwrap().status, Status::NothingToDo);
        assert_eq!(noted(&aws), 1);
    }
}

/// The changes are reported as unverified. The next run verifies them.
#[rstest]
#[case("quarantine", "InternalError")]
#[case("release", "UnauthorizedOperation")]
#[tokio::test]
async fn an_unverified_result_is_not_reported_as_done(#[case] action: &str, #[case] code: &'static str) {
    let aws = aws_in_subnets();
    if action == "release" {
        handle(&aws, acl_request("quarantine")).await.unwrap();
    }
    aws.meanwhile(DESCRIBE_ACLS, |_| {});
    aws.fail(DESCRIBE_ACLS, code);
    let response = incomplete(handle(&aws, acl_request(action)).await);
    assert_eq!(response.status, Status::Partial);
    let expected = format!(
        "sg-0aaaaaaaaaaaaaaaa: 7 entries changed in 1 network ACL; the result could not be verified: \
         ec2:DescribeNetworkAcls on ids failed: {code}"
    );
    assert!(response.message.starts_with(&expected), "{}", response.message);
    let change = &changes(&response)[0];
    assert_eq!(change.added.len() + change.removed.len(), 7);
    assert_eq!(handle(&aws, acl_request(action)).await.unwrap().status, Status::NothingToDo);
}

// --- Refusals

/// An ACL without a snapshot is not changed, and does not block the others.
#[tokio::test]
async fn an_acl_without_a_snapshot_is_not_changed() {
    let aws = aws_in_two_subnets();
    let (before, other_before) = (entries(&aws), entries_of(&aws, OTHER_ACL));
    aws.fail(PUT, "AccessDenied");
    let response = incomplete(handle(&aws, acl_request("quarantine")).await);
    assert_eq!(response.status, Status::Partial);
    let expected = "7 entries changed in 2 network ACLs; acl-0a1b2c3d: the snapshot cannot be written: s3:PutObject";
    assert!(response.message.contains(expected), "{}", response.message);
    assert_eq!(entries(&aws), before);
    let quarantined = entries_of(&aws, OTHER_ACL);
    assert_eq!(quarantined.len(), other_before.len() + 7);

    aws.fail(PUT, "AccessDenied");
    let response = incomplete(handle(&aws, acl_request("release")).await);
    assert_eq!(response.status, Status::Failed);
    let expected = "0 entries changed in 2 network ACLs; acl-0e0f0a0b: the snapshot cannot be written: s3:PutObject";
    assert!(response.message.contains(expected), "{}", response.message);
    assert_eq!(entries_of(&aws, OTHER_ACL), quarantined);
}

/// A denied call names the permission to allow, and is not retried.
#[rstest]
#[case("quarantine", CREATE)]
#[case("release", DELETE)]
#[tokio::test]
async fn a_denied_change_is_tried_once(#[case] action: &str, #[case] operation: &'static str) {
    let aws = aws_in_subnets();
    if action == "release" {
        handle(&aws, acl_request("quarantine")).await.unwrap();
    }
    let before = entries(&aws);
    aws.account().calls.clear();
    aws.fail(operation, "UnauthorizedOperation");
    let response = incomplete(handle(&aws, acl_request(action)).await);
    assert_eq!(response.status, Status::Partial);
    assert!(response.message.starts_with("sg-0aaaaaaaaaaaaaaaa: 0 entries changed in 1 network ACL; "), "{response:?}");
    assert!(response.message.contains(&format!("(allow {operation} to this role or user)")), "{}", response.message);
    assert_eq!((aws.count(operation), entries(&aws)), (1, before));
}

/// A snapshot of one ACL does not apply to another.
#[tokio::test]
async fn only_snapshots_of_that_acl_are_released() {
    let aws = aws_in_two_subnets();
    let response = handle(&aws, acl_request("quarantine")).await.unwrap();
    let (quarantined, snapshot) = (entries(&aws), response.snapshot.unwrap());
    let mut request = acl_request_with("release", "snapshot", json!(snapshot));
    let error = handle(&aws, request.clone()).await.unwrap_err();
    assert!(
        error_chain(&error).contains(&format!("`{snapshot}` is not a snapshot of {OTHER_ACL}; give `latest`")),
        "{error}"
    );
    assert_eq!(error.kind(), "InvalidRequest");
    assert_eq!((aws.count(DELETE), entries(&aws)), (0, quarantined));
    request["networkAclIds"] = json!([ACL]);
    assert_eq!(handle(&aws, request).await.unwrap().status, Status::Released);
}

// --- Concurrent changes

/// Key under which a test keeps the ACL for `put_the_acl_back`.
const TEMPLATE: &str = "acl-0template";

fn put_the_acl_back(account: &mut Account) {
    let template = account.network_acls[TEMPLATE].acl.ingress.clone();
    account.network_acls.get_mut(ACL).unwrap().acl.ingress = template;
}

/// A program puts the ACL back after every change. The outcome reports it after four attempts, and each change once.
#[tokio::test(start_paused = true)]
async fn an_acl_that_is_put_back_is_not_reported_as_quarantined_or_released() {
    let aws = aws_in_subnets();
    let before = entries(&aws);
    let put_back = || {
        let acl = aws.account().network_acls[ACL].clone();
        aws.account().network_acls.insert(TEMPLATE.into(), acl);
        // The plan uses the first read.
        aws.meanwhile(DESCRIBE_ACLS, |_| {});
        (0..4).for_each(|_| aws.meanwhile(DESCRIBE_ACLS, put_the_acl_back));
    };
    put_back();
    let response = incomplete(handle(&aws, acl_request("quarantine")).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(
        response.message,
        "sg-0aaaaaaaaaaaaaaaa: 7 entries changed in 1 network ACL; acl-0a1b2c3d: the new entries are not listed after 4 attempts"
    );
    let added = texts(&changes(&response)[0].added);
    assert_eq!(added.len(), 7, "{added:?}");
    assert_eq!(entries(&aws), before);

    let by_another = |action| acl_request_with(action, "executionId", json!("8f40"));
    handle(&aws, by_another("quarantine")).await.unwrap();
    let quarantined = entries(&aws);
    put_back();
    let response = incomplete(handle(&aws, by_another("release")).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(
        response.message,
        "sg-0aaaaaaaaaaaaaaaa: 7 entries changed in 1 network ACL; \
         acl-0a1b2c3d: the removed entries are still listed after 4 attempts"
    );
    assert_eq!(changes(&response)[0].removed.len(), 7);
    assert_eq!(entries(&aws), quarantined);
}

// --- Full ACLs

/// A full ACL does not block the others. A dry run does not report them as changed.
#[rstest]
#[case(false, Status::Partial, "7 entries changed in 2 network ACLs; network ACL acl-0a1b2c3d is full: ")]
#[case(true, Status::Failed, "7 entries would be changed in 2 network ACLs; network ACL acl-0a1b2c3d is full: ")]
#[tokio::test]
async fn beside_a_full_acl_the_others_are_quarantined(
    #[case] dry_run: bool,
    #[case] status: Status,
    #[case] expected: &str,
) {
    let aws = aws_in_two_subnets();
    {
        let mut account = aws.account();
        let acl = &mut account.network_acls.get_mut(ACL).unwrap().acl;
        acl.ingress.extend((1..=18).map(|number| entry(number + 200, "192.0.2.0/24")));
    }
    let (full, other) = (entries(&aws), entries_of(&aws, OTHER_ACL));
    let response = incomplete(handle(&aws, acl_request_with("quarantine", "dryRun", json!(dry_run))).await);
    assert_eq!(response.status, status);
    assert!(response.message.contains(expected), "{}", response.message);
    assert_eq!(changes(&response).iter().map(|change| change.added.len()).collect::<Vec<_>>(), [0, 7]);
    assert_eq!(entries(&aws), full);
    assert_eq!(entries_of(&aws, OTHER_ACL).len(), if dry_run { other.len() } else { other.len() + 7 });
    assert_eq!(aws.count(PUT), usize::from(!dry_run));
}

// --- Interruptions

/// A function that runs out of time reports its progress; the next run finishes.
#[tokio::test(start_paused = true)]
async fn out_of_time_the_progress_is_reported() {
    let aws = aws_in_subnets();
    let before = entries(&aws);
    aws.meanwhile(CREATE, |_| {});
    aws.hang(CREATE);
    let response = incomplete(handle(&aws, acl_request("quarantine")).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(
        response.message,
        "sg-0aaaaaaaaaaaaaaaa: 1 entry changed in 1 network ACL; out of time before the function's deadline: \
         run this again to finish"
    );
    assert_eq!(changes(&response)[0].added.len(), 1);
    assert!(response.snapshot.is_some());
    assert_eq!(entries(&aws).len(), before.len() + 1);
    assert_eq!(handle(&aws, acl_request("quarantine")).await.unwrap().status, Status::Quarantined);
    assert_eq!(handle(&aws, acl_request("release")).await.unwrap().status, Status::Released);
    assert_eq!(entries(&aws), before);
}

/// Before the ACLs are read, there is nothing to finish.
#[tokio::test(start_paused = true)]
async fn out_of_time_before_the_acls_are_read_nothing_was_changed() {
    let aws = aws_in_subnets();
    let before = entries(&aws);
    aws.hang(DESCRIBE_ACLS);
    let response = incomplete(handle(&aws, acl_request("quarantine")).await);
    assert_eq!(response.status, Status::Failed);
    assert!(response.message.ends_with("deadline: nothing was changed; run this again"), "{}", response.message);
    assert_eq!((aws.count(PUT), entries(&aws)), (0, before));
}
