"""Days of grace: who closes, what the functions know, and what is refused."""

from typing import Any

import pytest
from rendering import Stack

FUNCTIONS = ("EvaluatorFunction", "RemediatorFunction", "FollowUpFunction", "ReconcilerFunction")


def grace_days(stack: Stack, function: str) -> str:
    """The days that a function knows; none is 0."""
    return stack.resources[function]["Environment"]["Variables"].get("GRACE_DAYS", "0")


@pytest.mark.parametrize(
    ("mode", "days", "automatic", "known"),
    [("True", "0", True, "0"), ("True", "7", False, "7"), ("False", "7", False, "0"), ("False", "0", False, "0")],
)
def test_either_aws_config_closes_at_once_or_the_follow_up_after_days(
    template: dict[str, Any], mode: str, days: str, automatic: bool, known: str
) -> None:
    stack = Stack(template, RemediationMode=mode, GracePeriodDays=days)
    assert stack.resources["Remediation"]["Automatic"] is automatic
    assert {grace_days(stack, function) for function in FUNCTIONS} == {known}
    # The evaluator has a table only if it has something to read there.
    assert ("STATE_TABLE" in stack.resources["EvaluatorFunction"]["Environment"]["Variables"]) is (known != "0")


def test_the_sweep_gets_the_time_of_its_schedule(template: dict[str, Any]) -> None:
    (target,) = Stack(template).resources["Sweep"]["Targets"]
    assert target["InputTransformer"]["InputPathsMap"] == {"at": "$.time"}
    assert '"at":<at>' in str(target["InputTransformer"]["InputTemplate"])


def test_what_is_due_is_closed_by_the_parameters_of_the_stack(template: dict[str, Any]) -> None:
    # The follow-up passes neither strategy nor sources.
    stack = Stack(template, RemediationStrategy="Replace", ReplacementCidrs="10.0.0.0/8")
    parameters = stack.resources["CloseDocument"]["Content"]["parameters"]
    assert (parameters["Strategy"]["default"], parameters["ReplacementCidrs"]["default"]) == ("Replace", "10.0.0.0/8")
    assert parameters["OnlyDue"]["default"] == "false"
