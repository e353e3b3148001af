"""Closing of open groups: manual, automatic, and despite failures."""

import pytest
from local_cloud import wait_for
from portcullis import RULE, evidence, open_to, outcome

pytestmark = pytest.mark.documents

WORLD = "0.0.0.0/0"
REVOKE = "RevokeSecurityGroupIngress"


@pytest.fixture(params=[False, True], ids=["function error passes the step", "function error fails the step"])
def either_world(request, portcullis):
    """AWS does not document whether a function's error fails the step that invokes it: the product works either way."""
    portcullis.cloud.settings(functionErrorFailsStep=request.param)
    return portcullis


def test_a_manual_remediation_closes_exactly_the_open_rules(portcullis):
    ssh = open_to(WORLD, "::/0", "10.0.0.0/8", "198.41.0.4/32")
    group = portcullis.cloud.group("manual", ssh, open_to(WORLD, ports=(443, 443)), open_to(WORLD, ports=(3000, 4000)))
    portcullis.cloud.settle()
    status = portcullis.remediate(group)
    assert status["State"] == "SUCCEEDED"
    assert [(step["Name"], step["State"]) for step in status["StepDetails"]] == [
        ("InvokeRemediator", "SUCCEEDED"),
        ("VerifyOutcome", "SUCCEEDED"),
    ]
    assert portcullis.sources(group) == {"10.0.0.0/8", "198.41.0.4/32"}
    assert portcullis.sources(group, 443) == {WORLD}
    assert portcullis.sources(group, 3389) == set()
    assert portcullis.result(group)[0] == "COMPLIANT"

    [run] = portcullis.executions(group)
    assert outcome(run) == "CLOSED"
    closed = evidence(run)
    assert sorted(rule["source"] for rule in closed["revoked"]) == [WORLD, WORLD, "::/0"]
    assert closed["remaining"] == []


def test_closing_again_is_success_with_nothing_to_do(portcullis):
    group = portcullis.cloud.group("again", open_to(WORLD))
    portcullis.cloud.settle()
    portcullis.remediate(group)
    assert outcome(portcullis.close(group)) == "NOTHING_TO_DO"


def test_a_dry_run_says_what_would_be_done(portcullis):
    group = portcullis.cloud.group("dry-run", open_to(WORLD))
    portcullis.cloud.settle()
    mark = portcullis.cloud.mark()
    run = portcullis.close(group, DryRun="true")
    assert outcome(run) == "PLANNED"
    assert evidence(run)["revoked"][0]["source"] == WORLD
    assert portcullis.sources(group) == {WORLD}
    assert not portcullis.cloud.calls(since=mark, action=f"ec2:{REVOKE}")


def test_automatic_mode_closes_everything_and_can_be_switched_off_again(portcullis):
    cloud = portcullis.cloud
    groups = [cloud.group(f"automatic-{number}", open_to(WORLD, "10.0.0.0/8")) for number in range(8)]
    cloud.settle()
    portcullis.update(RemediationMode="True")
    wait_for("all groups to be closed", lambda: all(portcullis.result(group)[0] == "COMPLIANT" for group in groups))
    assert all(portcullis.sources(group) == {"10.0.0.0/8"} for group in groups)

    portcullis.update(RemediationMode="False")
    cloud.settle()
    late = cloud.group("automatic-off", open_to(WORLD))
    cloud.settle()
    mark = cloud.mark()
    cloud.control("POST", "/schedule", {"ruleName": RULE})
    cloud.settle()
    assert portcullis.result(late)[0] == "NON_COMPLIANT"
    assert portcullis.sources(late) == {WORLD}
    assert not cloud.calls(since=mark, action=f"ec2:{REVOKE}")


def test_an_exception_blocks_automatic_mode(portcullis):
    cloud = portcullis.cloud
    group = cloud.group("exception", open_to(WORLD))
    cloud.settle()
    key = {"ResourceType": "AWS::EC2::SecurityGroup", "ResourceId": group}
    portcullis.config.put_remediation_exceptions(ConfigRuleName=RULE, ResourceKeys=[key], Message="until Monday")
    try:
        portcullis.update(RemediationMode="True")
        cloud.settle()
        assert portcullis.sources(group) == {WORLD}
        assert portcullis.result(group)[0] == "NON_COMPLIANT"
    finally:
        portcullis.config.delete_remediation_exceptions(ConfigRuleName=RULE, ResourceKeys=[key])


def test_throttling_of_ec2_is_retried(portcullis):
    group = portcullis.cloud.group("throttled", open_to(WORLD))
    portcullis.cloud.settle()
    portcullis.cloud.fault(service="ec2", action=REVOKE, code="RequestLimitExceeded", status=503)
    mark = portcullis.cloud.mark()
    assert portcullis.remediate(group)["State"] == "SUCCEEDED"
    assert portcullis.sources(group) == set()
    revokes = portcullis.cloud.calls(since=mark, principal="RemediatorRole", action=f"ec2:{REVOKE}")
    assert [call["errorCode"] for call in revokes] == ["RequestLimitExceeded", None]


def test_a_failed_revoke_fails_the_execution(either_world):
    portcullis = either_world
    group = portcullis.cloud.group(f"denied-{portcullis.cloud.mark()}", open_to(WORLD))
    portcullis.cloud.settle()
    portcullis.cloud.fault(service="ec2", action=REVOKE, code="UnauthorizedOperation", status=403, times=20)
    status = portcullis.remediate(group)
    assert status["State"] == "FAILED"
    messages = " ".join(step.get("ErrorMessage", "") for step in status["StepDetails"])
    assert "FAILED" in messages, messages
    assert "allow ec2:RevokeSecurityGroupIngress to this role or user" in messages, messages
    assert portcullis.sources(group) == {WORLD}

    # Once that is fixed, a second remediation is enough.
    portcullis.cloud.control("DELETE", "/faults")
    assert portcullis.remediate(group)["State"] == "SUCCEEDED"
    assert portcullis.sources(group) == set()


def test_a_close_succeeds_in_either_world(either_world):
    portcullis = either_world
    group = portcullis.cloud.group(f"either-{portcullis.cloud.mark()}", open_to(WORLD))
    portcullis.cloud.settle()
    assert portcullis.remediate(group)["State"] == "SUCCEEDED"


def test_automatic_mode_stops_after_its_attempts_and_reports_it(portcullis):
    cloud = portcullis.cloud
    group = cloud.group("parked", open_to(WORLD))
    cloud.settle()
    cloud.fault(service="ec2", action=REVOKE, code="UnauthorizedOperation", status=403, times=1000)
    portcullis.update(RemediationMode="True")
    wait_for("the exception that AWS Config makes", lambda: exceptions(portcullis, group))
    cloud.settle()
    assert len(portcullis.executions(group)) == 3
    assert portcullis.sources(group) == {WORLD}
    # It stays open, and somebody is told: the sweep that EventBridge starts logs what an alarm counts.
    assert portcullis.invoke("RemediatorFunctionName", action="sweep", configRuleName=RULE)["parked"] == [group]
    parked = [line for line in portcullis.log("RemediatorLogGroup") if line["message"] == "security group parked"]
    assert [line["security_group.id"] for line in parked] == [group]
    key = {"ResourceType": "AWS::EC2::SecurityGroup", "ResourceId": group}
    cloud.control("DELETE", "/faults")
    portcullis.config.delete_remediation_exceptions(ConfigRuleName=RULE, ResourceKeys=[key])
    wait_for("the group to be closed", lambda: portcullis.result(group)[0] == "COMPLIANT")


def exceptions(portcullis, group: str) -> list[dict]:
    found = portcullis.config.describe_remediation_exceptions(ConfigRuleName=RULE)["RemediationExceptions"]
    return [exception for exception in found if exception["ResourceId"] == group]


def test_a_group_deleted_between_evaluation_and_remediation_is_success(portcullis):
    cloud = portcullis.cloud
    group = cloud.group("vanished", open_to(WORLD))
    cloud.settle()
    # AWS Config has not recorded the deletion yet.
    recorder = portcullis.config.describe_configuration_recorders()["ConfigurationRecorders"][0]["name"]
    portcullis.config.stop_configuration_recorder(ConfigurationRecorderName=recorder)
    try:
        portcullis.ec2.delete_security_group(GroupId=group)
        assert portcullis.remediate(group)["State"] == "SUCCEEDED"
        [run] = portcullis.executions(group)
        assert outcome(run) == "NOTHING_TO_DO"
    finally:
        portcullis.config.start_configuration_recorder(ConfigurationRecorderName=recorder)
        cloud.settle()
    assert portcullis.result(group) is None


def test_a_rule_that_was_revoked_meanwhile_counts_as_done(portcullis):
    cloud = portcullis.cloud
    group = cloud.group("meanwhile", open_to(WORLD, "::/0"))
    cloud.settle()
    # The remediator has read the rules and is about to revoke them; its call is delayed.
    cloud.fault(service="ec2", action=REVOKE, kind="delay", seconds=1.5, principal="RemediatorRole")
    mark = cloud.mark()
    key = {"resourceType": "AWS::EC2::SecurityGroup", "resourceId": group}
    portcullis.config.start_remediation_execution(ConfigRuleName=RULE, ResourceKeys=[key])
    wait_for(
        "the remediator to have read the rules",
        lambda: cloud.calls(since=mark, principal="RemediatorRole", action="ec2:DescribeSecurityGroupRules"),
    )
    portcullis.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[open_to("::/0")])
    cloud.settle()
    assert portcullis.remediation(group)["State"] == "SUCCEEDED"
    [run] = portcullis.executions(group)
    closed = evidence(run)
    assert [rule["source"] for rule in closed["alreadyAbsent"]] == ["::/0"]
    assert [rule["source"] for rule in closed["revoked"]] == [WORLD]
    assert portcullis.sources(group) == set()


def test_a_lost_response_to_the_revoke_is_detected(portcullis):
    group = portcullis.cloud.group("lost-answer", open_to(WORLD, "10.0.0.0/8"))
    portcullis.cloud.settle()
    portcullis.cloud.fault(service="ec2", action=REVOKE, kind="lostReply", times=1)
    assert portcullis.remediate(group)["State"] == "SUCCEEDED"
    assert portcullis.sources(group) == {"10.0.0.0/8"}


def test_the_live_state_decides_not_a_stale_configuration_item(portcullis):
    """AWS Config may start a remediation because of an old configuration item, for a group that is already closed."""
    cloud = portcullis.cloud
    cloud.settings(remediationSnapshotStale=True)
    groups = [cloud.group(f"stale-{number}", open_to(WORLD)) for number in range(3)]
    cloud.settle()
    portcullis.update(RemediationMode="True")
    wait_for("all groups to be closed", lambda: all(portcullis.result(group)[0] == "COMPLIANT" for group in groups))
    cloud.settle()
    for group in groups:
        assert all(run["AutomationExecutionStatus"] == "Success" for run in portcullis.executions(group))
