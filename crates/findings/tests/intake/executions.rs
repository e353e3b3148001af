//! Executions that ended without success, and what Systems Manager says of them.

use findings::finding::{Observed, Outcome};
use findings::intake::{Execution, Ignored, Intake, IntakeError, Lookup, STEP_OF_FUNCTION, read_value};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{changed, key, moment, sample};

fn lookup(status: &str) -> Lookup {
    match read_value(changed("execution", &[("/detail/Status", json!(status))])).unwrap() {
        Intake::Lookup(lookup) => lookup,
        other => panic!("{other:?}"),
    }
}

/// The execution with other values at these pointers.
fn execution(changes: &[(&str, Value)]) -> Execution {
    serde_json::from_value(changed("automation", changes)).unwrap()
}

fn observed(status: &str, changes: &[(&str, Value)]) -> Observed {
    match lookup(status).read(&execution(changes), None).unwrap() {
        Intake::Observed(said) => {
            assert_eq!((said.key, said.observation.at), (key(), moment("10:16:20", "10:16:20")));
            said.observation.what
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_event_asks_for_its_execution() {
    let Intake::Lookup(lookup) = read_value(sample("execution")).unwrap() else { panic!() };
    assert_eq!((lookup.account.as_str(), lookup.region.as_str()), ("111122223333", "eu-central-1"));
    assert_eq!(lookup.execution_id, "6f1d2c3b-1111-4222-8333-444455556666");
    assert_eq!((lookup.document.as_str(), lookup.status.as_str()), ("portcullis-CloseDocument-1A2B3C4D5E6F", "Failed"));
}

/// A document of another account has its ARN, a stack may have hyphens in its name, and a status may be new.
#[rstest]
#[case("/detail/Definition", "arn:aws:ssm:eu-central-1:111122223333:document/portcullis-CloseDocument-1A2B3C4D5E6F")]
#[case("/detail/Definition", "my-own-stack-CloseDocument-1A2B3C4D5E6F")]
#[case("/detail/Status", "CompletedWithFailure")]
#[case("/detail/Status", "StatusOfTheFuture")]
fn an_execution_of_the_closing_document_is_looked_up(#[case] pointer: &str, #[case] value: &str) {
    let read = read_value(changed("execution", &[(pointer, json!(value))])).unwrap();
    assert!(matches!(read, Intake::Lookup(_)), "{read:?}");
}

/// The template neither names the document nor its step in another way.
#[test]
fn document_and_step_are_those_of_the_template() {
    let template = include_str!("../../../../cloudformation/portcullis.yaml");
    let document = template.split("\n  CloseDocument:\n").nth(1).unwrap();
    let document = document.split("\n  Remediation:\n").next().unwrap();
    assert!(document.starts_with("    Type: AWS::SSM::Document\n"));
    let (properties, content) = document.split_once("Content:").unwrap();
    assert!(!properties.contains("Name:"), "the document has a name of its own");
    for part in [&format!("name: {STEP_OF_FUNCTION}\n"), " SecurityGroupId:\n", " ConfigRuleName:\n", " DryRun:\n"] {
        assert!(content.contains(part), "{part}");
    }
}

#[rstest]
#[case::role("Failed", &[], false, "The defined assume role is unable to be assumed.")]
#[case::not_approved_in_time("TimedOut", &[("-/FailureMessage", json!(null))], false, "the execution ended with status TimedOut")]
#[case::rejected(
    "Failed",
    &[("/StepExecutions/1/StepStatus", json!("Failed")), ("/StepExecutions/0/Outputs", json!({"ApprovalStatus": ["Rejected"]})),
      ("/FailureMessage", json!("The approval request was rejected by arn:aws:iam::111122223333:user/alice."))],
    true,
    "The approval request was rejected by arn:aws:iam::111122223333:user/alice."
)]
#[case::rejected_by_status("Rejected", &[("/FailureMessage", json!("no"))], true, "no")]
#[case::not_allowed_to_invoke("Failed", &[("/StepExecutions/2/StepStatus", json!("Failed")), ("/FailureMessage", json!("AccessDenied"))], false, "AccessDenied")]
#[case::no_steps("Failed", &[("/StepExecutions", json!([])), ("/FailureMessage", json!("no"))], false, "no")]
fn a_function_that_was_not_invoked_did_not_start(
    #[case] status: &str,
    #[case] changes: &[(&str, Value)],
    #[case] rejected: bool,
    #[case] message: &str,
) {
    let Observed::NotStarted(not_started) = observed(status, changes) else { panic!() };
    assert_eq!((not_started.rejected, not_started.message.as_str()), (rejected, message));
    assert_eq!(not_started.execution_id.as_str(), "6f1d2c3b-1111-4222-8333-444455556666");
}

/// The step of the function with this status and payload.
fn answered(status: &str, payload: &str) -> Vec<(&'static str, Value)> {
    let step = json!({"StepName": STEP_OF_FUNCTION, "StepStatus": status,
        "Outputs": {"StatusCode": ["200"], "Payload": [payload]}});
    vec![("/StepExecutions/2", step)]
}

#[rstest]
#[case::not_closed("Success", r#"{"status": "EXEMPT"}"#)]
#[case::partial("Failed", r#"{"errorType": "Partial", "errorMessage": "1 rule revoked, 1 still open"}"#)]
#[case::cut("Success", r#"{"status": "CLO"#)]
fn a_function_that_answered_has_reported(#[case] status: &str, #[case] payload: &str) {
    let read = lookup("Failed").read(&execution(&answered(status, payload)), None).unwrap();
    assert_eq!(read, Intake::Ignored(Ignored::Reported));
}

#[rstest]
#[case::time(r#"{"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out"}"#, "Task timed out")]
#[case::time_of_old(r#"{"errorMessage": "Task timed out"}"#, "Task timed out")]
#[case::crash(r#"{"errorType": "Runtime.ExitError", "errorMessage": "signal: killed"}"#, "signal: killed")]
#[case::panic(r#"{"errorType": "alloc::string::String", "errorMessage": "oops"}"#, "oops")]
#[case::payload(r#"{"errorType": "InvalidRequest", "errorMessage": "unknown field"}"#, "unknown field")]
fn a_function_that_could_not_report_failed(#[case] payload: &str, #[case] message: &str) {
    let Observed::Remediated(remediated) = observed("Failed", &answered("Success", payload)) else { panic!() };
    assert_eq!((remediated.outcome, remediated.message.as_str()), (Outcome::CloseFailed, message));
}

#[test]
fn a_dry_run_that_did_not_start_is_ignored() {
    let parameters = json!({"SecurityGroupId": ["sg-0aaaaaaaaaaaaaaaa"], "DryRun": ["True"]});
    let read = lookup("Failed").read(&execution(&[("/Parameters", parameters)]), None).unwrap();
    assert_eq!(read, Intake::Ignored(Ignored::DryRun));
}

/// Systems Manager may leave out the parameters that have their default.
#[test]
fn the_rule_of_the_stack_stands_in_for_a_rule_that_is_not_given() {
    let without = execution(&[("-/Parameters/ConfigRuleName", json!(null))]);
    let Intake::Observed(said) = lookup("Failed").read(&without, Some("portcullis")).unwrap() else { panic!() };
    assert_eq!(said.key, key());
    let error = lookup("Failed").read(&without, None).unwrap_err().to_string();
    assert!(error.contains("field `Parameters.ConfigRuleName` of the execution is missing"), "{error}");
    let no_group = execution(&[("/Parameters/SecurityGroupId", json!(["all"]))]);
    assert!(matches!(lookup("Failed").read(&no_group, None), Err(IntakeError::Key(_))));
}
