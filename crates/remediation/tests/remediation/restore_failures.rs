//! Restores with failures or concurrent changes.

use aws_traits::fakes::Account;
use exposure::IngressRule;
use plain_text::error_chain;
use remediation::{RemediationError, Status};
use rstest::rstest;

use crate::account::{
    AUTHORIZE, DESCRIBE, GROUP, LIST, PUT, REVOKE, admitted, aws_with, carve, handle, ids, incomplete, left, ports,
    request, restore, rule,
};

// --- EC2 refuses, or is busy

/// A rule that cannot be added yet is retried before any rule is removed.
#[tokio::test(start_paused = true)]
async fn while_ec2_is_busy_nothing_is_removed() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0")]);
    let before = admitted(&aws);
    handle(&aws, carve()).await.unwrap();
    aws.account().calls.clear();
    aws.fail(AUTHORIZE, "RequestLimitExceeded");
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(admitted(&aws), before);
    let calls = aws.account().calls.clone();
    let of_kind: Vec<_> = calls.into_iter().filter(|&call| call == AUTHORIZE || call == REVOKE).collect();
    assert_eq!(of_kind, [AUTHORIZE, AUTHORIZE, REVOKE]);
}

/// The rule is restored, but a rule of the carve cannot be removed: the outcome reports it, and the next restore
/// finishes.
#[tokio::test(start_paused = true)]
async fn a_rule_that_cannot_be_removed_is_reported() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0")]);
    let before = admitted(&aws);
    let closed = handle(&aws, carve()).await.unwrap();
    let carved = ids(&closed.closed().unwrap().authorized);
    aws.account().locked.push(carved[0].clone());
    let error = handle(&aws, restore()).await.unwrap_err();
    let message = error_chain(&error);
    assert!(
        message.starts_with("PARTIAL: sg-0aaaaaaaaaaaaaaaa: 1 rule restored, 1 removed, 0 kept, 1 failed"),
        "{message}"
    );
    let response = incomplete(Err(error));
    let restored = response.restored().unwrap();
    assert_eq!(ids(restored.remaining.iter().map(|remaining| &remaining.rule)), [carved[0].clone()]);
    assert!(restored.remaining[0].reason.contains("OperationNotPermitted"), "{restored:?}");
    assert_eq!(ids(&restored.revoked), [carved[1].clone()]);
    assert!(admitted(&aws).iter().any(|rule| before.contains(rule)));
    aws.account().locked.clear();
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(admitted(&aws), before);
}

/// The role may not add rules: the rules of the closing stay, so that no legitimate access is lost.
#[tokio::test]
async fn without_any_restored_rule_the_restore_fails() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0")]);
    handle(&aws, carve()).await.unwrap();
    let closed = admitted(&aws);
    aws.account().calls.clear();
    aws.fail(AUTHORIZE, "UnauthorizedOperation");
    let error = handle(&aws, restore()).await.unwrap_err();
    let message = error_chain(&error);
    assert!(message.starts_with("FAILED: sg-0aaaaaaaaaaaaaaaa: 0 rules restored, 0 removed"), "{message}");
    assert!(message.contains("(allow ec2:AuthorizeSecurityGroupIngress to this role or user)"), "{message}");
    assert_eq!(error.kind(), "Failed");
    assert_eq!((admitted(&aws), aws.count(REVOKE)), (closed, 0));
}

// --- Without the live state and a snapshot, nothing is changed

#[tokio::test]
async fn a_deleted_group_is_not_restored() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0")]);
    handle(&aws, request()).await.unwrap();
    aws.account().groups.clear();
    let error = handle(&aws, restore()).await.unwrap_err();
    assert_eq!(error_chain(&error), format!("nothing was changed: there is no security group {GROUP} in this region"));
    assert_eq!(error.kind(), "NoSuchSecurityGroup");
    assert_eq!((aws.count(PUT), aws.count(AUTHORIZE)), (1, 0));
}

/// Without the hold, automatic mode would undo the restore within a minute.
#[rstest]
#[case::the_group_as_it_is(0)]
#[case::the_hold(1)]
#[tokio::test]
async fn without_a_snapshot_and_a_hold_nothing_is_restored(#[case] puts_before: usize) {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0")]);
    handle(&aws, request()).await.unwrap();
    (0..puts_before).for_each(|_| aws.meanwhile(PUT, |_| {}));
    aws.fail(PUT, "AccessDenied");
    let error = handle(&aws, restore()).await.unwrap_err();
    assert!(
        error_chain(&error).starts_with("nothing was changed: the snapshot cannot be written: s3:PutObject"),
        "{error}"
    );
    assert_eq!(error.kind(), "SnapshotUnavailable");
    assert_eq!((aws.count(AUTHORIZE), left(&aws).len(), aws.account().exceptions.len()), (0, 0, 0));
}

/// A group that cannot be read first is not changed; one that cannot be read afterwards is not reported as restored.
#[rstest]
#[case::before(0)]
#[case::afterwards(2)]
#[tokio::test]
async fn an_unverified_group_is_not_reported_as_restored(#[case] reads_before: usize) {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0")]);
    handle(&aws, request()).await.unwrap();
    (0..reads_before).for_each(|_| aws.meanwhile(DESCRIBE, |_| {}));
    aws.fail(DESCRIBE, "InternalError");
    let error = handle(&aws, restore()).await.unwrap_err();
    if reads_before == 0 {
        assert!(error_chain(&error).starts_with("nothing was changed: ec2:DescribeSecurityGroupRules"), "{error}");
        assert_eq!(error.kind(), "AwsCallFailed");
        assert_eq!(left(&aws).len(), 0);
    } else {
        assert!(error_chain(&error).contains("1 rule restored"), "{error}");
        assert!(error_chain(&error).contains("; the result could not be verified: ec2:Describe"), "{error}");
        assert_eq!(error.kind(), "Partial");
        assert_eq!(left(&aws).len(), 1);
        assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::NothingToDo);
    }
}

// --- Concurrent changes

fn clear_the_group(account: &mut Account) {
    account.groups.get_mut(GROUP).unwrap().ingress.clear();
}

/// A program clears the group after every restored rule: a rule that is not listed is not reported as restored.
#[tokio::test(start_paused = true)]
async fn a_group_that_is_cleared_again_is_not_reported_as_restored() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0")]);
    handle(&aws, request()).await.unwrap();
    (0..5).for_each(|_| aws.meanwhile(DESCRIBE, clear_the_group));
    let response = incomplete(handle(&aws, restore()).await);
    assert_eq!(response.status, Status::Partial);
    let [remaining] = response.restored().unwrap().remaining.as_slice() else { panic!("{response:?}") };
    assert_eq!((remaining.rule.from_port, remaining.rule.source.as_str()), (Some(22), "0.0.0.0/0"));
    assert_eq!(remaining.reason, "EC2 reported it as added, but does not list it");
    assert_eq!((aws.count(AUTHORIZE), left(&aws).len()), (1, 0));
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(left(&aws).len(), 1);
}

fn put_a_carved_rule_back(account: &mut Account) {
    let ingress = &mut account.groups.get_mut(GROUP).unwrap().ingress;
    let carved = IngressRule { id: Some("sgr-new1".into()), ..ports("", 20, 21, "0.0.0.0/0") };
    ingress.retain(|rule| rule.id != carved.id);
    ingress.push(carved);
}

/// A rule of the carve that EC2 still lists is reported, too.
#[tokio::test(start_paused = true)]
async fn a_carved_rule_that_is_still_listed_is_reported() {
    let aws = aws_with(vec![ports("1", 20, 22, "0.0.0.0/0")]);
    let before = admitted(&aws);
    handle(&aws, carve()).await.unwrap();
    (0..5).for_each(|_| aws.meanwhile(DESCRIBE, put_a_carved_rule_back));
    let response = incomplete(handle(&aws, restore()).await);
    assert_eq!(response.status, Status::Partial);
    let [remaining] = response.restored().unwrap().remaining.as_slice() else { panic!("{response:?}") };
    assert_eq!(remaining.rule.security_group_rule_id.as_deref(), Some("sgr-new1"));
    assert_eq!(remaining.reason, "EC2 reported it as gone, but still lists it");
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(admitted(&aws), before);
}

fn remove_a_rule(account: &mut Account) {
    account.groups.get_mut(GROUP).unwrap().ingress.remove(0);
}

/// A rule that is missing after the last attempt is reported as not restored.
#[tokio::test(start_paused = true)]
async fn a_rule_removed_during_the_last_attempt_is_reported() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0"), rule("2", 3389, "0.0.0.0/0")]);
    handle(&aws, request()).await.unwrap();
    // EC2 is busy until the last attempt, after which the other rule is removed.
    (0..3).for_each(|_| aws.fail(AUTHORIZE, "RequestLimitExceeded"));
    (0..5).for_each(|_| aws.meanwhile(DESCRIBE, |_| {}));
    aws.meanwhile(DESCRIBE, remove_a_rule);
    let response = incomplete(handle(&aws, restore()).await);
    assert_eq!(response.status, Status::Partial);
    let [remaining] = response.restored().unwrap().remaining.as_slice() else { panic!("{response:?}") };
    assert_eq!(
        (remaining.rule.from_port, remaining.reason.as_str()),
        (Some(22), "EC2 reported it as added, but does not list it")
    );
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(admitted(&aws), ["tcp/22 0.0.0.0/0 - {}", "tcp/3389 0.0.0.0/0 - {}"]);
}

// --- Interruptions

/// A function that runs out of time reports the remaining changes, at any point. The next run makes them.
#[rstest]
#[case::before_the_snapshot_is_found(LIST, Status::Failed, 0)]
#[case::before_the_group_is_read(DESCRIBE, Status::Failed, 0)]
#[case::before_anything_is_kept(PUT, Status::Failed, 3)]
// The call may have succeeded.
#[case::while_a_rule_is_added(AUTHORIZE, Status::Partial, 3)]
#[tokio::test(start_paused = true)]
async fn out_of_time_the_remaining_rules_are_reported(
    #[case] at: &'static str,
    #[case] status: Status,
    #[case] remaining: usize,
) {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0")]);
    let before = admitted(&aws);
    handle(&aws, carve()).await.unwrap();
    let closed = admitted(&aws);
    aws.hang(at);
    let response = incomplete(handle(&aws, restore()).await);
    assert_eq!(response.status, status);
    let outcome = match status {
        Status::Partial => "run this again to finish",
        _ => "nothing was changed; run this again",
    };
    let expected = format!("; out of time before the function's deadline: {outcome}");
    assert!(response.message.ends_with(&expected), "{}", response.message);
    assert_eq!(response.restored().unwrap().remaining.len(), remaining, "{response:?}");
    let error_type = RemediationError::Incomplete(Box::new(response)).kind();
    assert_eq!(error_type, if status == Status::Partial { "Partial" } else { "Failed" });
    assert_eq!(admitted(&aws), closed);
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(admitted(&aws), before);
}

/// The snapshot of a closing exists, but S3 has not said so, and the closing has revoked nothing. What its owner has removed
/// since is not restored.
#[tokio::test]
async fn a_snapshot_without_an_answer_is_of_nothing() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0"), rule("2", 22, "::/0")]);
    aws.lose_answer(PUT);
    handle(&aws, request()).await.unwrap_err();
    aws.account().groups.get_mut(GROUP).unwrap().ingress.retain(|rule| rule.source.to_string() != "0.0.0.0/0");
    let there = admitted(&aws);
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::NothingToDo);
    assert_eq!(admitted(&aws), there);
}

/// No revocation is answered, and the rule is still there after the last one. What its owner has removed since is not restored.
#[tokio::test(start_paused = true)]
async fn a_rule_that_was_still_there_is_not_restored() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0"), rule("2", 22, "::/0")]);
    (0..4).for_each(|_| aws.fail(REVOKE, "InternalError"));
    assert_eq!(incomplete(handle(&aws, request()).await).closed().unwrap().remaining.len(), 2);
    aws.account().groups.get_mut(GROUP).unwrap().ingress.retain(|rule| rule.source.to_string() != "0.0.0.0/0");
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::NothingToDo);
    assert_eq!(left(&aws), ["sgr-2"]);
}
