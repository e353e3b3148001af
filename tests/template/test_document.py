"""The SSM documents: their parameters, the payloads for their functions, and their steps."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from rendering import Stack

GROUP = "sg-0aaaaaaaaaaaaaaaa"

DOCUMENTS = ["CloseDocument", "RestoreDocument", "QuarantineDocument"]
INVOKE = {"CloseDocument": "InvokeRemediator", "RestoreDocument": "InvokeRestorer", "QuarantineDocument": "InvokeQuarantine"}
FUNCTION = {"CloseDocument": "RemediatorFunction", "RestoreDocument": "RestorerFunction", "QuarantineDocument": "QuarantineFunction"}
ROLE = {"CloseDocument": "AutomationRole", "RestoreDocument": "RestoreAutomationRole", "QuarantineDocument": "QuarantineAutomationRole"}

# Payload of each function: the fields of crates/remediation/src/request/mod.rs, in the spelling of its JSON.
PAYLOADS = {
    "CloseDocument": {
        "action": "close",
        "securityGroupId": "{{ SecurityGroupId }}",
        "configRuleName": "{{ ConfigRuleName }}",
        "strategy": "{{ Strategy }}",
        "replacementCidrs": "{{ ReplacementCidrs }}",
        "dryRun": "{{ DryRun }}",
        "ignoreHold": "{{ IgnoreHold }}",
        "ignorePace": "{{ IgnorePace }}",
        "onlyDue": "{{ OnlyDue }}",
        "executionId": "{{ automation:EXECUTION_ID }}",
    },
    "RestoreDocument": {
        "action": "restore",
        "securityGroupId": "{{ SecurityGroupId }}",
        "configRuleName": "{{ ConfigRuleName }}",
        "snapshot": "{{ Snapshot }}",
        "exceptionHours": "{{ ExceptionHours }}",
        "dryRun": "{{ DryRun }}",
        "executionId": "{{ automation:EXECUTION_ID }}",
    },
    "QuarantineDocument": {
        "action": "{{ Action }}",
        "securityGroupId": "{{ SecurityGroupId }}",
        "configRuleName": "{{ ConfigRuleName }}",
        "ports": "{{ Ports }}",
        "networkAclIds": "{{ NetworkAclIds }}",
        "snapshot": "{{ Snapshot }}",
        "dryRun": "{{ DryRun }}",
        "executionId": "{{ automation:EXECUTION_ID }}",
    },
}

ACLS = [f"acl-{number:017x}" for number in range(24)]
# The values that the template, scripts/deploy and the function accept and refuse.
REPLACEMENTS = json.loads((Path(__file__).parents[1] / "replacement_cidrs.json").read_text(encoding="utf-8"))

VARIANTS: list[dict[str, str]] = [
    {},
    {"RemediationStrategy": "Carve"},
    {"RemediationStrategy": "Replace", "ReplacementCidrs": "10.0.0.0/8,fd00::/8"},
    {
        "Approvers": "arn:aws:iam::123456789012:role/security,arn:aws:iam::123456789012:user/me",
        "ApprovalTopicArn": "arn:aws:sns:eu-central-1:123456789012:Automation-approvals",
    },
]


@pytest.fixture(scope="session", params=VARIANTS, ids=lambda variant: ",".join(variant) or "defaults")
def variant(request: pytest.FixtureRequest, template: dict[str, Any]) -> Stack:
    """The template with parameters that a document depends on."""
    return Stack(template, **request.param)


@pytest.fixture(scope="session", params=DOCUMENTS)
def each(request: pytest.FixtureRequest) -> str:
    """The logical id of each document."""
    return request.param


@pytest.fixture(scope="session")
def content(variant: Stack, each: str) -> dict[str, Any]:
    """The content of each document in each variant."""
    return variant.resources[each]["Content"]


def by_name(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Steps of a document, by name."""
    return {step["name"]: step for step in content["mainSteps"]}


def variables(node: Any) -> set[str]:
    """Names in {{ }} anywhere below a node."""
    if isinstance(node, dict):
        return set().union(*map(variables, node.values()))
    if isinstance(node, list):
        return set().union(*map(variables, node))
    return set(re.findall(r"\{\{\s*([^}\s]+)\s*\}\}", node)) if isinstance(node, str) else set()


def test_config_passes_only_parameters_of_the_document(variant: Stack) -> None:
    given = variant.resources["Remediation"]["Parameters"].keys()
    known = variant.resources["CloseDocument"]["Content"]["parameters"]
    assert given <= known.keys(), "with an unknown name every execution would fail to start"
    required = {name for name, parameter in known.items() if "default" not in parameter}
    assert required <= given


def test_only_the_group_is_a_required_parameter(content: dict[str, Any]) -> None:
    assert {name for name, parameter in content["parameters"].items() if "default" not in parameter} == {"SecurityGroupId"}


def test_parameters_are_described_and_checked(content: dict[str, Any]) -> None:
    for name, parameter in content["parameters"].items():
        assert parameter["description"].startswith(("(Required) ", "(Optional) ")), name
        assert ("default" not in parameter) == parameter["description"].startswith("(Required) "), name
        assert "allowedPattern" in parameter or "allowedValues" in parameter, name


def test_every_parameter_is_text(content: dict[str, Any]) -> None:
    # AWS documents InputPayload as a map of strings that is checked when the step runs, and messages are text.
    for name, parameter in content["parameters"].items():
        assert parameter["type"] == "String", name
        values = [parameter.get("default", ""), *parameter.get("allowedValues", [])]
        assert all(isinstance(value, str | dict) for value in values), name
        # Limit of a value in StartAutomationExecution; a list has to fit in one value.
        assert parameter.get("maxChars", 512) == 512, name


def test_payloads_and_branches_are_text(content: dict[str, Any]) -> None:
    for step in content["mainSteps"]:
        payload = step["inputs"].get("InputPayload", {})
        assert all(isinstance(value, str) for value in payload.values()), step["name"]
        for choice in step["inputs"].get("Choices", []):
            assert all(isinstance(one["StringEquals"], str) for one in choice["Or"]), step["name"]


def test_dry_run_is_accepted_in_the_usual_spellings(content: dict[str, Any]) -> None:
    for name in {"DryRun", "IgnoreHold", "IgnorePace", "OnlyDue"} & content["parameters"].keys():
        assert content["parameters"][name]["default"] == "false"
        assert content["parameters"][name]["allowedValues"] == ["true", "false", "True", "False"]


def test_defaults_are_allowed(content: dict[str, Any]) -> None:
    for name, parameter in content["parameters"].items():
        default = parameter.get("default")
        if default is None:
            continue
        if "allowedValues" in parameter:
            assert default in parameter["allowedValues"], name
        elif isinstance(default, str):
            assert re.fullmatch(parameter["allowedPattern"], default), name


def test_parameters_are_used(content: dict[str, Any]) -> None:
    used = variables(content["mainSteps"]) | variables(content["assumeRole"])
    assert content["parameters"].keys() <= used


def test_variables_exist(content: dict[str, Any], each: str) -> None:
    system = {"automation:EXECUTION_ID"}
    # An output that aws:invokeLambdaFunction always has. A step must not declare it.
    known = content["parameters"].keys() | system | {f"{INVOKE[each]}.Payload"}
    for step in content["mainSteps"]:
        known |= {f"{step['name']}.{output['Name']}" for output in step.get("outputs", [])}
    assert variables(content["mainSteps"]) <= known
    assert set(content["outputs"]) <= known


def test_the_document_exports_every_output_of_the_verification(content: dict[str, Any], each: str) -> None:
    verified = [f"VerifyOutcome.{output['Name']}" for output in by_name(content)["VerifyOutcome"]["outputs"]]
    assert content["outputs"] == [*verified, f"{INVOKE[each]}.Payload"]


def test_steps_lead_to_one_another(content: dict[str, Any]) -> None:
    steps = content["mainSteps"]
    for step, following in itertools.pairwise(steps):
        leads_to = step["inputs"]["Default"] if step["action"] == "aws:branch" else step["nextStep"]
        assert leads_to == following["name"]
    assert steps[-1]["isEnd"] is True
    assert all(re.fullmatch(r"[A-Za-z0-9_]{3,128}", step["name"]) for step in steps)


def test_a_document_calls_its_function_with_its_role(content: dict[str, Any], each: str) -> None:
    inputs = by_name(content)[INVOKE[each]]["inputs"]
    assert inputs["FunctionName"] == {"Fn::GetAtt": [FUNCTION[each], "Arn"]}
    assert inputs["InvocationType"] == "RequestResponse"
    assert inputs["InputPayload"] == PAYLOADS[each]
    assert content["assumeRole"] == "{{ AutomationAssumeRole }}"
    assert content["parameters"]["AutomationAssumeRole"]["default"] == {"Fn::GetAtt": [ROLE[each], "Arn"]}


def test_the_payloads_have_the_fields_of_the_requests(checkout: Path) -> None:
    folder = checkout / "crates" / "remediation" / "src" / "request"
    source = "\n".join((folder / name).read_text(encoding="utf-8") for name in ("mod.rs", "payload.rs"))
    struct = r"#\[serde\(([^)]*)\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([a-z]+\))? )?struct \w+ \{(.*?)\n\}"
    requests = [body for attributes, body in re.findall(struct, source, re.DOTALL) if 'rename_all = "camelCase"' in attributes]
    assert requests, 'crates/remediation/src/request/mod.rs no longer has a struct with #[serde(rename_all = "camelCase")]'
    fields = re.findall(r"^\s*(?:pub(?:\([a-z]+\))? )?(\w+): ", "\n".join(requests), re.MULTILINE)
    camel = {re.sub(r"_(\w)", lambda match: match[1].upper(), field) for field in fields}
    camel |= set(re.findall(r'fields\.remove\("(\w+)"\)', source))
    assert set().union(*PAYLOADS.values()) == camel


@pytest.mark.parametrize("good", ["sg-0aaaaaaaaaaaaaaaa", "sg-01234567", "sg-0123456789abcdef0"])
def test_group_ids_are_accepted(content: dict[str, Any], good: str) -> None:
    assert re.search(content["parameters"]["SecurityGroupId"]["allowedPattern"], good)


@pytest.mark.parametrize("bad", ["", "sg-", "sg-0123", "sg-0123456789ABCDEF0", "sgr-0123456789abcdef0", "sg-0aaaaaaaaaaaaaaaa ", "*"])
def test_other_ids_are_refused(content: dict[str, Any], bad: str) -> None:
    assert not re.search(content["parameters"]["SecurityGroupId"]["allowedPattern"], bad)


def test_rule_names_are_checked_as_those_of_the_stack(content: dict[str, Any], template: dict[str, Any]) -> None:
    rule = template["Parameters"]["RuleName"]
    pattern = content["parameters"]["ConfigRuleName"]["allowedPattern"]
    for name in ["portcullis", "a", "Rule_1-b", "a" * 128, "", "-a", "a b", "a" * 129]:
        wanted = bool(re.search(rule["AllowedPattern"], name)) and len(name) <= rule["MaxLength"]
        assert bool(re.search(pattern, name)) == wanted, name


@pytest.mark.parametrize(
    ("document", "parameter", "good", "bad"),
    [
        (
            "RestoreDocument",
            "Snapshot",
            [
                "latest",
                "20261121T101500Z_4105a4fc-f944-11e6-9d32-8fb2db27a909.json",
                "2026-11-21T10:15:00.123Z_4105a4fc.json",
                f"security-groups/123456789012/eu-central-1/{GROUP}/20261121T101500Z_4105a4fc.json",
                f"s3://portcullis-snapshotbucket-1a2b3c/security-groups/123456789012/eu-central-1/{GROUP}/x.json",
            ],
            [
                "",
                "newest",
                "s3://",
                "s3://b/k.json",
                "https://bucket/key.json",
                "a b.json",
                "x.json\n",
                "{{ x }}.json",
                "x.json?versionId=1",
            ],
        ),
        (
            "QuarantineDocument",
            "Ports",
            ["", "22", "tcp/22", "tcp/22,3389", "22, 3389,udp/53-54,8000-8100"],
            ["ssh", "22,", ",22", "22;3389", "tcp/", "icmp/8", "22-", "222222", "22 3389"],
        ),
        (
            "QuarantineDocument",
            "NetworkAclIds",
            ["", "acl-01234567", "acl-01234567,acl-0123456789abcdef0", "acl-01234567, acl-01234568 ", ",".join(ACLS[:23])],
            ["acl-", "sg-0123456789abcdef0", "acl-01234567,", "acl-01234567;acl-01234568", "['acl-01234567']", ",".join(ACLS)],
        ),
        (
            "CloseDocument",
            "ReplacementCidrs",
            list(REPLACEMENTS["accepted"]),
            ["10.0.0.0", "private", "10.0.0.0/8,", "10.0.0.0/8 fd00::/8", "[10.0.0.0/8]", REPLACEMENTS["refused"][-1]],
        ),
        (
            "RestoreDocument",
            "ExceptionHours",
            [str(hours) for hours in range(8761)],
            ["", "-1", "8761", "8800", "9000", "10000", "24.0", "1e3", " 24", "+24", "\uff12\uff14"],
        ),
    ],
)
def test_patterns(stack: Stack, document: str, parameter: str, good: list[str], bad: list[str]) -> None:
    definition = stack.resources[document]["Content"]["parameters"][parameter]
    pattern = definition["allowedPattern"]
    assert [text for text in good if not re.search(pattern, text)] == []
    # fullmatch, since $ in Python also matches before a final newline.
    assert [text for text in bad if re.fullmatch(pattern, text)] == []


def test_defaults_of_restore_and_quarantine(stack: Stack) -> None:
    assert stack.resources["RestoreDocument"]["Content"]["parameters"]["ExceptionHours"]["default"] == "24"
    action = stack.resources["QuarantineDocument"]["Content"]["parameters"]["Action"]
    assert (action["default"], action["allowedValues"]) == ("quarantine", ["quarantine", "release"])


# ---- parameters of the stack


@pytest.mark.parametrize(
    ("parameters", "allowed", "cidrs"),
    [
        ({}, ["Revoke"], ""),
        ({"RemediationStrategy": "Carve"}, ["Revoke", "Carve", "Replace"], ""),
        ({"RemediationStrategy": "Replace"}, ["Revoke", "Carve", "Replace"], ""),
        (
            {"RemediationStrategy": "Replace", "ReplacementCidrs": "10.0.0.0/8, fd00::/8"},
            ["Revoke", "Carve", "Replace"],
            "10.0.0.0/8, fd00::/8",
        ),
    ],
)
def test_the_strategy_is_that_of_the_stack(template: dict[str, Any], parameters: dict[str, str], allowed: list[str], cidrs: str) -> None:
    stack = Stack(template, **parameters)
    strategy = parameters.get("RemediationStrategy", "Revoke")
    by_hand = stack.resources["CloseDocument"]["Content"]["parameters"]
    assert by_hand["Strategy"]["allowedValues"] == allowed
    assert by_hand["Strategy"]["default"] == strategy
    assert by_hand["ReplacementCidrs"]["default"] == cidrs
    by_config = stack.resources["Remediation"]["Parameters"]
    assert by_config["Strategy"] == {"StaticValue": {"Values": [strategy]}}
    # AWS Config passes at most 256 characters, so the replacements are the default of the document.
    assert "ReplacementCidrs" not in by_config


def test_config_can_pass_on_every_parameter(variant: Stack) -> None:
    definitions = variant.resources["CloseDocument"]["Content"]["parameters"]
    for name, parameter in variant.resources["Remediation"]["Parameters"].items():
        if "StaticValue" in parameter:
            # One value, since every parameter is a String. A longer one would be refused.
            [value] = parameter["StaticValue"]["Values"]
            assert len(value) <= 256 if isinstance(value, str) else name in {"ConfigRuleName", "AutomationAssumeRole"}
    assert definitions["ReplacementCidrs"]["maxChars"] == variant.template["Parameters"]["ReplacementCidrs"]["MaxLength"]


def test_an_approval_comes_first(variant: Stack) -> None:
    steps = variant.resources["CloseDocument"]["Content"]["mainSteps"]
    if not variant.values["ApprovalTopicArn"]:
        assert [step["name"] for step in steps] == ["InvokeRemediator", "VerifyOutcome"]
        return
    assert [step["name"] for step in steps] == ["AskUnlessDryRun", "Approve", "InvokeRemediator", "VerifyOutcome"]
    branch = steps[0]["inputs"]
    assert branch["Choices"] == [
        {"NextStep": "InvokeRemediator", "Or": [{"Variable": "{{ DryRun }}", "StringEquals": text} for text in ("true", "True")]}
    ]
    assert branch["Default"] == "Approve"
    inputs = steps[1]["inputs"]
    assert inputs.keys() == {"NotificationArn", "Message", "MinRequiredApprovals", "Approvers"}
    assert inputs["NotificationArn"] == variant.values["ApprovalTopicArn"]
    assert inputs["Approvers"] == variant.values["Approvers"]
    assert inputs["MinRequiredApprovals"] == 1
    asked = {"SecurityGroupId", "ConfigRuleName", "Strategy", "ReplacementCidrs", "IgnoreHold", "IgnorePace", "OnlyDue"}
    assert variables(inputs["Message"]) == asked


def test_only_a_closing_waits_for_approval(variant: Stack) -> None:
    for name in ("RestoreDocument", "QuarantineDocument"):
        assert len(variant.resources[name]["Content"]["mainSteps"]) == 2


# ---- the step that verifies the outcome

ACTION = {"CloseDocument": "close", "RestoreDocument": "restore", "QuarantineDocument": "{{ Action }}"}


def test_every_document_runs_the_one_script(content: dict[str, Any], each: str, checkout: Path) -> None:
    script = checkout / "cloudformation" / "documents" / "verify_outcome.py"
    assert by_name(content)["VerifyOutcome"]["inputs"] == {
        "Runtime": "python3.11",
        "Handler": "verify_outcome",
        "InputPayload": {
            "action": ACTION[each],
            "securityGroupId": "{{ SecurityGroupId }}",
            "dryRun": "{{ DryRun }}",
            "payload": f"{{{{ {INVOKE[each]}.Payload }}}}",
        },
        "Script": script.read_text(encoding="utf-8"),
    }
