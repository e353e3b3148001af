"""The local cloud itself: its parts work together, and it behaves as AWS does where the product depends on it."""

import json
import pathlib
import signal
import subprocess
import sys

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError
from identities import queue_for
from local_cloud import REPOSITORY, StackFailed, binary, start, wait_for

SSH = {
    "IpProtocol": "tcp",
    "FromPort": 22,
    "ToPort": 22,
    "IpRanges": [{"CidrIp": "0.0.0.0/0"}, {"CidrIp": "10.0.0.0/8", "Description": "office"}],
}
GROUP = "AWS::EC2::SecurityGroup"


def sources(cloud, group: str) -> set[str]:
    rules = cloud.client("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
    return {r.get("CidrIpv4", "") for r in rules["SecurityGroupRules"] if not r["IsEgress"]}


def refusal(code: str):
    return pytest.raises(ClientError, match=code)


def test_the_private_names_of_ministack_are_all_there():
    launcher = REPOSITORY / "dev" / "local-cloud" / "launcher"
    check = subprocess.run([sys.executable, "-c", "import hooks; hooks.check()"], cwd=launcher, check=False, capture_output=True, text=True)
    assert check.returncode == 0, check.stderr


def test_a_missing_private_name_is_reported_clearly():
    launcher = REPOSITORY / "dev" / "local-cloud" / "launcher"
    script = "import hooks; hooks.REQUIRED['ministack.app'] = ('gone_with_the_update',); hooks.check()"
    check = subprocess.run([sys.executable, "-c", script], cwd=launcher, check=False, capture_output=True, text=True)
    assert "no longer has ministack.app.gone_with_the_update" in check.stderr


def test_ec2_revokes_exactly_the_requested_rules(fresh):
    ec2 = fresh.client("ec2")
    group = fresh.group("exact", SSH)
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    world = next(r["SecurityGroupRuleId"] for r in rules if r.get("CidrIpv4") == "0.0.0.0/0" and not r["IsEgress"])
    reply = ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[world])
    [revoked] = reply["RevokedSecurityGroupRules"]
    assert (revoked["SecurityGroupRuleId"], revoked["CidrIpv4"], revoked["FromPort"]) == (world, "0.0.0.0/0", 22)
    assert sources(fresh, group) == {"10.0.0.0/8"}
    office = next(r["SecurityGroupRuleId"] for r in rules if r.get("CidrIpv4") == "10.0.0.0/8" and not r["IsEgress"])
    with refusal("InvalidSecurityGroupRuleId.NotFound"):
        ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[office, world])
    assert sources(fresh, group) == {"10.0.0.0/8"}, "all or nothing"
    with refusal("InvalidGroup.NotFound"):
        ec2.revoke_security_group_ingress(GroupId="sg-0123456789abcdef0", SecurityGroupRuleIds=[world])


def test_the_loop_closes_by_hand(fresh, loop_template):
    config = fresh.client("config")
    rule = fresh.deploy("loop", loop_template)["RuleName"]
    group = fresh.group("by-hand", SSH)
    fresh.settle()
    assert fresh.compliance(rule)[group] == "NON_COMPLIANT"

    key = {"resourceType": GROUP, "resourceId": group}
    reply = config.start_remediation_execution(ConfigRuleName=rule, ResourceKeys=[key])
    assert not reply.get("FailedItems"), reply
    fresh.settle()
    status = config.describe_remediation_execution_status(ConfigRuleName=rule, ResourceKeys=[key])
    [status] = status["RemediationExecutionStatuses"]
    assert status["State"] == "SUCCEEDED", status
    assert [(s["Name"], s["State"]) for s in status["StepDetails"]] == [("InvokeRemediator", "SUCCEEDED"), ("Verify", "SUCCEEDED")]
    assert sources(fresh, group) == {"10.0.0.0/8"}
    assert fresh.compliance(rule)[group] == "COMPLIANT"

    again = config.start_remediation_execution(ConfigRuleName=rule, ResourceKeys=[key])
    assert again["FailedItems"] == [key]
    assert "already compliant" in again["FailureMessage"]

    fresh.client("ec2").delete_security_group(GroupId=group)
    fresh.settle()
    assert group not in fresh.compliance(rule)


def test_the_loop_closes_by_itself_after_a_stack_update(fresh, loop_template):
    rule = fresh.deploy("loop", loop_template)["RuleName"]
    groups = [fresh.group(f"auto-{n}", SSH) for n in range(5)]
    fresh.settle()
    assert all(fresh.compliance(rule)[g] == "NON_COMPLIANT" for g in groups)
    fresh.settings(remediationSnapshotSeconds=0.1)
    fresh.deploy("loop", loop_template, RemediationMode="True")
    wait_for("every group to be compliant", lambda: all(fresh.compliance(rule)[g] == "COMPLIANT" for g in groups))
    fresh.settle()
    assert all(sources(fresh, g) == {"10.0.0.0/8"} for g in groups)


def test_a_missing_permission_fails_the_remediation(fresh, loop_template):
    config = fresh.client("config")
    outputs = fresh.deploy("loop", loop_template, RevokeAction="ec2:DescribeTags")
    rule, group = outputs["RuleName"], fresh.group("denied", SSH)
    fresh.settle()
    config.start_remediation_execution(ConfigRuleName=rule, ResourceKeys=[{"resourceType": GROUP, "resourceId": group}])
    fresh.settle()
    [status] = config.describe_remediation_execution_status(ConfigRuleName=rule)["RemediationExecutionStatuses"]
    assert status["State"] == "FAILED"
    # The function's error does not fail the step that invokes it; the verification does.
    assert [s["State"] for s in status["StepDetails"]] == ["SUCCEEDED", "FAILED"]
    assert "UnauthorizedOperation" in status["StepDetails"][1]["ErrorMessage"]
    denied = fresh.calls(principal=outputs["RemediatorRole"], action="ec2:RevokeSecurityGroupIngress")
    assert denied
    assert denied[0]["errorCode"] == "UnauthorizedOperation"
    assert denied[0]["resource"].endswith(f":security-group/{group}")
    assert sources(fresh, group) == {"0.0.0.0/0", "10.0.0.0/8"}


def test_a_tag_condition_is_judged_by_the_tags_in_ec2(fresh, loop_template):
    outputs = fresh.deploy("loop", loop_template)
    tagged = fresh.group("tagged", SSH, tags={"PortGuard": "exempt"})
    fresh.settle()
    fresh.client("config").start_remediation_execution(
        ConfigRuleName=outputs["RuleName"], ResourceKeys=[{"resourceType": GROUP, "resourceId": tagged}]
    )
    fresh.settle()
    [call] = fresh.calls(principal=outputs["RemediatorRole"], action="ec2:RevokeSecurityGroupIngress")
    assert call["errorCode"] == "UnauthorizedOperation"


def test_attempts_are_counted_and_then_an_exception_stops_them(fresh, loop_template):
    config = fresh.client("config")
    fresh.settings(remediationSnapshotSeconds=0.1)
    rule = fresh.deploy("loop", loop_template, RemediationMode="True", RevokeAction="ec2:DescribeTags")["RuleName"]
    group = fresh.group("parked", SSH)
    wait_for("the exception", lambda: config.describe_remediation_exceptions(ConfigRuleName=rule)["RemediationExceptions"])
    fresh.settle()
    ssm = fresh.client("ssm")
    assert len(ssm.describe_automation_executions()["AutomationExecutionMetadataList"]) == 2
    [exception] = config.describe_remediation_exceptions(ConfigRuleName=rule)["RemediationExceptions"]
    assert exception["ResourceId"] == group


@pytest.mark.parametrize(("counted", "parked"), [("failures", False), ("attempts", True)])
def test_successful_attempts_count_if_all_do(fresh, loop_template, counted, parked):
    config, ec2 = fresh.client("config"), fresh.client("ec2")
    fresh.settings(remediationSnapshotSeconds=0.1, attemptsCounted=counted)
    # Two attempts are permitted in ten minutes.
    rule = fresh.deploy("loop", loop_template, RemediationMode="True")["RuleName"]
    group = fresh.group("re-opened")
    for _ in range(3):
        ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
        fresh.settle()
    exceptions = config.describe_remediation_exceptions(ConfigRuleName=rule)["RemediationExceptions"]
    assert [(e["ResourceId"], "ExpirationTime" in e) for e in exceptions] == ([(group, False)] if parked else [])
    assert ("0.0.0.0/0" in sources(fresh, group)) == parked


def test_injected_throttling_is_counted_and_survived(fresh, loop_template):
    outputs = fresh.deploy("loop", loop_template)
    group = fresh.group("throttled", SSH)
    fresh.settle()
    fresh.fault(service="ec2", action="RevokeSecurityGroupIngress", times=1)
    fresh.client("config").start_remediation_execution(
        ConfigRuleName=outputs["RuleName"], ResourceKeys=[{"resourceType": GROUP, "resourceId": group}]
    )
    fresh.settle()
    calls = fresh.calls(principal=outputs["RemediatorRole"], action="ec2:RevokeSecurityGroupIngress")
    assert [c["errorCode"] for c in calls] == ["RequestLimitExceeded", None]
    assert fresh.control("GET", "/faults")[0]["injected"] == 1


def test_a_lost_reply_has_changed_something_and_a_dropped_request_has_not(fresh):
    group = fresh.group("faults", SSH)
    once = fresh.client("ec2", retries={"total_max_attempts": 1})
    world = {**SSH, "IpRanges": SSH["IpRanges"][:1]}
    for kind, left in (("drop", {"0.0.0.0/0", "10.0.0.0/8"}), ("lostReply", {"10.0.0.0/8"})):
        fresh.fault(service="ec2", action="RevokeSecurityGroupIngress", kind=kind)
        with pytest.raises((HTTPClientError, EndpointConnectionError, ClientError)):
            once.revoke_security_group_ingress(GroupId=group, IpPermissions=[world])
        assert sources(fresh, group) == left


def test_failed_evaluations_are_retried_and_end_in_the_logs(fresh, loop_template):
    fresh.settings(asyncRetryBaseSeconds=0.05, failNextEvaluations=1)
    outputs = fresh.deploy("loop", loop_template)
    fresh.settle()
    streams = fresh.client("logs").filter_log_events(logGroupName=outputs["EvaluatorLogs"])["events"]
    assert any("not every evaluation was stored" in e["message"] for e in streams)
    assert set(fresh.compliance(outputs["RuleName"]).values()) == {"COMPLIANT"}, "the retry stored it"


def test_bounds_come_from_the_service_model(fresh, loop_template):
    config = fresh.client("config", parameter_validation=False)
    evaluation = {"ComplianceResourceType": GROUP, "ComplianceResourceId": "sg-1", "ComplianceType": "COMPLIANT", "OrderingTimestamp": 1.0}
    with refusal("less than or equal to 100"):
        config.put_evaluations(ResultToken="x", Evaluations=[evaluation] * 101)
    with refusal("less than or equal to 256"):
        config.put_evaluations(ResultToken="x", Evaluations=[{**evaluation, "Annotation": "x" * 257}])
    with refusal("greater than or equal to 1"):
        config.put_evaluations(ResultToken="x", Evaluations=[{**evaluation, "Annotation": ""}])
    with refusal("InvalidResultTokenException"):
        config.put_evaluations(ResultToken="x", Evaluations=[evaluation])
    assert config.put_evaluations(ResultToken="TESTMODE", TestMode=True, Evaluations=[evaluation])["FailedEvaluations"] == []


def test_a_stack_fails_as_in_aws(fresh, loop_template):
    without_permission = loop_template.replace(
        "Action: lambda:InvokeFunction\n      Principal: config.amazonaws.com",
        "Action: lambda:InvokeFunction\n      Principal: s3.amazonaws.com",
    )
    with pytest.raises(StackFailed, match="InsufficientPermissionsException"):
        fresh.deploy("no-permission", without_permission)
    with refusal("must match pattern"):
        fresh.deploy("bad-parameter", loop_template, RevokeAction="anything")
    config = fresh.client("config")
    config.delete_configuration_recorder(ConfigurationRecorderName="default")
    with pytest.raises(StackFailed, match="NoAvailableConfigurationRecorderException"):
        fresh.deploy("no-recorder", loop_template)


def test_a_deleted_stack_leaves_nothing(fresh, loop_template):
    cloudformation = fresh.client("cloudformation")
    outputs = fresh.deploy("loop", loop_template)
    cloudformation.delete_stack(StackName="loop")
    wait_for("the stack to be deleted", lambda: not [s for s in cloudformation.describe_stacks()["Stacks"] if s["StackName"] == "loop"])
    assert fresh.client("config").describe_config_rules()["ConfigRules"] == []
    with refusal("InvalidDocument"):
        fresh.client("ssm").describe_document(Name=outputs["DocumentName"])


def test_changed_document_content_replaces_the_document(fresh, loop_template):
    before = fresh.deploy("loop", loop_template)["DocumentName"]
    after = fresh.deploy("loop", loop_template.replace("timeoutSeconds: 120", "timeoutSeconds: 110"))["DocumentName"]
    assert before != after
    config = fresh.client("config")
    rule = fresh.client("cloudformation").describe_stacks(StackName="loop")["Stacks"][0]["Outputs"]
    rule = next(o["OutputValue"] for o in rule if o["OutputKey"] == "RuleName")
    [remediation] = config.describe_remediation_configurations(ConfigRuleNames=[rule])["RemediationConfigurations"]
    assert remediation["TargetId"] == after


def test_a_role_that_does_not_trust_ssm_cannot_be_assumed(fresh, loop_template):
    config = fresh.client("config")
    rule = fresh.deploy("loop", loop_template.replace("automation-execution/*'", "automation-definition/*'"))["RuleName"]
    group = fresh.group("untrusted", SSH)
    fresh.settle()
    config.start_remediation_execution(ConfigRuleName=rule, ResourceKeys=[{"resourceType": GROUP, "resourceId": group}])
    fresh.settle()
    [execution] = fresh.client("ssm").describe_automation_executions()["AutomationExecutionMetadataList"]
    assert execution["AutomationExecutionStatus"] == "Failed"
    assert "unable to be assumed" in execution["FailureMessage"]


def test_compliance_and_automation_events_reach_eventbridge(fresh, loop_template):
    sqs, events = fresh.client("sqs"), fresh.client("events")
    rule_arn = events.put_rule(Name="all", EventPattern=json.dumps({"source": ["aws.config", "aws.ssm"]}))["RuleArn"]
    url, arn = queue_for(fresh, "events", "events.amazonaws.com", rule_arn)
    events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": arn}])
    rule = fresh.deploy("loop", loop_template)["RuleName"]
    group = fresh.group("events", SSH)
    fresh.settle()
    fresh.client("config").start_remediation_execution(ConfigRuleName=rule, ResourceKeys=[{"resourceType": GROUP, "resourceId": group}])
    fresh.settle()
    received = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        received += [json.loads(m["Body"]) for m in messages]
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    # Neither EventBridge nor a standard queue keeps an order, so the events are sorted by time.
    changes = [e["detail"] for e in received if e["detail-type"] == "Config Rules Compliance Change" and e["detail"]["resourceId"] == group]
    changes.sort(key=lambda change: change["newEvaluationResult"]["resultRecordedTime"])
    verdicts = [(c.get("oldEvaluationResult", {}).get("complianceType"), c["newEvaluationResult"]["complianceType"]) for c in changes]
    # The group was recorded empty and then open, or open at once, and then closed.
    assert verdicts[-1] == ("NON_COMPLIANT", "COMPLIANT")
    assert verdicts[0][0] is None
    sample = REPOSITORY / "crates" / "aws-events" / "tests" / "samples" / "eventbridge-compliance-change.json"
    expected = json.loads(sample.read_text())["detail"]
    assert set(changes[0]) == set(expected)
    assert set(changes[0]["newEvaluationResult"]) == set(expected["newEvaluationResult"])
    assert set(changes[-1]) == {*expected, "oldEvaluationResult"}
    executions = [e["detail"] for e in received if e["detail-type"] == "EC2 Automation Execution Status-change Notification"]
    assert [e["Status"] for e in sorted(executions, key=lambda e: e["Time"])] == ["InProgress", "Success"]


def test_an_oversized_notification_omits_the_item(fresh, loop_template):
    fresh.settings(oversizedThresholdBytes=500)
    outputs = fresh.deploy("loop", loop_template)
    fresh.settle()
    events = fresh.client("logs").filter_log_events(logGroupName=outputs["EvaluatorLogs"])["events"]
    assert any("OversizedConfigurationItemChangeNotification" in e["message"] for e in events)


def test_history_is_newest_first_and_pages(fresh):
    config = fresh.client("config")
    group = fresh.group("history")
    for port in (80, 81, 82):
        fresh.settle()
        fresh.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[{**SSH, "FromPort": port, "ToPort": port}])
    fresh.settle()
    items = []
    token = {}
    while True:
        page = config.get_resource_config_history(resourceType=GROUP, resourceId=group, limit=2, **token)
        items += page["configurationItems"]
        if not page.get("nextToken"):
            break
        token = {"nextToken": page["nextToken"]}
    times = [i["configurationItemCaptureTime"] for i in items]
    assert times == sorted(times, reverse=True)
    assert len(items) == 4
    assert json.loads(items[0]["configuration"])["groupId"] == group
    at_second = config.get_resource_config_history(
        resourceType=GROUP, resourceId=group, laterTime=items[2]["configurationItemCaptureTime"], limit=1
    )
    assert at_second["configurationItems"][0]["configurationStateId"] == items[2]["configurationStateId"]
    with refusal("ResourceNotDiscoveredException"):
        config.get_resource_config_history(resourceType=GROUP, resourceId="sg-0000000000000000")


def test_a_port_in_use_and_a_missing_python_are_reported_clearly(cloud, tmp_path):
    port = cloud.endpoints["endpoint"].rsplit(":", 1)[1]
    used = subprocess.run(
        [binary(), "up", "--python", sys.executable, "--port", port, "--state-dir", tmp_path],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert used.returncode != 0
    assert "is in use" in used.stderr
    nowhere = subprocess.run(
        [binary(), "up", "--python", "nowhere/python", "--state-dir", tmp_path], check=False, capture_output=True, text=True, timeout=30
    )
    assert nowhere.returncode != 0
    assert "no Python at" in nowhere.stderr


def children(process: int) -> set[str]:
    tasks = pathlib.Path(f"/proc/{process}/task").iterdir()
    return {child for task in tasks for child in (task / "children").read_text().split()}


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_all_its_child_processes(tmp_path, way):
    second = start(tmp_path)
    started = children(second.process.pid)
    assert len(started) == 2
    second.process.send_signal(way)
    second.process.wait(timeout=20)
    wait_for("the children to end", lambda: not [p for p in started if pathlib.Path(f"/proc/{p}").exists()])
    if way == signal.SIGTERM:
        assert second.process.returncode == 0
        assert not (tmp_path / "endpoints.json").exists()
