//! Restores when something is in the way.

use aws_traits::fakes::Account;
use exposure::{IngressRule, Source};
use plain_text::error_chain;
use remediation::{RemediationError, Status};
use rstest::rstest;

use crate::account::{
    AUTHORIZE, DESCRIBE, GROUP, LIST, PUT, REVOKE, admitted, aws_with, carve, handle, ids, incomplete, left, ports,
    request, restore, rule,
};

// --- EC2 refuses, or is busy

/// What cannot be added just now is tried again before anything is taken away.
#[tokio::test(start_paused = true)]
async fn while_ec2_is_busy_nothing_is_taken_away() {
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

/// The rule is back, and what it was carved into should be gone and is not: that is told, and the next restore finishes it.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_taken_away_is_told() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0")]);
    let before = admitted(&aws);
    let closed = handle(&aws, carve()).await.unwrap();
    let carved = ids(&closed.closed().unwrap().authorized);
    aws.account().locked.push(carved[0].clone());
    let error = handle(&aws, restore()).await.unwrap_err();
    let message = error_chain(&error);
    assert!(
        message.starts_with("PARTIAL: sg-0aaaaaaaaaaaaaaaa: 1 rule given back, 1 taken away, 0 left, 1 not as before"),
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

/// The role may not add rules: what the closing had put in their place stays, so that nobody is shut out.
#[tokio::test]
async fn when_nothing_can_be_given_back_it_has_failed() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0")]);
    handle(&aws, carve()).await.unwrap();
    let closed = admitted(&aws);
    aws.account().calls.clear();
    aws.fail(AUTHORIZE, "UnauthorizedOperation");
    let error = handle(&aws, restore()).await.unwrap_err();
    let message = error_chain(&error);
    assert!(message.starts_with("FAILED: sg-0aaaaaaaaaaaaaaaa: 0 rules given back, 0 taken away"), "{message}");
    assert!(message.contains("(allow ec2:AuthorizeSecurityGroupIngress to this role or user)"), "{message}");
    assert_eq!(error.kind(), "Failed");
    assert_eq!((admitted(&aws), aws.count(REVOKE)), (closed, 0));
}

/// A source that was not understood is kept as evidence without one, and is not guessed at when it is to come back.
#[tokio::test]
async fn a_source_that_was_not_understood_is_not_given_back() {
    let unknown = IngressRule { source: Source::Unrecognized("ipam-pool".into()), ..rule("2", 8080, "") };
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0"), unknown]);
    let closed = handle(&aws, request()).await.unwrap();
    assert_eq!((closed.status, left(&aws)), (Status::Closed, vec!["sgr-2".to_owned()]));
    aws.account().groups.get_mut(GROUP).unwrap().ingress.clear();
    let response = incomplete(handle(&aws, restore()).await);
    assert_eq!(response.status, Status::Partial);
    let restored = response.restored().unwrap();
    assert_eq!(restored.authorized.iter().map(|rule| rule.source.as_str()).collect::<Vec<_>>(), ["0.0.0.0/0"]);
    let [remaining] = restored.remaining.as_slice() else { panic!("{restored:?}") };
    assert_eq!((remaining.rule.from_port, remaining.reason.contains("the rule is not understood")), (Some(8080), true));
    assert_eq!(admitted(&aws), ["tcp/22 0.0.0.0/0 - {}"]);
}

// --- Nothing is changed unless it is known what, and kept what was

#[tokio::test]
async fn a_group_that_is_gone_is_not_restored() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0")]);
    handle(&aws, request()).await.unwrap();
    aws.account().groups.clear();
    let error = handle(&aws, restore()).await.unwrap_err();
    assert_eq!(error_chain(&error), format!("nothing was changed: there is no security group {GROUP} in this region"));
    assert_eq!(error.kind(), "NoSuchSecurityGroup");
    assert_eq!((aws.count(PUT), aws.count(AUTHORIZE)), (1, 0));
}

/// Without the hold automatic mode would undo the restore in the same minute.
#[rstest]
#[case::the_group_as_it_is(0)]
#[case::the_hold(1)]
#[tokio::test]
async fn what_cannot_be_kept_is_not_restored(#[case] puts_before: usize) {
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

/// A group that cannot be read before is left; one that cannot be read afterwards is not called restored.
#[rstest]
#[case::before(0)]
#[case::afterwards(1)]
#[tokio::test]
async fn when_the_group_cannot_be_read_it_is_not_called_restored(#[case] reads_before: usize) {
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
        assert!(error_chain(&error).contains("1 rule given back"), "{error}");
        assert!(error_chain(&error).contains("; the result could not be verified: ec2:Describe"), "{error}");
        assert_eq!(error.kind(), "Partial");
        assert_eq!(left(&aws).len(), 1);
        assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::NothingToDo);
    }
}

// --- Others are at work too

fn somebody_clears_the_group(account: &mut Account) {
    account.groups.get_mut(GROUP).unwrap().ingress.clear();
}

/// Somebody's program clears the group as often as a rule is given back: what does not show is not called restored.
#[tokio::test(start_paused = true)]
async fn a_group_that_somebody_clears_again_is_not_called_restored() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0")]);
    handle(&aws, request()).await.unwrap();
    (0..5).for_each(|_| aws.meanwhile(DESCRIBE, somebody_clears_the_group));
    let response = incomplete(handle(&aws, restore()).await);
    assert_eq!(response.status, Status::Partial);
    let [remaining] = response.restored().unwrap().remaining.as_slice() else { panic!("{response:?}") };
    assert_eq!((remaining.rule.from_port, remaining.rule.source.as_str()), (Some(22), "0.0.0.0/0"));
    assert_eq!(remaining.reason, "EC2 does not list it although it answered that it is there");
    assert_eq!((aws.count(AUTHORIZE), left(&aws).len()), (1, 0));
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(left(&aws).len(), 1);
}

fn somebody_puts_a_carved_rule_back(account: &mut Account) {
    let ingress = &mut account.groups.get_mut(GROUP).unwrap().ingress;
    let carved = IngressRule { id: Some("sgr-new1".into()), ..ports("", 20, 21, "0.0.0.0/0") };
    ingress.retain(|rule| rule.id != carved.id);
    ingress.push(carved);
}

/// Nor is a group whose carved rule EC2 goes on to list.
#[tokio::test(start_paused = true)]
async fn a_carved_rule_that_is_still_listed_is_told() {
    let aws = aws_with(vec![ports("1", 20, 22, "0.0.0.0/0")]);
    let before = admitted(&aws);
    handle(&aws, carve()).await.unwrap();
    (0..5).for_each(|_| aws.meanwhile(DESCRIBE, somebody_puts_a_carved_rule_back));
    let response = incomplete(handle(&aws, restore()).await);
    assert_eq!(response.status, Status::Partial);
    let [remaining] = response.restored().unwrap().remaining.as_slice() else { panic!("{response:?}") };
    assert_eq!(remaining.rule.security_group_rule_id.as_deref(), Some("sgr-new1"));
    assert_eq!(remaining.reason, "EC2 still lists it although it answered that it is gone");
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(admitted(&aws), before);
}

fn somebody_removes_a_rule(account: &mut Account) {
    account.groups.get_mut(GROUP).unwrap().ingress.remove(0);
}

/// A rule that is found missing when there is no attempt left is told as not given back.
#[tokio::test(start_paused = true)]
async fn a_rule_that_goes_during_the_last_attempt_is_told() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0"), rule("2", 8080, "10.0.0.0/8")]);
    handle(&aws, request()).await.unwrap();
    // Busy until the last attempt, after which somebody takes the other rule.
    (0..3).for_each(|_| aws.fail(AUTHORIZE, "RequestLimitExceeded"));
    (0..4).for_each(|_| aws.meanwhile(DESCRIBE, |_| {}));
    aws.meanwhile(DESCRIBE, somebody_removes_a_rule);
    let response = incomplete(handle(&aws, restore()).await);
    assert_eq!(response.status, Status::Partial);
    let [remaining] = response.restored().unwrap().remaining.as_slice() else { panic!("{response:?}") };
    assert_eq!((remaining.rule.from_port, remaining.reason.as_str()), (Some(8080), "not done after several attempts"));
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(admitted(&aws), ["tcp/22 0.0.0.0/0 - {}", "tcp/8080 10.0.0.0/8 - {}"]);
}

// --- Cut off

/// A function that has no time left says so, wherever it was, and what it was about to do. The next run does it.
#[rstest]
#[case::before_the_snapshot_is_found(LIST, Status::Failed, 0)]
#[case::before_the_group_is_read(DESCRIBE, Status::Failed, 0)]
#[case::before_anything_is_kept(PUT, Status::Failed, 3)]
// The call may have done its work.
#[case::while_a_rule_is_added(AUTHORIZE, Status::Partial, 3)]
#[tokio::test(start_paused = true)]
async fn out_of_time_it_says_so(#[case] at: &'static str, #[case] status: Status, #[case] remaining: usize) {
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
