"""The script that fails an execution unless its function has completed the action, run as SSM runs it."""

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rendering import Stack

GROUP = "sg-0aaaaaaaaaaaaaaaa"
RULE = {"securityGroupRuleId": "sgr-0123456789abcdef0", "protocol": "tcp", "fromPort": 22, "toPort": 22, "source": "0.0.0.0/0"}

DONE = {"close": "CLOSED", "restore": "RESTORED", "quarantine": "QUARANTINED", "release": "RELEASED"}
# Statuses of success without a change, in a dry run and otherwise.
IDLE = {
    "close": {"NOTHING_TO_DO", "EXEMPT", "DEFERRED"},
    "restore": {"NOTHING_TO_DO"},
    "quarantine": {"NOTHING_TO_DO", "EXEMPT"},
    "release": {"NOTHING_TO_DO"},
}
STATUSES = {*DONE.values(), "NOTHING_TO_DO", "EXEMPT", "DEFERRED", "PLANNED", "PARTIAL", "FAILED"}
DOCUMENT = {
    "close": "CloseDocument",
    "restore": "RestoreDocument",
    "quarantine": "QuarantineDocument",
    "release": "QuarantineDocument",
}

Verify = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def source(checkout: Path) -> str:
    """Text of the script."""
    return (checkout / "cloudformation" / "documents" / "verify_outcome.py").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def verify(source: str) -> Verify:
    """The handler, as a function of the action, the payload and the kind of run."""
    names: dict[str, Any] = {}
    exec(compile(source, "verify_outcome.py", "exec"), names)

    def call(action: str, payload: Any, dry_run: Any = False) -> dict[str, Any]:
        events = {"action": action, "securityGroupId": GROUP, "dryRun": dry_run, "payload": payload}
        return names["verify_outcome"](events, None)

    return call


def answer(status: str, **more: Any) -> str:
    """Answer of a function."""
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


def test_ssm_has_the_python_of_the_script(source: str) -> None:
    tree = ast.parse(source, feature_version=(3, 11))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}
    assert imported == {"json"}, "SSM has the standard library only"
    # SSM would replace it by a value, in the middle of the script.
    assert "{{" not in source


# ---- success and failure


@pytest.mark.parametrize("dry_run", [False, True, "false", "true", "True"], ids=repr)
@pytest.mark.parametrize(("action", "status"), [(action, status) for action in DONE for status in sorted(STATUSES)])
def test_only_the_statuses_of_success_succeed(verify: Verify, action: str, status: str, dry_run: Any) -> None:
    payload = json.dumps({"status": status, "securityGroupId": GROUP, "message": f"{status} it is"})
    planned = str(dry_run).lower() == "true"
    if status in IDLE[action] | {"PLANNED" if planned else DONE[action]}:
        result = verify(action, payload, dry_run)
        assert (result["status"], result["message"]) == (status, f"{status} it is")
    else:
        with pytest.raises(Exception, match=f"{GROUP} is not verified as {DONE[action].lower()}: {status}: {status} it is"):
            verify(action, payload, dry_run)


@pytest.mark.parametrize("action", DONE)
@pytest.mark.parametrize("payload", ["null", "", '"CLOSED"', "[]", "<html>", None, ["CLOSED"]], ids=repr)
def test_an_unreadable_answer_fails(verify: Verify, action: str, payload: Any) -> None:
    with pytest.raises(Exception, match=f"{GROUP} is not verified as .*: UNREADABLE: the .* answered "):
        verify(action, payload)


@pytest.mark.parametrize("action", DONE)
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
def test_an_error_or_an_answer_about_another_group_fails(verify: Verify, action: str, payload: str, words: str) -> None:
    with pytest.raises(Exception, match=f"{GROUP} is not verified as .*{words}"):
        verify(action, payload)


def test_a_status_is_compared_exactly(verify: Verify) -> None:
    with pytest.raises(Exception, match="Closed"):
        verify("close", answer("Closed"))


def test_ssm_may_have_parsed_the_answer(verify: Verify) -> None:
    assert verify("close", json.loads(answer("CLOSED", snapshot="s3://b/k")))["snapshot"] == "s3://b/k"


def test_a_plan_may_leave_rules_open(verify: Verify) -> None:
    assert verify("close", answer("PLANNED", remaining=[RULE], notAuthorized=[RULE]), True)["status"] == "PLANNED"
    assert verify("restore", answer("PLANNED", remaining=[RULE]), True)["status"] == "PLANNED"


# ---- the message of a failure


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (answer("PARTIAL", remaining=[RULE]), ["PARTIAL", "PARTIAL it is", "sgr-0123456789abcdef0", "tcp 22", "0.0.0.0/0"]),
        (answer("PARTIAL", remaining=[RULE | {"reason": "EC2 throttles"}]), ["0.0.0.0/0): EC2 throttles"]),
        (answer("CLOSED", remaining=[RULE]), ["CLOSED", "still open", "sgr-0123456789abcdef0"]),
        (answer("NOTHING_TO_DO", remaining=[RULE]), ["NOTHING_TO_DO", "still open"]),
        (
            answer("CLOSED", notAuthorized=[RULE | {"reason": "the quota is reached"}]),
            ["CLOSED", "not added", "the quota is reached"],
        ),
        (
            answer("PARTIAL", remaining=[RULE], notAuthorized=[RULE | {"securityGroupRuleId": None, "source": "10.0.0.0/8"}]),
            ["still open: sgr-0123456789abcdef0", "not added: a rule (tcp 22 from 10.0.0.0/8)"],
        ),
        (answer("PARTIAL", remaining=["sgr-1"]), ["sgr-1"]),
        (answer("PARTIAL", remaining=[RULE | {"fromPort": None, "toPort": None, "protocol": "-1"}]), ["-1 all ports"]),
        (answer("PARTIAL", remaining=[RULE | {"toPort": 30}]), ["22-30"]),
    ],
)
def test_an_incomplete_closing_names_the_open_rules(verify: Verify, payload: str, words: list[str]) -> None:
    with pytest.raises(Exception, match=f"{GROUP} is not verified as closed: ") as caught:
        verify("close", payload)
    for word in words:
        assert word in str(caught.value)


def test_an_incomplete_restore_names_the_missing_rules(verify: Verify) -> None:
    remaining = [RULE | {"reason": "the quota is reached"}, "sgr-1"]
    with pytest.raises(Exception, match=r"not restored: tcp 22 from 0\.0\.0\.0/0: the quota is reached, sgr-1"):
        verify("restore", answer("RESTORED", remaining=remaining))


def test_an_incomplete_quarantine_names_the_skipped_entries(verify: Verify) -> None:
    acls = [{"networkAclId": "acl-1", "left": [{"reason": "the network ACL is full"}, {"ruleNumber": 7}]}]
    with pytest.raises(Exception, match=r"left as it was: acl-1: the network ACL is full, acl-1: .*ruleNumber.*7"):
        verify("quarantine", answer("PARTIAL", networkAcls=acls))


def test_a_long_list_is_cut(verify: Verify) -> None:
    with pytest.raises(Exception, match=r"still open: .* and 980 more; not added: .* and 1 more"):
        verify("close", answer("PARTIAL", remaining=[RULE] * 1000, notAuthorized=[RULE] * 21))
    with pytest.raises(Exception, match="and 980 more"):
        verify("restore", answer("PARTIAL", remaining=[RULE] * 1000))
    acls = [{"networkAclId": f"acl-{n}", "left": [{"reason": "full"}] * 10} for n in range(100)]
    with pytest.raises(Exception, match="and 980 more"):
        verify("release", answer("PARTIAL", networkAcls=acls))


@pytest.mark.parametrize(
    ("action", "function"), [("close", "remediator"), ("restore", "restorer"), ("quarantine", "quarantine"), ("release", "quarantine")]
)
def test_a_failure_ends_with_the_remedy(verify: Verify, action: str, function: str) -> None:
    with pytest.raises(Exception, match=GROUP) as caught:
        verify(action, answer("PARTIAL", remaining=[RULE]))
    assert str(caught.value).endswith(f"; the log of the {function} has the cause: fix it, and run this document again")
    assert "\n" not in str(caught.value)


# ---- outputs of the step


def outputs(stack: Stack, action: str) -> dict[str, str]:
    """Selectors and types of the outputs of the step that verifies an action."""
    steps = stack.resources[DOCUMENT[action]]["Content"]["mainSteps"]
    (step,) = [step for step in steps if step["action"] == "aws:executeScript"]
    return {output["Selector"]: output["Type"] for output in step["outputs"]}


ACLS = [
    {"networkAclId": "acl-1", "added": [{}, {}], "removed": [{}], "left": [{"reason": "not ours"}], "snapshot": None},
    {"networkAclId": "acl-2", "added": [{}], "removed": [], "left": [], "snapshot": None},
]
UNTIL = "2026-11-22T10:15:00Z"


@pytest.mark.parametrize(
    ("action", "payload", "result"),
    [
        (
            "close",
            answer("CLOSED", revoked=[RULE, RULE], alreadyAbsent=[RULE], authorized=[RULE] * 3),
            {"revokedCount": 2, "authorizedCount": 3, "alreadyAbsentCount": 1, "snapshot": "", "deferredUntil": ""},
        ),
        (
            "restore",
            answer("RESTORED", authorized=[RULE, RULE], revoked=[RULE], left=[RULE] * 3, exceptionUntil=UNTIL),
            {"authorizedCount": 2, "revokedCount": 1, "leftCount": 3, "exceptionUntil": UNTIL},
        ),
        (
            "restore",
            answer("RESTORED", exceptionUntil=None),
            {"authorizedCount": 0, "revokedCount": 0, "leftCount": 0, "exceptionUntil": ""},
        ),
        ("quarantine", answer("QUARANTINED", networkAcls=ACLS), {"addedCount": 3, "removedCount": 1}),
        ("release", answer("RELEASED", networkAcls=ACLS), {"addedCount": 3, "removedCount": 1}),
    ],
)
def test_the_result_is_the_outputs_of_the_step(verify: Verify, stack: Stack, action: str, payload: str, result: dict[str, Any]) -> None:
    status = DONE[action]
    found = verify(action, payload)
    assert found == {"status": status, "message": f"{status} it is"} | result
    types = {str: "String", int: "Integer"}
    assert outputs(stack, action) == {f"$.Payload.{name}": types[type(value)] for name, value in found.items()}


def test_a_deferred_closing_succeeds_and_says_until_when(verify: Verify) -> None:
    found = verify("close", answer("DEFERRED", deferredUntil=UNTIL, closingsPerHour=100))
    assert (found["status"], found["deferredUntil"], found["revokedCount"]) == ("DEFERRED", UNTIL, 0)
    # Nothing else is deferred.
    for action in DONE.keys() - {"close"}:
        with pytest.raises(Exception, match=f"{GROUP} is not verified as .*: DEFERRED"):
            verify(action, answer("DEFERRED", deferredUntil=UNTIL))


def test_every_action_of_a_document_is_known(source: str, stack: Stack) -> None:
    actions = {"close", "restore", *stack.resources["QuarantineDocument"]["Content"]["parameters"]["Action"]["allowedValues"]}
    assert set(re.findall(r'^    "(\w+)": \{', source.split("ACTIONS = {")[1], re.MULTILINE)) == actions
