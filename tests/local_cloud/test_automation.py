"""SSM Automation by itself: documents, parameters, steps, and their credentials."""

import json

import pytest
from botocore.exceptions import ClientError
from identities import policy


def api(name: str, operation: str, inputs: dict, outputs=(), **more) -> dict:
    return {
        "name": name,
        "action": "aws:executeAwsApi",
        "inputs": {"Service": "ec2", "Api": operation, **inputs},
        "outputs": list(outputs),
        **more,
    }


def script(name: str, code: str, **more) -> dict:
    return {"name": name, "action": "aws:executeScript", "inputs": {"Runtime": "python3.11", "Handler": "handler", "Script": code}, **more}


def statuses(execution: dict) -> dict[str, str]:
    return {s["StepName"]: s["StepStatus"] for s in execution["StepExecutions"]}


def test_steps_call_apis_select_outputs_branch_and_assert(fresh, run):
    group = fresh.group("automation")
    selected = [
        {"Name": "Name", "Selector": "$.SecurityGroups[0].GroupName", "Type": "String"},
        {"Name": "Ids", "Selector": "$.SecurityGroups..GroupId", "Type": "StringList"},
    ]
    execution = run(
        api("Find", "DescribeSecurityGroups", {"GroupIds": ["{{ Group }}"]}, selected),
        {
            "name": "Choose",
            "action": "aws:branch",
            "inputs": {"Default": "Never", "Choices": [{"NextStep": "Check", "Variable": "{{ Find.Name }}", "StringEquals": "automation"}]},
        },
        script("Never", "def handler(events, context): raise Exception('never')"),
        {
            "name": "Check",
            "action": "aws:assertAwsResourceProperty",
            "isEnd": True,
            "inputs": {
                "Service": "ec2",
                "Api": "DescribeSecurityGroups",
                "GroupIds": ["{{ Group }}"],
                "PropertySelector": "$.SecurityGroups[0].GroupId",
                "DesiredValues": ["{{ Group }}"],
            },
        },
        outputs=["Find.Name", "Find.Ids"],
        parameters={"Group": {"type": "String", "allowedPattern": "^sg-[0-9a-f]+$"}},
        passed={"Group": [group]},
    )
    assert execution["AutomationExecutionStatus"] == "Success", execution
    assert execution["Outputs"] == {"Find.Name": ["automation"], "Find.Ids": [group]}
    assert statuses(execution) == {"Find": "Success", "Choose": "Success", "Never": "Pending", "Check": "Success"}


def test_steps_use_the_role_and_nothing_else(fresh, run):
    execution = run(api("Delete", "DeleteSecurityGroup", {"GroupId": fresh.group("kept")}))
    assert execution["AutomationExecutionStatus"] == "Failed"
    assert "UnauthorizedOperation" in execution["FailureMessage"]
    assert "assumed-role/automation/" in execution["FailureMessage"]


def test_a_script_has_the_role_s_credentials_and_its_exception_fails_the_step(run):
    code = (
        "import boto3\ndef handler(events, context):\n"
        "    print('looking')\n"
        "    return {'arn': boto3.client('sts').get_caller_identity()['Arn'], 'n': 2}"
    )
    execution = run(
        script("Ask", code, outputs=[{"Name": "Arn", "Selector": "$.Payload.arn", "Type": "String"}]),
        script("Fail", "def handler(events, context):\n    raise ValueError('no good')"),
    )
    ask, fail = execution["StepExecutions"]
    assert ":assumed-role/automation/Automation-" in ask["Outputs"]["Arn"][0]
    assert "looking" in ask["Outputs"]["OutputPayload"][0]
    assert "no good - ValueError" in fail["FailureMessage"]
    assert "Poll action status for completion" in fail["FailureMessage"]
    assert execution["AutomationExecutionStatus"] == "Failed"


def test_attempts_continuing_and_timing_out(fresh, run):
    mark = fresh.mark()
    failing = api("Failing", "DescribeVpcs", {}, maxAttempts=3, onFailure="Continue")
    slow = script("Slow", "import time\ndef handler(events, context): time.sleep(60)", timeoutSeconds=1)
    execution = run(failing, slow)
    assert len(fresh.calls(since=mark, action="ec2:DescribeVpcs")) == 3
    assert statuses(execution) == {"Failing": "Failed", "Slow": "TimedOut"}
    assert execution["AutomationExecutionStatus"] == "TimedOut"


def test_a_failure_that_is_continued_leaves_the_execution_successful(run):
    execution = run(api("Failing", "DescribeVpcs", {}, onFailure="Continue"), script("After", "def handler(events, context): return {}"))
    assert statuses(execution) == {"Failing": "Failed", "After": "Success"}
    assert execution["AutomationExecutionStatus"] == "Success"


def test_stopping(fresh, run):
    ssm = fresh.client("ssm")
    execution = run(script("Slow", "import time\ndef handler(events, context): time.sleep(60)"), wait=False)
    identifier = execution["AutomationExecutionId"]
    ssm.stop_automation_execution(AutomationExecutionId=identifier)
    fresh.settle()
    [found] = ssm.describe_automation_executions(Filters=[{"Key": "ExecutionId", "Values": [identifier]}])[
        "AutomationExecutionMetadataList"
    ]
    assert found["AutomationExecutionStatus"] == "Cancelled"
    with pytest.raises(ClientError, match="InvalidAutomationStatusUpdateException"):
        ssm.stop_automation_execution(AutomationExecutionId=identifier)


@pytest.mark.parametrize(
    ("passed", "word"),
    [
        ({"Group": ["nonsense"]}, "allowedPattern"),
        ({"Group": ["sg-1"], "Other": ["x"]}, "Other"),
        ({}, "Group"),
    ],
)
def test_bad_parameters_are_refused_at_the_start(run, passed, word):
    with pytest.raises(ClientError, match=word) as caught:
        run(
            script("S", "def handler(events, context): pass"),
            passed=passed,
            parameters={"Group": {"type": "String", "allowedPattern": "^sg-[0-9a-f]+$"}},
        )
    assert caught.value.response["Error"]["Code"] == "InvalidAutomationExecutionParametersException"


def test_a_caller_needs_pass_role_and_the_document(fresh, run, role):
    iam = fresh.client("iam")
    iam.create_user(UserName="operator")
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    operator = fresh.client("ssm", {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]})
    step = script("S", "def handler(events, context): return {}")
    with pytest.raises(
        ClientError, match="ssm:StartAutomationExecution on resource: arn:aws:ssm:us-east-1:123456789012:automation-definition/document-0:"
    ):
        run(step, client=operator)
    allowed = [("ssm:StartAutomationExecution", "arn:aws:ssm:*:*:automation-definition/*")]
    iam.put_user_policy(UserName="operator", PolicyName="p", PolicyDocument=policy(*allowed))
    with pytest.raises(ClientError, match="iam:PassRole"):
        run(step, client=operator)
    iam.put_user_policy(UserName="operator", PolicyName="p", PolicyDocument=policy(*allowed, ("iam:PassRole", role)))
    execution = run(step, client=operator)
    assert execution["AutomationExecutionStatus"] == "Success"
    assert execution["ExecutedBy"].endswith(":user/operator")


def test_documents_have_versions_and_the_default_moves_only_when_told(fresh):
    ssm = fresh.client("ssm")
    content = {"schemaVersion": "0.3", "description": "one", "mainSteps": [script("S", "def handler(e, c): pass")]}
    ssm.create_document(Name="versions", DocumentType="Automation", DocumentFormat="JSON", Content=json.dumps(content))
    ssm.update_document(
        Name="versions", DocumentFormat="JSON", DocumentVersion="$LATEST", Content=json.dumps({**content, "description": "two"})
    )
    assert ssm.describe_document(Name="versions")["Document"]["Description"] == "one"
    assert ssm.describe_document(Name="versions", DocumentVersion="$LATEST")["Document"]["Description"] == "two"
    ssm.update_document_default_version(Name="versions", DocumentVersion="2")
    assert json.loads(ssm.get_document(Name="versions")["Content"])["description"] == "two"
    with pytest.raises(ClientError, match="InvalidDocumentContent"):
        ssm.create_document(Name="other", DocumentType="Automation", DocumentFormat="YAML", Content="schemaVersion: '0.3'")
