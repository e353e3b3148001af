"""Bounds of AWS that cfn-lint does not check: it accepts 99 attempts, and any text for RESOURCE_ID."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rendering import Stack

DOCUMENTS = {
    # Document: its function, and the step that invokes it.
    "CloseDocument": ("RemediatorFunction", "InvokeRemediator"),
    "RestoreDocument": ("RestorerFunction", "InvokeRestorer"),
    "QuarantineDocument": ("QuarantineFunction", "InvokeQuarantine"),
}
APPROVAL = {
    "Approvers": "arn:aws:iam::123456789012:role/security",
    "ApprovalTopicArn": "arn:aws:sns:eu-central-1:123456789012:Automation-approvals",
}

Resources = dict[str, dict[str, Any]]


def one_of_type(template: dict[str, Any], kind: str) -> dict[str, Any]:
    """Properties of the only resource of a type."""
    found = [resource for resource in template["Resources"].values() if resource["Type"] == kind]
    assert len(found) == 1
    return found[0]["Properties"]


def test_the_remediation_gives_up_within_its_window(template: dict[str, Any], document: dict[str, Any]) -> None:
    remediation = one_of_type(template, "AWS::Config::RemediationConfiguration")
    attempts, window = remediation["MaximumAutomaticAttempts"], remediation["RetryAttemptSeconds"]
    assert 1 <= attempts <= 25
    assert 1 <= window <= 2_678_000
    longest_run = sum(step["timeoutSeconds"] * step["maxAttempts"] for step in document["mainSteps"])
    assert window >= 2 * longest_run, "failures further apart than the window never add up"


def test_the_remediation_of_two_thousand_open_groups_leaves_capacity_to_others(template: dict[str, Any]) -> None:
    controls = one_of_type(template, "AWS::Config::RemediationConfiguration")["ExecutionControls"]["SsmControls"]
    # A share of the non-compliant groups, not of the executions that Systems Manager runs.
    at_once = 2_000 * controls["ConcurrentExecutionRatePercentage"] // 100
    # EC2's bucket of revocations, and its refill in the ten seconds of a closing.
    assert 1 <= at_once <= 50
    assert at_once / 10 <= 5
    # Executions of the account and region.
    assert at_once <= 100 // 2


def test_groups_that_cannot_be_closed_do_not_keep_others_open(template: dict[str, Any]) -> None:
    remediation = one_of_type(template, "AWS::Config::RemediationConfiguration")
    assert remediation["ExecutionControls"]["SsmControls"]["ErrorPercentage"] == 100
    # What ends the attempts instead.
    assert remediation["MaximumAutomaticAttempts"] <= 3


def test_the_template_and_its_documents_are_not_too_large(checkout: Path, stack: Stack) -> None:
    # Uploaded through S3, as scripts/deploy and the console do; inline it would be 51,200 bytes.
    # Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    assert (checkout / "cloudformation" / "portcullis.yaml").stat().st_size <= 1_000_000
    for name in DOCUMENTS:
        # With the parameters of an execution.
        # Source: https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-creating-content.html
        assert len(json.dumps(stack.resources[name]["Content"])) <= 64 * 1024 // 2, name


@pytest.mark.parametrize("strategy", [{}, {"RemediationStrategy": "Replace", "ReplacementCidrs": "10.0.0.0/8,fd00::/8"}], ids=str)
def test_remediation_parameters_have_exactly_one_kind_of_value(template: dict[str, Any], strategy: dict[str, str]) -> None:
    parameters = Stack(template, **strategy).resources["Remediation"]["Parameters"]
    assert len(parameters) <= 25
    for name, value in parameters.items():
        assert len(value) == 1, name
        match value:
            case {"ResourceValue": resource}:
                assert resource == {"Value": "RESOURCE_ID"}
            case {"StaticValue": {"Values": values}}:
                assert 1 <= len(values) <= 25
                assert all(isinstance(text, dict) or 1 <= len(text) <= 256 for text in values), name
            case _:
                pytest.fail(f"{name}: neither ResourceValue nor StaticValue: {value}")


def test_static_values_that_are_parameters_fit(template: dict[str, Any]) -> None:
    # The other values are generated names, and ARNs of generated roles: 64 characters and a prefix.
    assert template["Parameters"]["RuleName"]["MaxLength"] <= 256


def test_automatic_is_a_boolean_and_no_string(template: dict[str, Any]) -> None:
    automatic = one_of_type(template, "AWS::Config::RemediationConfiguration")["Automatic"]
    assert automatic == {"Fn::If": ["RemediatesAtOnce", True, False]}
    assert template["Conditions"]["RemediatesAutomatically"] == {"Fn::Equals": [{"Ref": "RemediationMode"}, "True"]}
    assert template["Parameters"]["RemediationMode"]["AllowedValues"] == ["True", "False"]


def test_automatic_remediation_has_the_required_role(template: dict[str, Any]) -> None:
    parameters = one_of_type(template, "AWS::Config::RemediationConfiguration")["Parameters"]
    assert parameters["AutomationAssumeRole"] == {"StaticValue": {"Values": [{"Fn::GetAtt": ["AutomationRole", "Arn"]}]}}


@pytest.mark.parametrize(("name", "function", "step"), [(name, *rest) for name, rest in DOCUMENTS.items()])
def test_a_function_ends_before_its_step(stack: Stack, name: str, function: str, step: str) -> None:
    (invoke,) = [one for one in stack.resources[name]["Content"]["mainSteps"] if one["name"] == step]
    assert stack.resources[function]["Timeout"] < invoke["timeoutSeconds"] <= 300
    assert 1 <= invoke["maxAttempts"] <= 2


def test_scripts_have_a_timeout_that_ssm_allows(stack: Stack) -> None:
    for name in DOCUMENTS:
        (verify,) = [step for step in stack.resources[name]["Content"]["mainSteps"] if step["action"] == "aws:executeScript"]
        assert verify["timeoutSeconds"] <= 600


def test_every_step_aborts_on_failure(template: dict[str, Any]) -> None:
    stack = Stack(template, **APPROVAL)
    for name in DOCUMENTS:
        for step in stack.resources[name]["Content"]["mainSteps"]:
            assert step["onFailure"] == "Abort", step["name"]
            assert step.get("isCritical", True) is True, step["name"]


def test_an_approval_times_out_after_a_week_at_most(template: dict[str, Any]) -> None:
    _, approve, *_ = Stack(template, **APPROVAL).resources["CloseDocument"]["Content"]["mainSteps"]
    assert approve["action"] == "aws:approve"
    assert approve["timeoutSeconds"] <= 7 * 24 * 3600


def test_the_rule_stays_within_the_limits_of_config(template: dict[str, Any]) -> None:
    rule = one_of_type(template, "AWS::Config::ConfigRule")
    assert template["Parameters"]["RuleName"]["MaxLength"] == 128
    assert template["Parameters"]["Description"]["MaxLength"] == 256
    assert rule["Source"]["Owner"] == "CUSTOM_LAMBDA"
    details = [detail["Fn::If"] for detail in rule["Source"]["SourceDetails"]]
    assert {(condition, detail["MessageType"]) for condition, detail, _ in details} == {
        ("OnChange", "ConfigurationItemChangeNotification"),
        ("OnChange", "OversizedConfigurationItemChangeNotification"),
        ("OnSchedule", "ScheduledNotification"),
    }
    for _, detail, otherwise in details:
        assert ("MaximumExecutionFrequency" in detail) == (detail["MessageType"] == "ScheduledNotification")
        assert otherwise == {"Ref": "AWS::NoValue"}


def test_the_rule_is_created_after_its_permission(template: dict[str, Any]) -> None:
    assert "EvaluatorPermission" in template["Resources"]["ConfigRule"]["DependsOn"]
    permission = template["Resources"]["EvaluatorPermission"]["Properties"]
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}
    assert "SourceArn" not in permission, "the ARN of the rule would make a circular dependency"


def test_failed_events_are_kept_for_replay(resources: Resources) -> None:
    retries = resources["EvaluatorRetries"]
    assert retries["MaximumRetryAttempts"] == 2
    assert 60 <= retries["MaximumEventAgeInSeconds"] <= 21600
    assert resources["EvaluatorFunction"]["DeadLetterConfig"] == {"TargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}
    assert resources["DeadLetterQueue"]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_every_function_writes_to_a_log_group_of_the_stack(template: dict[str, Any]) -> None:
    groups = {name for name, resource in template["Resources"].items() if resource["Type"] == "AWS::Logs::LogGroup"}
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Function":
            assert resource["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] in groups, name


@pytest.mark.parametrize(
    ("namespace", "metric", "source"),
    [
        ("AWS/Lambda", "Errors", "EvaluatorFunction"),
        ("AWS/Lambda", "Errors", "RemediatorFunction"),
        ("AWS/Lambda", "Throttles", "EvaluatorFunction"),
        ("AWS/Lambda", "Throttles", "RemediatorFunction"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "DeadLetterQueue"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "FailedExecutionQueue"),
    ],
)
def test_every_kind_of_failure_has_an_alarm(template: dict[str, Any], namespace: str, metric: str, source: str) -> None:
    alarms = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::CloudWatch::Alarm"]
    found = [a for a in alarms if (a["Namespace"], a["MetricName"]) == (namespace, metric) and source in str(a["Dimensions"])]
    assert len(found) == 1
    assert found[0]["AlarmActions"]["Fn::If"][0] == "HasAlarmTopic"


def test_the_alarm_for_executions_hears_of_each_document_and_of_each_way_to_fail(template: dict[str, Any], resources: Resources) -> None:
    rule = resources["FailedExecutions"]
    # AWS puts its own events on the default bus, whatever EventBusName is.
    assert "EventBusName" not in rule
    pattern = rule["EventPattern"]
    assert pattern["source"] == ["aws.ssm"]
    assert pattern["detail-type"] == ["EC2 Automation Execution Status-change Notification"]
    # Cancelled is what an operator does.
    assert pattern["detail"]["Status"] == ["Failed", "TimedOut", "Rejected"]
    documents = [name for name, one in template["Resources"].items() if one["Type"] == "AWS::SSM::Document"]
    assert documents == list(DOCUMENTS)
    assert pattern["detail"]["Definition"] == [{"wildcard": {"Fn::Sub": f"*${{{name}}}"}} for name in documents]
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["FailedExecutionQueue", "Arn"]}


def test_the_queue_of_failed_executions_admits_its_rule_and_forgets(resources: Resources) -> None:
    allow, _ = resources["FailedExecutionQueuePolicy"]["PolicyDocument"]["Statement"]
    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["FailedExecutions", "Arn"]}}}
    queue, alarm = resources["FailedExecutionQueue"], resources["ExecutionFailures"]
    # The metrics of an idle queue may be 15 minutes late; nobody empties the queue.
    assert 15 * 60 + 2 * alarm["Period"] <= queue["MessageRetentionPeriod"] <= 2 * 60 * 60
    # A key of the operator's that does not admit EventBridge would silence the alarm.
    assert queue["SqsManagedSseEnabled"] is True
    assert "KmsMasterKeyId" not in queue


def test_the_queue_has_either_a_key_or_the_encryption_of_sqs(resources: Resources) -> None:
    queue = resources["DeadLetterQueue"]
    no_value = {"Ref": "AWS::NoValue"}
    assert queue["SqsManagedSseEnabled"] == {"Fn::If": ["HasKey", no_value, True]}
    assert queue["KmsMasterKeyId"] == {"Fn::If": ["HasKey", {"Ref": "KmsKeyArn"}, no_value]}


def test_arns_use_the_partition_of_the_stack(checkout: Any) -> None:
    text = (checkout / "cloudformation" / "portcullis.yaml").read_text(encoding="utf-8")
    body = text[text.index("\nResources:") :]
    # The patterns of parameters name every partition.
    assert re.findall(r"arn:aws:[^\s]*", body) == []
    assert re.findall(r"amazonaws\.com(?:\.cn)?/", body) == []
