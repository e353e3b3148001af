//! Valid and invalid documents.

use serde_json::json;

use super::*;

const CLOSE: &str = r"
schemaVersion: '0.3'
assumeRole: '{{ AutomationAssumeRole }}'
parameters:
  ResourceId: {type: String, allowedPattern: '^sg-[0-9a-f]{8,17}$'}
  FunctionName: {type: String}
  AutomationAssumeRole: {type: String, default: ''}
mainSteps:
  - name: InvokeRemediator
    action: aws:invokeLambdaFunction
    maxAttempts: 2
    timeoutSeconds: 120
    onFailure: Abort
    isEnd: true
    inputs:
      InvocationType: RequestResponse
      FunctionName: '{{ FunctionName }}'
      InputPayload: {securityGroupId: '{{ ResourceId }}', executionId: '{{ automation:EXECUTION_ID }}'}
outputs: [InvokeRemediator.Payload]
";

fn with_step(change: &Value) -> Result<Document, String> {
    let mut step =
        json!({"name": "S", "action": "aws:executeAwsApi", "inputs": {"Service": "ec2", "Api": "DescribeVpcs"}});
    for (name, value) in change.as_object().unwrap() {
        step[name] = value.clone();
    }
    Document::parse(&json!({"schemaVersion": "0.3", "mainSteps": [step]}).to_string())
}

#[test]
fn yaml_is_read_with_its_defaults() {
    let document = Document::parse(CLOSE).unwrap();
    let step = &document.main_steps[0];
    assert_eq!((step.max_attempts, step.timeout_seconds, step.is_end, step.critical()), (2, Some(120), true, true));
}

#[test]
fn numbers_and_booleans_may_be_text() {
    let document = with_step(&json!({"maxAttempts": "3", "isEnd": "true"})).unwrap();
    assert_eq!((document.main_steps[0].max_attempts, document.main_steps[0].is_end), (3, true));
}

#[test]
fn an_unsupported_feature_is_an_error_that_names_it() {
    for (change, word) in [
        (json!({"action": "aws:runCommand"}), "aws:runCommand"),
        (json!({"onCanccel": "Abort"}), "onCanccel"),
        (json!({"onCancel": "step:S"}), "onCancel"),
        (json!({"onFailure": "Ignore"}), "Ignore"),
        (json!({"nextStep": "Nowhere"}), "Nowhere"),
        (json!({"inputs": {"Service": "ec2"}}), "Api"),
        (json!({"inputs": {"Service": "ec2", "Api": "X", "GroupId": "{{ Group }}"}}), "Group"),
        (json!({"inputs": {"Service": "ec2", "Api": "X", "GroupId": "{{ Other.Id }}"}}), "Other.Id"),
        (json!({"outputs": [{"Name": "X", "Selector": "$["}]}), "X"),
        (
            json!({"action": "aws:executeScript",
                "inputs": {"Runtime": "python3.11", "Script": "", "Handler": "h", "Attachment": "a"}}),
            "Attachment",
        ),
        (
            json!({"action": "aws:invokeLambdaFunction", "inputs": {"FunctionName": "f"},
                "outputs": [{"Name": "Payload", "Selector": "$.Payload"}]}),
            "reserved",
        ),
    ] {
        let error = with_step(&change).unwrap_err();
        assert!(error.contains(word), "{change}: {error}");
    }
    for (content, word) in [
        (json!({"schemaVersion": "2.2", "mainSteps": []}), "0.3"),
        (json!({"schemaVersion": "0.3", "mainSteps": []}), "no step"),
        (json!({"schemaVersion": "0.3", "mainSteps": [], "files": {}}), "files"),
    ] {
        let error = Document::parse(&content.to_string()).unwrap_err();
        assert!(error.contains(word), "{content}: {error}");
    }
}

#[test]
fn a_step_that_continues_after_a_failure_is_uncritical_by_default() {
    let critical = |change| with_step(&change).unwrap().main_steps[0].critical();
    assert!(critical(json!({})));
    assert!(!critical(json!({"onFailure": "Continue"})));
    assert!(critical(json!({"onFailure": "Continue", "isCritical": true})));
}
