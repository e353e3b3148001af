"""Automations that wait for a human."""

import json

import pytest
from botocore.exceptions import ClientError
from identities import ACCOUNT, code, document, key_of_user, policy, statement
from local_cloud import wait_for
from test_automation import script, statuses
from test_smoke import GROUP, SSH, sources

SIGNAL = statement("Allow", "ssm:SendAutomationSignal", f"arn:aws:ssm:us-east-1:{ACCOUNT}:automation-execution/*")
AFTER = script("After", "def handler(events, context): return {}")


def approve(approvers: list[str] | str, **more) -> dict:
    inputs = {"Approvers": approvers, **more.pop("inputs", {})}
    return {"name": "Approve", "action": "aws:approve", "inputs": inputs, **more}


@pytest.fixture
def user(fresh):
    """Creates a user who may send signals, and returns an SSM client for the user."""

    def of_name(name: str):
        return fresh.client("ssm", key_of_user(fresh, name, SIGNAL, path="/staff/"))

    return of_name


@pytest.fixture
def topic(fresh) -> str:
    return fresh.client("sns").create_topic(Name="AutomationApprovals")["TopicArn"]


@pytest.fixture
def messages(fresh, topic):
    """Messages to the subscribers of the topic."""
    sqs = fresh.client("sqs")
    url = sqs.create_queue(QueueName="approvals")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = statement(
        "Allow", "sqs:SendMessage", arn, {"ArnEquals": {"aws:SourceArn": topic}}, Principal={"Service": "sns.amazonaws.com"}
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document(allowed)})
    fresh.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return lambda: [json.loads(m["Body"]) for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])]


def execution(cloud, started: dict) -> dict:
    ssm = cloud.client("ssm")
    return ssm.get_automation_execution(AutomationExecutionId=started["AutomationExecutionId"])["AutomationExecution"]


def decisions(found: dict) -> list[tuple[str, str]]:
    listed = [json.loads(d) for d in found["StepExecutions"][0]["Outputs"]["ApproverDecisions"]]
    return [(d["Approver"].rsplit("/", 1)[-1], d["Decision"]) for d in listed]


def test_approval_by_a_user_continues_the_execution(fresh, run, user, topic, messages, role):
    alice, bob = user("alice"), user("bob")
    fresh.client("iam").put_role_policy(RoleName="automation", PolicyName="publish", PolicyDocument=policy(("sns:Publish", topic)))
    step = approve(["alice"], inputs={"NotificationArn": topic, "Message": "Close {{ global:REGION }}?"})
    started = run(step, AFTER, outputs=["Approve.ApprovalStatus"])
    assert started["AutomationExecutionStatus"] == "Waiting"
    assert started["CurrentStepName"] == "Approve"
    fresh.settle()
    assert statuses(execution(fresh, started)) == {"Approve": "Waiting", "After": "Pending"}
    assert started["StepExecutions"][0]["Outputs"]["ApprovalStatus"] == ["Waiting"]
    [message] = messages()
    assert message["TopicArn"] == topic
    assert "Close us-east-1?" in message["Message"]
    assert started["AutomationExecutionId"] in message["Message"]

    signal = {"AutomationExecutionId": started["AutomationExecutionId"], "SignalType": "Approve"}
    for refused in (bob, fresh.client("ssm")):
        with pytest.raises(ClientError, match="not one of the approvers") as caught:
            refused.send_automation_signal(**signal)
        assert code(caught) == "InvalidAutomationSignalException"
    alice.send_automation_signal(**signal, Payload={"Comment": ["Looks good"]})
    fresh.settle()
    found = execution(fresh, started)
    assert found["AutomationExecutionStatus"] == "Success", found
    assert found["Outputs"] == {"Approve.ApprovalStatus": ["Approved"]}
    assert decisions(found) == [("alice", "Approve")]
    assert "Looks good" in found["StepExecutions"][0]["Outputs"]["ApproverDecisions"][0]
    with pytest.raises(ClientError, match="InvalidAutomationSignalException"):
        alice.send_automation_signal(**signal)
    with pytest.raises(ClientError, match="AutomationExecutionNotFoundException"):
        fresh.client("ssm").send_automation_signal(**{**signal, "AutomationExecutionId": "0" * 36})


def test_a_session_counts_for_its_role_and_several_have_to_agree(fresh, run, user, session):
    alice = user("alice")
    chief = session("chief", SIGNAL, service="ssm")
    other = session("other", SIGNAL, service="ssm")
    approvers = [f"arn:aws:iam::{ACCOUNT}:role/made/chief", f"arn:aws:iam::{ACCOUNT}:user/staff/alice"]
    started = run(approve(approvers, inputs={"MinRequiredApprovals": 2}), AFTER)
    signal = {"AutomationExecutionId": started["AutomationExecutionId"], "SignalType": "Approve"}
    with pytest.raises(ClientError, match="not one of the approvers"):
        other.send_automation_signal(**signal)
    chief.send_automation_signal(**signal)
    with pytest.raises(ClientError, match="decided already"):
        chief.send_automation_signal(**signal)
    fresh.settle()
    found = execution(fresh, started)
    assert found["AutomationExecutionStatus"] == "Waiting"
    assert decisions(found) == [("one", "Approve")]
    alice.send_automation_signal(**signal)
    fresh.settle()
    assert execution(fresh, started)["AutomationExecutionStatus"] == "Success"


def test_a_rejection_fails_the_execution(fresh, run, user):
    alice = user("alice")
    started = run(approve(["alice", "bob"]), AFTER, outputs=["Approve.ApprovalStatus"])
    alice.send_automation_signal(AutomationExecutionId=started["AutomationExecutionId"], SignalType="Reject")
    fresh.settle()
    found = execution(fresh, started)
    assert found["AutomationExecutionStatus"] == "Failed"
    assert statuses(found) == {"Approve": "Failed", "After": "Pending"}
    assert "rejected by" in found["FailureMessage"]
    assert found["Outputs"] == {"Approve.ApprovalStatus": ["Rejected"]}
    assert decisions(found) == [("alice", "Reject")]


def test_a_missing_decision_times_out(fresh, run):
    started = run(approve(["alice"], timeoutSeconds=1), AFTER)
    wait_for("the timeout", lambda: execution(fresh, started)["AutomationExecutionStatus"] == "TimedOut")
    assert statuses(execution(fresh, started)) == {"Approve": "TimedOut", "After": "Pending"}
    fresh.settle()


def test_stopping_while_it_waits(fresh, run):
    started = run(approve(["alice"]), AFTER)
    fresh.client("ssm").stop_automation_execution(AutomationExecutionId=started["AutomationExecutionId"])
    fresh.settle()
    found = execution(fresh, started)
    assert found["AutomationExecutionStatus"] == "Cancelled"
    assert statuses(found) == {"Approve": "Cancelled", "After": "Pending"}


def test_without_permission_to_publish_the_step_fails(fresh, run, topic, messages):
    started = run(approve(["alice"], inputs={"NotificationArn": topic}), AFTER)
    assert started["AutomationExecutionStatus"] == "Failed"
    assert "sns:Publish" in started["FailureMessage"]
    assert messages() == []


def test_signals_need_permission(fresh, run):
    carol = fresh.client("ssm", key_of_user(fresh, "carol"))
    started = run(approve(["carol"]), AFTER)
    arn = f"arn:aws:ssm:us-east-1:{ACCOUNT}:automation-execution/{started['AutomationExecutionId']}"
    with pytest.raises(ClientError, match=f"ssm:SendAutomationSignal on resource: {arn}"):
        carol.send_automation_signal(AutomationExecutionId=started["AutomationExecutionId"], SignalType="Approve")


def test_approvers_may_come_from_a_parameter(fresh, run, user):
    alice = user("alice")
    parameters = {"Approvers": {"type": "StringList"}}
    started = run(approve("{{ Approvers }}"), AFTER, parameters=parameters, passed={"Approvers": ["bob", "alice"]})
    alice.send_automation_signal(AutomationExecutionId=started["AutomationExecutionId"], SignalType="Approve")
    fresh.settle()
    assert execution(fresh, started)["AutomationExecutionStatus"] == "Success"


@pytest.mark.parametrize(
    ("step", "word"),
    [
        (approve([]), "1 to 10"),
        (approve([f"user{n}" for n in range(11)]), "1 to 10"),
        (approve(["a"], inputs={"MinRequiredApprovals": 2}), "MinRequiredApprovals"),
        (approve(["a"], inputs={"NotificationArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:Approvals"}), "begins with Automation"),
        (approve(["a"], inputs={"Text": "x"}), "unsupported input Text"),
        (approve(["a"], timeoutSeconds=2592001), "30 days"),
    ],
)
def test_a_document_is_checked_when_it_is_created(run, step, word):
    with pytest.raises(ClientError, match=word) as caught:
        run(step, AFTER)
    assert code(caught) == "InvalidDocumentContent"


@pytest.mark.parametrize("mode", ["False", "True"])
@pytest.mark.parametrize(("decision", "state"), [("Approve", "SUCCEEDED"), ("Reject", "FAILED")])
def test_a_remediation_is_in_progress_while_it_waits(fresh, loop_template, user, mode, decision, state):
    alice, config, ssm = user("alice"), fresh.client("config"), fresh.client("ssm")
    step = "mainSteps:\n          - name: Approve\n            action: aws:approve\n            inputs: {Approvers: [alice]}\n"
    template = loop_template.replace("mainSteps:\n", step).replace("MaximumAutomaticAttempts: 2", "MaximumAutomaticAttempts: 1")
    rule = fresh.deploy("loop", template, RemediationMode=mode)["RuleName"]
    groups = [fresh.group(f"waiting-{n}", SSH) for n in range(2)]
    keys = [{"resourceType": GROUP, "resourceId": g} for g in groups]
    fresh.settings(remediationSnapshotSeconds=0.1)
    fresh.settle()
    if mode == "False":
        config.start_remediation_execution(ConfigRuleName=rule, ResourceKeys=keys)
    waiting = [{"Key": "ExecutionStatus", "Values": ["Waiting"]}]

    def executions() -> list[str]:
        found = ssm.describe_automation_executions(Filters=waiting)["AutomationExecutionMetadataList"]
        return [e["AutomationExecutionId"] for e in found]

    wait_for("the request for approval", executions)
    for _ in groups:
        fresh.settle()
        states = {
            s["State"]
            for s in config.describe_remediation_execution_status(ConfigRuleName=rule, ResourceKeys=keys)["RemediationExecutionStatuses"]
        }
        assert states & {"IN_PROGRESS", "QUEUED"}, states
        for waiting_one in executions():
            alice.send_automation_signal(AutomationExecutionId=waiting_one, SignalType=decision)
        fresh.settle()
        if not executions():
            break
    found = config.describe_remediation_execution_status(ConfigRuleName=rule, ResourceKeys=keys)["RemediationExecutionStatuses"]
    assert {s["State"] for s in found} == {state}
    assert found[0]["StepDetails"][0]["State"] == state
    assert all((sources(fresh, g) == {"10.0.0.0/8"}) == (decision == "Approve") for g in groups)
