"""The template of the responder."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import Stack, TemplateLoader

KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:findings"
MODES = ("CloudTrailMode", "InspectorMode", "SecurityHubMode", "SnsMode")
# Calls of the function in each mode but Off, and those that Lambda makes with its role.
READER = {
    "config:DescribeConfigRules",
    "ec2:DescribeManagedPrefixLists",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:GetManagedPrefixListEntries",
    "events:PutEvents",
    "sqs:ChangeMessageVisibility",
    "ssm:GetParameter",
}
PLATFORM = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
# Further ones where something is started.
STARTER = {
    "dynamodb:PutItem",
    "dynamodb:Query",
    "iam:PassRole",
    "ssm:GetAutomationExecution",
    "ssm:StartAutomationExecution",
}


@pytest.fixture(scope="module")
def responder(checkout: Path) -> dict[str, Any]:
    """The template."""
    text = (checkout / "cloudformation" / "responder.yaml").read_text(encoding="utf-8")
    return yaml.load(text, TemplateLoader)


def statements(stack: Stack) -> list[dict[str, Any]]:
    return [one for policy in stack.resources["ResponderRole"]["Policies"] for one in policy["PolicyDocument"]["Statement"]]


def allowed(stack: Stack) -> set[str]:
    actions = [[one["Action"]] if isinstance(one["Action"], str) else one["Action"] for one in statements(stack)]
    return {action for of_statement in actions for action in of_statement}


def resources_of(stack: Stack, action: str) -> list[str]:
    found = [one["Resource"] for one in statements(stack) if action in one["Action"]]
    return sorted(name for one in found for name in ([one] if isinstance(one, str) else one))


def test_the_responder_works_without_a_bus(responder: dict[str, Any]) -> None:
    assert re.fullmatch(responder["Parameters"]["EventBusName"]["AllowedPattern"], "")
    assert allowed(Stack(responder, EventBusName="")) == (READER | PLATFORM) - {"events:PutEvents"}


def test_nothing_is_answered_by_default(responder: dict[str, Any]) -> None:
    assert {name: responder["Parameters"][name]["Default"] for name in MODES} == dict.fromkeys(MODES, "Off")
    stack = Stack(responder)
    assert not [name for name, one in responder["Resources"].items() if one["Type"] == "AWS::Events::Rule" and name in stack.resources]
    assert "Subscription" not in stack.resources
    assert allowed(stack) == READER | PLATFORM


@pytest.mark.parametrize("mode", MODES)
def test_the_function_may_start_documents_only_to_close(responder: dict[str, Any], mode: str) -> None:
    topic = {"SnsTopicArn": TOPIC}
    assert allowed(Stack(responder, **{mode: "Report"}, **topic)) == READER | PLATFORM
    closing = Stack(responder, **{mode: "Close"}, **topic)
    assert allowed(closing) == READER | PLATFORM | STARTER
    for name in resources_of(closing, "ssm:StartAutomationExecution"):
        assert name.endswith("/portcullis-CloseDocument-*")
    (role,) = resources_of(closing, "iam:PassRole")
    assert role.endswith(":role/portcullis-AutomationRole-*")


def test_the_function_may_quarantine_only_as_the_answer_to_a_finding(responder: dict[str, Any]) -> None:
    stack = Stack(responder, InspectorMode="Close", InspectorResponse="NetworkAcl")
    for name in resources_of(stack, "ssm:StartAutomationExecution"):
        assert name.endswith("/portcullis-QuarantineDocument-*")
    (role,) = resources_of(stack, "iam:PassRole")
    assert role.endswith(":role/portcullis-QuarantineAutomationRole-*")
    announcing = Stack(responder, InspectorMode="Close", InspectorResponse="None")
    assert allowed(announcing) == READER | PLATFORM


def test_the_function_can_change_no_group_and_no_network_acl(responder: dict[str, Any]) -> None:
    everything = Stack(responder, **dict.fromkeys(MODES, "Close"), InspectorResponse="NetworkAcl", SnsTopicArn=TOPIC, KmsKeyArn=KEY)
    of_ec2 = {action for action in allowed(everything) if action.startswith("ec2:")}
    assert all(action.startswith(("ec2:Describe", "ec2:Get")) for action in of_ec2), of_ec2
    assert allowed(everything) == READER | PLATFORM | STARTER | {"kms:Decrypt"}


def test_the_names_fit_into_what_cloudformation_makes_of_them(responder: dict[str, Any]) -> None:
    """A role has at most 64 characters: the stack, the logical id, and 12 characters at random, with hyphens."""
    longest = responder["Parameters"]["PortcullisStack"]["MaxLength"]
    assert longest + len("-QuarantineAutomationRole-") + 12 <= 64


def test_the_function_has_the_variables_that_it_reads(responder: dict[str, Any], checkout: Path) -> None:
    variables = set(Stack(responder).resources["ResponderFunction"]["Environment"]["Variables"])
    read = set(re.findall(r'required\("(\w+)"\)', (checkout / "responder" / "src" / "main.rs").read_text(encoding="utf-8")))
    assert variables == (read - {"AWS_REGION"}) | {"STATE_TABLE", "EVENT_BUS"}


def test_a_settle_time_delays_the_queue_and_makes_batches(responder: dict[str, Any]) -> None:
    settled, at_once = Stack(responder).resources, Stack(responder, SettleSeconds="0").resources
    assert (settled["Queue"]["DelaySeconds"], at_once["Queue"]["DelaySeconds"]) == ("30", "0")
    assert settled["ResponderMapping"]["BatchSize"] == 100
    assert settled["ResponderMapping"]["MaximumBatchingWindowInSeconds"] > 0
    assert (at_once["ResponderMapping"]["BatchSize"], at_once["ResponderMapping"]["MaximumBatchingWindowInSeconds"]) == (10, 0)
    assert settled["ResponderMapping"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert settled["Queue"]["VisibilityTimeout"] >= 6 * settled["ResponderFunction"]["Timeout"]


def test_the_alarm_rings_for_the_lines_that_the_function_logs(responder: dict[str, Any], checkout: Path) -> None:
    resources = Stack(responder).resources
    metric, alarm = resources["ProblemsInTheLog"], resources["ResponderProblems"]
    (transformation,) = metric["MetricTransformations"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (transformation["MetricNamespace"], transformation["MetricName"])
    source = "".join((checkout / "responder" / "src" / name).read_text(encoding="utf-8") for name in ("handler.rs", "releases.rs"))
    logged = set(re.findall(r'error!\([^;]*?"([^"]+)"\s*\);', source))
    # Messages that go back to the queue ring once they are in the dead-letter queue.
    logged -= {"security groups not judged", "security group not answered"}
    assert set(re.findall(r'\$\.message = "([^"]+)"', metric["FilterPattern"])) == logged != set()


def test_the_stack_says_what_the_responder_reads(template: dict[str, Any], checkout: Path) -> None:
    parameter = Stack(template).resources["Whereabouts"]
    assert parameter["Name"] == "/portcullis/stacks/portcullis"
    source = (checkout / "responder" / "src" / "whereabouts.rs").read_text(encoding="utf-8")
    fields = re.findall(r"^    pub\(crate\) (\w+):", source, re.MULTILINE)
    camel = {re.sub(r"_(\w)", lambda found: found[1].upper(), name) for name in fields}
    value = yaml.safe_load(parameter["Value"])
    assert set(value) == camel
    assert value["approval"] is False
    approvers = "arn:aws:iam::123456789012:role/security"
    asked = Stack(template, Approvers=approvers, ApprovalTopicArn="arn:aws:sns:eu-central-1:123456789012:AutomationApprovals")
    assert yaml.safe_load(asked.resources["Whereabouts"]["Value"])["approval"] is True
