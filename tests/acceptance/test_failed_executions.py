"""Executions that fail reach the queue that the alarm `ExecutionFailures` watches. CloudWatch itself is not in the local cloud."""

import contextlib
import json

import pytest
from local_cloud import wait_for
from portcullis import open_to, outcome

pytestmark = pytest.mark.documents

WORLD = "0.0.0.0/0"
# Document: the role of its executions.
ROLES = {"Close": "AutomationRole", "Restore": "RestoreAutomationRole", "Quarantine": "QuarantineAutomationRole"}


@contextlib.contextmanager
def powerless(portcullis, role: str):
    """The role without its only permission, which is to invoke the function of its document."""
    iam, name = portcullis.cloud.client("iam"), portcullis.resource(role)
    policy = iam.get_role_policy(RoleName=name, PolicyName="automation")["PolicyDocument"]
    iam.delete_role_policy(RoleName=name, PolicyName="automation")
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=name, PolicyName="automation", PolicyDocument=json.dumps(policy))


@pytest.fixture
def heard(portcullis):
    """Executions that reached the queue since the test began."""
    portcullis.alarmed()
    found: dict[str, str] = {}

    def executions() -> dict[str, str]:
        found.update(portcullis.alarmed())
        return found

    return executions


@pytest.mark.parametrize("document", ROLES)
def test_the_alarm_hears_of_an_execution_that_does_not_reach_its_function(portcullis, heard, document):
    group = portcullis.cloud.group(f"powerless-{document.lower()}", open_to(WORLD))
    portcullis.cloud.settle()
    mark = portcullis.cloud.mark()
    with powerless(portcullis, ROLES[document]):
        failed = portcullis.run(document, group)
    assert failed["AutomationExecutionStatus"] == "Failed"
    assert "lambda:InvokeFunction" in failed["FailureMessage"]
    # So neither the errors of the function nor its log say anything.
    for role in ("RemediatorRole", "RestorerRole", "QuarantineRole"):
        assert portcullis.calls(role, mark) == []
    wait_for("the event", heard)
    assert heard() == {failed["AutomationExecutionId"]: "Failed"}
    assert portcullis.sources(group) == {WORLD}


def test_the_alarm_hears_of_nothing_else(portcullis, heard):
    group = portcullis.cloud.group("closed-without-an-alarm", open_to(WORLD))
    portcullis.cloud.settle()
    assert outcome(portcullis.close(group)) == "CLOSED"
    # The event of a later execution comes after those of the closing, if there are any.
    with powerless(portcullis, "AutomationRole"):
        failed = portcullis.close(group)
    wait_for("the event", heard)
    assert heard() == {failed["AutomationExecutionId"]: "Failed"}
