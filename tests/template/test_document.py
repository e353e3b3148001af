"""The SSM document: its parameters, what it sends to the remediator, and how it judges the answer."""

import ast
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GROUP = "sg-0aaaaaaaaaaaaaaaa"
RULE = {"securityGroupRuleId": "sgr-0123456789abcdef0", "protocol": "tcp", "fromPort": 22, "toPort": 22, "source": "0.0.0.0/0"}


def variables(node: Any) -> set[str]:
    """Names in {{ }} anywhere below a node."""
    if isinstance(node, dict):
        return set().union(*map(variables, node.values()))
    if isinstance(node, list):
        return set().union(*map(variables, node))
    return set(re.findall(r"\{\{\s*([^}\s]+)\s*\}\}", node)) if isinstance(node, str) else set()


def test_config_gives_only_parameters_that_the_document_has(document: dict[str, Any], resources: dict[str, dict[str, Any]]) -> None:
    given = resources["Remediation"]["Parameters"].keys()
    known = document["parameters"]
    assert given <= known.keys(), "an unknown name makes the start of every execution fail"
    required = {name for name, parameter in known.items() if "default" not in parameter}
    assert required <= given
    assert required == {"SecurityGroupId"}, "who runs the document by hand names a group, and nothing else"


def test_parameters_are_described_and_checked(document: dict[str, Any]) -> None:
    for name, parameter in document["parameters"].items():
        assert parameter["description"].startswith(("(Required) ", "(Optional) ")), name
        assert ("default" not in parameter) == parameter["description"].startswith("(Required) "), name
        assert "allowedPattern" in parameter or "allowedValues" in parameter, name


def test_parameters_are_used(document: dict[str, Any]) -> None:
    used = variables(document["mainSteps"]) | variables(document["assumeRole"])
    assert document["parameters"].keys() <= used


def test_variables_exist(document: dict[str, Any]) -> None:
    system = {"automation:EXECUTION_ID"}
    # What aws:invokeLambdaFunction always has; it refuses these names under outputs.
    known = document["parameters"].keys() | system | {"InvokeRemediator.Payload"}
    for step in document["mainSteps"]:
        known |= {f"{step['name']}.{output['Name']}" for output in step.get("outputs", [])}
    assert variables(document["mainSteps"]) <= known
    assert set(document["outputs"]) <= known


def test_steps_lead_to_one_another(document: dict[str, Any]) -> None:
    steps = document["mainSteps"]
    for step, following in itertools.pairwise(steps):
        assert step["nextStep"] == following["name"]
    assert steps[-1]["isEnd"] is True
    assert all(re.fullmatch(r"[A-Za-z0-9_]{3,128}", step["name"]) for step in steps)


def test_the_payload_has_the_fields_of_the_request(checkout: Path, steps: dict[str, dict[str, Any]]) -> None:
    source = (checkout / "remediator" / "src" / "request.rs").read_text(encoding="utf-8")
    struct = re.search(r"#\[serde\(([^)]*)\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([a-z]+\))? )?struct Request \{(.*?)\n\}", source, re.DOTALL)
    assert struct, "remediator/src/request.rs has no `struct Request` with #[serde(...)] any more"
    assert 'rename_all = "camelCase"' in struct[1]
    fields = re.findall(r"^\s*(?:pub(?:\([a-z]+\))? )?(\w+): ", struct[2], re.MULTILINE)
    camel = {re.sub(r"_(\w)", lambda match: match[1].upper(), field) for field in fields}
    assert steps["InvokeRemediator"]["inputs"]["InputPayload"].keys() == camel


def test_the_payload_asks_for_a_closing(steps: dict[str, dict[str, Any]]) -> None:
    payload = steps["InvokeRemediator"]["inputs"]["InputPayload"]
    assert payload["action"] == "close"
    assert payload["securityGroupId"] == "{{ SecurityGroupId }}"
    assert steps["InvokeRemediator"]["inputs"]["InvocationType"] == "RequestResponse"


@pytest.mark.parametrize("good", ["sg-0aaaaaaaaaaaaaaaa", "sg-01234567", "sg-0123456789abcdef0"])
def test_group_ids_are_taken(document: dict[str, Any], good: str) -> None:
    assert re.search(document["parameters"]["SecurityGroupId"]["allowedPattern"], good)


@pytest.mark.parametrize("bad", ["", "sg-", "sg-0123", "sg-0123456789ABCDEF0", "sgr-0123456789abcdef0", "sg-0aaaaaaaaaaaaaaaa ", "*"])
def test_other_ids_are_refused(document: dict[str, Any], bad: str) -> None:
    assert not re.search(document["parameters"]["SecurityGroupId"]["allowedPattern"], bad)


def test_rule_names_are_checked_as_those_of_the_stack(document: dict[str, Any], template: dict[str, Any]) -> None:
    rule = template["Parameters"]["RuleName"]
    pattern = document["parameters"]["ConfigRuleName"]["allowedPattern"]
    for name in ["portcullis", "a", "Rule_1-b", "a" * 128, "", "-a", "a b", "a" * 129]:
        wanted = bool(re.search(rule["AllowedPattern"], name)) and len(name) <= rule["MaxLength"]
        assert bool(re.search(pattern, name)) == wanted, name


# ---- the script of VerifyOutcome, run as SSM runs it

Verify = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def verify(steps: dict[str, dict[str, Any]]) -> Verify:
    inputs = steps["VerifyOutcome"]["inputs"]
    names: dict[str, Any] = {}
    exec(compile(inputs["Script"], "VerifyOutcome", "exec"), names)

    def call(payload: Any, dry_run: Any = False) -> dict[str, Any]:
        events = {"securityGroupId": GROUP, "dryRun": dry_run, "payload": payload}
        assert events.keys() == inputs["InputPayload"].keys()
        return names[inputs["Handler"]](events, None)

    return call


def answer(status: str, **more: Any) -> str:
    """What the remediator answers."""
    outcome = {
        "status": status,
        "securityGroupId": GROUP,
        "revoked": [],
        "authorized": [],
        "alreadyAbsent": [],
        "remaining": [],
        "snapshot": None,
        "message": f"{status} it is",
    }
    return json.dumps(outcome | more)


def test_the_script_is_of_a_python_that_ssm_has(steps: dict[str, dict[str, Any]]) -> None:
    inputs = steps["VerifyOutcome"]["inputs"]
    assert inputs["Runtime"] == "python3.11"
    tree = ast.parse(inputs["Script"], feature_version=(3, 11))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported == {"json"}, "SSM has the standard library, and no network to speak of"


@pytest.mark.parametrize(
    ("status", "dry_run"),
    [
        ("CLOSED", False),
        ("NOTHING_TO_DO", False),
        ("EXEMPT", False),
        ("PLANNED", True),
        ("NOTHING_TO_DO", True),
        ("EXEMPT", True),
        ("PLANNED", "true"),
        ("CLOSED", "False"),
    ],
)
def test_good_ends_succeed(verify: Verify, status: str, dry_run: Any) -> None:
    assert verify(answer(status), dry_run)["status"] == status


def test_the_result_has_every_output(verify: Verify, steps: dict[str, dict[str, Any]]) -> None:
    result = verify(answer("CLOSED", revoked=[RULE, RULE], alreadyAbsent=[RULE]))
    assert result == {"status": "CLOSED", "message": "CLOSED it is", "revokedCount": 2, "alreadyAbsentCount": 1, "snapshot": ""}
    selectors = {output["Selector"]: output["Type"] for output in steps["VerifyOutcome"]["outputs"]}
    kinds = {str: "String", int: "Integer"}
    assert selectors == {f"$.Payload.{name}": kinds[type(value)] for name, value in result.items()}


def test_an_answer_that_ssm_has_parsed_already_is_read(verify: Verify) -> None:
    assert verify(json.loads(answer("CLOSED", snapshot="s3://b/k")))["snapshot"] == "s3://b/k"


@pytest.mark.parametrize(
    ("payload", "dry_run", "words"),
    [
        (answer("PARTIAL", remaining=[RULE]), False, ["PARTIAL", "PARTIAL it is", "sgr-0123456789abcdef0", "tcp 22", "0.0.0.0/0"]),
        (answer("PARTIAL", remaining=[RULE | {"reason": "EC2 throttles"}]), False, ["0.0.0.0/0): EC2 throttles"]),
        (answer("FAILED"), False, ["FAILED", "FAILED it is"]),
        (answer("CLOSED", remaining=[RULE]), False, ["CLOSED", "still open", "sgr-0123456789abcdef0"]),
        (answer("PLANNED"), False, ["PLANNED"]),
        (answer("CLOSED"), True, ["CLOSED"]),
        (answer("CLOSED", securityGroupId="sg-0bbbbbbbbbbbbbbbb"), False, ["sg-0bbbbbbbbbbbbbbbb"]),
        (answer("Closed"), False, ["Closed"]),
        ('{"errorType":"Partial","errorMessage":"2 of 3 rules"}', False, ["Partial", "2 of 3 rules"]),
        ('{"errorMessage":"Task timed out after 120.00 seconds"}', False, ["timed out"]),
        ("{}", False, ["None"]),
        ("null", False, ["UNREADABLE"]),
        ("", False, ["UNREADABLE"]),
        ('"CLOSED"', False, ["UNREADABLE"]),
        ("[]", False, ["UNREADABLE"]),
        ("<html>", False, ["UNREADABLE", "<html>"]),
        (None, False, ["UNREADABLE"]),
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


def test_a_long_list_is_cut(verify: Verify) -> None:
    with pytest.raises(Exception, match="and 980 more"):
        verify(answer("PARTIAL", remaining=[RULE] * 1000))
