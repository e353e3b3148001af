"""EC2 and Security Hub as moto serves them, for queries of the local cloud itself.

Not through the front door: what the local cloud asks for itself is neither
authorised, nor logged, nor subject to injected faults.
"""

import functools

import aws_clients
import settings
from botocore.exceptions import ClientError


@functools.cache
def of(service: str):
    """A client of a service that moto serves."""
    current = settings.current()
    return aws_clients.make(service, current.moto_url, current.region, settings.root_credentials())


def client():
    return of("ec2")


def describe_group(group: str) -> dict | None:
    try:
        found = client().describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    except (ClientError, IndexError):
        return None
    return {"vpc": found.get("VpcId", ""), "tags": {t["Key"]: t["Value"] for t in found.get("Tags", [])}}


def describe_acl(acl: str) -> dict | None:
    try:
        found = client().describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]
    except (ClientError, IndexError):
        return None
    return {"vpc": found["VpcId"], "tags": {t["Key"]: t["Value"] for t in found.get("Tags", [])}}


def group_of_rule(rule: str) -> str:
    try:
        found = client().describe_security_group_rules(SecurityGroupRuleIds=[rule])["SecurityGroupRules"]
    except ClientError:
        return ""
    return found[0]["GroupId"] if found else ""


def rules_of_group(group: str) -> dict[str, dict]:
    pages = client().get_paginator("describe_security_group_rules").paginate(Filters=[{"Name": "group-id", "Values": [group]}])
    return {rule["SecurityGroupRuleId"]: rule for page in pages for rule in page["SecurityGroupRules"]}


def prefix_list_owner(prefix_list: str) -> str:
    found = client().describe_managed_prefix_lists(Filters=[{"Name": "prefix-list-id", "Values": [prefix_list]}])["PrefixLists"]
    return found[0].get("OwnerId", "") if found else ""


def tags(resource: str) -> dict[str, str]:
    found = client().describe_tags(Filters=[{"Name": "resource-id", "Values": [resource]}])["Tags"]
    return {t["Key"]: t["Value"] for t in found}
