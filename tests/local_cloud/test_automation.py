"""SSM Automation by itself: documents, parameters, steps, and their credentials."""

import concurrent.futures
import json
import uuid

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


def receive(name: str, **payload) -> dict:
    """A step whose script returns its payload as one text."""
    step = script(name, "import json\ndef handler(events, context): return {'got': json.dumps(events, sort_keys=True)}")
    step["inputs"]["InputPayload"] = payload
    step["outputs"] = [{"Name": "Got", "Selector": "$.Payload.got", "Type": "String"}]
    return step


TYPED = {
    "Flag": {"type": "Boolean", "default": False},
    "Hours": {"type": "Integer", "default": 24},
    "Cidrs": {"type": "StringList", "default": ["10.0.0.0/8", "fd00::/8"]},
    "Text": {"type": "String", "default": "true"},
}


@pytest.mark.parametrize("lists", ["json", "comma"])
def test_strictly_a_payload_is_a_map_of_strings(fresh, run, lists):
    fresh.settings(strictPayloadTypes=True, listAsText=lists)
    execution = run(receive("S", flag="{{ Text }}", text="a {{ Text }}"), outputs=["S.Got"], parameters=TYPED)
    assert json.loads(execution["Outputs"]["S.Got"][0]) == {"flag": "true", "text": "a true"}
    for payload in ({"flag": "{{ Flag }}"}, {"hours": "{{ Hours }}"}, {"cidrs": "{{ Cidrs }}"}, {"flag": True}, {"map": {"a": "b"}}):
        execution = run(receive("S", text="{{ Text }}", **payload), parameters=TYPED)
        assert statuses(execution) == {"S": "Failed"}, payload
        message = execution["StepExecutions"][0]["FailureMessage"]
        assert "validating and resolving the step inputs" in message
        assert f"StringMap. The value of {next(iter(payload))} is of type " in message
    for name in ("Flag", "Hours", "Cidrs"):
        execution = run(receive("S", text=f"a {{{{ {name} }}}}"), parameters=TYPED)
        assert f"Failed to resolve input: {name} to type String" in execution["StepExecutions"][0]["FailureMessage"]


@pytest.mark.parametrize(("lists", "written"), [("json", '["10.0.0.0/8","fd00::/8"]'), ("comma", "10.0.0.0/8,fd00::/8")])
def test_laxly_a_payload_keeps_types_and_text_has_everything(fresh, run, lists, written):
    fresh.settings(strictPayloadTypes=False, listAsText=lists)
    step = receive("S", flag="{{ Flag }}", hours="{{ Hours }}", cidrs="{{ Cidrs }}", text="{{ Flag }} {{ Hours }} {{ Cidrs }}")
    execution = run(step, outputs=["S.Got"], parameters=TYPED)
    assert json.loads(execution["Outputs"]["S.Got"][0]) == {
        "flag": False,
        "hours": 24,
        "cidrs": ["10.0.0.0/8", "fd00::/8"],
        "text": f"false 24 {written}",
    }


@pytest.mark.parametrize(
    ("parameter", "word"),
    [({"type": "String", "default": True}, "is a String"), ({"type": "Boolean", "default": "false"}, "is a Boolean")],
)
def test_a_literal_of_another_type_is_refused_with_the_document(run, parameter, word):
    with pytest.raises(ClientError, match=word) as caught:
        run(script("S", "def handler(events, context): pass"), parameters={"P": parameter})
    assert caught.value.response["Error"]["Code"] == "InvalidDocumentContent"


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


def test_a_client_token_starts_one_execution_however_many_ask_at_once(fresh):
    ssm, token = fresh.client("ssm"), str(uuid.uuid4())
    content = {"schemaVersion": "0.3", "mainSteps": [script("S", "def handler(e, c): pass")]}
    ssm.create_document(Name="once", DocumentType="Automation", DocumentFormat="JSON", Content=json.dumps(content))

    def start(given: str) -> str:
        try:
            return ssm.start_automation_execution(DocumentName="once", ClientToken=given)["AutomationExecutionId"]
        except ClientError as error:
            return error.response["Error"]["Code"]

    with concurrent.futures.ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(start, [token, token.upper()] * 8))
    assert answers.count("IdempotentParameterMismatch") == 15
    assert start("z" * 36) == "ValidationException", "it is a UUID"
    assert len(start(str(uuid.uuid4()))) == 36


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
