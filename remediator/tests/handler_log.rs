//! What the function writes to the log.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(dead_code, reason = "the account in memory is that of the tests of the library")]

#[path = "../../crates/remediation/tests/remediation/account.rs"]
mod account;
#[path = "../../crates/remediation/tests/remediation/log.rs"]
mod log;
#[path = "../../crates/remediation/tests/remediation/network_acl.rs"]
mod network_acl;

use aws_traits::fakes::FakeAws;
use lambda_runtime::Diagnostic;
use remediation::{Payload, Response};
use remediator::{InvocationError, Remediator};
use rstest::rstest;
use serde_json::{Value, json};

use crate::account::{GROUP, aws, deadline, left, remediation, request, restore, with};
use crate::log::{lines, watch};
use crate::network_acl::{acl_request, aws_in_subnets};

fn remediator(aws: &FakeAws) -> Remediator<FakeAws> {
    Remediator::new(remediation(aws))
}

async fn handle(aws: &FakeAws, payload: Value) -> Result<Response, InvocationError> {
    remediator(aws).handle(payload, deadline()).await
}

/// The message that Lambda returns.
fn message(error: InvocationError) -> String {
    Diagnostic::from(error).error_message
}

/// The only line of this level.
fn line(level: &str) -> Value {
    let lines: Vec<_> = lines().into_iter().filter(|line| line["level"] == level).collect();
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    line.clone()
}

/// Every outcome is one line with the same fields and the whole response, so that one query finds them all.
#[rstest]
#[case::closed(&[request()], "close", "CLOSED")]
#[case::closed_already(&[request(), request()], "close", "NOTHING_TO_DO")]
#[case::planned(&[with("dryRun", json!(true))], "close", "PLANNED")]
#[case::restored(&[request(), restore()], "restore", "RESTORED")]
#[case::held(&[request(), restore(), request()], "close", "EXEMPT")]
#[case::quarantined(&[acl_request("quarantine")], "quarantine", "QUARANTINED")]
#[case::released(&[acl_request("quarantine"), acl_request("release")], "release", "RELEASED")]
#[tokio::test]
async fn an_outcome_is_one_line(#[case] requests: &[Value], #[case] action: &str, #[case] status: &str) {
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

/// An incomplete outcome is an error, with the changes that were made as evidence.
#[rstest]
#[case(&["sgr-1"], "PARTIAL")]
#[case(&["sgr-1", "sgr-4"], "FAILED")]
#[tokio::test(start_paused = true)]
async fn an_incomplete_outcome_is_an_error(#[case] locked: &[&str], #[case] status: &str) {
    let aws = aws();
    aws.account().locked.extend(locked.iter().map(|&id| id.to_owned()));
    watch();
    let error = message(handle(&aws, request()).await.unwrap_err());
    let line = line("ERROR");
    assert_eq!((&line["message"], &line["status"]), (&json!("close failed"), &json!(status)));
    assert_eq!(error, format!("{status}: {}", line["error"].as_str().unwrap()));
    let evidence: Value = serde_json::from_str(line["evidence"].as_str().unwrap()).unwrap();
    assert_eq!(evidence["remaining"].as_array().unwrap().len(), locked.len());
    assert_eq!(evidence["revoked"].as_array().unwrap().len(), 2 - locked.len());
}

/// Without a change there is no outcome, and no evidence.
#[tokio::test]
async fn an_unchanged_group_has_no_evidence() {
    let aws = aws();
    aws.account().rules.clear();
    watch();
    let error = message(handle(&aws, request()).await.unwrap_err());
    let line = line("ERROR");
    assert_eq!((&line["message"], &line["error"]), (&json!("close failed"), &json!(error)));
    assert_eq!((line.get("status"), line.get("evidence")), (None, None));
}

/// The line of a refused request has no group.
#[tokio::test]
async fn a_refused_request_is_an_error() {
    watch();
    let error = message(handle(&aws(), with("dryrun", json!(true))).await.unwrap_err());
    let line = line("ERROR");
    assert_eq!((&line["message"], &line["error"]), (&json!("request refused"), &json!(error)));
    assert_eq!((&line["service"], line.get("security_group.id")), (&json!("remediator"), None));
}

/// Lambda hands over the text of the payload, in which a key may be repeated.
#[rstest]
#[case(r#""dryRun":true,"dryRun":false"#)]
#[case(r#""dryRun":true,"dry\u0052un":false"#)]
#[tokio::test]
async fn a_repeated_key_changes_nothing(#[case] fields: &str) {
    let aws = aws();
    let text = format!(r#"{{"action":"close","securityGroupId":"{GROUP}","configRuleName":"portcullis",{fields}}}"#);
    let payload: Payload = serde_json::from_str(&text).unwrap();
    let error = Diagnostic::from(remediator(&aws).handle(payload, deadline()).await.unwrap_err());
    assert_eq!(error.error_type, "InvalidRequest");
    assert!(error.error_message.contains("`dryRun` is given more than once"), "{}", error.error_message);
    assert_eq!(left(&aws).len(), 4);
}

/// Alarms and log queries filter by `errorType`.
#[tokio::test]
async fn the_error_type_is_the_kind_of_failure() {
    let refused = handle(&aws(), with("dryrun", json!(true))).await.unwrap_err();
    assert_eq!(Diagnostic::from(refused).error_type, "InvalidRequest");
    let aws = aws();
    aws.account().rules.clear();
    let not_begun = handle(&aws, request()).await.unwrap_err();
    assert_eq!(Diagnostic::from(not_begun).error_type, "AwsCallFailed");
}

async fn answer(aws: &FakeAws, payload: Value) -> Result<Value, InvocationError> {
    let answer = remediator(aws).answer(Payload::from(payload), deadline()).await?;
    Ok(serde_json::to_value(answer).unwrap())
}

/// An event about an input of the policy is one line, whatever becomes of it.
#[tokio::test]
async fn an_event_about_an_input_is_one_line() {
    watch();
    let detail = json!({"name": "/portcullis/exemptions", "operation": "Update"});
    let payload = json!({"action": "reevaluate", "configRuleName": "portcullis", "parameter": detail});
    let ignored = "evaluations on demand are switched off";
    let told = "the exemptions of the rule are not in this parameter";
    assert_eq!(answer(&aws(), payload).await.unwrap(), json!({"evaluated": false, "ignored": told}));
    let line = line("INFO");
    assert_eq!((&line["message"], &line["action"]), (&json!("reevaluate done"), &json!("reevaluate")));
    assert_eq!((&line["config_rule.name"], &line["evaluated"]), (&json!("portcullis"), &json!(false)));
    assert_eq!((&line["ignored"], &line["service"]), (&json!(told), &json!("remediator")));
    let look = json!({"action": "reevaluate", "configRuleName": "portcullis"});
    assert_eq!(answer(&aws(), look).await.unwrap(), json!({"evaluated": false, "ignored": ignored}));
}

/// A change that could not be followed fails, so that Lambda tries it again, and an alarm rings.
#[tokio::test]
async fn a_change_that_is_not_followed_is_an_error() {
    let aws = aws();
    aws.account().rules.clear();
    watch();
    let payload = json!({"action": "reevaluate", "configRuleName": "portcullis"});
    let error = answer(&aws, json!({"action": "reevaluate"})).await.unwrap_err();
    assert_eq!(Diagnostic::from(error).error_type, "InvalidRequest");
    assert_eq!(line("ERROR")["message"], json!("request refused"));
    watch();
    let parameter = json!({"name": "/portcullis/exemptions"});
    let mut told = payload.clone();
    told["parameter"] = parameter;
    let error = answer(&aws, told).await.unwrap_err();
    assert_eq!(line("ERROR")["message"], json!("reevaluate failed"));
    assert_eq!(Diagnostic::from(error).error_type, "AwsCallFailed");
}
