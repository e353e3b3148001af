//! AWS Security Hub.

use std::collections::BTreeMap;

use aws_adapters::SecurityHubClient;
use channels::{AwsCallError, ImportFindings, RefusedFinding};
use findings::asff::{AsffContent, AsffFinding, AsffResource};
use rstest::rstest;
use serde_json::Value;

use crate::canned::{Canned, LOST};

const ACCOUNT: &str = "111122223333";
const CALLER: (u16, &str) = (
    200,
    r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>arn:aws:sts::111122223333:assumed-role/r/f</Arn><UserId>AROA:f</UserId><Account>111122223333</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></GetCallerIdentityResponse>"#,
);
const TAKEN: (u16, &str) = (200, r#"{"FailedCount":0,"FailedFindings":[],"SuccessCount":1}"#);

fn finding<'f>(id: &str, region: &'f str) -> AsffFinding<'f> {
    let at = "2026-12-01T09:00:00Z".parse().unwrap();
    AsffFinding::from(AsffContent {
        id: id.to_owned(),
        account: ACCOUNT,
        region,
        title: "web is open".into(),
        description: "tcp/22 from 0.0.0.0/0".into(),
        severity: "HIGH",
        status: "FAILED",
        fix: None,
        fields: BTreeMap::new(),
        resource: AsffResource::group(ACCOUNT, region, "sg-0aaaaaaaaaaaaaaaa", None, None),
        created: at,
        updated: at,
    })
}

async fn import(aws: &Canned, ids: &[&str]) -> Result<Vec<RefusedFinding>, AwsCallError> {
    let findings: Vec<_> = ids.iter().map(|id| finding(id, "eu-west-1")).collect();
    SecurityHubClient::new(&aws.sdk).import(ACCOUNT, "eu-west-1", &findings).await
}

#[tokio::test]
async fn findings_are_imported_in_their_region_and_the_account_is_asked_for_once() {
    let aws = Canned::serve([CALLER, TAKEN, TAKEN]).await;
    let hub = SecurityHubClient::new(&aws.sdk);
    for region in ["eu-west-1", "us-west-2"] {
        assert_eq!(hub.import(ACCOUNT, region, &[finding("f-1", region)]).await.unwrap(), []);
    }
    let received = aws.received();
    let [caller, first, second] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(caller.body, "Action=GetCallerIdentity&Version=2011-06-15");
    assert!(caller.header("authorization").unwrap().contains("/us-east-1/sts/aws4_request"));
    assert_eq!(first.line(), "POST /findings/import");
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert!(first.header("authorization").unwrap().contains("/eu-west-1/securityhub/aws4_request"));
    let body: Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!((&body["Findings"][0]["Id"], &body["Findings"][0]["AwsAccountId"]), (&"f-1".into(), &ACCOUNT.into()));
    assert_eq!(body["Findings"].as_array().unwrap().len(), 1);
    assert_eq!(second.line(), "POST /findings/import");
    assert!(second.header("authorization").unwrap().contains("/us-west-2/securityhub/aws4_request"));
}

#[tokio::test]
async fn findings_that_were_not_taken_are_returned() {
    let answer = r#"{"FailedCount":1,"SuccessCount":1,"FailedFindings":
        [{"Id":"f-2","ErrorCode":"InvalidInput","ErrorMessage":"Types is invalid"}]}"#;
    let aws = Canned::serve([CALLER, (200, answer)]).await;
    let refused = RefusedFinding { id: "f-2".into(), code: "InvalidInput".into(), message: "Types is invalid".into() };
    assert_eq!(import(&aws, &["f-1", "f-2"]).await.unwrap(), [refused]);
}

#[tokio::test]
async fn findings_of_another_account_are_not_sent() {
    let aws = Canned::serve([CALLER]).await;
    let findings = [finding("f-1", "eu-west-1")];
    let error = SecurityHubClient::new(&aws.sdk).import("444455556666", "eu-west-1", &findings).await.unwrap_err();
    let text = "Security Hub of 444455556666 in eu-west-1 takes findings from that account only, and this is 111122223333: \
                deploy the stack for findings there, or leave this channel out for it";
    assert_eq!(error, AwsCallError::Refused(text.into()));
    assert_eq!(aws.received().len(), 1);
}

#[rstest]
#[case::page((200, "<html>welcome</html>"))]
#[case::no_account((200, "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>"))]
#[tokio::test]
async fn without_an_own_account_nothing_is_sent(#[case] reply: (u16, &str)) {
    let aws = Canned::serve([reply, TAKEN]).await;
    let error = import(&aws, &["f-1"]).await.unwrap_err().to_string();
    let expected =
        "sts:GetCallerIdentity on the role of this function failed: the answer is malformed: it contains no account";
    assert_eq!(error, expected);
    assert_eq!(aws.received().len(), 1);
}

/// Repeated imports change nothing, so whatever passes is repeated.
#[rstest]
#[case::throttled((429, r#"{"Code":"LimitExceededException","Message":"slow"}"#), "LimitExceededException: slow")]
#[case::internal((500, r#"{"Code":"InternalException","Message":"oops"}"#), "InternalException: oops")]
#[case::unavailable((503, "<html>busy</html>"), "HTTP status 503")]
#[tokio::test]
async fn a_passing_failure_is_tried_again_once(#[case] failure: (u16, &str), #[case] expected: &str) {
    let aws = Canned::serve([CALLER, failure, TAKEN]).await.with_retries();
    assert_eq!(import(&aws, &["f-1"]).await.unwrap(), []);
    let aws = Canned::serve([CALLER, failure, failure, TAKEN]).await.with_retries();
    let error = import(&aws, &["f-1"]).await.unwrap_err();
    assert_eq!(aws.received().len(), 3);
    assert!(error.to_string().contains(expected), "{error}");
    match failure.0 {
        429 => assert!(matches!(error, AwsCallError::Passing(_)), "{error:?}"),
        _ => assert!(matches!(error, AwsCallError::Unanswered(_)), "{error:?}"),
    }
}

#[tokio::test]
async fn a_call_that_hangs_is_tried_again() {
    let aws = Canned::serve([CALLER, LOST, TAKEN]).await.with_retries();
    assert_eq!(import(&aws, &["f-1"]).await.unwrap(), []);
    assert_eq!(aws.received().len(), 3);
}

#[rstest]
#[case::off((403, r#"{"Code":"InvalidAccessException","Message":"Account is not subscribed to AWS Security Hub"}"#),
    "InvalidAccessException: Account is not subscribed to AWS Security Hub")]
#[case::denied((403, r#"{"Code":"AccessDeniedException","Message":"no"}"#),
    "AccessDeniedException: no (allow securityhub:BatchImportFindings to this role or user)")]
#[case::invalid((400, r#"{"Code":"InvalidInputException","Message":"Findings"}"#), "InvalidInputException: Findings")]
#[tokio::test]
async fn a_refusal_is_not_repeated(#[case] reply: (u16, &str), #[case] expected: &str) {
    let aws = Canned::serve([CALLER, reply, TAKEN]).await.with_retries();
    let error = import(&aws, &["f-1"]).await.unwrap_err();
    assert!(matches!(&error, AwsCallError::Refused(text) if text.contains(expected)), "{error:?}");
    assert!(error.to_string().contains("on Security Hub of 111122223333 in eu-west-1 failed: "), "{error}");
    assert_eq!(aws.received().len(), 2);
}

#[rstest]
#[case::garbage("<html>", "expected value")]
#[case::too_few(r#"{"FailedCount":0,"SuccessCount":1}"#, "1 findings taken and 0 not, with 0 reasons, of 2")]
#[case::no_reasons(r#"{"FailedCount":1,"SuccessCount":1}"#, "1 findings taken and 1 not, with 0 reasons, of 2")]
#[tokio::test]
async fn an_answer_accounts_for_every_finding(#[case] answer: &str, #[case] expected: &str) {
    let aws = Canned::serve([CALLER, (200, answer)]).await;
    let error = import(&aws, &["f-1", "f-2"]).await.unwrap_err();
    assert!(matches!(&error, AwsCallError::Unanswered(text) if text.contains(expected)), "{error:?}");
}
