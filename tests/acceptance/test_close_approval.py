"""The variant of the stack in which an approver has to agree before a group is closed."""

import json

import pytest
from botocore.exceptions import ClientError
from local_cloud import wait_for
from portcullis import open_to, outcome

pytestmark = pytest.mark.documents

WORLD = "0.0.0.0/0"
ACCOUNT = "123456789012"


def statement(action: str, resource: str = "*", **more) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}]})


@pytest.fixture(scope="module")
def people(deployed):
    """SSM clients for alice, an approver, and for bob, who may send signals but is not an approver."""
    iam = deployed.cloud.client("iam")

    def person(name: str):
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="signal", PolicyDocument=statement("ssm:SendAutomationSignal"))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return deployed.cloud.client("ssm", {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]})

    return {name: person(name) for name in ("alice", "bob")}


@pytest.fixture(scope="module")
def mailbox(deployed):
    """The topic, and the messages to its subscribers."""
    sns, sqs = deployed.cloud.client("sns"), deployed.cloud.client("sqs")
    topic = sns.create_topic(Name="AutomationApprovals")["TopicArn"]
    url = sqs.create_queue(QueueName="approvals")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = statement("sqs:SendMessage", arn, Principal={"Service": "sns.amazonaws.com"})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": allowed})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def receive() -> list[str]:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"])["Message"] for message in messages]

    return topic, receive


@pytest.fixture
def approving(portcullis, people, mailbox):
    portcullis.update(Approvers=f"arn:aws:iam::{ACCOUNT}:user/alice", ApprovalTopicArn=mailbox[0])
    return portcullis


def asked(approving, name: str) -> tuple[str, str]:
    """A group whose closing waits for approval, and the id of the execution."""
    group = approving.cloud.group(name, open_to(WORLD))
    approving.cloud.settle()
    status = approving.remediate(group)
    assert status["State"] == "IN_PROGRESS"
    [run] = approving.executions(group)
    assert run["AutomationExecutionStatus"] == "Waiting"
    assert approving.sources(group) == {WORLD}
    return group, run["AutomationExecutionId"]


def test_a_group_is_closed_once_an_approver_agrees(approving, people, mailbox):
    group, execution = asked(approving, "approved")
    [message] = wait_for("the notification", mailbox[1])
    assert f"Close security group {group}" in message
    assert "with strategy Revoke" in message
    signal = {"AutomationExecutionId": execution, "SignalType": "Approve"}
    with pytest.raises(ClientError, match="not one of the approvers"):
        people["bob"].send_automation_signal(**signal)
    assert approving.sources(group) == {WORLD}
    people["alice"].send_automation_signal(**signal)
    approving.cloud.settle()
    assert approving.remediation(group)["State"] == "SUCCEEDED"
    assert approving.sources(group) == set()
    assert approving.result(group)[0] == "COMPLIANT"


def test_a_dry_run_needs_no_approval(approving, mailbox):
    group = approving.cloud.group("approval-dry-run", open_to(WORLD))
    approving.cloud.settle()
    assert outcome(approving.close(group, DryRun="true")) == "PLANNED"
    assert approving.sources(group) == {WORLD}
    assert mailbox[1]() == []


def test_a_rejected_group_is_not_changed(approving, people):
    approving.alarmed()
    group, execution = asked(approving, "rejected")
    people["alice"].send_automation_signal(AutomationExecutionId=execution, SignalType="Reject")
    approving.cloud.settle()
    assert approving.remediation(group)["State"] == "FAILED"
    assert approving.sources(group) == {WORLD}
    [run] = approving.executions(group)
    assert "rejected by arn:aws:iam::123456789012:user/alice" in run["FailureMessage"]
    # Nobody would know otherwise that the group stays open.
    assert wait_for("the queue of the alarm", approving.alarmed) == {execution: "Failed"}


def test_a_request_that_is_withdrawn_rings_no_alarm(approving, people):
    approving.alarmed()
    _, withdrawn = asked(approving, "withdrawn")
    approving.ssm.stop_automation_execution(AutomationExecutionId=withdrawn, Type="Cancel")
    approving.cloud.settle()
    execution = approving.ssm.get_automation_execution(AutomationExecutionId=withdrawn)["AutomationExecution"]
    assert execution["AutomationExecutionStatus"] == "Cancelled"
    # An event about it would come before this one.
    _, rejected = asked(approving, "rejected-later")
    people["alice"].send_automation_signal(AutomationExecutionId=rejected, SignalType="Reject")
    approving.cloud.settle()
    assert wait_for("the queue of the alarm", approving.alarmed) == {rejected: "Failed"}


def test_approval_and_automatic_mode_exclude_each_other(approving):
    done = approving.script_deploy(
        RemediationMode="True",
        Approvers=f"arn:aws:iam::{ACCOUNT}:user/alice",
        ApprovalTopicArn="arn:aws:sns:us-east-1:123456789012:AutomationX",
    )
    assert done.returncode != 0
    assert "Automatic remediation cannot wait for an approval" in done.stdout + done.stderr
