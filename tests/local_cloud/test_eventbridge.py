"""Patterns and targets of EventBridge work as in AWS."""

import json

import pytest
from botocore.exceptions import ClientError
from functions import logged, make_function
from identities import ACCOUNT, code
from local_cloud import wait_for

# What AWS puts around the details of events.
DETAIL = {
    "eventName": "AuthorizeSecurityGroupIngress",
    "userIdentity": {"arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/portcullis-Remediator-1/x", "type": "AssumedRole"},
    "requestParameters": {"groupId": "sg-0123456789abcdef0"},
    "count": 22,
    "name": "/portcullis/exemptions",
    "errorCode": None,
    "ports": [22, 3389],
}


def matches(cloud, pattern: dict, detail: dict | None = None, **envelope) -> bool:
    event = {
        "version": "0",
        "id": "6f1d2c3b-0000-0000-0000-000000000000",
        "source": "aws.ec2",
        "detail-type": "AWS API Call via CloudTrail",
        "account": ACCOUNT,
        "time": "2026-03-01T10:16:05Z",
        "region": "us-east-1",
        "resources": [],
        "detail": DETAIL if detail is None else detail,
        **envelope,
    }
    return cloud.client("events").test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))["Result"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"eventName": ["AuthorizeSecurityGroupIngress", "ModifySecurityGroupRules"]}, True),
        ({"eventName": ["authorizesecuritygroupingress"]}, False),
        ({"eventName": [{"equals-ignore-case": "authorizesecuritygroupingress"}]}, True),
        ({"eventName": [{"prefix": "Authorize"}]}, True),
        ({"eventName": [{"prefix": "authorize"}]}, False),
        ({"eventName": [{"prefix": {"equals-ignore-case": "authorize"}}]}, True),
        ({"eventName": [{"suffix": "Ingress"}]}, True),
        ({"eventName": [{"suffix": "Egress"}]}, False),
        ({"eventName": [{"anything-but": ["DescribeSecurityGroups"]}]}, True),
        ({"eventName": [{"anything-but": "AuthorizeSecurityGroupIngress"}]}, False),
        ({"eventName": [{"anything-but": {"prefix": "Revoke"}}]}, True),
        ({"eventName": [{"anything-but": {"prefix": "Auth"}}]}, False),
        ({"eventName": [{"anything-but": {"suffix": "Ingress"}}]}, False),
        ({"eventName": [{"anything-but": {"wildcard": "*Security*"}}]}, False),
        ({"userIdentity": {"arn": [{"wildcard": "arn:aws:sts::*:assumed-role/portcullis-Remediator-*/*"}]}}, True),
        ({"userIdentity": {"arn": [{"wildcard": "arn:aws:sts::*:assumed-role/other-*/*"}]}}, False),
        ({"userIdentity": {"arn": [{"anything-but": {"wildcard": "*:assumed-role/portcullis-Remediator-*/*"}}]}}, False),
        ({"requestParameters": {"groupId": [{"exists": True}]}}, True),
        ({"requestParameters": {"groupId": [{"exists": False}]}}, False),
        ({"responseElements": [{"exists": False}]}, True),
        ({"errorCode": [{"exists": False}]}, False),
        ({"errorCode": [None]}, True),
        ({"errorMessage": [{"anything-but": "no"}]}, False),
        ({"count": [{"numeric": [">=", 22, "<", 23]}]}, True),
        ({"count": [{"numeric": [">", 22]}]}, False),
        ({"count": [22.0]}, True),
        ({"count": ["22"]}, False),
        ({"ports": [3389]}, True),
        ({"ports": [80]}, False),
        ({"userIdentity": {"type": ["AssumedRole"]}, "eventName": [{"prefix": "Authorize"}]}, True),
        ({"userIdentity": {"type": ["Root"]}, "eventName": [{"prefix": "Authorize"}]}, False),
        ({"$or": [{"eventName": ["RunInstances"]}, {"count": [22]}]}, True),
        ({"$or": [{"eventName": ["RunInstances"]}, {"count": [23]}]}, False),
        ({"name": ["/portcullis/exemptions"], "$or": [{"count": [22]}, {"count": [23]}]}, True),
    ],
)
def test_a_pattern_of_a_detail_matches_what_it_matches_in_aws(fresh, pattern: dict, expected: bool) -> None:
    assert matches(fresh, {"source": ["aws.ec2"], "detail": pattern}) is expected


def test_a_pattern_may_name_the_envelope(fresh) -> None:
    arn = "arn:aws:securityhub:us-east-1:123456789012:action/custom/close"
    assert matches(fresh, {"resources": [arn]}, resources=["other", arn])
    assert matches(fresh, {"resources": [{"prefix": "arn:aws:securityhub:"}]}, resources=[arn])
    assert not matches(fresh, {"resources": [arn]}, resources=[])
    assert not matches(fresh, {"source": [{"anything-but": {"prefix": "aws."}}]})


@pytest.mark.parametrize(
    "pattern",
    [
        {"detail": {"eventName": "one"}},
        {"detail": {"eventName": []}},
        {"detail": {"eventName": [{"begins": "Auth"}]}},
        {"detail": {"eventName": [{"exists": "yes"}]}},
        {"detail": {"eventName": [{"wildcard": "a**b"}]}},
        {"detail": {"eventName": [{"anything-but": {"exists": True}}]}},
        {"detail": {"eventName": [{"prefix": "a", "suffix": "b"}]}},
        {"detail": {"count": [{"numeric": ["<", 5, ">", 1]}]}},
        {"detail": {"count": [{"numeric": ["between", 5]}]}},
        {"detail": {}},
    ],
)
def test_a_pattern_that_aws_refuses_makes_no_rule(fresh, pattern: dict) -> None:
    events = fresh.client("events")
    with pytest.raises(ClientError) as caught:
        events.put_rule(Name="wrong", EventPattern=json.dumps(pattern))
    assert code(caught) == "InvalidEventPatternException"
    assert events.list_rules()["Rules"] == []


def test_a_transformer_makes_the_message_of_a_queue(fresh, seen) -> None:
    transformer = {
        "InputPathsMap": {"name": "$.detail.eventName", "request": "$.detail.requestParameters", "at": "$.time"},
        "InputTemplate": '{"event": <name>, "text": "<name> at <at>", "request": <request>, "rule": <aws.events.rule-name>}',
    }
    received = seen({"source": ["aws.ec2"]}, InputTransformer=transformer)
    fresh.event("aws.ec2", "AWS API Call via CloudTrail", DETAIL)
    (message,) = received()
    at = message.pop("text").removeprefix("AuthorizeSecurityGroupIngress at ")
    assert message == {"event": "AuthorizeSecurityGroupIngress", "request": {"groupId": "sg-0123456789abcdef0"}, "rule": "seen"}
    assert at.endswith("Z")


def test_a_path_or_a_constant_makes_the_message(fresh, seen) -> None:
    received = seen({"source": ["aws.ec2"]}, InputPath="$.detail.requestParameters")
    fresh.event("aws.ec2", "AWS API Call via CloudTrail", DETAIL)
    assert received() == [{"groupId": "sg-0123456789abcdef0"}]
    events = fresh.client("events")
    (target,) = events.list_targets_by_rule(Rule="seen")["Targets"]
    events.put_targets(Rule="seen", Targets=[{"Id": target["Id"], "Arn": target["Arn"], "Input": '{"constant": true}'}])
    fresh.event("aws.ec2", "AWS API Call via CloudTrail", DETAIL)
    assert received() == [{"constant": True}]


def test_a_function_gets_the_event_as_it_is(fresh) -> None:
    function, events = make_function(fresh, "reader"), fresh.client("events")
    rule = events.put_rule(Name="to-function", EventPattern='{"source": ["aws.inspector2"]}')["RuleArn"]
    fresh.client("lambda").add_permission(
        FunctionName="reader", StatementId="s", Action="lambda:InvokeFunction", Principal="events.amazonaws.com", SourceArn=rule
    )
    events.put_targets(Rule="to-function", Targets=[{"Id": "f", "Arn": function}])
    fresh.event("aws.inspector2", "Inspector2 Finding", {"status": "ACTIVE"}, "i-0123456789abcdef0")
    (event,) = wait_for("the function", lambda: logged(fresh, "reader"))
    assert set(event) == {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}
    assert (event["detail"], event["resources"]) == ({"status": "ACTIVE"}, ["i-0123456789abcdef0"])


def test_a_rule_that_is_disabled_or_does_not_match_sends_nothing(fresh, seen) -> None:
    received = seen({"source": ["aws.ec2"], "detail": {"n": [2, 3]}})
    events = fresh.client("events")
    events.disable_rule(Name="seen")
    fresh.event("aws.ec2", "Thing", {"n": 2})
    events.enable_rule(Name="seen")
    for number in (1, 3):
        fresh.event("aws.ec2", "Thing", {"n": number})
    assert [event["detail"] for event in received()] == [{"n": 3}]
