//! Executions of SSM Automation.

use std::collections::BTreeMap;

use aws_adapters::Ssm;
use aws_traits::ssm::{Automations, NewExecution, Progress, Started};
use findings::intake::Executions;
use rstest::rstest;
use serde_json::json;

use crate::canned::Canned;

#[tokio::test]
async fn an_execution_has_parameters_failure_and_steps() {
    let answer = json!({"AutomationExecution": {
        "AutomationExecutionId": "e-1",
        "DocumentName": "portcullis-CloseDocument-AbC",
        "Parameters": {"SecurityGroupId": ["sg-0aaaaaaaaaaaaaaaa"], "ConfigRuleName": ["portcullis"]},
        "FailureMessage": "Step fails when it is Poll action status for completion.",
        "StepExecutions": [
            {"StepName": "InvokeRemediator", "StepStatus": "Failed", "Outputs": {"StatusCode": ["200"]}},
            {"StepName": "VerifyOutcome"},
        ],
    }});
    let aws = Canned::serve([(200, &answer.to_string())]).await;
    let execution = Ssm::new(&aws.sdk).execution("e-1").await.unwrap().unwrap();
    let request = r#"AmazonSSM.GetAutomationExecution {"AutomationExecutionId":"e-1"}"#;
    assert_eq!(aws.requests(), [request]);
    assert_eq!(execution.parameters["SecurityGroupId"], ["sg-0aaaaaaaaaaaaaaaa"]);
    assert!(execution.failure_message.unwrap().starts_with("Step fails"));
    let [invoked, verified] = execution.step_executions.as_slice() else { panic!("two steps") };
    assert_eq!((invoked.step_name.as_str(), invoked.step_status.as_str()), ("InvokeRemediator", "Failed"));
    assert_eq!(invoked.outputs["StatusCode"], ["200"]);
    assert_eq!((verified.step_name.as_str(), verified.step_status.as_str()), ("VerifyOutcome", ""));
}

#[tokio::test]
async fn an_unknown_execution_is_none_and_a_failure_an_error() {
    let unknown = r#"{"__type":"AutomationExecutionNotFoundException","Message":"no"}"#;
    let denied = r#"{"__type":"AccessDeniedException","Message":"no"}"#;
    let aws = Canned::serve([(400, unknown), (400, denied), (200, "{}")]).await;
    let ssm = Ssm::new(&aws.sdk);
    assert_eq!(ssm.execution("e-1").await.unwrap(), None);
    let error = ssm.execution("e-1").await.unwrap_err().to_string();
    assert!(
        error.contains("execution e-1 failed: AccessDeniedException: no (allow ssm:GetAutomationExecution"),
        "{error}"
    );
    let error = ssm.execution("e-1").await.unwrap_err().to_string();
    assert!(error.contains("it contains no execution"), "{error}");
}

fn closing() -> NewExecution {
    NewExecution {
        document: "portcullis-CloseDocument-AbC".to_owned(),
        parameters: BTreeMap::from([("SecurityGroupId".to_owned(), "sg-0aaaaaaaaaaaaaaaa".to_owned())]),
        client_token: "6f1d2c3b-1111-5111-8111-000000000000".to_owned(),
    }
}

#[tokio::test]
async fn an_execution_is_started_once_for_a_token() {
    let used = r#"{"__type":"com.amazonaws.ssm#IdempotentParameterMismatch","Message":"used"}"#;
    let full = r#"{"__type":"AutomationExecutionLimitExceededException","Message":"full"}"#;
    let aws = Canned::serve([(200, r#"{"AutomationExecutionId":"e-1"}"#), (400, used), (400, full), (200, "{}")]).await;
    let ssm = Ssm::new(&aws.sdk);
    assert_eq!(ssm.start_execution(&closing()).await.unwrap(), Started::Now("e-1".to_owned()));
    assert_eq!(ssm.start_execution(&closing()).await.unwrap(), Started::Before);
    let error = ssm.start_execution(&closing()).await.unwrap_err();
    assert_eq!(error.code(), Some("AutomationExecutionLimitExceededException"));
    assert!(ssm.start_execution(&closing()).await.unwrap_err().to_string().contains("it contains no id"));
    let request = r#"AmazonSSM.StartAutomationExecution {"DocumentName":"portcullis-CloseDocument-AbC","#.to_owned()
        + r#""Parameters":{"SecurityGroupId":["sg-0aaaaaaaaaaaaaaaa"]},"#
        + r#""ClientToken":"6f1d2c3b-1111-5111-8111-000000000000"}"#;
    assert_eq!(aws.requests()[0], request);
}

#[rstest]
#[case("Pending", Progress::Running)]
#[case("InProgress", Progress::Running)]
#[case("Cancelling", Progress::Running)]
#[case("AStatusOfLater", Progress::Running)]
#[case("Success", Progress::Succeeded)]
#[case("CompletedWithSuccess", Progress::Succeeded)]
#[case("Failed", Progress::Failed)]
#[case("TimedOut", Progress::Failed)]
#[case("Cancelled", Progress::Failed)]
#[case("Rejected", Progress::Failed)]
#[tokio::test]
async fn an_execution_is_as_far_as_its_status_says(#[case] status: &str, #[case] progress: Progress) {
    let answer = json!({"AutomationExecution": {
        "AutomationExecutionStatus": status,
        "Outputs": {"VerifyOutcome.Status": ["CLOSED"], "VerifyOutcome.Snapshot": []},
    }});
    let aws = Canned::serve([(200, &answer.to_string())]).await;
    let state = Ssm::new(&aws.sdk).execution_state("e-1").await.unwrap().unwrap();
    assert_eq!(state.progress, progress);
    assert_eq!(state.outputs, BTreeMap::from([("VerifyOutcome.Status".to_owned(), "CLOSED".to_owned())]));
}
