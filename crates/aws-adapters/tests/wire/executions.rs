//! Executions of SSM Automation.

use aws_adapters::Ssm;
use findings::intake::Executions;
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
