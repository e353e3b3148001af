"""EventBridge gets what CloudTrail records, if there is a trail."""

import json

import pytest
from botocore.exceptions import ClientError
from identities import ACCOUNT, document, key_of_user, session_of, statement

SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "temp"}]}
PATTERN = {"source": ["aws.ec2"], "detail-type": ["AWS API Call via CloudTrail"]}


def only(*names: str) -> dict:
    return {**PATTERN, "detail": {"eventName": list(names)}}


def test_an_opening_is_an_event_with_what_ec2_answered(fresh, seen) -> None:
    received = seen(only("AuthorizeSecurityGroupIngress"))
    group = fresh.client("ec2").create_security_group(GroupName="web", Description="web")["GroupId"]
    answer = fresh.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    (event,) = received()
    assert (event["source"], event["account"], event["region"], event["resources"]) == (
        "aws.ec2",
        ACCOUNT,
        fresh.endpoints["region"],
        [],
    )
    detail = event["detail"]
    assert (detail["eventSource"], detail["eventType"], detail["recipientAccountId"]) == ("ec2.amazonaws.com", "AwsApiCall", ACCOUNT)
    assert detail["userIdentity"]["type"] == "Root"
    assert "errorCode" not in detail
    assert detail["requestParameters"] == {
        "groupId": group,
        "ipPermissions": {
            "items": [
                {
                    "ipProtocol": "tcp",
                    "fromPort": 22,
                    "toPort": 22,
                    "groups": {},
                    "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0", "description": "temp"}]},
                    "ipv6Ranges": {},
                    "prefixListIds": {},
                }
            ]
        },
    }
    (added,) = answer["SecurityGroupRules"]
    (rule,) = detail["responseElements"]["securityGroupRuleSet"]["items"]
    assert detail["responseElements"]["_return"] is True
    assert (rule["securityGroupRuleId"], rule["fromPort"], rule["isEgress"]) == (added["SecurityGroupRuleId"], 22, False)
    (found, _) = fresh.client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": group}])[
        "Events"
    ]
    assert json.loads(found["CloudTrailEvent"]) == detail, "the history has the same record"


def test_the_caller_is_the_user_or_the_issuer_of_the_session(fresh, seen) -> None:
    received = seen(only("RevokeSecurityGroupIngress", "AuthorizeSecurityGroupIngress"))
    group = fresh.client("ec2").create_security_group(GroupName="web", Description="web")["GroupId"]
    everything = statement("Allow", "ec2:*", "*")
    fresh.client("ec2", key_of_user(fresh, "alice", everything)).authorize_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    trust = statement("Allow", "sts:AssumeRole", None, Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    del trust["Resource"]
    iam = fresh.client("iam")
    role = iam.create_role(RoleName="Dev", Path="/made/", AssumeRolePolicyDocument=document(trust))["Role"]
    iam.put_role_policy(RoleName="Dev", PolicyName="p", PolicyDocument=document(everything))
    fresh.client("ec2", session_of(fresh, role["Arn"])).revoke_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    by_user, by_role = (event["detail"]["userIdentity"] for event in received(2))
    assert (by_user["type"], by_user["userName"], by_user["arn"]) == ("IAMUser", "alice", f"arn:aws:iam::{ACCOUNT}:user/alice")
    assert by_role["type"] == "AssumedRole"
    assert by_role["arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/Dev/one"
    assert by_role["principalId"] == f"{role['RoleId']}:one"
    issuer = by_role["sessionContext"]["sessionIssuer"]
    assert issuer == {"type": "Role", "principalId": role["RoleId"], "arn": role["Arn"], "accountId": ACCOUNT, "userName": "Dev"}


def test_a_call_that_failed_has_its_error_and_no_answer(fresh, seen) -> None:
    received = seen(only("AuthorizeSecurityGroupIngress"))
    group = fresh.client("ec2").create_security_group(GroupName="web", Description="web")["GroupId"]
    stranger = fresh.client("ec2", key_of_user(fresh, "stranger", statement("Allow", "ec2:Describe*", "*")))
    fresh.fault(service="ec2", action="AuthorizeSecurityGroupIngress", times=1)
    for client in (fresh.client("ec2", retries={"total_max_attempts": 1}), stranger):
        with pytest.raises(ClientError):
            client.authorize_security_group_ingress(GroupId=group, IpPermissions=[SSH])
    details = [event["detail"] for event in received(2)]
    assert [detail["errorCode"] for detail in details] == ["Client.RequestLimitExceeded", "Client.UnauthorizedOperation"]
    assert [detail["responseElements"] for detail in details] == [None, None]
    assert all(detail["errorMessage"] for detail in details)


def test_parameters_that_are_no_request_are_recorded_as_none(fresh, seen) -> None:
    received = seen(only("AuthorizeSecurityGroupIngress"))
    ec2 = fresh.client("ec2")
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]

    def misspell(model, params, **_more) -> None:
        params["body"] |= {"IpPermissions.1": "tcp"}

    ec2.meta.events.register("before-call.ec2.AuthorizeSecurityGroupIngress", misspell)
    try:
        with pytest.raises(ClientError):
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[])
    finally:
        ec2.meta.events.unregister("before-call.ec2.AuthorizeSecurityGroupIngress", misspell)
    detail = received()[0]["detail"]
    assert detail["requestParameters"] is None
    assert detail["errorCode"].startswith("Client.")


def test_rules_by_id_and_revoked_rules(fresh, seen) -> None:
    received = seen(only("RevokeSecurityGroupIngress"))
    ec2 = fresh.client("ec2")
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    (rule,) = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[SSH])["SecurityGroupRules"]
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    detail = received()[0]["detail"]
    named = {"items": [{"securityGroupRuleId": rule["SecurityGroupRuleId"]}]}
    assert detail["requestParameters"] == {"groupId": group, "ipPermissions": {}, "securityGroupRuleIds": named}
    (revoked,) = detail["responseElements"]["revokedSecurityGroupRuleSet"]["items"]
    assert revoked["cidrIpv4"] == "0.0.0.0/0"
    assert detail["responseElements"]["unknownIpPermissionSet"] == {}


@pytest.mark.parametrize("listed", [True, False])
def test_changes_of_rules_and_of_prefix_lists_have_the_new_spelling(fresh, seen, listed: bool) -> None:
    fresh.settings(trailListsRules=listed)
    received = seen(only("CreateManagedPrefixList", "ModifyManagedPrefixList", "ModifySecurityGroupRules"))
    ec2 = fresh.client("ec2")
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    (rule,) = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[SSH])["SecurityGroupRules"]
    change = {"IpProtocol": "tcp", "FromPort": 23, "ToPort": 23, "CidrIpv4": "0.0.0.0/0"}
    ec2.modify_security_group_rules(
        GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": change}]
    )
    made = ec2.create_managed_prefix_list(PrefixListName="offices", AddressFamily="IPv4", MaxEntries=5)["PrefixList"]
    entries = [{"Cidr": "198.51.100.0/24", "Description": "a"}, {"Cidr": "203.0.113.0/24"}]
    ec2.modify_managed_prefix_list(PrefixListId=made["PrefixListId"], CurrentVersion=made["Version"], AddEntries=entries)
    modified, created, listed_in = (event["detail"] for event in received(3))
    request = modified["requestParameters"]["ModifySecurityGroupRulesRequest"]
    assert request == {
        "GroupId": group,
        "SecurityGroupRule": {"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": change, "tag": 1},
    }
    assert modified["responseElements"]["ModifySecurityGroupRulesResponse"]["return"] is True
    answered = created["responseElements"]["CreateManagedPrefixListResponse"]["prefixList"]
    assert (answered["prefixListId"], answered["version"], answered["maxEntries"]) == (made["PrefixListId"], 1, 5)
    request = listed_in["requestParameters"]["ModifyManagedPrefixListRequest"]
    assert (request["PrefixListId"], request["CurrentVersion"]) == (made["PrefixListId"], 1)
    first, last = {**entries[0], "tag": 1}, {**entries[1], "tag": 2}
    assert request["AddEntry"] == ([first, last] if listed else last)


def test_an_entry_of_a_network_acl(fresh, seen) -> None:
    received = seen(only("CreateNetworkAclEntry"))
    ec2 = fresh.client("ec2")
    acl = ec2.describe_network_acls()["NetworkAcls"][0]["NetworkAclId"]
    entry = {"RuleNumber": 7, "Protocol": "6", "RuleAction": "deny", "Egress": False, "CidrBlock": "0.0.0.0/0"}
    ec2.create_network_acl_entry(NetworkAclId=acl, PortRange={"From": 22, "To": 22}, **entry)
    detail = received()[0]["detail"]
    assert detail["requestParameters"] == {
        "networkAclId": acl,
        "ruleNumber": 7,
        "egress": False,
        "ruleAction": "deny",
        "icmpTypeCode": {},
        "portRange": {"from": 22, "to": 22},
        "aclProtocol": "6",
        "cidrBlock": "0.0.0.0/0",
    }
    assert detail["responseElements"]["_return"] is True


def test_without_a_trail_there_is_a_history_and_no_event(fresh, seen) -> None:
    received = seen(PATTERN)
    fresh.settings(trail=False)
    first = fresh.client("ec2").create_security_group(GroupName="first", Description="first")["GroupId"]
    fresh.settings(trail=True)
    second = fresh.client("ec2").create_security_group(GroupName="second", Description="second")["GroupId"]
    assert [event["detail"]["responseElements"]["groupId"] for event in received()] == [second]
    attribute = {"AttributeKey": "ResourceName", "AttributeValue": first}
    assert len(fresh.client("cloudtrail").lookup_events(LookupAttributes=[attribute])["Events"]) == 1


def test_an_event_comes_after_its_delay(fresh, seen) -> None:
    received = seen(PATTERN)
    fresh.settings(trailEventDelaySeconds=3600)
    fresh.client("ec2").create_security_group(GroupName="late", Description="late")
    fresh.settings(trailEventDelaySeconds=0)
    soon = fresh.client("ec2").create_security_group(GroupName="soon", Description="soon")["GroupId"]
    assert [event["detail"]["responseElements"]["groupId"] for event in received()] == [soon]
    fresh.settle()
