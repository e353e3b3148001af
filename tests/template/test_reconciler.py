"""What the reporter does in one account: the reconciler with its table and its alarm, and the function that looks up contexts."""

import re
from pathlib import Path
from typing import Any

from rendering import Stack, variables_of

KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"


def test_the_function_has_the_variables_that_it_reads(template: dict[str, Any], checkout: Path) -> None:
    function = Stack(template).resources["ReconcilerFunction"]
    assert function["Code"]["S3Key"] == "reporter.zip"
    assert function["Environment"]["Variables"]["DUTY"] == "account-sweep"
    read = variables_of(checkout, ("account_sweep", "origin", "grace_days"), "state_table.rs", "event_bridge.rs")
    assert set(function["Environment"]["Variables"]) == read


def test_the_table_has_the_keys_that_the_adapter_writes(template: dict[str, Any], checkout: Path) -> None:
    table = Stack(template).resources["StateTable"]
    source = (checkout / "crates" / "aws-adapters" / "src" / "closing_table" / "wire.rs").read_text(encoding="utf-8")
    constants = dict(re.findall(r'^pub\(crate\) const (\w+): &str = "(\w+)"', source, re.MULTILINE))
    assert [key["AttributeName"] for key in table["KeySchema"]] == [constants["PARTITION"], constants["ID"]]
    assert table["TimeToLiveSpecification"] == {"AttributeName": constants["EXPIRES"], "Enabled": True}


def test_the_table_costs_nothing_while_it_is_not_used(template: dict[str, Any]) -> None:
    table = Stack(template).resources["StateTable"]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert "PointInTimeRecoverySpecification" not in table
    assert "SSESpecification" not in table, "a key of the account is charged"
    keyed = Stack(template, KmsKeyArn=KEY).resources["StateTable"]["SSESpecification"]
    assert keyed == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}
    assert "TableName" not in table, "CloudFormation cannot replace a table with a name"


def test_what_can_be_made_anew_goes_with_the_stack(template: dict[str, Any]) -> None:
    table = template["Resources"]["StateTable"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Delete", "Delete")


def test_a_sweep_ends_before_the_next_begins(template: dict[str, Any]) -> None:
    resources = Stack(template).resources
    assert resources["AccountSweep"]["ScheduleExpression"] == "rate(1 hour)"
    assert resources["ReconcilerFunction"]["Timeout"] <= 15 * 60


def test_the_alarm_rings_for_the_lines_that_the_sweep_logs(template: dict[str, Any], checkout: Path) -> None:
    resources = Stack(template).resources
    metric, alarm = resources["ProblemsOfTheSweep"], resources["ReconcilerProblems"]
    (transformation,) = metric["MetricTransformations"]
    assert (alarm["Namespace"], alarm["MetricName"]) == (transformation["MetricNamespace"], transformation["MetricName"])
    assert alarm["Period"] >= 2 * 60 * 60, "a sweep an hour repeats what it finds"
    source = (checkout / "reporter" / "src" / "account_sweep" / "mod.rs").read_text(encoding="utf-8")
    logged = set(re.findall(r'error!\([^;]*?"([^"]+)"\s*\);', source))
    assert set(re.findall(r'\$\.message = "([^"]+)"', metric["FilterPattern"])) == logged != set()


# ---- context


def test_nothing_is_looked_up_by_default(template: dict[str, Any]) -> None:
    for stack in (Stack(template), Stack(template, Context="True", EventBusName="")):
        assert not [name for name in stack.resources if name.startswith(("Context", "OpenGroups"))]


def test_the_context_function_has_the_variables_that_it_reads(template: dict[str, Any], checkout: Path) -> None:
    function = Stack(template, Context="True", OwnerTagKey="team").resources["ContextFunction"]
    assert function["Code"]["S3Key"] == "reporter.zip"
    variables = function["Environment"]["Variables"]
    assert (variables["DUTY"], variables["OWNER_TAG"]) == ("context", "team")
    assert set(variables) == variables_of(checkout, ("context", "origin"), "state_table.rs", "event_bridge.rs")


def test_only_open_groups_of_this_rule_and_account_are_looked_up(template: dict[str, Any]) -> None:
    resources = Stack(template, Context="True").resources
    assert resources["OpenGroups"]["EventPattern"] == {
        "source": ["portcullis"],
        "detail-type": ["Portcullis Assessment"],
        "account": ["123456789012"],
        "detail": {"configRuleName": [{"Ref": "ConfigRule"}], "compliance": ["NON_COMPLIANT"]},
    }
    allow, _ = resources["ContextQueuePolicy"]["PolicyDocument"]["Statement"]
    assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["OpenGroups", "Arn"]}}}


def test_a_message_waits_for_longer_than_the_function_runs(template: dict[str, Any]) -> None:
    resources = Stack(template, Context="True").resources
    # Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    assert resources["ContextQueue"]["VisibilityTimeout"] >= 6 * resources["ContextFunction"]["Timeout"]
    mapping = resources["ContextMapping"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] <= 10, "one call announces the groups of a batch"
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
