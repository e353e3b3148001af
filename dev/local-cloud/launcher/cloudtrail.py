"""The event history of CloudTrail, for changes to ingress rules: what EC2 did, in the spelling of CloudTrail.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

import datetime
import json
import re
import threading
import time
import uuid
from xml.etree import ElementTree

import settings

ACTIONS = ("AuthorizeSecurityGroupIngress", "ModifySecurityGroupRules")
PAGE = 50
DAYS = 90
# Sources of a permission: the list in a request, its member, and both in an event.
_SOURCES = (
    ("IpRanges", "CidrIp", "ipRanges", "cidrIp"),
    ("Ipv6Ranges", "CidrIpv6", "ipv6Ranges", "cidrIpv6"),
    ("PrefixListIds", "PrefixListId", "prefixListIds", "prefixListId"),
    ("Groups", "GroupId", "groups", "groupId"),
)
# Members of a rule in a request that changes it.
_CONTENT = ("IpProtocol", "FromPort", "ToPort", "CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId", "Description")

_events: list[dict] = []
_lock = threading.Lock()


def reset() -> None:
    with _lock:
        _events.clear()


def record(form: dict, reply: bytes, caller: str, headers: dict) -> None:
    """Records a call that EC2 carried out."""
    if form.get("Action") not in ACTIONS:
        return
    current, now = settings.current(), datetime.datetime.now(datetime.UTC)
    request, answer = (_authorized if form["Action"] == ACTIONS[0] else _modified)(form, reply)
    event = {
        "eventVersion": "1.08",
        "userIdentity": _identity(caller),
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "ec2.amazonaws.com",
        "eventName": form["Action"],
        "awsRegion": current.region,
        "sourceIPAddress": "203.0.113.77",
        "userAgent": headers.get("user-agent", ""),
        "requestParameters": request,
        "responseElements": answer,
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "recipientAccountId": current.account_id,
    }
    with _lock:
        _events.append({"at": now.timestamp(), "groups": {form.get("GroupId", "")}, "event": event})


def _identity(caller: str) -> dict:
    account, _, name = caller.partition("::")[2].partition(":")
    account = account or settings.current().account_id
    kind, _, path = name.partition("/")
    identity = {"arn": caller, "accountId": account}
    if kind == "assumed-role":
        role = path.split("/", 1)[0]
        issuer = {"type": "Role", "arn": f"arn:aws:iam::{account}:role/{role}", "accountId": account, "userName": role}
        return {"type": "AssumedRole", **identity, "sessionContext": {"sessionIssuer": issuer}}
    if kind == "user":
        return {"type": "IAMUser", **identity, "userName": path.rsplit("/", 1)[-1]}
    return {"type": "Root", **identity}


def _numbers(form: dict, prefix: str) -> list[int]:
    found = {int(match[1]) for key in form if (match := re.match(re.escape(prefix) + r"\.(\d+)\.", key))}
    return sorted(found)


def _ports(form: dict, prefix: str) -> dict:
    rule = {"ipProtocol": form.get(f"{prefix}.IpProtocol", "")}
    return rule | {key[0].lower() + key[1:]: int(form[f"{prefix}.{key}"]) for key in ("FromPort", "ToPort") if f"{prefix}.{key}" in form}


def _authorized(form: dict, reply: bytes) -> tuple[dict, dict]:
    permissions = []
    for number in _numbers(form, "IpPermissions"):
        permission = f"IpPermissions.{number}"
        sources = {}
        for list_name, member, listed, name in _SOURCES:
            found = [
                {name: form[f"{permission}.{list_name}.{n}.{member}"]}
                for n in _numbers(form, f"{permission}.{list_name}")
                if f"{permission}.{list_name}.{n}.{member}" in form
            ]
            # CloudTrail writes an empty list as an empty object.
            sources[listed] = {"items": found} if found else {}
        permissions.append({**_ports(form, permission), **sources})
    rules = []
    for element in ElementTree.fromstring(reply).iter():
        if element.tag.rpartition("}")[2] == "securityGroupRuleSet":
            rules = [{child.tag.rpartition("}")[2]: _value(child) for child in item if not len(child)} for item in element]
    request = {"groupId": form.get("GroupId", ""), "ipPermissions": {"items": permissions}}
    return request, {"_return": True, "securityGroupRuleSet": {"items": rules}}


def _value(element) -> str | int | bool:
    name, text = element.tag.rpartition("}")[2], element.text or ""
    if name in ("fromPort", "toPort"):
        return int(text)
    return text == "true" if name == "isEgress" else text


def _modified(form: dict, _reply: bytes) -> tuple[dict, dict]:
    rules = []
    for number in _numbers(form, "SecurityGroupRule"):
        rule = f"SecurityGroupRule.{number}"
        content = {key: value for key in _CONTENT if (value := form.get(f"{rule}.SecurityGroupRule.{key}")) is not None}
        content |= {key: int(content[key]) for key in ("FromPort", "ToPort") if key in content}
        rules.append({"SecurityGroupRuleId": form.get(f"{rule}.SecurityGroupRuleId"), "tag": number, "SecurityGroupRule": content})
    # One rule is an object. For several, AWS documents no shape.
    listed = len(rules) > 1 and settings.current().trail_lists_rules
    request = {"GroupId": form.get("GroupId", ""), "SecurityGroupRule": rules if listed else rules[-1]}
    return {"ModifySecurityGroupRulesRequest": request}, {"ModifySecurityGroupRulesResponse": {"return": True}}


def look_up(body: bytes) -> dict:
    """The answer to a request that the service model accepts."""
    data = json.loads(body or b"{}")
    now, delay = time.time(), settings.current().cloud_trail_delay_seconds
    with _lock:
        known = [one for one in _events if now - DAYS * 86_400 <= one["at"] <= now - delay]
    for attribute in data.get("LookupAttributes", []):
        known = [one for one in known if _has(one, attribute["AttributeKey"], attribute["AttributeValue"])]
    known.reverse()
    begin, size = int(data.get("NextToken") or 0), int(data.get("MaxResults") or PAGE)
    answer: dict = {"Events": [_entry(one) for one in known[begin : begin + size]]}
    if begin + size < len(known):
        answer["NextToken"] = str(begin + size)
    return answer


def _has(one: dict, key: str, value: str) -> bool:
    event = one["event"]
    known = {"EventId": event["eventID"], "EventName": event["eventName"], "EventSource": event["eventSource"], "ReadOnly": "false"}
    return value in one["groups"] if key == "ResourceName" else known.get(key) == value


def _entry(one: dict) -> dict:
    event = one["event"]
    resources = [{"ResourceType": "AWS::EC2::SecurityGroup", "ResourceName": group} for group in sorted(one["groups"])]
    return {
        "EventId": event["eventID"],
        "EventName": event["eventName"],
        "ReadOnly": "false",
        "EventTime": one["at"],
        "EventSource": event["eventSource"],
        "Resources": resources,
        "CloudTrailEvent": json.dumps(event),
    }
