"""A local cloud for these tests, and fixtures that several of them share."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "dev" / "local-cloud" / "python"))

from identities import ACCOUNT, document, policy, queue_for, session_of
from local_cloud import running, wait_for

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    with running(tmp_path_factory.mktemp("local-cloud")) as cloud:
        yield cloud


@pytest.fixture
def fresh(cloud):
    cloud.reset()
    return cloud


@pytest.fixture(scope="session")
def loop_template() -> str:
    return (HERE / "loop.yaml").read_text()


SSM_MAY_ASSUME = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ssm.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture
def role(fresh) -> str:
    iam = fresh.client("iam")
    arn = iam.create_role(RoleName="automation", AssumeRolePolicyDocument=json.dumps(SSM_MAY_ASSUME))["Role"]["Arn"]
    iam.put_role_policy(RoleName="automation", PolicyName="p", PolicyDocument=policy(("ec2:DescribeSecurityGroups", "*")))
    return arn


@pytest.fixture
def run(fresh, role):
    """Creates a document of these steps, runs it, and returns the execution when it has ended."""
    ssm = fresh.client("ssm")

    def create_and_run(*steps: dict, outputs=(), parameters=None, passed=None, wait=True, client=ssm):
        document = {
            "schemaVersion": "0.3",
            "assumeRole": "{{ AutomationAssumeRole }}",
            "outputs": list(outputs),
            "parameters": {"AutomationAssumeRole": {"type": "String", "default": role}, **(parameters or {})},
            "mainSteps": list(steps),
        }
        name = f"document-{len(ssm.list_documents()['DocumentIdentifiers'])}"
        ssm.create_document(Name=name, DocumentType="Automation", DocumentFormat="JSON", Content=json.dumps(document))
        arguments = {"Parameters": passed} if passed else {}
        execution = client.start_automation_execution(DocumentName=name, **arguments)["AutomationExecutionId"]

        def found():
            return ssm.get_automation_execution(AutomationExecutionId=execution)["AutomationExecution"]

        if wait:
            wait_for("the execution", lambda: found()["AutomationExecutionStatus"] not in ("Pending", "InProgress"))
        return found()

    return create_and_run


@pytest.fixture
def seen(fresh):
    """Has a rule of the default bus send what its pattern matches to a queue, and returns a function that waits for so many events."""
    events, sqs = fresh.client("events"), fresh.client("sqs")

    def watch(pattern: dict, **target):
        arn = events.put_rule(Name="seen", EventPattern=json.dumps(pattern))["RuleArn"]
        queue, queue_arn = queue_for(fresh, "seen", "events.amazonaws.com", arn)
        events.put_targets(Rule="seen", Targets=[{"Id": "queue", "Arn": queue_arn, **target}])
        taken: list[dict] = []

        def received(count: int = 1) -> list[dict]:
            def more() -> bool:
                for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
                    taken.append(json.loads(message["Body"]))
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                return len(taken) >= count

            wait_for(f"{count} events", more)
            found = taken[:]
            taken.clear()
            return found

        return received

    return watch


@pytest.fixture
def session(fresh):
    """Creates a role with these statements, and returns a client with a session of it."""

    def of_role(name: str, *statements: dict, service: str = "s3"):
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
        iam = fresh.client("iam")
        role = iam.create_role(RoleName=name, Path="/made/", AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(*statements))
        return fresh.client(service, session_of(fresh, role))

    return of_role
