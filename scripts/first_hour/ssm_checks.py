"""Checks of Systems Manager Automation."""

import json
from functools import cache

from account import Account, Json
from botocore.exceptions import ClientError
from check import Change, Check, Unobserved

RULE_THAT_DOES_NOT_EXIST = "portcullis-first-hour-no-such-rule"
DRY_RUN = frozenset({Change.GROUP, Change.EXECUTION})
DOCUMENT = frozenset({Change.GROUP, Change.DOCUMENT})
# Returns its payload as text, with the type of each value.
ECHO = "def echo(events, context):\n    return {name: type(value).__name__ + ' ' + str(value) for name, value in events.items()}\n"
LIST = ["192.0.2.0/24", "198.51.100.0/24"]


def step(execution: Json, name: str) -> Json:
    return next((step for step in execution["StepExecutions"] if step["StepName"] == name), {})


def failure(step: Json) -> str:
    return " ".join(step.get("FailureMessage", "no message").split())[:200]


def invocation(execution: Json) -> Json:
    """The step of the stack's document that invokes the remediator."""
    found = step(execution, "InvokeRemediator")
    if not found:
        raise Unobserved("the document has no step InvokeRemediator")
    return found


def fails_with_its_function(account: Account) -> tuple[bool, str]:
    parameters = {"SecurityGroupId": account.group.id, "ConfigRuleName": RULE_THAT_DOES_NOT_EXIST, "DryRun": "true"}
    execution = account.execute(account.outputs["CloseDocumentName"], parameters)
    invoked = invocation(execution)
    if execution["AutomationExecutionStatus"] == "Success":
        raise Unobserved("the execution succeeded although its rule does not exist")
    if invoked["StepStatus"] == "Success":
        return False, "the step succeeded, and VerifyOutcome failed"
    outputs = json.dumps(invoked.get("Outputs", {})) + invoked.get("FailureMessage", "")
    if "FunctionError" not in outputs and RULE_THAT_DOES_NOT_EXIST not in outputs:
        raise Unobserved(f"the step failed for another reason: {failure(invoked)}")
    return True, f"the step ended as {invoked['StepStatus']}"


def passes_on_the_answer(account: Account) -> tuple[bool, str]:
    parameters = {"SecurityGroupId": account.group.id, "DryRun": "true"}
    execution = account.execute(account.outputs["CloseDocumentName"], parameters)
    verified = step(execution, "VerifyOutcome")
    if not verified or invocation(execution)["StepStatus"] != "Success":
        raise Unobserved(f"the step before it failed: {failure(invocation(execution))}")
    if verified["StepStatus"] != "Success":
        return False, failure(verified)
    return True, f"VerifyOutcome read {execution['Outputs'].get('VerifyOutcome.Status', ['nothing'])[0]}"


def typed_document(account: Account) -> Json:
    """A document that hands a value of each type to a script, a list within text to a script, and the values to the remediator."""
    script = {"Runtime": "python3.11", "Handler": "echo", "Script": ECHO}
    go_on = {"onFailure": "Continue", "maxAttempts": 1}
    typed = {"boolean": "{{ Boolean }}", "integer": "{{ Integer }}", "list": "{{ List }}"}
    payload = {"action": "close", "securityGroupId": "{{ Group }}", "configRuleName": account.rule, "strategy": "Revoke"}
    function = {"FunctionName": account.outputs["RemediatorFunctionName"], "InputPayload": payload | {"dryRun": "{{ Boolean }}"}}
    echoed = [{"Name": "Text", "Selector": "$.Payload.text", "Type": "String"}]
    types = [{"Name": name.title(), "Selector": f"$.Payload.{name}", "Type": "String"} for name in typed]
    return {
        "schemaVersion": "0.3",
        "description": "Made by scripts/first-hour of Portcullis, which deletes it.",
        "assumeRole": "{{ AutomationAssumeRole }}",
        "parameters": {
            "AutomationAssumeRole": {"type": "String"},
            "Group": {"type": "String"},
            "Boolean": {"type": "Boolean", "default": True},
            "Integer": {"type": "Integer", "default": 24},
            "List": {"type": "StringList", "default": LIST},
        },
        "mainSteps": [
            {"name": "Script", "action": "aws:executeScript", **go_on, "inputs": script | {"InputPayload": typed}, "outputs": types},
            {
                "name": "Text",
                "action": "aws:executeScript",
                **go_on,
                "inputs": script | {"InputPayload": {"text": "list: {{ List }}"}},
                "outputs": echoed,
            },
            {"name": "Function", "action": "aws:invokeLambdaFunction", **go_on, "inputs": function},
        ],
    }


@cache
def typed_execution(account: Account) -> Json:
    """One execution answers three checks."""
    with account.document(typed_document(account)) as name:
        parameters = {"AutomationAssumeRole": account.outputs["AutomationRoleArn"], "Group": account.group.id}
        return account.execute(name, parameters)


def script_takes_types(account: Account) -> tuple[bool, str]:
    found = step(typed_execution(account), "Script")
    if found.get("StepStatus") != "Success":
        return False, failure(found)
    arrived = [found["Outputs"][name][0] for name in ("Boolean", "Integer", "List")]
    return all(text.startswith(kind) for text, kind in zip(arrived, ("bool", "int", "list"), strict=True)), "; ".join(arrived)


def function_takes_types(account: Account) -> tuple[bool, str]:
    found = step(typed_execution(account), "Function")
    # A function that was invoked has taken its payload, whatever it made of it.
    if "Payload" in found.get("Outputs", {}):
        return True, "the function was invoked with a Boolean"
    return False, failure(found)


def writes_json(account: Account) -> tuple[bool, str]:
    found = step(typed_execution(account), "Text")
    if found.get("StepStatus") != "Success":
        return False, f"refused: {failure(found)}"
    text = found["Outputs"]["Text"][0].removeprefix("str list: ")
    try:
        is_json = json.loads(text) == LIST
    except ValueError:
        is_json = False
    return is_json, text


def takes_a_resource_type(account: Account) -> tuple[bool, str]:
    content = typed_document(account)
    content["parameters"]["Group"]["type"] = "AWS::EC2::SecurityGroup::Id"
    try:
        with account.document(content):
            return True, "the document was made"
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidDocumentContent":
            raise
        return False, error.response["Error"]["Message"][:200]


CHECKS = [
    Check(
        "function-error",
        "A function that fails also fails the step aws:invokeLambdaFunction",
        "starts the document that closes, in dry run, with an AWS Config rule that does not exist",
        "functionErrorFailsStep; the step VerifyOutcome, docs/adr/0002-document-verifies.md",
        fails_with_its_function,
        DRY_RUN,
        seconds=300,
    ),
    Check(
        "script-payload",
        "aws:executeScript (python3.11) gets the answer of the function",
        "starts the document that closes, in dry run",
        "the step VerifyOutcome",
        passes_on_the_answer,
        DRY_RUN,
        seconds=300,
    ),
    Check(
        "types-function",
        "InputPayload of aws:invokeLambdaFunction takes a Boolean",
        "invokes the remediator in dry run from a document made for this",
        "strictPayloadTypes; types of the documents' parameters",
        function_takes_types,
        DOCUMENT,
        seconds=300,
    ),
    Check(
        "types-script",
        "InputPayload of aws:executeScript takes Boolean, Integer and StringList, as such",
        "runs a script that returns the types of its payload",
        "strictPayloadTypes; types of the documents' parameters",
        script_takes_types,
        DOCUMENT,
        seconds=300,
    ),
    Check(
        "list-in-text",
        "A StringList within text is written as JSON",
        "runs a script that returns such a text",
        "listAsText; lists in requests, and the message of an approval",
        writes_json,
        DOCUMENT,
        seconds=300,
    ),
    Check(
        "resource-type",
        "A parameter of a document may have the type AWS::EC2::SecurityGroup::Id",
        "makes a document with such a parameter, and does not start it",
        "the documents' SecurityGroupId, which is a String with a pattern",
        takes_a_resource_type,
        DOCUMENT,
    ),
]
