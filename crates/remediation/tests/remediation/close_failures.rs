//! Closings when something is in the way, or somebody else is at work.

use aws_traits::fakes::{Account, FakeAws};
use plain_text::error_chain;
use remediation::Status;
use rstest::rstest;
use serde_json::json;

use crate::account::{
    AUTHORIZE, DESCRIBE, GROUP, PUT, REVOKE, SNAPSHOT, admitted, aws, aws_with, carve, handle, ids, incomplete, left,
    ports, request, restore, rule, with,
};
use crate::log;

const EXCEPTION: &str = "config:PutRemediationExceptions";
const DELETE_OBJECT: &str = "s3:DeleteObject";

// --- Others are at work too

fn somebody_exempts_the_group(account: &mut Account) {
    account.groups.get_mut(GROUP).unwrap().tags.insert("Keep".into(), "legacy VPN".into());
}

fn aws_with_exemption_tag() -> FakeAws {
    let aws = aws();
    aws.account().rules.insert("portcullis".into(), Some(r#"{"FocusOnPorts":"22","ExemptionTagKey":"Keep"}"#.into()));
    aws
}

/// Exempted while EC2 was busy, and nothing closed yet: then nothing is.
#[tokio::test(start_paused = true)]
async fn an_exemption_in_time_keeps_the_group_open() {
    let aws = aws_with_exemption_tag();
    aws.fail(REVOKE, "RequestLimitExceeded");
    aws.meanwhile(DESCRIBE, |_| {});
    aws.meanwhile(DESCRIBE, somebody_exempts_the_group);
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Exempt);
    assert!(response.message.contains("is left as it is: ") && response.message.contains("legacy VPN"), "{response:?}");
    assert_eq!((aws.count(REVOKE), left(&aws).len()), (1, 4));
}

/// Exempted when a part of it was closed already: that is said, and the rest is left.
#[tokio::test(start_paused = true)]
async fn an_exemption_half_way_keeps_the_rest() {
    let aws = aws_with_exemption_tag();
    aws.account().locked.push("sgr-4".into());
    aws.meanwhile(DESCRIBE, |_| {});
    aws.meanwhile(DESCRIBE, somebody_exempts_the_group);
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert!(response.message.starts_with("sg-0aaaaaaaaaaaaaaaa: 1 rule revoked; the rest is "), "{}", response.message);
    assert!(response.message.contains("legacy VPN"), "{}", response.message);
    assert_eq!(ids(&response.closed().unwrap().revoked), ["sgr-1"]);
    assert_eq!(left(&aws), ["sgr-2", "sgr-3", "sgr-4"]);
}

fn somebody_opens_port_22_again(account: &mut Account) {
    let ingress = &mut account.groups.get_mut(GROUP).unwrap().ingress;
    let number = account.calls.len();
    ingress.retain(|rule| rule.source != "0.0.0.0/0".into());
    ingress.push(rule(&format!("again{number}"), 22, "0.0.0.0/0"));
}

/// Somebody's program adds the rule as often as it is revoked: after a few attempts that is told, and not gone on with.
#[tokio::test(start_paused = true)]
async fn a_rule_that_somebody_adds_again_and_again_is_told() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0"), rule("2", 22, "10.0.0.0/8")]);
    aws.meanwhile(DESCRIBE, |_| {});
    (0..4).for_each(|_| aws.meanwhile(DESCRIBE, somebody_opens_port_22_again));
    let error = handle(&aws, request()).await.unwrap_err();
    assert!(error_chain(&error).ends_with("(tcp/22-22 from 0.0.0.0/0): it was added meanwhile"), "{error}");
    let response = incomplete(Err(error));
    assert_eq!(response.status, Status::Partial);
    assert_eq!((response.closed().unwrap().revoked.len(), response.closed().unwrap().remaining.len()), (4, 1));
    assert_eq!(aws.count(REVOKE), 4);
    assert_eq!(handle(&aws, request()).await.unwrap().status, Status::Closed);
    assert_eq!(left(&aws), ["sgr-2"]);
}

// --- Rules that are owed

/// Two exposed ranges in a group that has no room for more: one rule is owed when the group is closed.
fn full_aws() -> FakeAws {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0"), ports("2", 443, 443, "0.0.0.0/0")]);
    aws.account().quota = 2;
    aws
}

/// Closing has priority over the note of what is owed. A restore has it from the snapshot.
#[tokio::test]
async fn a_note_that_cannot_be_written_does_not_keep_the_port_open() {
    let aws = full_aws();
    let before = admitted(&aws);
    aws.meanwhile(PUT, |_| {});
    aws.fail(PUT, "SlowDown");
    log::watch();
    let response = incomplete(handle(&aws, carve()).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(response.closed().unwrap().not_authorized.len(), 1);
    let warnings = log::messages("WARN");
    assert_eq!(warnings.iter().filter(|&warning| warning == "debt not written").count(), 1, "{warnings:?}");
    assert!(!admitted(&aws).iter().any(|rule| rule.starts_with("tcp/20-25 ")), "{:?}", admitted(&aws));
    aws.account().quota = 0;
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(admitted(&aws), before);
}

/// A note that is left over ends by itself, and what is there is not added twice.
#[tokio::test]
async fn a_note_that_cannot_be_deleted_adds_nothing_twice() {
    let aws = full_aws();
    incomplete(handle(&aws, carve()).await);
    aws.account().quota = 0;
    aws.fail(DELETE_OBJECT, "AccessDenied");
    log::watch();
    let response = handle(&aws, carve()).await.unwrap();
    assert_eq!((response.status, response.closed().unwrap().authorized.len()), (Status::Closed, 1));
    assert_eq!(log::messages("WARN"), ["debt not deleted"]);
    let closed = admitted(&aws);
    assert_eq!(closed.len(), 3);
    aws.account().calls.clear();
    let response = handle(&aws, carve()).await.unwrap();
    assert_eq!((response.status, aws.count(AUTHORIZE)), (Status::Closed, 0));
    assert_eq!(admitted(&aws), closed);
}

/// Cut off before a rule that is owed was tried, it says that it was not.
#[tokio::test(start_paused = true)]
async fn out_of_time_what_is_owed_was_not_tried() {
    let aws = full_aws();
    incomplete(handle(&aws, carve()).await);
    let closed = admitted(&aws);
    aws.hang(PUT);
    let response = incomplete(handle(&aws, carve()).await);
    assert_eq!(response.status, Status::Failed);
    assert!(response.message.ends_with("deadline: nothing was changed; run this again"), "{}", response.message);
    let reasons: Vec<_> = response.closed().unwrap().not_authorized.iter().map(|owed| &owed.reason).collect();
    assert_eq!(reasons, ["it was not tried"]);
    assert_eq!(admitted(&aws), closed);
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_add() {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0")]);
    let before = admitted(&aws);
    let mut request = carve();
    request["dryRun"] = json!(true);
    let response = handle(&aws, request).await.unwrap();
    assert_eq!(response.status, Status::Planned);
    assert_eq!(
        response.message,
        "sg-0aaaaaaaaaaaaaaaa: 1 rule would be revoked, 2 added; dry run, nothing was changed"
    );
    let would_add = response.closed().unwrap().authorized.iter();
    assert_eq!(
        would_add.map(|rule| (rule.from_port, rule.to_port)).collect::<Vec<_>>(),
        [(Some(20), Some(21)), (Some(23), Some(25))]
    );
    assert_eq!((admitted(&aws), aws.count(PUT)), (before, 0));
}

// --- Holds and snapshots

/// Whatever AWS Config says to the exception, the hold keeps the group open. A dry run does not ask.
#[rstest]
#[case::refused(|aws: &FakeAws| aws.account().exception_refused = Some("not NON_COMPLIANT".into()), "reason", "not NON_COMPLIANT")]
#[case::failed(|aws: &FakeAws| aws.fail(EXCEPTION, "InternalError"), "error", "InternalError")]
#[tokio::test]
async fn a_held_group_is_left_whatever_config_says(
    #[case] trouble: fn(&FakeAws),
    #[case] field: &str,
    #[case] expected: &str,
) {
    let aws = aws();
    handle(&aws, request()).await.unwrap();
    handle(&aws, restore()).await.unwrap();
    let open = admitted(&aws);
    aws.account().calls.clear();
    assert_eq!(handle(&aws, with("dryRun", json!(true))).await.unwrap().status, Status::Exempt);
    assert_eq!(aws.count(EXCEPTION), 0);
    trouble(&aws);
    log::watch();
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Exempt);
    assert_eq!(response.closed().unwrap().held_until.unwrap().to_string(), "2026-11-22T00:00:00Z");
    let lines = log::lines();
    assert_eq!(lines[0]["message"], "AWS Config takes no exception");
    assert!(lines[0][field].as_str().unwrap().contains(expected), "{lines:?}");
    assert_eq!((admitted(&aws), aws.count(REVOKE)), (open, 0));
}

/// As many objects of that name as are tried are there already: without a snapshot of its own nothing is changed.
#[tokio::test]
async fn when_every_name_is_taken_nothing_is_changed() {
    let aws = aws();
    let key = SNAPSHOT.strip_prefix("s3://portcullis-snapshots/").unwrap();
    let keys = ["", "_2", "_3", "_4", "_5"].map(|suffix| key.replace(".json", &format!("{suffix}.json")));
    aws.account().objects.extend(keys.into_iter().map(|key| (key, "theirs".to_owned())));
    let error = handle(&aws, request()).await.unwrap_err();
    assert!(
        error_chain(&error)
            .starts_with("nothing was changed: the snapshot cannot be written: s3://portcullis-snapshots/"),
        "{error}"
    );
    assert!(error_chain(&error).ends_with("objects of this name are there already"), "{error}");
    assert_eq!(error.kind(), "SnapshotUnavailable");
    assert_eq!((aws.count(REVOKE), left(&aws).len()), (0, 4));
    assert!(aws.account().objects.values().all(|object| object == "theirs"));
}
