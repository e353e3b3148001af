"""Findings of the deployed stacks: events of the functions and of AWS become items of the table."""

import json
import time

import pytest
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError
from local_cloud import wait_for
from portcullis import PARAMETERS, RULE, finished, open_to, outcome, without_stack

ACCOUNT = "123456789012"
WORLD = "0.0.0.0/0"


class Findings:
    """Both stacks, and what is in the table."""

    def __init__(self, stack):
        self.stack, self.cloud = stack, stack.cloud
        self.dynamodb, self.sqs = (stack.cloud.client(service) for service in ("dynamodb", "sqs"))
        described = stack.cloud.client("cloudformation").describe_stacks(StackName="portcullis-findings")["Stacks"][0]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        self.table = self.outputs["FindingTableName"]

    def key(self, group: str) -> str:
        return f"{ACCOUNT}/{self.cloud.endpoints['region']}/{group}/{RULE}"

    def items(self, group: str) -> list[dict]:
        """The finding of a group and its history, in order."""
        names, values = {"#key": "key"}, {":key": {"S": self.key(group)}}
        found = self.dynamodb.query(
            TableName=self.table,
            ConsistentRead=True,
            KeyConditionExpression="#key = :key",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )["Items"]
        read = TypeDeserializer()
        return [{name: read.deserialize(value) for name, value in item.items()} for item in found]

    def finding(self, group: str) -> dict:
        return next((item for item in self.items(group) if item["part"] == "finding"), {})

    def history(self, group: str) -> list[str]:
        """Sentences of the history."""
        return [item["sentence"] for item in self.items(group) if item["part"] != "finding"]

    def wait(self, group: str, state: str) -> dict:
        return wait_for(f"{group} to be {state}", lambda: (f := self.finding(group)) and f["state"] == state and f)

    def listed(self, index: str, value: str) -> list[str]:
        """Ids of the groups in an index."""
        found = self.dynamodb.query(
            TableName=self.table,
            IndexName=index,
            KeyConditionExpression="#attribute = :value",
            ExpressionAttributeNames={"#attribute": index},
            ExpressionAttributeValues={":value": {"S": value}},
        )["Items"]
        return [item["group_id"]["S"] for item in found]

    def send(self, *events: dict | str) -> None:
        """Puts events into the queue, as EventBridge does."""
        bodies = [event if isinstance(event, str) else json.dumps(event) for event in events]
        for start in range(0, len(bodies), 10):
            entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies[start : start + 10])]
            reply = self.sqs.send_message_batch(QueueUrl=self.outputs["RecordQueueUrl"], Entries=entries)
            assert not reply.get("Failed"), reply

    def waiting(self, queue: str = "RecordQueueUrl") -> int:
        """Messages in a queue, also those that are being processed."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.outputs[queue], AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def event(self, group: str, compliance: str, at: str) -> dict:
        """The event of AWS Config about a compliance."""
        region = self.cloud.endpoints["region"]
        return {
            "source": "aws.config",
            "detail-type": "Config Rules Compliance Change",
            "account": ACCOUNT,
            "region": region,
            "time": at,
            "detail": {
                "resourceId": group,
                "awsRegion": region,
                "awsAccountId": ACCOUNT,
                "configRuleName": RULE,
                "resourceType": "AWS::EC2::SecurityGroup",
                "newEvaluationResult": {
                    "evaluationResultIdentifier": {
                        "evaluationResultQualifier": {"evaluationMode": "DETECTIVE"},
                        "orderingTimestamp": at,
                    },
                    "complianceType": compliance,
                    "resultRecordedTime": at,
                },
            },
        }


@pytest.fixture(scope="module")
def deployed_findings(tmp_path_factory):
    with without_stack(tmp_path_factory.mktemp("findings")) as stack:
        parameters = {"RuleName": RULE, "SourceInputParameters": json.dumps(PARAMETERS), "FindingsRetentionDays": "30", "Context": "False"}
        done = finished(stack.start_deploy("--findings", **parameters))
        assert done.returncode == 0, done.stdout + done.stderr
        # The first evaluation is recorded, too.
        assert done.stdout.index("updating stack portcullis-findings (") < done.stdout.index("updating stack portcullis (")
        stack.deployed()
        yield Findings(stack)


@pytest.fixture
def findings(deployed_findings):
    with deployed_findings.stack.undone():
        yield deployed_findings
    wait_for("the queue to be empty", lambda: deployed_findings.waiting() == 0)


def test_a_finding_lives_from_the_opening_to_the_closing(findings):
    stack = findings.stack
    group = stack.cloud.group("remembered", open_to(WORLD, description="temporary"), tags={"owner": "shop@example.com"})
    stack.cloud.settle()
    finding = findings.wait(group, "open")
    # The event of AWS Config may come first. It has no exposures.
    finding = wait_for("the exposures", lambda: (f := findings.finding(group))["issue_details"]["perms"] and f)
    assert finding["key"] == findings.key(group)
    assert (finding["format"], finding["severity"], finding["status"]) == ("portcullis.finding/1", "high", "open_completely")
    assert finding["issue_details"] == {
        "name": "remembered",
        "region": findings.cloud.endpoints["region"],
        "vpc_id": finding["issue_details"]["vpc_id"],
        "status": "open_completely",
        "perms": [{"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr": WORLD, "status": "open_completely"}],
        "tags": {"owner": "shop@example.com"},
    }
    assert "expires" not in finding
    assert group in findings.listed("account", ACCOUNT)
    assert group in findings.listed("state", "open")

    execution = stack.close(group)
    assert outcome(execution) == "CLOSED"
    finding = findings.wait(group, "closed")
    remediation = execution["AutomationExecutionId"]
    finding = wait_for("the author", lambda: (f := findings.finding(group))["closed"]["by"] == {"remediation": remediation} and f)
    assert group not in findings.listed("state", "open")
    assert group in findings.listed("state", "closed")
    days = (int(finding["expires"]) - time.time()) / 86_400
    assert 29 < days <= 30
    history = findings.history(group)
    assert history[0].startswith(f"{group} is open")
    assert any(remediation in sentence for sentence in history)

    # Opened again: the same finding.
    stack.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[open_to(WORLD)])
    stack.cloud.settle()
    finding = findings.wait(group, "open")
    assert finding["reopenings"] == 1
    assert "expires" not in finding


def test_duplicates_and_stragglers_change_nothing(findings):
    group = "sg-0000000000000d0b1"
    opened = findings.event(group, "NON_COMPLIANT", "2026-11-01T09:00:00Z")
    closed = findings.event(group, "COMPLIANT", "2026-11-01T09:10:00Z")
    findings.send(closed, opened, closed)
    finding = findings.wait(group, "closed")
    wait_for("the queue to be empty", lambda: findings.waiting() == 0)
    finding, history = findings.finding(group), findings.history(group)
    findings.send(opened, closed, opened)
    wait_for("the queue to be empty", lambda: findings.waiting() == 0)
    assert findings.finding(group) == finding
    assert findings.history(group) == history


def test_a_table_that_throttles_loses_nothing(findings):
    groups = [f"sg-{number:017x}" for number in range(0x700, 0x71E)]
    for action in ("GetItem", "TransactWriteItems"):
        findings.cloud.fault(service="dynamodb", action=action, code="ThrottlingException", status=400, times=20)
    findings.send(*(findings.event(group, "NON_COMPLIANT", "2026-11-02T09:00:00Z") for group in groups))
    for group in groups:
        wait_for(f"{group} to be open", lambda group=group: findings.finding(group).get("state") == "open", 120)
    wait_for("the queue to be empty", lambda: findings.waiting() == 0)
    assert {findings.finding(group)["revision"] for group in groups} == {1}
    assert findings.waiting("DeadLetterQueueUrl") == 0


def test_a_burst_is_recorded_with_three_calls_of_the_store_for_each_finding(findings):
    groups = [f"sg-{number:017x}" for number in range(0x1000, 0x1000 + 200)]
    mark = findings.cloud.mark()
    findings.send(*(findings.event(group, "NON_COMPLIANT", "2026-11-03T09:00:00Z") for group in groups))
    wait_for("the queue to be empty", lambda: findings.waiting() == 0, 120)
    assert [group for group in groups if findings.finding(group).get("state") != "open"] == []
    calls = [call for call in findings.stack.calls("RecorderRole", mark) if call["action"].startswith("dynamodb:")]
    assert [call["errorCode"] for call in calls if call["errorCode"]] == []
    assert len(calls) <= 3 * len(groups)


def test_an_event_that_nobody_understands_ends_in_the_dead_letter_queue(findings):
    queue = findings.outputs["RecordQueueUrl"]
    policy = findings.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    once = json.dumps(json.loads(policy) | {"maxReceiveCount": 1})
    findings.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": once})
    try:
        event = findings.event("sg-0000000000000bad0", "COMPLIANT", "2026-11-01T09:00:00Z")
        del event["detail"]["newEvaluationResult"]
        findings.send(event)
        wait_for("the dead-letter queue", lambda: findings.waiting("DeadLetterQueueUrl") == 1)
    finally:
        findings.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})
        findings.sqs.purge_queue(QueueUrl=findings.outputs["DeadLetterQueueUrl"])
    pages = findings.cloud.client("logs").get_paginator("filter_log_events").paginate(logGroupName=findings.outputs["RecorderLogGroup"])
    lines = [event["message"] for page in pages for event in page["events"]]
    assert any("missing field `newEvaluationResult`" in line for line in lines), lines[-5:]


def test_a_closing_that_never_reached_its_function_is_known(findings):
    stack, iam = findings.stack, findings.cloud.client("iam")
    resources = findings.cloud.client("cloudformation").describe_stack_resources(StackName="portcullis")["StackResources"]
    (role,) = [one["PhysicalResourceId"] for one in resources if one["LogicalResourceId"] == "AutomationRole"]
    policy = iam.get_role_policy(RoleName=role, PolicyName="automation")["PolicyDocument"]
    group = stack.cloud.group("unreachable", open_to(WORLD))
    stack.cloud.settle()
    findings.wait(group, "open")
    iam.delete_role_policy(RoleName=role, PolicyName="automation")
    try:
        assert stack.close(group)["AutomationExecutionStatus"] == "Failed"
        sentence = wait_for("the failure", lambda: [line for line in findings.history(group) if "did not start" in line])
    finally:
        iam.put_role_policy(RoleName=role, PolicyName="automation", PolicyDocument=json.dumps(policy))
    assert sentence
    assert findings.finding(group)["state"] == "open"


def test_a_quarantine_and_its_end_are_known(findings):
    stack = findings.stack
    group = stack.cloud.group("cut-off", open_to(WORLD))
    stack.in_use(group)
    severity = findings.wait(group, "open")["severity"]
    assert outcome(stack.quarantine(group, DryRun="true")) == "PLANNED"
    assert outcome(stack.quarantine(group)) == "QUARANTINED"
    cut_off = f"{group} was quarantined: network ACLs deny ports to it."
    wait_for("the quarantine", lambda: cut_off in findings.history(group))
    finding = findings.finding(group)
    # The group is open all the same, and as severe: the quarantine is of its subnets, and may be released.
    assert (finding["state"], finding["severity"]) == ("open", severity)
    revision = finding["revision"]

    assert outcome(stack.quarantine(group, Action="release")) == "RELEASED"
    wait_for("the release", lambda: f"The quarantine of {group} has ended." in findings.history(group))
    assert findings.finding(group)["revision"] == revision + 1
    assert findings.history(group).count(cut_off) == 1


def test_a_restore_is_in_the_history(findings):
    stack = findings.stack
    group = stack.cloud.group("given-back", open_to(WORLD))
    stack.cloud.settle()
    findings.wait(group, "open")
    assert outcome(stack.close(group)) == "CLOSED"
    findings.wait(group, "closed")
    execution = stack.restore(group)
    assert outcome(execution) == "RESTORED"
    sentence = f"Rules of {group} were restored by {execution['AutomationExecutionId']}."
    wait_for("the restore", lambda: sentence in findings.history(group))
    finding = findings.wait(group, "open")
    assert finding["reopenings"] == 1


def test_the_recorder_makes_no_call_that_it_may_not_make(findings):
    group = findings.cloud.group("permitted", open_to(WORLD))
    findings.cloud.settle()
    findings.wait(group, "open")
    calls = findings.stack.calls("RecorderRole", 0)
    assert {call["action"].split(":")[0] for call in calls} >= {"dynamodb"}
    assert [call for call in calls if call["errorCode"] and "Denied" in call["errorCode"]] == []


def test_both_stacks_are_taken_away_and_the_findings_stay(deployed_findings):
    """The last one of this file: the stacks are gone afterwards."""
    findings = deployed_findings
    stack = findings.stack
    done = stack.script("undeploy", "--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"The findings remain in the DynamoDB table {findings.table}" in done.stdout
    cloudformation = findings.cloud.client("cloudformation")
    for name in ("portcullis", "portcullis-findings"):
        with pytest.raises(ClientError, match="does not exist"):
            cloudformation.describe_stacks(StackName=name)
    assert findings.dynamodb.describe_table(TableName=findings.table)["Table"]["ItemCount"] > 0
