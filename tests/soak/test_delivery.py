"""AWS Config delivers twice, late and out of order, and clocks have ends of months, summer time and leap seconds."""

import datetime
import json
import uuid

import pytest
from portcullis import PARAMETERS, RULE, open_to, outcome

WORLD = "0.0.0.0/0"
UTC = datetime.timezone.utc


def ordering(stack, group: str) -> datetime.datetime | None:
    """Ordering timestamp of the result of a group."""
    pages = stack.config.get_paginator("get_compliance_details_by_config_rule").paginate(ConfigRuleName=RULE)
    for page in pages:
        for result in page["EvaluationResults"]:
            identifier = result["EvaluationResultIdentifier"]
            if identifier["EvaluationResultQualifier"]["ResourceId"] == group:
                return identifier["OrderingTimestamp"]
    return None


def opened_then_closed(stack, name: str) -> str:
    group = stack.cloud.group(name, open_to(WORLD))
    stack.cloud.settle()
    assert stack.result(group)[0] == "NON_COMPLIANT"
    stack.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[open_to(WORLD)])
    stack.cloud.settle()
    assert stack.result(group)[0] == "COMPLIANT"
    return group


def test_an_item_that_comes_twice_is_judged_twice_to_the_same_result(portcullis):
    group = portcullis.cloud.group("twice", open_to(WORLD))
    portcullis.cloud.settle()
    before, at = portcullis.result(group), ordering(portcullis, group)
    mark = portcullis.cloud.mark()
    for _ in range(3):
        portcullis.redeliver(group, "duplicate")
    assert len(portcullis.calls("EvaluatorRole", mark, "config:PutEvaluations")) == 3
    assert (portcullis.result(group), ordering(portcullis, group)) == (before, at)


def test_an_older_item_after_a_newer_one_changes_nothing(portcullis):
    group = opened_then_closed(portcullis, "late")
    at = ordering(portcullis, group)
    portcullis.redeliver(group, "late")
    assert (portcullis.result(group)[0], ordering(portcullis, group)) == ("COMPLIANT", at)
    portcullis.redeliver(group, "duplicate")
    assert (portcullis.result(group)[0], ordering(portcullis, group)) == ("COMPLIANT", at)


def test_even_if_aws_config_kept_the_older_result_the_closing_would_find_nothing_to_do(portcullis):
    """How AWS Config handles an older result is not documented."""
    group = opened_then_closed(portcullis, "stale")
    portcullis.cloud.settings(olderEvaluationReplacesNewer=True)
    portcullis.redeliver(group, "late")
    assert portcullis.result(group)[0] == "NON_COMPLIANT"
    assert portcullis.remediate(group)["State"] == "SUCCEEDED"
    assert outcome(portcullis.executions(group)[-1]) == "NOTHING_TO_DO"
    portcullis.redeliver(group, "duplicate")
    assert portcullis.result(group)[0] == "COMPLIANT"


@pytest.mark.parametrize("variant", ["duplicate", "late"])
def test_a_deleted_group_has_no_result_after_any_later_event(portcullis, variant):
    group = portcullis.cloud.group(f"deleted-{variant}", open_to(WORLD))
    portcullis.cloud.settle()
    portcullis.ec2.delete_security_group(GroupId=group)
    portcullis.cloud.settle()
    assert portcullis.result(group) is None
    portcullis.redeliver(group, variant)
    assert portcullis.result(group) is None
    assert outcome(portcullis.close(group)) == "NOTHING_TO_DO"


def test_changes_in_a_burst_end_with_the_verdict_on_the_last(portcullis):
    portcullis.cloud.settings(evaluationConcurrency=8)
    group = portcullis.cloud.group("burst")
    for turn in range(12):
        change = portcullis.ec2.revoke_security_group_ingress if turn % 2 else portcullis.ec2.authorize_security_group_ingress
        change(GroupId=group, IpPermissions=[open_to(WORLD)])
    portcullis.cloud.settle()
    assert portcullis.result(group)[0] == "COMPLIANT"
    portcullis.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[open_to(WORLD)])
    portcullis.cloud.settle()
    assert portcullis.result(group)[0] == "NON_COMPLIANT"


# Times as AWS Config may write them. The tests of the crate aws-events cover the instants they stand for.
TIMES = {
    "end of a month": "2026-01-31T23:59:59.999Z",
    "end of February": "2026-02-28T23:59:59.999Z",
    "leap day": "2024-02-29T23:59:59.999Z",
    "new year": "2027-01-01T00:00:00.000Z",
    "summer time begins": "2026-03-29T02:30:00.000+01:00",
    "the hour that comes twice, first": "2026-10-25T02:30:00.000+02:00",
    "the hour that comes twice, second": "2026-10-25T02:30:00.000+01:00",
    "leap second": "2016-12-31T23:59:60Z",
}


@pytest.mark.parametrize("name", TIMES)
def test_a_time_of_capture_on_any_clock_is_taken(portcullis, name):
    """Invokes the function with an event from AWS Config: it judges, and AWS Config accepts the evaluation."""
    written = TIMES[name]
    group = "sg-" + uuid.uuid4().hex[:17]
    permission = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipv4Ranges": [{"cidrIp": WORLD}]}
    item = {
        "resourceType": "AWS::EC2::SecurityGroup",
        "resourceId": group,
        "configurationItemStatus": "OK",
        "configurationItemCaptureTime": written,
        "awsAccountId": "123456789012",
        "configuration": {"groupId": group, "groupName": "clock", "ipPermissions": [permission]},
    }
    invoking = {"messageType": "ConfigurationItemChangeNotification", "configurationItem": item, "notificationCreationTime": written}
    event = {
        "version": "1.0",
        "configRuleName": RULE,
        "configRuleArn": f"arn:aws:config:us-east-1:123456789012:config-rule/{RULE}",
        "configRuleId": "config-rule-aaaaaa",
        "accountId": "123456789012",
        "executionRoleArn": "arn:aws:iam::123456789012:role/config",
        "eventLeftScope": False,
        "ruleParameters": json.dumps(PARAMETERS),
        "invokingEvent": json.dumps(invoking),
        # AWS Config validates it without storing it.
        "resultToken": "TESTMODE",
    }
    mark = portcullis.cloud.mark()
    reply = portcullis.cloud.client("lambda").invoke(
        FunctionName=portcullis.outputs["RuleEvaluatorFunctionName"], Payload=json.dumps(event)
    )
    answer = json.loads(reply["Payload"].read())
    assert "FunctionError" not in reply, answer
    assert answer["nonCompliant"] == 1, answer
    [put] = portcullis.calls("EvaluatorRole", mark, "config:PutEvaluations")
    assert put["status"] == 200


@pytest.mark.parametrize(
    ("expires", "verdict"),
    [
        ("2016-12-31T23:59:60Z", "NON_COMPLIANT"),
        ("2024-02-29", "NON_COMPLIANT"),
        ("2096-02-29", "COMPLIANT"),
        ("2096-12-31T23:59:60Z", "COMPLIANT"),
        ("2096-10-28T02:30:00+02:00", "COMPLIANT"),
        ("2096-01-31", "COMPLIANT"),
    ],
)
def test_an_exemption_ends_when_it_says(portcullis, expires, verdict):
    group = portcullis.cloud.group(f"exempt-{uuid.uuid4().hex[:8]}", open_to(WORLD))
    portcullis.cloud.settle()
    exemption = {"securityGroupId": group, "expires": expires, "reason": "the clock"}
    portcullis.exempt({"version": 1, "exemptions": [exemption]})
    functions, name = portcullis.cloud.client("lambda"), portcullis.outputs["RuleEvaluatorFunctionName"]
    # A new process, which has not read the exemptions yet.
    functions.update_function_configuration(FunctionName=name, MemorySize=128)
    portcullis.redeliver(group, "duplicate")
    assert portcullis.result(group)[0] == verdict, portcullis.result(group)
    functions.update_function_configuration(FunctionName=name, MemorySize=128)


@pytest.mark.parametrize("hours", ["1", "744", "8760"])
def test_a_hold_is_so_many_hours_long_across_months_and_summer_time(portcullis, hours):
    group = portcullis.cloud.group(f"held-{hours}", open_to(WORLD))
    portcullis.cloud.settle()
    assert outcome(portcullis.close(group)) == "CLOSED"
    before = datetime.datetime.now(UTC).replace(microsecond=0)
    restored = portcullis.restore(group, ExceptionHours=hours)
    after = datetime.datetime.now(UTC) + datetime.timedelta(seconds=1)
    assert outcome(restored) == "RESTORED"
    evidence = json.loads(restored["Outputs"]["InvokeRestorer.Payload"][0])
    until = datetime.datetime.fromisoformat(evidence["exceptionUntil"].replace("Z", "+00:00"))
    assert before <= until - datetime.timedelta(hours=int(hours)) <= after
    assert outcome(portcullis.close(group)) == "EXEMPT"
