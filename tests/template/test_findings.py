"""The template of the findings."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import Stack, TemplateLoader

KEY = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:slack-AbCdEf"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:findings"
# Calls of the duty `record`, and those that Lambda makes with its role.
RECORDER = {
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "sqs:ChangeMessageVisibility",
    "ssm:GetAutomationExecution",
}
# Further ones if somebody is told: of the recorder, and of the two functions that exist then.
ROUTED = {"sqs:SendMessage", "s3:GetObject", "ssm:GetParameter"}
SWEEPER = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"} | ROUTED
# The sweep counts nothing, and what waits for a burst ends with the burst.
NOTIFIER = {
    "dynamodb:BatchWriteItem",
    "dynamodb:UpdateItem",
    "securityhub:BatchImportFindings",
    "sqs:ChangeMessageVisibility",
} | SWEEPER
REPORT = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "s3:PutObject", "sqs:SendMessage"}
# By parameters.
OF_CHANNELS = {"secretsmanager:GetSecretValue", "sns:Publish"}
FUNCTIONS = ("RecorderFunction", "NotifierFunction", "SweeperFunction")
# Functions of the same program in the stack of the account.
OF_ACCOUNT = ("ReconcilerFunction", "ContextFunction", "FollowUpFunction")
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


@pytest.fixture(scope="module")
def routed(findings: dict[str, Any]) -> Stack:
    """The stack with channels of all kinds."""
    return Stack(
        findings,
        RoutingDocument="ssm:/portcullis/routing",
        ChannelSecretArns=f"{SECRET},{SECRET}2",
        ChannelTopicArns=TOPIC,
        Dashboard="True",
    )


@pytest.fixture(scope="module")
def reporting(findings: dict[str, Any]) -> Stack:
    """The stack with reports, and no channel."""
    return Stack(findings, ReportBucket="reports", RuleName="ports")


def statements(stack: Stack, role: str) -> list[dict[str, Any]]:
    return [one for policy in stack.resources[role]["Policies"] for one in policy["PolicyDocument"]["Statement"]]


def actions(statement: dict[str, Any]) -> list[str]:
    return [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]


def test_there_are_no_findings_without_a_bus(findings: dict[str, Any], template: dict[str, Any]) -> None:
    assert not re.fullmatch(findings["Parameters"]["EventBusName"]["AllowedPattern"], "")
    assert re.fullmatch(template["Parameters"]["EventBusName"]["AllowedPattern"], "")


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
    # The command line lists findings; the recorder does not. It sends only if there is somebody to tell. The responder starts.
    assert named - RECORDER == {"dynamodb:Query", "sqs:SendMessage", "ssm:StartAutomationExecution"}


def test_those_who_tell_may_do_what_they_do_and_nothing_else(findings: dict[str, Any], routed: Stack) -> None:
    def allowed(stack: Stack, role: str) -> set[str]:
        return {action for statement in statements(stack, role) for action in actions(statement)}

    assert allowed(routed, "RecorderRole") == RECORDER | PLATFORM | ROUTED
    assert allowed(routed, "NotifierRole") == NOTIFIER | OF_CHANNELS | PLATFORM
    # Lambda invokes the sweeper without a queue.
    assert allowed(routed, "SweeperRole") == SWEEPER | {action for action in PLATFORM if action.startswith("logs:")}
    bare = Stack(findings, RoutingDocument="ssm:/portcullis/routing")
    assert allowed(bare, "NotifierRole") == NOTIFIER | PLATFORM
    keyed = Stack(findings, RoutingDocument="ssm:/portcullis/routing", KmsKeyArn=KEY)
    for role in ("RecorderRole", "NotifierRole", "SweeperRole"):
        key = {"kms:Decrypt", "kms:GenerateDataKey"}
        assert allowed(keyed, role) == allowed(bare, role) | key, role


def test_the_notifier_may_call_what_the_adapters_call(checkout: Path) -> None:
    adapters = checkout / "crates" / "aws-adapters" / "src"
    names = ("finding_table.rs", "finding_table/*.rs", "secret_store/*.rs", "security_hub.rs", "sqs.rs", "topics.rs")
    sources = "".join(file.read_text(encoding="utf-8") for name in names for file in sorted(adapters.glob(name)))
    named = set(re.findall(r'"((?:dynamodb|secretsmanager|securityhub|sns|sqs):\w+)"', sources))
    assert named == {action for action in NOTIFIER | OF_CHANNELS if action.partition(":")[0] not in {"s3", "ssm"}}


@pytest.mark.parametrize(
    ("document", "action", "resource"),
    [
        ("ssm:/portcullis/routing", "ssm:GetParameter", "arn:aws:ssm:eu-central-1:123456789012:parameter/portcullis/routing"),
        ("s3://bucket/a/routing.json", "s3:GetObject", "arn:aws:s3:::bucket/a/routing.json"),
    ],
)
def test_the_routing_document_and_no_other_is_read(findings: dict[str, Any], document: str, action: str, resource: str) -> None:
    assert re.fullmatch(findings["Parameters"]["RoutingDocument"]["AllowedPattern"], document)
    stack = Stack(findings, RoutingDocument=document, CodeBucket="code")
    none = {"arn:aws:ssm:eu-central-1:123456789012:parameter/portcullis/no-routing-document", "arn:aws:s3:::code/no-routing-document"}
    for role in ("RecorderRole", "NotifierRole", "SweeperRole"):
        reading = {one["Action"]: one["Resource"] for one in statements(stack, role) if one["Sid"].startswith("ReadRouting")}
        assert reading.pop(action) == resource, role
        assert len(reading) == 1
        assert set(reading.values()) < none, role


@pytest.mark.parametrize("document", ["routing", "ssm:routing", "ssm:/a b", "s3://bucket", "s3://B/key", "s3://bucket/*", "https://a"])
def test_what_names_no_routing_document_is_refused(findings: dict[str, Any], document: str) -> None:
    assert not re.fullmatch(findings["Parameters"]["RoutingDocument"]["AllowedPattern"], document)


def test_without_a_routing_document_nobody_is_told(findings: dict[str, Any], stack: Stack) -> None:
    told = {name for name, one in findings["Resources"].items() if one.get("Condition") == "HasRouting"}
    assert {"NotifyQueue", "NotifierFunction", "NotifierMapping", "SweeperFunction", "SweepSchedule"} <= told
    assert not told & stack.resources.keys()


def test_the_alarm_rings_for_what_the_sweep_complains_of(routed: Stack) -> None:
    (target,) = routed.resources["SweepSchedule"]["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["SweeperFunction", "Arn"]}
    failures = routed.resources["SweeperFailures"]
    queue = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    assert failures["DestinationConfig"] == {"OnFailure": {"Destination": queue}}
    sending = [one["Resource"] for one in statements(routed, "SweeperRole") if "sqs:SendMessage" in actions(one)]
    assert queue in sending[0]


def test_without_a_bucket_there_are_no_reports(findings: dict[str, Any], stack: Stack, reporting: Stack) -> None:
    of_reports = {name for name, one in findings["Resources"].items() if one.get("Condition") == "HasReports"}
    assert {"ReportFunction", "ReportRole", "ReportLogGroup", "ReportFailures", "ReportScheduleRule", "ReportPermission"} == of_reports
    assert not of_reports & stack.resources.keys()
    assert of_reports <= reporting.resources.keys()
    # Neither needs the other.
    assert "NotifierFunction" not in reporting.resources


def test_the_reports_may_do_what_they_do_and_nothing_else(findings: dict[str, Any], reporting: Stack) -> None:
    logs = {action for action in PLATFORM if action.startswith("logs:")}
    by_action = {action: one["Resource"] for one in statements(reporting, "ReportRole") for action in actions(one)}
    assert by_action.keys() == REPORT | logs
    assert by_action["s3:PutObject"] == "arn:aws:s3:::reports/portcullis/ports/*"
    assert by_action["sqs:SendMessage"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    keyed = Stack(findings, ReportBucket="reports", KmsKeyArn=KEY)
    with_key = {action for one in statements(keyed, "ReportRole") for action in actions(one)}
    assert with_key == by_action.keys() | {"kms:Decrypt", "kms:GenerateDataKey"}


def test_a_report_is_written_where_the_role_may_write(reporting: Stack) -> None:
    variables = reporting.resources["ReportFunction"]["Environment"]["Variables"]
    (written,) = [one["Resource"] for one in statements(reporting, "ReportRole") if one["Sid"] == "WriteReports"]
    assert written == f"arn:aws:s3:::{variables['REPORT_BUCKET']}/{variables['REPORT_PREFIX']}*"


def test_a_report_comes_by_its_schedule_and_a_failure_rings_the_alarm(findings: dict[str, Any], reporting: Stack) -> None:
    schedule = reporting.resources["ReportScheduleRule"]
    assert schedule["ScheduleExpression"] == "cron(0 6 * * ? *)"
    (target,) = schedule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["ReportFunction", "Arn"]}
    # The event as it is: its time makes an attempt that is repeated the same report.
    assert target.keys() == {"Id", "Arn"}
    failures = reporting.resources["ReportFailures"]
    assert failures["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}}
    assert failures["MaximumRetryAttempts"] == 2
    weekly = Stack(findings, ReportBucket="reports", ReportSchedule="rate(7 days)").resources["ReportScheduleRule"]
    assert weekly["ScheduleExpression"] == "rate(7 days)"


@pytest.mark.parametrize(
    ("parameter", "taken", "refused"),
    [
        ("ReportBucket", ["", "my-reports"], ["s3://my-reports", "my-reports/x", "My"]),
        ("ReportPrefix", ["", "portcullis/", "a/b-1/"], ["/", "/a/", "a", "a//", "a*/", "${x}/"]),
        ("ReportSchedule", ["rate(1 day)", "cron(0 6 ? * MON *)"], ["", "daily", "at(2026-12-01T00:00:00)"]),
    ],
)
def test_parameters_of_the_reports_are_checked(findings: dict[str, Any], parameter: str, taken: list[str], refused: list[str]) -> None:
    pattern = findings["Parameters"][parameter]["AllowedPattern"]
    assert all(re.fullmatch(pattern, value) for value in taken)
    assert not any(re.fullmatch(pattern, value) for value in refused)


def test_the_dashboard_shows_the_metrics_that_the_functions_write(stack: Stack, routed: Stack, checkout: Path) -> None:
    assert "FindingDashboard" not in stack.resources
    assert all("METRICS_OF_RULE" not in stack.resources[name]["Environment"]["Variables"] for name in ("RecorderFunction",))
    widgets = json.loads(routed.resources["FindingDashboard"]["DashboardBody"])["widgets"]
    shown = {metric[1] for widget in widgets for metric in widget["properties"]["metrics"] if metric[0] == "Portcullis"}
    source = (checkout / "reporter" / "src" / "metrics.rs").read_text(encoding="utf-8")
    written = set(re.findall(r'=> "(\w+)",', source)) - {"Seconds", "Count"}
    assert shown == written
    assert all(widget["properties"]["region"] == "eu-central-1" for widget in widgets)
    # Widgets lie side by side, each in a place of its own.
    places = {(widget["x"], widget["y"]) for widget in widgets}
    assert len(places) == len(widgets)


def test_no_resource_is_a_wildcard(routed: Stack, reporting: Stack) -> None:
    # The ids of executions are not known beforehand, and the names of parameters and of reports only by their path.
    parts = (
        "arn:aws:ssm:eu-central-1:123456789012:automation-execution/*",
        "arn:aws:ssm:eu-central-1:123456789012:parameter/portcullis/channels/*",
        "arn:aws:s3:::reports/portcullis/ports/*",
    )
    roles = [(routed, "RecorderRole"), (routed, "NotifierRole"), (routed, "SweeperRole"), (reporting, "ReportRole")]
    for stack, role in roles:
        for statement in statements(stack, role):
            resource = statement["Resource"]
            for one in resource if isinstance(resource, list) else [resource]:
                assert isinstance(one, dict) or "*" not in one or one in parts, statement


def test_a_queue_takes_the_events_of_this_stack_only(findings: dict[str, Any], stack: Stack) -> None:
    rules = {name for name, one in findings["Resources"].items() if one["Type"] == "AWS::Events::Rule"}
    rules -= {"SweepSchedule", "ReportScheduleRule"}
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


@pytest.mark.parametrize(
    ("queue", "function", "mapping"),
    [("RecordQueue", "RecorderFunction", "RecorderMapping"), ("NotifyQueue", "NotifierFunction", "NotifierMapping")],
)
def test_a_message_is_hidden_for_longer_than_the_function_runs(routed: Stack, queue: str, function: str, mapping: str) -> None:
    # Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    assert routed.resources[queue]["VisibilityTimeout"] >= 6 * routed.resources[function]["Timeout"]
    assert routed.resources[mapping]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert routed.resources[mapping]["BatchSize"] <= 10, "one call delays the messages of a batch"


def test_a_function_has_the_variables_that_it_reads(routed: Stack, reporting: Stack, template: dict[str, Any], checkout: Path) -> None:
    adapters = checkout / "crates" / "aws-adapters" / "src"
    tables = [adapters / name for name in ("finding_table.rs", "state_table.rs", "event_bridge.rs")]
    sources = [*(checkout / "reporter" / "src").rglob("*.rs"), *tables]
    text = "".join(source.read_text(encoding="utf-8") for source in sources)
    read = set(re.findall(r'(?:env::var|required|variable)\("(\w+)"\)', text))
    of_account = Stack(template, Context="True").resources
    functions = [*(routed.resources[function] for function in FUNCTIONS), *(of_account[name] for name in OF_ACCOUNT)]
    functions.append(reporting.resources["ReportFunction"])
    # Lambda sets the region.
    assert read - {"AWS_REGION"} == {name for function in functions for name in function["Environment"]["Variables"]}
