//! What each action does to the hold and to the remediation exception, cell by cell: the table of docs/restore.md.

use aws_traits::config::RemediationException;
use aws_traits::fakes::FakeAws;
use jiff::Timestamp;
use remediation::Status;
use rstest::rstest;
use serde_json::{Value, json};

use crate::account::{
    AUTHORIZE, GROUP, REVOKE, aws, handle, handle_at, left, log_lines, now, request, restore, restore_with, with,
};

const HOLD: &str = "holds/111122223333/us-east-1/sg-0aaaaaaaaaaaaaaaa.json";

fn has_hold(aws: &FakeAws) -> bool {
    aws.account().objects.contains_key(HOLD)
}

fn exceptions(aws: &FakeAws) -> Vec<String> {
    aws.account().exceptions.keys().map(|(rule, _)| rule.clone()).collect()
}

/// A group that was closed, then restored with a hold until the next day.
async fn held() -> FakeAws {
    let aws = aws();
    handle(&aws, request()).await.unwrap();
    handle(&aws, restore()).await.unwrap();
    assert!(has_hold(&aws));
    aws
}

fn the_day_after_tomorrow() -> Timestamp {
    "2026-11-23T00:00:00Z".parse().unwrap()
}

#[tokio::test]
async fn a_closing_of_a_held_group_renews_the_exception_for_the_rule_that_asks() {
    let aws = held().await;
    aws.account().exceptions.clear();
    aws.account().rules.insert("renamed".into(), Some(r#"{"FocusOnPorts":"22"}"#.into()));
    let response = handle(&aws, with("configRuleName", json!("renamed"))).await.unwrap();
    assert_eq!(response.status, Status::Exempt);
    assert_eq!((has_hold(&aws), exceptions(&aws)), (true, vec!["renamed".to_owned()]));
}

#[tokio::test]
async fn a_hold_that_has_ended_is_deleted_and_does_not_hold() {
    let aws = held().await;
    let response = handle_at(&aws, the_day_after_tomorrow, request()).await.unwrap();
    assert_eq!((response.status, has_hold(&aws)), (Status::Closed, false));
}

/// With `IgnoreHold`, hold and exception end, whatever the group is.
#[rstest]
#[case::open(false, Status::Closed)]
#[case::compliant(true, Status::NothingToDo)]
#[tokio::test]
async fn a_closing_that_ignores_the_hold_ends_it(#[case] is_compliant: bool, #[case] status: Status) {
    let aws = held().await;
    if is_compliant {
        aws.account().groups.get_mut(GROUP).unwrap().ingress.clear();
    }
    let planned = handle(&aws, {
        let mut request = with("ignoreHold", json!(true));
        request["dryRun"] = json!(true);
        request
    });
    planned.await.unwrap();
    assert!(has_hold(&aws) && !exceptions(&aws).is_empty(), "a dry run has ended the hold");
    assert_eq!(handle(&aws, with("ignoreHold", json!(true))).await.unwrap().status, status);
    assert_eq!((has_hold(&aws), exceptions(&aws)), (false, Vec::new()));
}

/// An exception of an operator is not ours to delete.
#[tokio::test]
async fn an_exception_of_an_operator_stays() {
    let aws = held().await;
    let key = ("portcullis".to_owned(), GROUP.to_owned());
    let exception = RemediationException { group_id: GROUP.into(), message: Some("ticket 7".into()), expires: None };
    aws.account().exceptions.insert(key, exception);
    handle(&aws, with("ignoreHold", json!(true))).await.unwrap();
    assert_eq!((has_hold(&aws), exceptions(&aws).len()), (false, 1));
}

#[rstest]
#[case::hold(json!(24), true)]
#[case::none(json!(0), false)]
#[tokio::test]
async fn a_restore_replaces_or_ends_an_older_hold(#[case] hours: Value, #[case] holds: bool) {
    let aws = held().await;
    // Everything is there already: the hold changes nevertheless.
    let response = handle(&aws, restore_with("exceptionHours", hours)).await.unwrap();
    assert_eq!(response.status, Status::NothingToDo);
    assert_eq!((has_hold(&aws), exceptions(&aws).is_empty()), (holds, !holds));
}

/// A restore that changes nothing leaves no hold, and keeps the one that was there.
#[rstest]
#[case::without(false)]
#[case::with_an_older_one(true)]
#[tokio::test]
async fn a_failed_restore_leaves_the_hold_as_it_was(#[case] was_held: bool) {
    let aws = if was_held { held().await } else { aws() };
    handle(&aws, with("ignoreHold", json!(false))).await.unwrap();
    if was_held {
        handle(&aws, with("ignoreHold", json!(true))).await.unwrap();
        let until = [("until".to_owned(), "2026-11-22T00:00:00Z".to_owned())].into();
        let hold = r#"{"version":1,"until":"2026-11-22T00:00:00Z","executionId":"9c2d","configRuleName":"portcullis"}"#;
        aws.account().put_object(HOLD, hold.into(), until);
    }
    let before = aws.account().objects.get(HOLD).cloned();
    (0..4).for_each(|_| aws.fail(AUTHORIZE, "UnauthorizedOperation"));
    assert!(handle(&aws, restore()).await.is_err());
    let after = aws.account().objects.get(HOLD).cloned();
    assert_eq!(after.map(|object| object.metadata), before.map(|object| object.metadata));
    assert_eq!(has_hold(&aws), was_held);
}

/// The answer of S3 is lost when the hold is written or deleted: the restore fails, and the hold is as before.
#[rstest]
#[case::put(24, "s3:PutObject", false)]
#[case::replaced(1, "s3:PutObject", true)]
#[case::ended(0, "s3:DeleteObject", true)]
#[tokio::test]
async fn a_change_of_the_hold_without_an_answer_is_taken_back(
    #[case] hours: u32,
    #[case] operation: &'static str,
    #[case] was_held: bool,
    #[values(true, false)] is_missing: bool,
) {
    let aws = held().await;
    if !was_held {
        handle(&aws, restore_with("exceptionHours", json!(0))).await.unwrap();
    }
    if is_missing {
        aws.account().groups.get_mut(GROUP).unwrap().ingress.retain(|rule| rule.source.to_string() != "::/0");
        if operation == "s3:PutObject" {
            // That of the snapshot.
            aws.meanwhile(operation, |_| {});
        }
    }
    let before = aws.account().objects.get(HOLD).map(|object| object.metadata.clone());
    aws.lose_answer(operation);
    assert!(handle(&aws, restore_with("exceptionHours", json!(hours))).await.is_err());
    assert_eq!(aws.account().objects.get(HOLD).map(|object| object.metadata.clone()), before);
}

/// A restore names a rule that exists and that the stack remediates, or is refused before anything changes.
#[tokio::test]
async fn a_restore_for_another_rule_is_refused() {
    let aws = aws();
    handle(&aws, request()).await.unwrap();
    aws.account().rules.insert("other".into(), Some(r#"{"FocusOnPorts":"22"}"#.into()));
    let closed = left(&aws);
    for (refused, message) in [
        (
            handle(&aws, restore_with("configRuleName", json!("portculis"))).await,
            "there is no AWS Config rule `portculis`",
        ),
        (crate::account::restore_by_the_stack(&aws, "other").await, "does not remediate the AWS Config rule `other`"),
    ] {
        let error = plain_text::error_chain(&refused.unwrap_err());
        assert!(
            error.starts_with("the request is refused, nothing was changed: ") && error.contains(message),
            "{error}"
        );
    }
    assert_eq!((left(&aws), has_hold(&aws)), (closed, false));
    crate::account::restore_by_the_stack(&aws, "portcullis").await.unwrap();
}

/// The key of the stack was changed: the end of a hold is still read, and a hold in force still holds.
#[rstest]
#[case::in_force(now, Status::Exempt)]
#[case::over(the_day_after_tomorrow, Status::Closed)]
#[tokio::test]
async fn the_end_of_a_hold_is_read_without_its_key(#[case] at: fn() -> Timestamp, #[case] status: Status) {
    let aws = aws();
    aws.account().kms_key = Some("first".into());
    handle(&aws, request()).await.unwrap();
    handle(&aws, restore()).await.unwrap();
    aws.account().kms_key = None;
    crate::log::watch();
    assert_eq!(handle_at(&aws, at, request()).await.unwrap().status, status);
    assert_eq!(log_lines("hold unreadable"), usize::from(status == Status::Exempt));
}

/// A restore whose snapshot is under another key says which one it needs.
#[tokio::test]
async fn a_snapshot_under_another_key_names_it() {
    let aws = aws();
    aws.account().kms_key = Some("arn:aws:kms:us-east-1:111122223333:key/first".into());
    handle(&aws, request()).await.unwrap();
    aws.account().kms_key = None;
    let error = plain_text::error_chain(&handle(&aws, restore()).await.unwrap_err());
    assert!(error.contains("is encrypted with arn:aws:kms:us-east-1:111122223333:key/first"), "{error}");
    assert!(error.contains("kms:Decrypt"), "{error}");
}

/// A restore during a closing: the later decision counts, and the next round undoes nothing.
#[tokio::test(start_paused = true)]
async fn a_restore_during_a_closing_is_not_undone() {
    let aws = aws();
    // The first revocation is not answered in time, and meanwhile someone restores the group.
    aws.lose_answer(REVOKE);
    aws.meanwhile(crate::account::DESCRIBE, |_| {});
    aws.meanwhile(crate::account::DESCRIBE, |account| {
        let until = [("until".to_owned(), "2026-11-22T00:00:00Z".to_owned())].into();
        let hold = r#"{"version":1,"until":"2026-11-22T00:00:00Z","executionId":"9c2d","configRuleName":"portcullis"}"#;
        account.put_object(HOLD, hold.into(), until);
        let ingress = &mut account.groups.get_mut(GROUP).unwrap().ingress;
        ingress.push(crate::account::rule("again", 22, "0.0.0.0/0"));
    });
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Exempt);
    assert!(response.closed().unwrap().held_until.is_some());
    assert!(left(&aws).contains(&"sgr-again".to_owned()));
    assert_eq!(aws.count(REVOKE), 1);
}
