"""The template of the findings."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import Stack, TemplateLoader

KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
# Calls of the duty `record`, and those that Lambda makes with its role.
RECORDER = {
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "sqs:ChangeMessageVisibility",
    "ssm:GetAutomationExecution",
}
PLATFORM = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}


@pytest.fixture(scope="module")
def findings(checkout: Path) -> dict[str, Any]:
    """The template."""
    text = (checkout / "cloudformation" / "findings.yaml").read_text(encoding="utf-8")
    return yaml.load(text, TemplateLoader)


@pytest.fixture(scope="module")
def stack(findings: dict[str, Any]) -> Stack:
    """The stack with the values that it has by default."""
    return Stack(findings)


def statements(stack: Stack, role: str) -> list[dict[str, Any]]:
    return [one for policy in stack.resources[role]["Policies"] for one in policy["PolicyDocument"]["Statement"]]


def actions(statement: dict[str, Any]) -> list[str]:
    return [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]


def test_cfn_lint_finds_no_fault(checkout: Path) -> None:
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    command = [cfn_lint, "--include-checks", "I", "--", "cloudformation/findings.yaml"]
    run = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_what_both_stacks_ask_for_is_the_same_in_both(findings: dict[str, Any], template: dict[str, Any], checkout: Path) -> None:
    shared = findings["Parameters"].keys() & template["Parameters"].keys()
    for name in shared - {"EventBusName"}:
        ours, theirs = dict(findings["Parameters"][name]), dict(template["Parameters"][name])
        # The stack of the findings has one zip, and other resources to describe.
        for one in (ours, theirs):
            one.pop("Description")
        assert ours == theirs, name
    # The findings need a bus of their own account.
    bus = findings["Parameters"]["EventBusName"]
    assert bus["Default"] == template["Parameters"]["EventBusName"]["Default"]
    assert re.fullmatch(bus["AllowedPattern"], "default")
    for refused in ("", "arn:aws:events:eu-west-1:123456789012:event-bus/security"):
        assert not re.fullmatch(bus["AllowedPattern"], refused)
        assert re.fullmatch(template["Parameters"]["EventBusName"]["AllowedPattern"], refused)
    # scripts/deploy keeps them the same.
    names = re.search(r"for name in (RuleName .*); do", (checkout / "scripts" / "deploy").read_text(encoding="utf-8"))
    assert names
    assert set(names[1].split()) == shared - {"CodeBucket", "Architecture"}


def test_every_parameter_has_a_label_and_a_group(findings: dict[str, Any]) -> None:
    interface = findings["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert sorted(grouped) == sorted(findings["Parameters"]) == sorted(interface["ParameterLabels"])


def test_the_table_is_kept_and_protected(findings: dict[str, Any], stack: Stack) -> None:
    table = findings["Resources"]["FindingTable"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    properties = stack.resources["FindingTable"]
    assert properties["DeletionProtectionEnabled"]
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert "TableName" not in properties, "the name of a retained table would block the next stack"
    assert "SSESpecification" not in properties
    keyed = Stack(findings, KmsKeyArn=KEY).resources["FindingTable"]["SSESpecification"]
    assert keyed == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}


def test_the_table_has_the_keys_and_indexes_that_the_store_asks_for(stack: Stack, checkout: Path) -> None:
    table = stack.resources["FindingTable"]
    source = (checkout / "crates" / "aws-adapters" / "src" / "finding_table" / "item.rs").read_text(encoding="utf-8")
    constants = dict(re.findall(r'const (\w+): &str = "([^"]+)"', source))
    assert [key["AttributeName"] for key in table["KeySchema"]] == [constants["KEY"], constants["PART"]]
    assert table["TimeToLiveSpecification"] == {"AttributeName": constants["EXPIRES"], "Enabled": True}
    store = (checkout / "crates" / "aws-adapters" / "src" / "finding_table.rs").read_text(encoding="utf-8")
    asked = re.findall(r'attribute: "(\w+)"', store)
    assert len(asked) == 3
    for index in table["GlobalSecondaryIndexes"]:
        assert [key["AttributeName"] for key in index["KeySchema"]] == [index["IndexName"], constants["KEY"]]
        assert index["Projection"] == {"ProjectionType": "ALL"}
    assert sorted(index["IndexName"] for index in table["GlobalSecondaryIndexes"]) == sorted(asked)


def test_the_recorder_may_do_what_it_does_and_nothing_else(findings: dict[str, Any], stack: Stack, checkout: Path) -> None:
    allowed = {action for statement in statements(stack, "RecorderRole") for action in actions(statement)}
    assert allowed == RECORDER | PLATFORM
    with_key = Stack(findings, KmsKeyArn=KEY)
    assert {action for one in statements(with_key, "RecorderRole") for action in actions(one)} == allowed | {"kms:Decrypt"}
    adapters = checkout / "crates" / "aws-adapters" / "src"
    sources = "".join((adapters / name).read_text(encoding="utf-8") for name in ("finding_table.rs", "executions.rs", "sqs.rs"))
    named = set(re.findall(r'"((?:dynamodb|sqs|ssm):\w+)"', sources))
    # The command line lists findings; the recorder does not.
    assert named - RECORDER == {"dynamodb:Query"}


def test_no_resource_is_a_wildcard(stack: Stack) -> None:
    for statement in statements(stack, "RecorderRole"):
        if "ssm:GetAutomationExecution" in actions(statement):
            # The ids of executions are not known beforehand.
            assert statement["Resource"] == "arn:aws:ssm:eu-central-1:123456789012:automation-execution/*"
        else:
            assert "Fn::GetAtt" in statement["Resource"], statement


def test_a_queue_takes_the_events_of_this_stack_only(findings: dict[str, Any], stack: Stack) -> None:
    rules = {name for name, one in findings["Resources"].items() if one["Type"] == "AWS::Events::Rule"}
    assert rules == {"PortcullisEvents", "ComplianceChanges", "FailedExecutions"}
    for queue in ("RecordQueue", "DeadLetterQueue"):
        allow, deny = stack.resources[f"{queue}Policy"]["PolicyDocument"]["Statement"]
        assert allow["Principal"] == {"Service": "events.amazonaws.com"}
        sources = allow["Condition"]["ArnEquals"]["aws:SourceArn"]
        assert {source["Fn::GetAtt"][0] for source in sources} == rules
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    for rule in rules:
        (target,) = stack.resources[rule]["Targets"]
        assert target["Arn"] == {"Fn::GetAtt": ["RecordQueue", "Arn"]}
        assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}


def test_only_what_concerns_the_rule_is_recorded(findings: dict[str, Any]) -> None:
    resources = Stack(findings, RuleName="another").resources
    for rule in ("PortcullisEvents", "ComplianceChanges"):
        assert resources[rule]["EventPattern"]["detail"]["configRuleName"] == ["another"]


def test_a_message_is_hidden_for_longer_than_the_function_runs(stack: Stack) -> None:
    queue, function = stack.resources["RecordQueue"], stack.resources["RecorderFunction"]
    # Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    mapping = stack.resources["RecorderMapping"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] <= 10, "one call delays the messages of a batch"


def test_the_function_has_the_variables_that_it_reads(stack: Stack, checkout: Path) -> None:
    sources = [checkout / "reporter" / "src" / "main.rs", checkout / "crates" / "aws-adapters" / "src" / "finding_table.rs"]
    text = "".join(source.read_text(encoding="utf-8") for source in sources)
    read = set(re.findall(r'(?:env::var|required)\("(\w+)"\)', text))
    assert read == set(stack.resources["RecorderFunction"]["Environment"]["Variables"])
