//! Closings with failures or concurrent changes.

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

// --- Concurrent changes

fn exempt_the_group(account: &mut Account) {
    account.groups.get_mut(GROUP).unwrap().tags.insert("Keep".into(), "legacy VPN".into());
}

fn aws_with_exemption_tag() -> FakeAws {
    let aws = aws();
    aws.account().rules.insert("portcullis".into(), Some(r#"{"FocusOnPorts":"22","ExemptionTagKey":"Keep"}"#.into()));
    aws
}

/// The group is exempted while EC2 is busy, before a rule was revoked: nothing is closed.
#[tokio::test(start_paused = true)]
async fn an_exemption_in_time_keeps_the_group_open() {
    let aws = aws_with_exemption_tag();
    aws.fail(REVOKE, "RequestLimitExceeded");
    aws.meanwhile(DESCRIBE, |_| {});
    aws.meanwhile(DESCRIBE, exempt_the_group);
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Exempt);
    assert!(response.message.contains("was not changed: ") && response.message.contains("legacy VPN"), "{response:?}");
    assert_eq!((aws.count(REVOKE), left(&aws).len()), (1, 4));
}

/// The group is exempted after a rule was revoked: the response reports the rule, and the others stay.
#[tokio::test(start_paused = true)]
async fn an_exemption_half_way_keeps_the_rest() {
    let aws = aws_with_exemption_tag();
    aws.account().locked.push("sgr-4".into());
    aws.meanwhile(DESCRIBE, |_| {});
    aws.meanwhile(DESCRIBE, exempt_the_group);
    let response = handle(&aws, request()).await.unwrap();
    assert_eq!(response.status, Status::Closed);
    assert!(response.message.starts_with("sg-0aaaaaaaaaaaaaaaa: 1 rule revoked; the rest is "), "{}", response.message);
    assert!(response.message.contains("legacy VPN"), "{}", response.message);
    assert_eq!(ids(&response.closed().unwrap().revoked), ["sgr-1"]);
    assert_eq!(left(&aws), ["sgr-2", "sgr-3", "sgr-4"]);
}

fn open_port_22_again(account: &mut Account) {
    let ingress = &mut account.groups.get_mut(GROUP).unwrap().ingress;
    let number = account.calls.len();
    ingress.retain(|rule| rule.source != "0.0.0.0/0".into());
    ingress.push(rule(&format!("again{number}"), 22, "0.0.0.0/0"));
}

/// A program adds the rule after each revocation: the closing gives up after four attempts, and reports it.
#[tokio::test(start_paused = true)]
async fn a_rule_that_is_added_again_and_again_is_reported() {
    let aws = aws_with(vec![rule("1", 22, "0.0.0.0/0"), rule("2", 22, "10.0.0.0/8")]);
    aws.meanwhile(DESCRIBE, |_| {});
    (0..4).for_each(|_| aws.meanwhile(DESCRIBE, open_port_22_again));
    let error = handle(&aws, request()).await.unwrap_err();
    assert!(error_chain(&error).ends_with("(tcp/22-22 from 0.0.0.0/0): it was added meanwhile"), "{error}");
    let response = incomplete(Err(error));
    assert_eq!(response.status, Status::Partial);
    assert_eq!((response.closed().unwrap().revoked.len(), response.closed().unwrap().remaining.len()), (4, 1));
    assert_eq!(aws.count(REVOKE), 4);
    assert_eq!(handle(&aws, request()).await.unwrap().status, Status::Closed);
    assert_eq!(left(&aws), ["sgr-2"]);
}

// --- Owed rules

/// Two exposed ranges in a full group: one rule is owed after the closing.
fn full_aws() -> FakeAws {
    let aws = aws_with(vec![ports("1", 20, 25, "0.0.0.0/0"), ports("2", 443, 443, "0.0.0.0/0")]);
    aws.account().quota = 2;
    aws
}

/// Closing has priority over the record of owed rules. A restore finds them in the snapshot.
#[tokio::test]
async fn a_failed_record_of_owed_rules_does_not_keep_the_port_open() {
    let aws = full_aws();
    let before = admitted(&aws);
    aws.meanwhile(PUT, |_| {});
    aws.fail(PUT, "SlowDown");
    log::watch();
    let response = incomplete(handle(&aws, carve()).await);
    assert_eq!(response.status, Status::Partial);
    assert_eq!(response.closed().unwrap().not_authorized.len(), 1);
    let warnings = log::messages("WARN");
    assert_eq!(warnings.iter().filter(|&warning| warning == "owed rules not recorded").count(), 1, "{warnings:?}");
    assert!(!admitted(&aws).iter().any(|rule| rule.starts_with("tcp/20-25 ")), "{:?}", admitted(&aws));
    aws.account().quota = 0;
    assert_eq!(handle(&aws, restore()).await.unwrap().status, Status::Restored);
    assert_eq!(admitted(&aws), before);
}

/// A stale record expires, and a rule that exists is not added twice.
#[tokio::test]
async fn a_stale_record_of_owed_rules_adds_nothing_twice() {
    let aws = full_aws();
    incomplete(handle(&aws, carve()).await);
    aws.account().quota = 0;
    aws.fail(DELETE_OBJECT, "AccessDenied");
    log::watch();
    let response = handle(&aws, carve()).await.unwrap();
    assert_eq!((response.status, response.closed().unwrap().authorized.len()), (Status::Closed, 1));
    assert_eq!(log::messages("WARN"), ["record of owed rules not deleted"]);
    let closed = admitted(&aws);
    assert_eq!(closed.len(), 3);
    aws.account().calls.clear();
    let response = handle(&aws, carve()).await.unwrap();
    assert_eq!((response.status, aws.count(AUTHORIZE)), (Status::NothingToDo, 0));
    assert_eq!(admitted(&aws), closed);
}

/// Interrupted before an owed rule is added, the response reports the rule as not attempted.
#[tokio::test(start_paused = true)]
async fn out_of_time_owed_rules_are_not_attempted() {
    let aws = full_aws();
    incomplete(handle(&aws, carve()).await);
    let closed = admitted(&aws);
    aws.hang(PUT);
    let response = incomplete(handle(&aws, carve()).await);
    assert_eq!(response.status, Status::Failed);
    assert!(response.message.ends_with("deadline: nothing was changed; run this again"), "{}", response.message);
    let reasons: Vec<_> = response.closed().unwrap().not_authorized.iter().map(|owed| &owed.reason).collect();
    assert_eq!(reasons, ["not attempted"]);
    assert_eq!(admitted(&aws), closed);
}

#[tokio::test]
async fn a_dry_run_reports_the_rules_to_add() {
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

/// The hold keeps the group open, with or without a remediation exception. A dry run requests none.
#[rstest]
#[case::refused(|aws: &FakeAws| aws.account().exception_refused = Some("not NON_COMPLIANT".into()), "not NON_COMPLIANT")]
#[case::failed(|aws: &FakeAws| aws.fail(EXCEPTION, "InternalError"), "InternalError")]
#[tokio::test]
async fn a_hold_does_not_depend_on_the_exception(#[case] trouble: fn(&FakeAws), #[case] expected: &str) {
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
    assert_eq!(lines[0]["message"], "remediation exception not created");
    assert!(lines[0]["reason"].as_str().unwrap().contains(expected), "{lines:?}");
    assert_eq!((admitted(&aws), aws.count(REVOKE)), (open, 0));
}

/// Every name that is tried is taken: without its own snapshot, the closing changes nothing.
#[tokio::test]
async fn when_every_name_is_taken_nothing_is_changed() {
    let aws = aws();
    let key = SNAPSHOT.strip_prefix("s3://portcullis-snapshots/").unwrap();
    let keys = ["", "_2", "_3", "_4", "_5"].map(|suffix| key.replace(".json", &format!("{suffix}.json")));
    aws.account().objects.extend(keys.into_iter().map(|key| (key, "theirs".into())));
    let error = handle(&aws, request()).await.unwrap_err();
    assert!(
        error_chain(&error)
            .starts_with("nothing was changed: the snapshot cannot be written: s3://portcullis-snapshots/"),
        "{error}"
    );
    assert!(error_chain(&error).ends_with("objects of this name already exist"), "{error}");
    assert_eq!(error.kind(), "SnapshotUnavailable");
    assert_eq!((aws.count(REVOKE), left(&aws).len()), (0, 4));
    assert!(aws.account().objects.values().all(|object| object.json == "theirs"));
}
