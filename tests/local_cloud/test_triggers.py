"""The loop beyond the usual case: redeliveries, schedules, failures, exceptions, switches."""

import datetime
import json

import pytest
from botocore.exceptions import ClientError
from local_cloud import StackFailed, wait_for
from test_smoke import GROUP, SSH, sources


def messages(cloud, outputs: dict) -> list[dict]:
    """Events that the rule's function received, in order."""
    events = cloud.client("logs").filter_log_events(logGroupName=outputs["EvaluatorLogs"])["events"]
    return [json.loads(e["message"]) for e in events if e["message"].startswith('{"message"')]


@pytest.fixture
def stack(fresh, loop_template):
    outputs = fresh.deploy("loop", loop_template)
    fresh.settle()
    return outputs


def test_a_new_rule_is_run_at_once_by_change_and_by_schedule(fresh, stack):
    kinds = sorted(m["message"] for m in messages(fresh, stack))
    assert kinds == ["ConfigurationItemChangeNotification", "ScheduledNotification"], "the default group, and the schedule"


def test_a_schedule_can_be_triggered(fresh, stack):
    fresh.control("POST", "/schedule", {"ruleName": stack["RuleName"]})
    fresh.settle()
    assert [m["message"] for m in messages(fresh, stack)].count("ScheduledNotification") == 2


def test_redeliveries_do_not_restore_old_results(fresh, stack):
    rule, group = stack["RuleName"], fresh.group("again", SSH)
    fresh.settle()
    fresh.client("ec2").revoke_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    fresh.settle()
    for variant in ("late", "duplicate"):
        fresh.control("POST", "/redeliver", {"ruleName": rule, "resourceId": group, "variant": variant})
        fresh.settle()
        assert fresh.compliance(rule)[group] == "COMPLIANT", variant
    fresh.settings(olderEvaluationReplacesNewer=True)
    fresh.control("POST", "/redeliver", {"ruleName": rule, "resourceId": group, "variant": "late"})
    fresh.settle()
    assert fresh.compliance(rule)[group] == "NON_COMPLIANT", "the switch lets the older one win"
    fresh.control("POST", "/redeliver", {"ruleName": rule, "resourceId": group, "variant": "leftScope"})
    fresh.settle()
    assert group not in fresh.compliance(rule)


def test_evaluation_on_demand_is_limited_to_one_a_minute(fresh, stack):
    config, rule = fresh.client("config"), stack["RuleName"]
    before = len(messages(fresh, stack))
    config.start_config_rules_evaluation(ConfigRuleNames=[rule])
    fresh.settle()
    assert len(messages(fresh, stack)) == before + 2
    with pytest.raises(ClientError, match="LimitExceededException"):
        config.start_config_rules_evaluation(ConfigRuleNames=[rule])
    fresh.settings(startEvaluationIntervalSeconds=0)
    config.start_config_rules_evaluation(ConfigRuleNames=[rule])
    fresh.settle()
    assert config.describe_config_rules(ConfigRuleNames=[rule])["ConfigRules"][0]["ConfigRuleState"] == "ACTIVE"


def test_an_event_that_keeps_failing_ends_in_the_dead_letter_queue(fresh, loop_template):
    fresh.settings(asyncRetryBaseSeconds=0.02)
    outputs = fresh.deploy("loop", loop_template, InputParameters='{"FocusOnPorts":"broken"}')
    fresh.settle()
    kinds = [m["message"] for m in messages(fresh, outputs)]
    assert sorted(kinds) == ["ConfigurationItemChangeNotification"] * 3 + ["ScheduledNotification"] * 3
    sqs = fresh.client("sqs")
    [letter, _] = sqs.receive_message(QueueUrl=outputs["DeadLetters"], MaxNumberOfMessages=10, MessageAttributeNames=["All"])["Messages"]
    event = json.loads(letter["Body"])
    assert event["configRuleName"] == outputs["RuleName"]
    assert "are broken" in letter["MessageAttributes"]["ErrorMessage"]["StringValue"]
    now = datetime.datetime.now(datetime.timezone.utc)
    errors = fresh.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Period=3600,
        Statistics=["Sum"],
        Dimensions=[{"Name": "FunctionName", "Value": outputs["Evaluator"]}],
        StartTime=now - datetime.timedelta(hours=1),
        EndTime=now + datetime.timedelta(hours=1),
    )
    assert sum(d["Sum"] for d in errors["Datapoints"]) == 6


def test_without_permission_there_are_no_dead_letters_to_send(fresh, loop_template):
    with pytest.raises(StackFailed, match="SendMessage"):
        fresh.deploy("loop", loop_template.replace("Action: sqs:SendMessage", "Action: sqs:ReceiveMessage"))


def test_without_permission_there_are_no_logs(fresh, loop_template):
    outputs = fresh.deploy("loop", loop_template.replace("logs:PutLogEvents", "logs:GetLogEvents"))
    fresh.settle()
    assert messages(fresh, outputs) == []
    denied = fresh.calls(principal=outputs["EvaluatorRole"], action="logs:PutLogEvents")
    assert denied[0]["errorCode"] == "AccessDeniedException"
    assert denied[0]["invokedBy"] == "lambda.amazonaws.com"


def test_exceptions_stick_to_non_compliant_groups_and_hold_off_automation_until_they_expire(fresh, loop_template):
    config = fresh.client("config")
    fresh.settings(remediationSnapshotSeconds=0.1)
    rule = fresh.deploy("loop", loop_template)["RuleName"]
    closed, opened = fresh.group("closed"), fresh.group("opened", SSH)
    fresh.settle()
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    reply = config.put_remediation_exceptions(
        ConfigRuleName=rule,
        Message="a change is under way",
        ExpirationTime=soon,
        ResourceKeys=[{"ResourceType": GROUP, "ResourceId": g} for g in (closed, opened)],
    )
    assert [i["ResourceId"] for i in reply["FailedBatches"][0]["FailedItems"]] == [closed]
    fresh.deploy("loop", loop_template, RemediationMode="True")
    if datetime.datetime.now(datetime.timezone.utc) < soon:
        assert "0.0.0.0/0" in sources(fresh, opened)
    wait_for("the exception to expire and the group to be closed", lambda: sources(fresh, opened) == {"10.0.0.0/8"})
    assert datetime.datetime.now(datetime.timezone.utc) >= soon
    assert config.describe_remediation_exceptions(ConfigRuleName=rule)["RemediationExceptions"] == []
    with pytest.raises(ClientError, match="NoSuchRemediationExceptionException"):
        config.delete_remediation_exceptions(ConfigRuleName=rule, ResourceKeys=[{"ResourceType": GROUP, "ResourceId": opened}])


@pytest.mark.parametrize(("silent", "failed"), [(False, 1), (True, 0)])
def test_a_needless_exception_is_reported_or_dropped(fresh, stack, silent, failed):
    config = fresh.client("config")
    group = fresh.group("closed")
    fresh.settle()
    fresh.settings(dropNeedlessExceptions=silent)
    reply = config.put_remediation_exceptions(ConfigRuleName=stack["RuleName"], ResourceKeys=[{"ResourceType": GROUP, "ResourceId": group}])
    assert len(reply["FailedBatches"]) == failed
    assert config.describe_remediation_exceptions(ConfigRuleName=stack["RuleName"])["RemediationExceptions"] == []


def test_a_function_s_error_fails_the_step_when_switched(fresh, loop_template):
    fresh.settings(functionErrorFailsStep=True)
    outputs = fresh.deploy("loop", loop_template, RevokeAction="ec2:DescribeTags")
    group = fresh.group("switched", SSH)
    fresh.settle()
    fresh.client("config").start_remediation_execution(
        ConfigRuleName=outputs["RuleName"], ResourceKeys=[{"resourceType": GROUP, "resourceId": group}]
    )
    fresh.settle()
    [execution] = fresh.client("ssm").describe_automation_executions()["AutomationExecutionMetadataList"]
    steps = fresh.client("ssm").describe_automation_step_executions(AutomationExecutionId=execution["AutomationExecutionId"])[
        "StepExecutions"
    ]
    assert [s["StepStatus"] for s in steps] == ["Failed", "Pending"]
    assert "FunctionError" in execution["FailureMessage"]


def test_unknown_parameter_names_show_when_the_remediation_starts(fresh, loop_template):
    config = fresh.client("config")
    rule = fresh.deploy("loop", loop_template.replace("        FunctionName: {StaticValue", "        Function: {StaticValue"))["RuleName"]
    group = fresh.group("misnamed", SSH)
    fresh.settle()
    config.start_remediation_execution(ConfigRuleName=rule, ResourceKeys=[{"resourceType": GROUP, "resourceId": group}])
    fresh.settle()
    [status] = config.describe_remediation_execution_status(ConfigRuleName=rule)["RemediationExecutionStatuses"]
    assert status["State"] == "FAILED"
    assert "Parameter Function is not defined" in status["StepDetails"][0]["ErrorMessage"]


def test_a_failed_update_is_rolled_back(fresh, loop_template, stack):
    config = fresh.client("config")
    with pytest.raises(StackFailed, match="inputParameters"):
        fresh.deploy("loop", loop_template, InputParameters="not JSON")
    [rule] = config.describe_config_rules(ConfigRuleNames=[stack["RuleName"]])["ConfigRules"]
    assert json.loads(rule["InputParameters"]) == {"FocusOnPorts": "22"}


def test_ec2_pages(fresh):
    ec2 = fresh.client("ec2")
    made = {fresh.group(f"page-{n}") for n in range(11)}
    pages = list(ec2.get_paginator("describe_security_groups").paginate(PaginationConfig={"PageSize": 5}))
    found = [g["GroupId"] for page in pages for g in page["SecurityGroups"]]
    assert [len(p["SecurityGroups"]) for p in pages] == [5, 5, 2]
    assert len(found) == len(set(found))
    assert made <= set(found)
    with pytest.raises(ClientError, match="Expecting a value between 5 and 1000"):
        fresh.client("ec2", parameter_validation=False).describe_security_groups(MaxResults=3)


def test_a_rule_with_a_tag_scope_gets_an_event_when_a_group_leaves_it(fresh, loop_template):
    scoped = loop_template.replace("Scope: {ComplianceResourceTypes: ['AWS::EC2::SecurityGroup']}", "Scope: {TagKey: watched}")
    outputs = fresh.deploy("loop", scoped)
    group = fresh.group("scoped", SSH, tags={"watched": "yes"})
    fresh.settle()
    assert fresh.compliance(outputs["RuleName"]) == {group: "NON_COMPLIANT"}
    fresh.client("ec2").delete_tags(Resources=[group], Tags=[{"Key": "watched"}])
    fresh.settle()
    assert fresh.compliance(outputs["RuleName"]) == {}
    assert messages(fresh, outputs)[-1]["leftScope"] is True


def test_the_recorder_misses_nothing_while_it_is_stopped(fresh, stack):
    config, rule = fresh.client("config"), stack["RuleName"]
    config.stop_configuration_recorder(ConfigurationRecorderName="default")
    group = fresh.group("unseen", SSH)
    fresh.settle()
    assert group not in fresh.compliance(rule)
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    fresh.settle()
    assert fresh.compliance(rule)[group] == "NON_COMPLIANT"
