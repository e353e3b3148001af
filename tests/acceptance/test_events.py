"""Events of the deployed stack, as a rule of one's own receives them."""

import contextlib
import json

import pytest
from local_cloud import REPOSITORY, wait_for
from portcullis import RULE, evidence, open_to, outcome

WORLD = "0.0.0.0/0"
DENIAL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Action": "events:PutEvents", "Resource": "*"}],
}


def keys(name: str) -> set[str]:
    """Keys of a detail by its schema. The tests of the functions validate all of it."""
    return set(json.loads((REPOSITORY / "docs" / "events" / f"{name}.schema.json").read_text(encoding="utf-8"))["required"])


@contextlib.contextmanager
def subscription(cloud, bus: str = "default", **pattern):
    """A rule for the events of Portcullis, with a queue behind it. Yields a function that returns what the queue has received."""
    sqs, events = cloud.client("sqs"), cloud.client("events")
    url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = events.put_rule(Name="subscriber", EventBusName=bus, EventPattern=json.dumps({"source": ["portcullis"]} | pattern))
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule["RuleArn"]}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_targets(Rule="subscriber", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    received: list[dict] = []

    def messages() -> list[dict]:
        reply = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        for message in reply.get("Messages", []):
            received.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return received

    try:
        yield messages
    finally:
        events.remove_targets(Rule="subscriber", EventBusName=bus, Ids=["queue"])
        events.delete_rule(Name="subscriber", EventBusName=bus)
        sqs.delete_queue(QueueUrl=url)


@pytest.mark.documents
def test_a_subscriber_hears_of_an_open_group_and_of_its_closing(portcullis):
    with subscription(portcullis.cloud) as messages:
        group = portcullis.cloud.group("announced", open_to(WORLD, description="temporary"), tags={"owner": "shop@example.com"})
        portcullis.cloud.settle()

        def about(kind: str) -> list[dict]:
            found = [message for message in messages() if message["detail-type"] == kind]
            return [message for message in found if message["resources"][0].endswith(f"security-group/{group}")]

        [*_, opened] = wait_for("the assessment", lambda: about("Portcullis Assessment"))
        detail = opened["detail"]
        assert detail.keys() == keys("assessment")
        assert (opened["source"], detail["schema"]) == ("portcullis", "portcullis.assessment/1")
        assert (detail["account"], detail["region"]) == ("123456789012", portcullis.cloud.endpoints["region"])
        assert (detail["securityGroup"]["id"], detail["securityGroup"]["name"]) == (group, "announced")
        assert detail["securityGroup"]["tags"] == {"owner": "shop@example.com"}
        assert (detail["configRuleName"], detail["trigger"]) == (RULE, "change")
        assert (detail["compliance"], detail["status"], detail["severity"]) == ("NON_COMPLIANT", "open_completely", "high")
        [exposure] = detail["exposures"]
        assert (exposure["source"], exposure["ports"], exposure["description"]) == (WORLD, ["tcp/22"], "temporary")

        execution = portcullis.close(group)
        assert outcome(execution) == "CLOSED"
        [closed] = wait_for("the remediation", lambda: about("Portcullis Remediation"))
        detail = closed["detail"]
        assert detail.keys() == keys("remediation")
        assert (detail["action"], detail["status"], detail["dryRun"]) == ("close", "CLOSED", False)
        assert detail["executionId"] == execution["AutomationExecutionId"]
        assert detail["response"] == evidence(execution)
        assert detail["counts"]["revoked"] == 1
        # The group is compliant again, of which AWS Config tells.
        assert portcullis.result(group)[0] == "COMPLIANT"
        assert all(message["detail"]["compliance"] == "NON_COMPLIANT" for message in about("Portcullis Assessment"))
    calls = [call for role in ("EvaluatorRole", "RemediatorRole") for call in portcullis.calls(role, 0, "events:PutEvents")]
    assert calls
    assert [call["errorCode"] for call in calls if call["errorCode"]] == []


@pytest.mark.documents
def test_a_subscriber_hears_of_a_quarantine_a_release_and_a_restore(portcullis):
    mark = portcullis.cloud.mark()
    group = portcullis.cloud.group("announced-otherwise", open_to(WORLD))
    portcullis.in_use(group)
    with subscription(portcullis.cloud, **{"detail-type": ["Portcullis Remediation"]}) as messages:

        def told(execution: dict) -> dict:
            """The event about an execution."""
            identity = execution["AutomationExecutionId"]
            [event] = wait_for("the event", lambda: [m for m in messages() if m["detail"]["executionId"] == identity])
            assert event["resources"][0].endswith(f"security-group/{group}")
            detail = event["detail"]
            assert detail.keys() == keys("remediation")
            assert (detail["configRuleName"], detail["securityGroupId"]) == (RULE, group)
            return detail

        for action, status, count in (("quarantine", "QUARANTINED", "added"), ("release", "RELEASED", "removed")):
            planned = told(portcullis.quarantine(group, Action=action, DryRun="true"))
            assert (planned["action"], planned["status"], planned["dryRun"]) == (action, "PLANNED", True)
            execution = portcullis.quarantine(group, Action=action)
            assert outcome(execution) == status
            detail = told(execution)
            assert (detail["action"], detail["status"], detail["dryRun"]) == (action, status, False)
            [acl] = detail["response"]["networkAcls"]
            assert acl[count]

        assert outcome(portcullis.close(group)) == "CLOSED"
        # What could not be done is an event, too.
        portcullis.cloud.fault(service="ec2", action="AuthorizeSecurityGroupIngress", code="UnauthorizedOperation", status=403, times=20)
        failed = portcullis.restore(group)
        assert failed["AutomationExecutionStatus"] == "Failed"
        detail = told(failed)
        assert (detail["action"], detail["status"]) == ("restore", "FAILED")
        portcullis.cloud.control("DELETE", "/faults")
        execution = portcullis.restore(group)
        assert outcome(execution) == "RESTORED"
        detail = told(execution)
        assert (detail["action"], detail["status"], detail["counts"]["authorized"]) == ("restore", "RESTORED", 1)
    calls = {role: portcullis.calls(role, mark, "events:PutEvents") for role in ("RestorerRole", "QuarantineRole")}
    assert {role: len(made) for role, made in calls.items()} == {"RestorerRole": 2, "QuarantineRole": 4}
    assert [call["errorCode"] for made in calls.values() for call in made if call["errorCode"]] == []


@pytest.mark.documents
def test_a_bus_that_refuses_events_fails_nothing(portcullis):
    iam = portcullis.cloud.client("iam")
    roles = [portcullis.resource(role) for role in ("EvaluatorRole", "RemediatorRole", "RestorerRole", "QuarantineRole")]
    for role in roles:
        iam.put_role_policy(RoleName=role, PolicyName="denial", PolicyDocument=json.dumps(DENIAL))
    try:
        group = portcullis.cloud.group("silent", open_to(WORLD))
        portcullis.cloud.settle()
        assert portcullis.result(group)[0] == "NON_COMPLIANT"
        assert outcome(portcullis.close(group)) == "CLOSED"
        assert portcullis.sources(group) == set()
        assert outcome(portcullis.restore(group)) == "RESTORED"
        portcullis.in_use(group)
        for action, status in (("quarantine", "QUARANTINED"), ("release", "RELEASED")):
            assert outcome(portcullis.quarantine(group, Action=action)) == status
    finally:
        for role in roles:
            iam.delete_role_policy(RoleName=role, PolicyName="denial")
    for log in ("RuleEvaluatorLogGroup", "RemediatorLogGroup", "RestorerLogGroup", "QuarantineLogGroup"):
        warnings = [line for line in portcullis.log(log) if line.get("message") == "event not put"]
        [*_, warning] = [line for line in warnings if line["security_group.id"] == group]
        assert warning["level"] == "WARN"
        assert "AccessDenied" in warning["error"]
        assert "allow events:PutEvents" in warning["error"] or "explicit" in warning["error"]


@pytest.mark.documents
def test_events_go_to_a_bus_of_ones_own_or_nowhere(portcullis):
    portcullis.cloud.client("events").create_event_bus(Name="security")
    try:
        portcullis.update(EventBusName="security")
        with subscription(portcullis.cloud, "security", **{"detail": {"severity": ["high"]}}) as messages:
            group = portcullis.cloud.group("own-bus", open_to(WORLD))
            portcullis.cloud.settle()
            wait_for("the assessment", lambda: [m for m in messages() if m["detail"]["securityGroup"]["id"] == group])
        # A bus that does not exist any more: the role may put events on it, and nothing else fails.
        portcullis.cloud.client("events").delete_event_bus(Name="security")
        another = portcullis.cloud.group("no-bus", open_to(WORLD))
        portcullis.cloud.settle()
        assert portcullis.result(another)[0] == "NON_COMPLIANT"
        assert outcome(portcullis.close(another)) == "CLOSED"

        portcullis.update(EventBusName="")
        mark = portcullis.cloud.mark()
        quiet = portcullis.cloud.group("quiet", open_to(WORLD))
        portcullis.cloud.settle()
        assert portcullis.result(quiet)[0] == "NON_COMPLIANT"
        assert portcullis.calls("EvaluatorRole", mark, "events:PutEvents") == []
    finally:
        portcullis.update(EventBusName="default")
