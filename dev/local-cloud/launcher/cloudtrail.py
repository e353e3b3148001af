"""CloudTrail, for changes of security groups, prefix lists and network ACLs: one record of a call, on two ways.

All calls are in the event history. If the account has a trail, EventBridge gets them, too.

Source: https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
"""

import datetime
import json
import re
import threading
import uuid

import aws_events
import clock
import cloudtrail_shapes
import settings

# Operations by the type of the resource that they change, with what names it.
ACTIONS = re.compile(
    "(Authorize|Revoke)SecurityGroup(In|E)gress|UpdateSecurityGroupRuleDescriptions(In|E)gress|ModifySecurityGroupRules"
    "|(Create|Delete)SecurityGroup|(Create|Modify|Delete)ManagedPrefixList|RestoreManagedPrefixListVersion"
    "|(Create|Delete)NetworkAcl|(Create|Delete|Replace)NetworkAclEntry|ReplaceNetworkAclAssociation"
)
_RESOURCES = {"sg": "AWS::EC2::SecurityGroup", "pl": "AWS::EC2::PrefixList", "acl": "AWS::EC2::NetworkAcl"}
_ID = re.compile(r"\b(sg|pl|acl)-[0-9a-f]{8,17}\b")
# Callers that AWS does not know are in no account's history.
_UNKNOWN_CALLER = {"AuthFailure", "InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "MissingAuthenticationToken"}
_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")
PAGE = 50
DAYS = 90

_events: list[dict] = []
_lock = threading.Lock()


def reset() -> None:
    with _lock:
        _events.clear()


def record(form: dict, caller: str, headers: dict, access_key: str, reply: bytes, error: str | None) -> None:
    """Records a call that EC2 carried out or, with an error, refused."""
    action = form.get("Action", "")
    if not ACTIONS.fullmatch(action) or error in _UNKNOWN_CALLER:
        return
    current, now = settings.current(), clock.now()
    try:
        request = cloudtrail_shapes.request(form)
    except (AttributeError, TypeError, ValueError):
        request = None  # parameters that are no request, which EC2 refused
    answer = None if error else cloudtrail_shapes.answer(action, reply)
    message = _MESSAGE.search(reply if isinstance(reply, bytes) else reply.encode())
    failure = {"errorCode": f"Client.{error}", "errorMessage": message[1].decode() if message else ""} if error else {}
    event = {
        "eventVersion": "1.10",
        "userIdentity": _identity(caller, access_key),
        "eventTime": _time(now),
        "eventSource": "ec2.amazonaws.com",
        "eventName": action,
        "awsRegion": current.region,
        "sourceIPAddress": "203.0.113.77",
        "userAgent": headers.get("user-agent", ""),
        **failure,
        "requestParameters": request,
        "responseElements": answer,
        "requestID": str(uuid.uuid4()),
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": current.account_id,
        "eventCategory": "Management",
    }
    with _lock:
        _events.append({"at": now, "resources": _resources(form, answer), "event": event})
    if current.trail:
        aws_events.put("aws.ec2", "AWS API Call via CloudTrail", event, delay=current.trail_event_delay_seconds)


def _resources(form: dict, answer: dict | None) -> dict[str, str]:
    """Ids and types of what a call names, and of what it made."""
    named = [value for name, value in form.items() if name in ("GroupId", "PrefixListId", "NetworkAclId")]
    made = json.dumps(answer) if form["Action"].startswith("Create") else ""
    found = [match for text in (*named, made) if (match := _ID.search(text))]
    return {match[0]: _RESOURCES[match[1]] for match in found}


def _time(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _identity(caller: str, access_key: str) -> dict:
    from ministack.services import iam, sts

    account, _, name = caller.partition("::")[2].partition(":")
    account = account or settings.current().account_id
    kind, _, path = name.partition("/")
    identity = {"arn": caller, "accountId": account, "accessKeyId": access_key}
    if kind == "assumed-role":
        role, _, session = path.partition("/")
        known = iam._roles.get(role) or {}
        identifier = known.get("RoleId", role)
        arn = known.get("Arn", f"arn:aws:iam::{account}:role/{role}")
        issuer = {"type": "Role", "principalId": identifier, "arn": arn, "accountId": account, "userName": role}
        began = sts._sessions.get(access_key, {}).get("IssuedAt", clock.now())
        context = {"sessionIssuer": issuer, "attributes": {"creationDate": _time(began), "mfaAuthenticated": "false"}}
        return {"type": "AssumedRole", "principalId": f"{identifier}:{session}", **identity, "sessionContext": context}
    if kind == "user":
        user = path.rsplit("/", 1)[-1]
        known = iam._users.get(user) or {}
        return {"type": "IAMUser", "principalId": known.get("UserId", user), **identity, "userName": user}
    return {"type": "Root", "principalId": account, **identity}


def look_up(body: bytes) -> dict:
    """The answer to a request that the service model accepts."""
    data = json.loads(body or b"{}")
    now, delay = clock.now(), settings.current().cloud_trail_delay_seconds
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
    if key == "ResourceName":
        return value in one["resources"]
    if key == "ResourceType":
        return value in one["resources"].values()
    known = {"EventId": event["eventID"], "EventName": event["eventName"], "EventSource": event["eventSource"], "ReadOnly": "false"}
    return known.get(key) == value


def _entry(one: dict) -> dict:
    event = one["event"]
    return {
        "EventId": event["eventID"],
        "EventName": event["eventName"],
        "ReadOnly": "false",
        "EventTime": one["at"],
        "EventSource": event["eventSource"],
        "Resources": [{"ResourceType": kind, "ResourceName": name} for name, kind in sorted(one["resources"].items())],
        "CloudTrailEvent": json.dumps(event),
    }
