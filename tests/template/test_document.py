"""The SSM documents: their parameters, what they send to their functions, and how they judge the answers."""

import ast
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rendering import Stack

GROUP = "sg-0aaaaaaaaaaaaaaaa"
RULE = {"securityGroupRuleId": "sgr-0123456789abcdef0", "protocol": "tcp", "fromPort": 22, "toPort": 22, "source": "0.0.0.0/0"}

DOCUMENTS = ["CloseDocument", "RestoreDocument", "QuarantineDocument"]
INVOKE = {"CloseDocument": "InvokeRemediator", "RestoreDocument": "InvokeRestorer", "QuarantineDocument": "InvokeQuarantine"}
FUNCTION = {"CloseDocument": "RemediatorFunction", "RestoreDocument": "RestorerFunction", "QuarantineDocument": "QuarantineFunction"}
ROLE = {"CloseDocument": "AutomationRole", "RestoreDocument": "RestoreAutomationRole", "QuarantineDocument": "QuarantineAutomationRole"}

# What each function is sent: the fields of remediator/src/request.rs, in the spelling of its JSON.
PAYLOADS = {
    "CloseDocument": {
        "action": "close",
        "securityGroupId": "{{ SecurityGroupId }}",
        "configRuleName": "{{ ConfigRuleName }}",
        "strategy": "{{ Strategy }}",
        "replacementCidrs": "{{ ReplacementCidrs }}",
        "dryRun": "{{ DryRun }}",
        "ignoreHold": "{{ IgnoreHold }}",
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
    """The template with parameters on which a document depends."""
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


def test_config_gives_only_parameters_that_the_document_has(variant: Stack) -> None:
    given = variant.resources["Remediation"]["Parameters"].keys()
    known = variant.resources["CloseDocument"]["Content"]["parameters"]
    assert given <= known.keys(), "an unknown name makes the start of every execution fail"
    required = {name for name, parameter in known.items() if "default" not in parameter}
    assert required <= given


def test_who_runs_a_document_by_hand_names_a_group_and_nothing_else(content: dict[str, Any]) -> None:
    assert {name for name, parameter in content["parameters"].items() if "default" not in parameter} == {"SecurityGroupId"}


def test_parameters_are_described_and_checked(content: dict[str, Any]) -> None:
    for name, parameter in content["parameters"].items():
        assert parameter["description"].startswith(("(Required) ", "(Optional) ")), name
        assert ("default" not in parameter) == parameter["description"].startswith("(Required) "), name
        # SSM itself checks that an integer is one; its bounds are the function's to check.
        assert "allowedPattern" in parameter or "allowedValues" in parameter or parameter["type"] == "Integer", name


def test_defaults_are_allowed(content: dict[str, Any]) -> None:
    for name, parameter in content["parameters"].items():
        default = parameter.get("default")
        values = default if isinstance(default, list) else [default]
        assert len(values) <= parameter.get("maxItems", 1), name
        for value in values:
            if "allowedValues" in parameter:
                assert value in parameter["allowedValues"], name
            elif "allowedPattern" in parameter and isinstance(value, str):
                assert re.search(parameter["allowedPattern"], value), name


def test_parameters_are_used(content: dict[str, Any]) -> None:
    used = variables(content["mainSteps"]) | variables(content["assumeRole"])
    assert content["parameters"].keys() <= used


def test_variables_exist(content: dict[str, Any], each: str) -> None:
    system = {"automation:EXECUTION_ID"}
    # What aws:invokeLambdaFunction always has; it refuses these names under outputs.
    known = content["parameters"].keys() | system | {f"{INVOKE[each]}.Payload"}
    for step in content["mainSteps"]:
        known |= {f"{step['name']}.{output['Name']}" for output in step.get("outputs", [])}
    assert variables(content["mainSteps"]) <= known
    assert set(content["outputs"]) <= known


def test_every_output_of_the_verification_is_one_of_the_document(content: dict[str, Any], each: str) -> None:
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
    source = (checkout / "remediator" / "src" / "request.rs").read_text(encoding="utf-8").split("#[cfg(test)]")[0]
    struct = r"#\[serde\(([^)]*)\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([a-z]+\))? )?struct \w+ \{(.*?)\n\}"
    requests = [body for attributes, body in re.findall(struct, source, re.DOTALL) if 'rename_all = "camelCase"' in attributes]
    assert requests, 'remediator/src/request.rs has no struct with #[serde(rename_all = "camelCase")] any more'
    fields = re.findall(r"^\s*(?:pub(?:\([a-z]+\))? )?(\w+): ", "\n".join(requests), re.MULTILINE)
    camel = {re.sub(r"_(\w)", lambda match: match[1].upper(), field) for field in fields}
    camel |= set(re.findall(r'fields\.remove\("(\w+)"\)', source))
    assert set().union(*PAYLOADS.values()) == camel


@pytest.mark.parametrize("good", ["sg-0aaaaaaaaaaaaaaaa", "sg-01234567", "sg-0123456789abcdef0"])
def test_group_ids_are_taken(content: dict[str, Any], good: str) -> None:
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
            ["acl-01234567", "acl-0123456789abcdef0"],
            ["", "acl-", "sg-0123456789abcdef0", "acl-01234567,acl-01234568"],
        ),
        (
            "CloseDocument",
            "ReplacementCidrs",
            ["10.0.0.0/8", "fd00::/8"],
            ["", "10.0.0.0", "private", "10.0.0.0/8,fd00::/8"],
        ),
    ],
)
def test_patterns(stack: Stack, document: str, parameter: str, good: list[str], bad: list[str]) -> None:
    definition = stack.resources[document]["Content"]["parameters"][parameter]
    pattern = definition["allowedPattern"]
    assert [text for text in good if not re.search(pattern, text)] == []
    # Of the whole: Python's $ also matches before a newline at the end.
    assert [text for text in bad if re.fullmatch(pattern, text)] == []


def test_what_is_done_without_being_asked_for(stack: Stack) -> None:
    assert stack.resources["RestoreDocument"]["Content"]["parameters"]["ExceptionHours"]["default"] == 24
    action = stack.resources["QuarantineDocument"]["Content"]["parameters"]["Action"]
    assert (action["default"], action["allowedValues"]) == ("quarantine", ["quarantine", "release"])


# ---- what depends on parameters of the stack


@pytest.mark.parametrize(
    ("parameters", "allowed", "cidrs"),
    [
        ({}, ["Revoke"], []),
        ({"RemediationStrategy": "Carve"}, ["Revoke", "Carve", "Replace"], []),
        ({"RemediationStrategy": "Replace"}, ["Revoke", "Carve", "Replace"], []),
        (
            {"RemediationStrategy": "Replace", "ReplacementCidrs": "10.0.0.0/8, fd00::/8"},
            ["Revoke", "Carve", "Replace"],
            ["10.0.0.0/8", "fd00::/8"],
        ),
    ],
)
def test_the_strategy_is_that_of_the_stack(
    template: dict[str, Any], parameters: dict[str, str], allowed: list[str], cidrs: list[str]
) -> None:
    stack = Stack(template, **parameters)
    strategy = parameters.get("RemediationStrategy", "Revoke")
    by_hand = stack.resources["CloseDocument"]["Content"]["parameters"]
    assert by_hand["Strategy"]["allowedValues"] == allowed
    assert by_hand["Strategy"]["default"] == strategy
    assert by_hand["ReplacementCidrs"]["default"] == cidrs
    by_config = stack.resources["Remediation"]["Parameters"]
    assert by_config["Strategy"] == {"StaticValue": {"Values": [strategy]}}
    assert by_config.get("ReplacementCidrs") == ({"StaticValue": {"Values": cidrs}} if cidrs else None)


def test_as_many_replacements_as_config_passes_on(document: dict[str, Any]) -> None:
    assert document["parameters"]["ReplacementCidrs"]["maxItems"] == 25


def test_an_approval_comes_first(variant: Stack) -> None:
    steps = variant.resources["CloseDocument"]["Content"]["mainSteps"]
    if not variant.values["ApprovalTopicArn"]:
        assert [step["name"] for step in steps] == ["InvokeRemediator", "VerifyOutcome"]
        return
    assert [step["name"] for step in steps] == ["AskUnlessDryRun", "Approve", "InvokeRemediator", "VerifyOutcome"]
    branch = steps[0]["inputs"]
    assert branch["Choices"] == [{"NextStep": "InvokeRemediator", "Variable": "{{ DryRun }}", "BooleanEquals": True}]
    assert branch["Default"] == "Approve"
    inputs = steps[1]["inputs"]
    assert inputs.keys() == {"NotificationArn", "Message", "MinRequiredApprovals", "Approvers"}
    assert inputs["NotificationArn"] == variant.values["ApprovalTopicArn"]
    assert inputs["Approvers"] == variant.values["Approvers"]
    assert inputs["MinRequiredApprovals"] == 1
    assert variables(inputs["Message"]) == {"SecurityGroupId", "ConfigRuleName", "Strategy", "ReplacementCidrs", "IgnoreHold"}


def test_only_a_closing_waits_for_approval(variant: Stack) -> None:
    for name in ("RestoreDocument", "QuarantineDocument"):
        assert len(variant.resources[name]["Content"]["mainSteps"]) == 2


# ---- the scripts of VerifyOutcome, run as SSM runs them

Verify = Callable[..., dict[str, Any]]


def script(stack: Stack, document: str) -> Verify:
    """The script of a document, as a function of the payload and of what else the step passes."""
    inputs = by_name(stack.resources[document]["Content"])["VerifyOutcome"]["inputs"]
    names: dict[str, Any] = {}
    exec(compile(inputs["Script"], document, "exec"), names)

    def call(payload: Any, dry_run: Any = False, **more: str) -> dict[str, Any]:
        events = {"securityGroupId": GROUP, "dryRun": dry_run, "payload": payload} | more
        assert events.keys() == inputs["InputPayload"].keys()
        return names[inputs["Handler"]](events, None)

    return call


def selectors(stack: Stack, document: str) -> dict[str, str]:
    """Selectors of the outputs of a document's verification, with their types."""
    outputs = by_name(stack.resources[document]["Content"])["VerifyOutcome"]["outputs"]
    return {output["Selector"]: output["Type"] for output in outputs}


def expected_selectors(result: dict[str, Any]) -> dict[str, str]:
    """What they have to be for a result."""
    return {f"$.Payload.{name}": {str: "String", int: "Integer"}[type(value)] for name, value in result.items()}


@pytest.fixture(scope="session")
def verify(stack: Stack) -> Verify:
    return script(stack, "CloseDocument")


@pytest.fixture(scope="session")
def verify_restore(stack: Stack) -> Verify:
    return script(stack, "RestoreDocument")


@pytest.fixture(scope="session")
def verify_quarantine(stack: Stack) -> Verify:
    return script(stack, "QuarantineDocument")


def test_a_script_is_of_a_python_that_ssm_has(content: dict[str, Any]) -> None:
    inputs = by_name(content)["VerifyOutcome"]["inputs"]
    assert inputs["Runtime"] == "python3.11"
    tree = ast.parse(inputs["Script"], feature_version=(3, 11))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"json"}, "SSM has the standard library, and no network to speak of"


UNREADABLE = ["null", "", '"CLOSED"', "[]", "<html>", None]


@pytest.mark.parametrize("payload", UNREADABLE, ids=str)
@pytest.mark.parametrize("action", ["close", "restore", "quarantine", "release"])
def test_what_is_no_answer_fails(request: pytest.FixtureRequest, action: str, payload: Any) -> None:
    with pytest.raises(Exception, match=f"{GROUP} is not verified as .* UNREADABLE"):
        call(request, action, payload)


@pytest.mark.parametrize("action", ["close", "restore", "quarantine", "release"])
@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ('{"errorType":"Partial","errorMessage":"2 of 3 rules"}', "Partial: 2 of 3 rules"),
        ('{"errorMessage":"Task timed out after 120.00 seconds"}', "timed out"),
        ("{}", "the answer is about None"),
        (json.dumps({"status": "NOTHING_TO_DO", "securityGroupId": "sg-0bbbbbbbbbbbbbbbb"}), "about sg-0bbbbbbbbbbbbbbbb"),
        (json.dumps({"status": "DONE", "securityGroupId": GROUP, "message": "what?"}), "DONE: what[?]"),
        (json.dumps({"status": None, "securityGroupId": GROUP}), "None: "),
    ],
)
def test_what_is_not_the_answer_fails(request: pytest.FixtureRequest, action: str, payload: str, words: str) -> None:
    with pytest.raises(Exception, match=f"{GROUP} is not verified as .*{words}"):
        call(request, action, payload)


def call(request: pytest.FixtureRequest, action: str, payload: Any, dry_run: Any = False) -> dict[str, Any]:
    """Runs the script that judges an action."""
    if action == "close":
        return request.getfixturevalue("verify")(payload, dry_run)
    if action == "restore":
        return request.getfixturevalue("verify_restore")(payload, dry_run)
    return request.getfixturevalue("verify_quarantine")(payload, dry_run, action=action)


STATUSES = {
    "close": {"CLOSED", "NOTHING_TO_DO", "EXEMPT", "PLANNED", "PARTIAL", "FAILED"},
    "restore": {"RESTORED", "NOTHING_TO_DO", "PLANNED", "PARTIAL", "FAILED"},
    "quarantine": {"QUARANTINED", "NOTHING_TO_DO", "EXEMPT", "PLANNED", "PARTIAL", "FAILED"},
    "release": {"RELEASED", "NOTHING_TO_DO", "PLANNED", "PARTIAL", "FAILED"},
}
DONE = {"close": "CLOSED", "restore": "RESTORED", "quarantine": "QUARANTINED", "release": "RELEASED"}
# Nothing was to be done, whether or not it is a dry run.
IDLE = {action: statuses & {"NOTHING_TO_DO", "EXEMPT"} for action, statuses in STATUSES.items()}


@pytest.mark.parametrize("dry_run", [False, True, "false", "true", "True"], ids=repr)
@pytest.mark.parametrize(("action", "status"), [(a, s) for a in DONE for s in sorted(set().union(*STATUSES.values()))])
def test_exactly_the_good_ends_succeed(request: pytest.FixtureRequest, action: str, status: str, dry_run: Any) -> None:
    payload = json.dumps({"status": status, "securityGroupId": GROUP, "message": f"{status} it is"})
    dry = str(dry_run).lower() == "true"
    if status in IDLE[action] | {"PLANNED" if dry else DONE[action]}:
        result = call(request, action, payload, dry_run)
        assert (result["status"], result["message"]) == (status, f"{status} it is")
    else:
        with pytest.raises(Exception, match=f"{GROUP} is not verified as .*{status} it is"):
            call(request, action, payload, dry_run)


def answer(status: str, **more: Any) -> str:
    """What the remediator answers."""
    outcome = {
        "status": status,
        "securityGroupId": GROUP,
        "revoked": [],
        "authorized": [],
        "alreadyAbsent": [],
        "notAuthorized": [],
        "remaining": [],
        "snapshot": None,
        "message": f"{status} it is",
    }
    return json.dumps(outcome | more)


def test_the_result_has_every_output(verify: Verify, stack: Stack) -> None:
    result = verify(answer("CLOSED", revoked=[RULE, RULE], alreadyAbsent=[RULE], authorized=[RULE] * 3))
    assert result == {
        "status": "CLOSED",
        "message": "CLOSED it is",
        "revokedCount": 2,
        "authorizedCount": 3,
        "alreadyAbsentCount": 1,
        "snapshot": "",
    }
    assert selectors(stack, "CloseDocument") == expected_selectors(result)


def test_an_answer_that_ssm_has_parsed_already_is_read(verify: Verify) -> None:
    assert verify(json.loads(answer("CLOSED", snapshot="s3://b/k")))["snapshot"] == "s3://b/k"


def test_a_plan_may_say_what_will_remain(verify: Verify) -> None:
    assert verify(answer("PLANNED", remaining=[RULE], notAuthorized=[RULE]), True)["status"] == "PLANNED"


@pytest.mark.parametrize(
    ("payload", "dry_run", "words"),
    [
        (answer("PARTIAL", remaining=[RULE]), False, ["PARTIAL", "PARTIAL it is", "sgr-0123456789abcdef0", "tcp 22", "0.0.0.0/0"]),
        (answer("PARTIAL", remaining=[RULE | {"reason": "EC2 throttles"}]), False, ["0.0.0.0/0): EC2 throttles"]),
        (answer("CLOSED", remaining=[RULE]), False, ["CLOSED", "still open", "sgr-0123456789abcdef0"]),
        (
            answer("CLOSED", notAuthorized=[RULE | {"reason": "the quota is reached"}]),
            False,
            ["CLOSED", "not added", "the quota is reached"],
        ),
        (
            answer("PARTIAL", remaining=[RULE], notAuthorized=[RULE | {"securityGroupRuleId": None, "source": "10.0.0.0/8"}]),
            False,
            ["still open: sgr-0123456789abcdef0", "not added: a rule (tcp 22 from 10.0.0.0/8)"],
        ),
        (answer("Closed"), False, ["Closed"]),
        (answer("PARTIAL", remaining=["sgr-1"]), False, ["sgr-1"]),
        (answer("PARTIAL", remaining=[RULE | {"fromPort": None, "toPort": None, "protocol": "-1"}]), False, ["-1 all ports"]),
        (answer("PARTIAL", remaining=[RULE | {"toPort": 30}]), False, ["22-30"]),
    ],
)
def test_anything_else_fails_and_says_why(verify: Verify, payload: Any, dry_run: bool, words: list[str]) -> None:
    with pytest.raises(Exception, match=GROUP) as caught:
        verify(payload, dry_run)
    for word in words:
        assert word in str(caught.value)


def test_a_long_list_is_cut(verify: Verify, verify_restore: Verify, verify_quarantine: Verify) -> None:
    with pytest.raises(Exception, match=r"still open: .* and 980 more; not added: .* and 1 more"):
        verify(answer("PARTIAL", remaining=[RULE] * 1000, notAuthorized=[RULE] * 21))
    with pytest.raises(Exception, match="and 980 more"):
        verify_restore(answer("PARTIAL", remaining=[RULE] * 1000))
    acls = [{"networkAclId": f"acl-{n}", "left": [{"reason": "full"}] * 10} for n in range(100)]
    with pytest.raises(Exception, match="and 980 more"):
        verify_quarantine(answer("PARTIAL", networkAcls=acls), action="release")


def test_the_result_of_a_restore_has_every_output(verify_restore: Verify, stack: Stack) -> None:
    until = "2026-11-22T10:15:00Z"
    result = verify_restore(answer("RESTORED", authorized=[RULE, RULE], revoked=[RULE], left=[RULE] * 3, exceptionUntil=until))
    assert result == {
        "status": "RESTORED",
        "message": "RESTORED it is",
        "authorizedCount": 2,
        "revokedCount": 1,
        "leftCount": 3,
        "exceptionUntil": until,
    }
    assert selectors(stack, "RestoreDocument") == expected_selectors(result)
    assert verify_restore(answer("RESTORED", exceptionUntil=None))["exceptionUntil"] == ""


def test_a_restore_that_is_not_complete_fails_and_says_why(verify_restore: Verify) -> None:
    remaining = [RULE | {"reason": "the quota is reached"}, "sgr-1"]
    with pytest.raises(Exception, match=r"not restored: tcp 22 from 0\.0\.0\.0/0: the quota is reached, sgr-1"):
        verify_restore(answer("RESTORED", remaining=remaining))
    assert verify_restore(answer("PLANNED", remaining=remaining), True)["status"] == "PLANNED"


def test_the_result_of_a_quarantine_has_every_output(verify_quarantine: Verify, stack: Stack) -> None:
    acls = [
        {"networkAclId": "acl-1", "added": [{}, {}], "removed": [{}], "left": [{"reason": "not ours"}], "snapshot": None},
        {"networkAclId": "acl-2", "added": [{}], "removed": [], "left": [], "snapshot": None},
    ]
    result = verify_quarantine(answer("QUARANTINED", networkAcls=acls), action="quarantine")
    assert result == {"status": "QUARANTINED", "message": "QUARANTINED it is", "addedCount": 3, "removedCount": 1}
    assert selectors(stack, "QuarantineDocument") == expected_selectors(result)


def test_a_quarantine_that_is_not_complete_fails_and_says_why(verify_quarantine: Verify) -> None:
    acls = [{"networkAclId": "acl-1", "left": [{"reason": "the network ACL is full"}, {"ruleNumber": 7}]}]
    with pytest.raises(Exception, match=r"left as it was: acl-1: the network ACL is full, acl-1: .*ruleNumber.*7"):
        verify_quarantine(answer("PARTIAL", networkAcls=acls), action="quarantine")
