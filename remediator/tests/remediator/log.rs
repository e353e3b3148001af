//! What is written to the log, as the function writes it.

use plain_text::error_chain;
use std::cell::RefCell;
use std::io;
use std::sync::Once;

use remediator::Response;
use rstest::rstest;
use serde_json::{Value, json};

use crate::account::{GROUP, aws, deadline, handle, remediator, request, restore, with};
use crate::network_acl::{acl_request, aws_in_subnets};

thread_local! {
    /// The lines of this thread, and so of one test.
    static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct OfThisThread;

impl io::Write for OfThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.with_borrow_mut(|written| written.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// From now on this test sees what it logs.
pub(crate) fn watch() {
    static BEGUN: Once = Once::new();
    // For all threads: a subscriber of one thread misses what another one, without any, is the first to log.
    BEGUN.call_once(|| {
        tracing_subscriber::fmt().json().flatten_event(true).with_target(false).with_writer(|| OfThisThread).init();
    });
    WRITTEN.with_borrow_mut(Vec::clear);
}

/// What this test has logged.
pub(crate) fn lines() -> Vec<Value> {
    WRITTEN.with_borrow(|written| {
        written.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    })
}

pub(crate) fn messages(level: &str) -> Vec<String> {
    let lines = lines().into_iter().filter(|line| line["level"] == level);
    lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

/// The only line of this level.
fn line(level: &str) -> Value {
    let lines: Vec<_> = lines().into_iter().filter(|line| line["level"] == level).collect();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    line.clone()
}

/// Every outcome is one line with the same fields, so that one query finds them all, and has the whole answer in it.
#[rstest]
#[case::closed(&[request()], "close", "CLOSED")]
#[case::closed_already(&[request(), request()], "close", "NOTHING_TO_DO")]
#[case::planned(&[with("dryRun", json!(true))], "close", "PLANNED")]
#[case::restored(&[request(), restore()], "restore", "RESTORED")]
#[case::held(&[request(), restore(), request()], "close", "EXEMPT")]
#[case::quarantined(&[acl_request("quarantine")], "quarantine", "QUARANTINED")]
#[case::released(&[acl_request("quarantine"), acl_request("release")], "release", "RELEASED")]
#[tokio::test]
async fn what_was_done_is_one_line(#[case] requests: &[Value], #[case] action: &str, #[case] status: &str) {
    let aws = aws_in_subnets();
    let remediator = remediator(&aws);
    let mut answer: Option<Response> = None;
    for request in requests {
        watch();
        answer = Some(remediator.handle(request.clone(), deadline()).await.unwrap());
    }
    let (line, request) = (line("INFO"), requests.last().unwrap());
    assert_eq!(
        (&line["message"], &line["status"], &line["action"]),
        (&json!(format!("{action} done")), &json!(status), &json!(action))
    );
    assert_eq!((&line["service"], &line["cold_start"]), (&json!("remediator"), &json!(requests.len() == 1)));
    assert_eq!((&line["security_group.id"], &line["config_rule.name"]), (&json!(GROUP), &json!("portcullis")));
    assert_eq!(line["automation_execution.id"], request["executionId"]);
    assert_eq!(line["dry_run"], json!(status == "PLANNED"));
    let evidence: Value = serde_json::from_str(line["evidence"].as_str().unwrap()).unwrap();
    assert_eq!(evidence, serde_json::to_value(answer).unwrap());
}

/// What could not be done is an error, with what was done as evidence.
#[rstest]
#[case(&["sgr-1"], "PARTIAL")]
#[case(&["sgr-1", "sgr-4"], "FAILED")]
#[tokio::test(start_paused = true)]
async fn what_could_not_be_done_is_an_error(#[case] locked: &[&str], #[case] status: &str) {
    let aws = aws();
    aws.account().locked.extend(locked.iter().map(|&id| id.to_owned()));
    watch();
    let error = error_chain(&handle(&aws, request()).await.unwrap_err());
    let line = line("ERROR");
    assert_eq!((&line["message"], &line["status"]), (&json!("close failed"), &json!(status)));
    assert_eq!(error, format!("{status}: {}", line["error"].as_str().unwrap()));
    let evidence: Value = serde_json::from_str(line["evidence"].as_str().unwrap()).unwrap();
    assert_eq!(evidence["remaining"].as_array().unwrap().len(), locked.len());
    assert_eq!(evidence["revoked"].as_array().unwrap().len(), 2 - locked.len());
}

/// When nothing was begun there is no outcome, and no evidence of one.
#[tokio::test]
async fn what_was_not_begun_has_no_evidence() {
    let aws = aws();
    aws.account().rules.clear();
    watch();
    let error = handle(&aws, request()).await.unwrap_err();
    let line = line("ERROR");
    assert_eq!((&line["message"], &line["error"]), (&json!("close failed"), &json!(error_chain(&error))));
    assert_eq!((line.get("status"), line.get("evidence")), (None, None));
}

/// Nor has a request that was refused a group that could be named.
#[tokio::test]
async fn a_refused_request_is_an_error() {
    watch();
    let error = handle(&aws(), with("dryrun", json!(true))).await.unwrap_err();
    let line = line("ERROR");
    assert_eq!((&line["message"], &line["error"]), (&json!("request refused"), &json!(error_chain(&error))));
    assert_eq!((&line["service"], line.get("security_group.id")), (&json!("remediator"), None));
}
