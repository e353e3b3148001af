"""The event history of CloudTrail has the calls of EC2 that change who is let in, as CloudTrail writes it."""

import json

import pytest
from botocore.exceptions import ClientError
from identities import code, key_of_user, statement

SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


@pytest.fixture
def group(fresh) -> str:
    return fresh.client("ec2").create_security_group(GroupName="web", Description="web")["GroupId"]


def history(cloud, group: str, key: dict | None = None, **more) -> list[dict]:
    client = cloud.client("cloudtrail", key) if key else cloud.client("cloudtrail")
    attribute = {"AttributeKey": "ResourceName", "AttributeValue": group}
    return client.lookup_events(LookupAttributes=[attribute], **more)["Events"]


def test_an_opening_names_the_rule_and_the_caller(fresh, group: str) -> None:
    key = key_of_user(fresh, "alice", statement("Allow", "ec2:AuthorizeSecurityGroupIngress", "*"))
    answer = fresh.client("ec2", key).authorize_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    found, made = history(fresh, group)
    assert made["EventName"] == "CreateSecurityGroup"
    event = json.loads(found["CloudTrailEvent"])
    assert (found["EventName"], event["userIdentity"]["userName"]) == ("AuthorizeSecurityGroupIngress", "alice")
    (permission,) = event["requestParameters"]["ipPermissions"]["items"]
    assert (permission["fromPort"], permission["ipRanges"], permission["ipv6Ranges"]) == (22, {"items": [{"cidrIp": "0.0.0.0/0"}]}, {})
    (rule,) = event["responseElements"]["securityGroupRuleSet"]["items"]
    (added,) = answer["SecurityGroupRules"]
    assert (rule["securityGroupRuleId"], rule["cidrIpv4"], rule["toPort"]) == (added["SecurityGroupRuleId"], "0.0.0.0/0", 22)


def test_a_modification_names_its_rule(fresh, group: str) -> None:
    ec2 = fresh.client("ec2")
    office = {**SSH, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}
    (rule,) = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[office])["SecurityGroupRules"]
    change = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"}
    ec2.modify_security_group_rules(
        GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": change}]
    )
    newest, *_ = history(fresh, group)
    request = json.loads(newest["CloudTrailEvent"])["requestParameters"]["ModifySecurityGroupRulesRequest"]
    assert request["SecurityGroupRule"]["SecurityGroupRuleId"] == rule["SecurityGroupRuleId"]
    assert request["SecurityGroupRule"]["SecurityGroupRule"]["CidrIpv4"] == "0.0.0.0/0"


@pytest.mark.parametrize("listed", [True, False])
def test_a_modification_of_two_rules_has_the_shape_of_the_switch(fresh, group: str, listed: bool) -> None:
    fresh.settings(trailListsRules=listed)
    ec2 = fresh.client("ec2")
    offices = {**SSH, "IpRanges": [{"CidrIp": "198.51.100.0/24"}, {"CidrIp": "203.0.113.0/24"}]}
    rules = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[offices])["SecurityGroupRules"]
    changes = [
        {
            "SecurityGroupRuleId": rule["SecurityGroupRuleId"],
            "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": f"0.0.0.0/{half}"},
        }
        for half, rule in enumerate(rules)
    ]
    ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=changes)
    newest, *_ = history(fresh, group)
    recorded = json.loads(newest["CloudTrailEvent"])["requestParameters"]["ModifySecurityGroupRulesRequest"]["SecurityGroupRule"]
    assert isinstance(recorded, list if listed else dict)
    ids = [rule["SecurityGroupRuleId"] for rule in (recorded if listed else [recorded])]
    assert ids == [rule["SecurityGroupRuleId"] for rule in (rules if listed else rules[-1:])]


def test_a_call_that_failed_and_a_dry_run_have_their_error(fresh, group: str) -> None:
    ec2 = fresh.client("ec2")
    for wrong in ({"IpPermissions": [{**SSH, "IpRanges": [{"CidrIp": "0.0.0.0/99"}]}]}, {"IpPermissions": [SSH], "DryRun": True}):
        with pytest.raises(ClientError):
            ec2.authorize_security_group_ingress(GroupId=group, **wrong)
    events = [json.loads(one["CloudTrailEvent"]) for one in history(fresh, group)]
    assert [event.get("errorCode") for event in events] == ["Client.DryRunOperation", "Client.InvalidParameterValue", None]
    assert [event["responseElements"] for event in events[:2]] == [None, None]
    assert [event["requestParameters"]["groupId"] for event in events[:2]] == [group, group]


def test_an_event_is_there_after_a_while(fresh, group: str) -> None:
    fresh.settings(cloudTrailDelaySeconds=3600)
    fresh.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    assert history(fresh, group) == []
    fresh.settings(cloudTrailDelaySeconds=0)
    assert len(history(fresh, group)) == 2


def test_a_page_has_fifty_events_at_most(fresh, group: str) -> None:
    ec2, cloudtrail = fresh.client("ec2"), fresh.client("cloudtrail", parameter_validation=False)
    for port in range(100, 103):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{**SSH, "FromPort": port, "ToPort": port}])
    pages = fresh.client("cloudtrail").get_paginator("lookup_events").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["Events"]) for page in pages] == [2, 2]
    with pytest.raises(ClientError, match="maxResults"):
        cloudtrail.lookup_events(MaxResults=51)


def test_the_history_needs_its_permission(fresh, group: str) -> None:
    fresh.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    reader = key_of_user(fresh, "reader", statement("Allow", "cloudtrail:LookupEvents", "*"))
    assert len(history(fresh, group, reader)) == 2
    other = key_of_user(fresh, "other", statement("Allow", "ec2:Describe*", "*"))
    with pytest.raises(ClientError) as caught:
        history(fresh, group, other)
    assert code(caught) in {"AccessDenied", "AccessDeniedException"}
