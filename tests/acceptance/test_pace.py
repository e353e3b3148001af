"""The limit of closings in an hour, in automatic mode and by hand."""

import datetime
import json

import pytest
from local_cloud import wait_for
from portcullis import GROUP_TYPE, RULE, evidence, open_to, outcome

pytestmark = pytest.mark.documents

WORLD = "0.0.0.0/0"


def end_of_hour() -> datetime.datetime:
    now = datetime.datetime.now(datetime.UTC)
    return now.replace(minute=0, second=0, microsecond=0) + datetime.timedelta(hours=1)


def has_time() -> bool:
    """Whether the hour is long enough for a test that ends in it."""
    return end_of_hour() - datetime.datetime.now(datetime.UTC) > datetime.timedelta(minutes=3)


def items(portcullis, partition: str) -> dict[str, dict]:
    """Items of the table of the stack, by their ids."""
    found = portcullis.cloud.client("dynamodb").query(
        TableName=portcullis.resource("StateTable"),
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": partition}},
    )
    return {item["sk"]["S"]: item for item in found["Items"]}


def exceptions(portcullis, groups: list[str]) -> dict[str, dict]:
    keys = [{"ResourceType": GROUP_TYPE, "ResourceId": group} for group in groups]
    found = portcullis.config.describe_remediation_exceptions(ConfigRuleName=RULE, ResourceKeys=keys)
    return {exception["ResourceId"]: exception for exception in found["RemediationExceptions"]}


def test_automatic_mode_closes_as_many_groups_as_may_be_and_defers_the_others(fresh):
    portcullis = fresh
    portcullis.deploy(RuleName=RULE, ClosingsPerHour="2")
    groups = [portcullis.cloud.group(f"pace-{number}", open_to(WORLD, "10.0.0.0/8")) for number in range(5)]
    portcullis.cloud.settle()
    wait_for("an hour that does not end at once", has_time, seconds=240)
    end = end_of_hour()
    portcullis.update(RemediationMode="True")
    wait_for("three groups to be deferred", lambda: len(items(portcullis, f"deferred/{RULE}")) == 3, seconds=120)
    portcullis.cloud.settle()

    deferred = items(portcullis, f"deferred/{RULE}")
    closed = set(groups) - deferred.keys()
    assert {group: portcullis.sources(group) for group in groups} == {
        group: {"10.0.0.0/8"} if group in closed else {WORLD, "10.0.0.0/8"} for group in groups
    }
    (hour,) = items(portcullis, "pace/closings").values()
    assert set(hour["members"]["SS"]) == closed
    assert {item["until"]["S"] for item in deferred.values()} == {end.strftime("%Y-%m-%dT%H:%M:%SZ")}

    # One execution each, which succeeded, and an exception until the end of the hour.
    assert {group: len(portcullis.executions(group)) for group in groups} == dict.fromkeys(groups, 1)
    assert {run["AutomationExecutionStatus"] for group in groups for run in portcullis.executions(group)} == {"Success"}
    put = exceptions(portcullis, groups)
    assert put.keys() == deferred.keys()
    for exception in put.values():
        assert exception["ExpirationTime"] == end
        assert exception["Message"].startswith("Portcullis: closing deferred until ")
    # The lines that the alarm counts.
    lines = [line for line in portcullis.log("RemediatorLogGroup") if line["message"] == "closing deferred"]
    assert {line["security_group.id"] for line in lines} == deferred.keys()
    assert len(lines) == 3

    # By hand it is deferred as well, unless the pace is ignored.
    by_hand, other, _ = sorted(deferred)
    run = portcullis.close(by_hand)
    assert (outcome(run), evidence(run)["closingsPerHour"]) == ("DEFERRED", 2)
    assert run["Outputs"]["VerifyOutcome.DeferredUntil"] == [end.strftime("%Y-%m-%dT%H:%M:%SZ")]
    assert outcome(portcullis.close(by_hand, IgnorePace="true")) == "CLOSED"
    assert portcullis.sources(by_hand) == {"10.0.0.0/8"}
    assert by_hand not in items(portcullis, f"deferred/{RULE}")

    # A higher limit counts at once.
    portcullis.update(ClosingsPerHour="4")
    assert outcome(portcullis.close(other)) == "CLOSED"


def test_a_closing_that_cannot_be_counted_fails_and_changes_nothing(portcullis):
    group = portcullis.cloud.group("uncounted", open_to(WORLD))
    portcullis.cloud.settle()
    iam, role = portcullis.cloud.client("iam"), portcullis.resource("RemediatorRole")
    denial = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "dynamodb:UpdateItem", "Resource": "*"}],
    }
    iam.put_role_policy(RoleName=role, PolicyName="no-table", PolicyDocument=json.dumps(denial))
    try:
        failed = portcullis.close(group)
        assert failed["AutomationExecutionStatus"] == "Failed"
        assert portcullis.sources(group) == {WORLD}
        assert outcome(portcullis.close(group, IgnorePace="true")) == "CLOSED"
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="no-table")
