//! Events that are refused, and events that say nothing of a finding.

use findings::intake::{Intake, IntakeError, read};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{changed, ignored, refused};

#[rstest]
#[case::source("open", ("-/source", json!(null)), "`event` is malformed: has a missing field `source`: update")]
#[case::detail_type("open", ("/detail-type", json!(7)), "`event` is malformed: field `detail-type` is not valid, expected a string")]
#[case::account("open", ("-/account", json!(null)), "`Portcullis Assessment` is malformed: has a missing field `account`")]
#[case::time("open", ("/time", json!("yesterday")), "field `time` is not valid: update")]
#[case::no_detail("open", ("-/detail", json!(null)), "has a missing field `detail`")]
#[case::detail("open", ("/detail", json!("x")), "field `detail` is not valid, expected struct AssessmentEvent")]
#[case::schema("open", ("/detail/schema", json!("portcullis.assessment/2")), "field `detail.schema` is not valid, expected `portcullis.assessment/1`")]
#[case::nested("open", ("/detail/exposures/1/ports", json!("xoxb-1")), "field `detail.exposures[1].ports` is not valid, expected a sequence")]
#[case::tag("open", ("/detail/securityGroup/tags", json!({"xoxb-1": 7})), "field `detail.securityGroup.tags` is not valid, expected a string")]
#[case::missing("open", ("-/detail/securityGroup/tagCount", json!(null)), "field `detail.securityGroup` has a missing field `tagCount`")]
#[case::open_without_exposure("open", ("/detail/exposureCount", json!(0)), "field `detail.exposureCount` contradicts compliance NON_COMPLIANT")]
#[case::compliant_and_open("open", ("/detail/compliance", json!("COMPLIANT")), "field `detail.exposureCount` contradicts compliance COMPLIANT")]
#[case::compliant_and_unjudged("unknown", ("/detail/compliance", json!("COMPLIANT")), "field `detail.unjudgedCount` contradicts compliance COMPLIANT")]
#[case::group("open", ("/detail/securityGroup/id", json!("sg-1")), "group `sg-1` is not the id of a security group")]
#[case::region("closed", ("/detail/region", json!("europe")), "region `europe` is not the name of a region")]
#[case::rule("closed", ("/detail/configRuleName", json!("a rule")), "rule `a rule` is not the name of a rule")]
#[case::action("closed", ("/detail/action", json!(null)), "`Portcullis Remediation` is malformed: field `detail.action` is not valid, expected a string")]
#[case::revoked("closed", ("/detail/response/revoked/1/source", json!(7)), "field `detail.response.revoked[1].source` is not valid, expected a string")]
#[case::compliance("compliance", ("/detail/newEvaluationResult/complianceType", json!("FINE")), "field `detail.newEvaluationResult.complianceType` is not valid, expected one of `COMPLIANT`")]
#[case::ordering("compliance", ("/detail/newEvaluationResult/evaluationResultIdentifier/orderingTimestamp", json!("soon")), "field `detail.newEvaluationResult.evaluationResultIdentifier.orderingTimestamp` is not valid")]
#[case::no_result("compliance", ("-/detail/newEvaluationResult", json!(null)), "field `detail` has a missing field `newEvaluationResult`")]
#[case::swept_without_result("swept-open", ("/detail/resultRecordedTime", json!(null)), "field `detail.resultRecordedTime` is not valid")]
#[case::swept_exception("swept-parked", ("/detail/exceptionsRead", json!(false)), "field `detail.exceptionsRead` contradicts an exception")]
#[case::swept_compliance("swept-open", ("/detail/compliance", json!("INSUFFICIENT_DATA")), "field `detail.compliance` is not valid, expected one of `COMPLIANT`")]
#[case::swept_schema("swept-open", ("/detail/schema", json!("portcullis.compliance/2")), "field `detail.schema` is not valid, expected `portcullis.compliance/1`")]
#[case::context("context", ("/detail/interfaces/count", json!(-1)), "`Portcullis Context` is malformed: field `detail.interfaces.count` is not valid")]
#[case::context_schema("context", ("/detail/schema", json!("portcullis.context/2")), "field `detail.schema` is not valid, expected `portcullis.context/1`")]
#[case::owner("context", ("/detail/owner/source", json!("rumour")), "field `detail.owner.source` is not valid, expected one of `group_tag`")]
#[case::execution("execution", ("/detail/ExecutionId", json!("../x")), "field `detail.ExecutionId` is not the id of an execution")]
#[case::definition("execution", ("-/detail/Definition", json!(null)), "has a missing field `Definition`")]
fn what_is_malformed_names_the_field(#[case] name: &str, #[case] change: (&str, Value), #[case] expected: &str) {
    let error = refused(changed(name, &[change])).to_string();
    assert!(error.contains(expected), "{error}");
    assert!(!error.contains("xoxb") && error.len() < 600, "{error}");
}

#[test]
fn what_is_not_json_names_the_place() {
    let error = read(b"{\"source\":\n xoxb-1}").unwrap_err();
    assert_eq!(error, IntakeError::NotJson { line: 2, column: 2 });
    assert!(!error.to_string().contains("xoxb"));
    assert!(matches!(read(b"[1]"), Err(IntakeError::Malformed { .. })));
    assert!(matches!(read(&[0xff, 0xfe]), Err(IntakeError::NotJson { .. })));
}

/// Any account that may put events on the bus could claim the groups of another one.
#[rstest]
#[case::assessment("open", "/detail/account")]
#[case::remediation("closed", "/detail/account")]
#[case::compliance("compliance", "/detail/awsAccountId")]
#[case::swept("swept-open", "/detail/account")]
#[case::context("context", "/detail/account")]
fn an_event_about_another_account_is_refused(#[case] name: &str, #[case] pointer: &str) {
    for pointer in [pointer, "/account"] {
        let error = refused(changed(name, &[(pointer, json!("444455556666"))]));
        assert!(matches!(error, IntakeError::Foreign { .. }), "{error}");
    }
    let error = refused(changed(name, &[("/account", json!("444455556666"))])).to_string();
    assert!(error.contains("from account `444455556666` is about account `111122223333`"), "{error}");
}

/// The owner of the group stands in for the account of the rule, and is held to the same.
#[test]
fn an_event_without_account_is_not_about_another_one() {
    let changes = [("/detail/account", Value::Null), ("/detail/securityGroup/ownerId", json!("444455556666"))];
    assert!(matches!(refused(changed("open", &changes)), IntakeError::Foreign { .. }));
}

#[rstest]
#[case::source("open", ("/source", json!("aws.ec2")), "`Portcullis Assessment` of `aws.ec2` says nothing of a finding")]
#[case::newer("open", ("/detail-type", json!("Portcullis Sweep")), "`Portcullis Sweep` of `portcullis` says nothing")]
#[case::step("execution", ("/detail-type", json!("EC2 Automation Step Status-change Notification")), "says nothing of a finding")]
#[case::dry_run("closed", ("/detail/dryRun", json!(true)), "a dry run changes nothing")]
#[case::planned("closed", ("/detail/status", json!("PLANNED")), "`close` with status `PLANNED` is no fact of a finding")]
#[case::newer_status("closed", ("/detail/status", json!("POSTPONED")), "`close` with status `POSTPONED`")]
#[case::restore_failed("failed", ("/detail/action", json!("restore")), "`restore` with status `FAILED`")]
#[case::other_type("compliance", ("/detail/resourceType", json!("AWS::S3::Bucket")), "of type `AWS::S3::Bucket` is no finding")]
#[case::other_rule("compliance", ("/detail/configRuleName", json!("open ports")), "the name `open ports`")]
#[case::proactive("compliance", ("/detail/newEvaluationResult/evaluationResultIdentifier/evaluationResultQualifier/evaluationMode", json!("PROACTIVE")), "does not exist yet")]
#[case::restore("execution", ("/detail/Definition", json!("portcullis-RestoreDocument-1A2B3C")), "document `portcullis-RestoreDocument-1A2B3C` is not")]
#[case::foreign("execution", ("/detail/Definition", json!("AWS-RunShellScript")), "document `AWS-RunShellScript` is not")]
#[case::running("execution", ("/detail/Status", json!("InProgress")), "status `InProgress` has not failed")]
#[case::success("execution", ("/detail/Status", json!("Success")), "status `Success` has not failed")]
fn what_is_not_for_findings_is_ignored_with_a_word(
    #[case] name: &str,
    #[case] change: (&str, Value),
    #[case] word: &str,
) {
    let reason = ignored(changed(name, &[change])).to_string();
    assert!(reason.contains(word), "{reason}");
}

/// AWS Config judges resources that have not the fields of a group.
#[test]
fn another_resource_is_ignored_before_its_fields_are_read() {
    let event = json!({"source": "aws.config", "detail-type": "Config Rules Compliance Change", "account": "1",
        "time": "2026-03-01T10:16:05Z", "region": "", "detail": {"resourceType": "AWS::::Account"}});
    assert!(matches!(findings::intake::read_value(event), Ok(Intake::Ignored(_))));
}

#[test]
fn unknown_fields_are_ignored() {
    for name in ["open", "closed", "compliance", "execution"] {
        let mut event = crate::sample(name);
        let expected = findings::intake::read_value(event.clone()).unwrap();
        event["novelty"] = json!([1]);
        event["detail"]["novelty"] = json!({"a": 1});
        assert_eq!(findings::intake::read_value(event).unwrap(), expected);
    }
}
