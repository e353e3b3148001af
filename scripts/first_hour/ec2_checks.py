"""Checks of security groups in EC2. All rules admit documentation addresses only (RFC 5737, RFC 3849)."""

import json
from typing import Any

from account import Account, Json
from botocore.exceptions import ClientError
from check import Change, Check, Unobserved

GROUP = frozenset({Change.GROUP})
# As many rules as a group may have by default, per address family.
QUOTA = 60
UNKNOWN_RULE = "sgr-0123456789abcdef0"
PORT = 9


def from_host(number: int, port: int = PORT, **other: Any) -> Json:
    """A permission for one documentation address."""
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": f"192.0.2.{number}/32"}]} | other


def code(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def ids(rules: list[Json]) -> list[str]:
    return [rule["SecurityGroupRuleId"] for rule in rules]


def revokes_many_at_once(account: Account) -> tuple[bool, str]:
    group = account.group
    group.clear()
    group.authorize(from_host(0, IpRanges=[{"CidrIp": f"192.0.2.{number}/32"} for number in range(QUOTA)]))
    ipv6 = [{"CidrIpv6": f"2001:db8::{number:x}/128"} for number in range(QUOTA)]
    group.authorize({"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "Ipv6Ranges": ipv6})
    rules = group.has(2 * QUOTA)
    try:
        group.revoke(SecurityGroupRuleIds=ids(rules))
    except ClientError as error:
        return False, f"{len(rules)} ids: {error}"
    group.has(0)
    return True, f"{len(rules)} ids in one call"


def revokes_all_or_none(account: Account) -> tuple[bool, str]:
    group = account.group
    group.clear()
    group.authorize(from_host(1), from_host(2))
    rules = group.has(2)
    try:
        group.revoke(SecurityGroupRuleIds=[ids(rules)[0], UNKNOWN_RULE, ids(rules)[1]])
    except ClientError as error:
        left = len(group.rules())
        return left == 2, f"{code(error)}; {left} of 2 known rules left"
    return False, f"accepted; {len(group.rules())} of 2 known rules left"


def refuses_unknown_permissions(account: Account) -> tuple[bool, str]:
    group, kind = account.group, "the default VPC" if account.vpc["IsDefault"] else "a VPC other than the default"
    group.clear()
    group.authorize(from_host(1))
    group.has(1)
    try:
        reply = group.revoke(IpPermissions=[from_host(1), from_host(2)])
    except ClientError as error:
        return True, f"in {kind}: {code(error)}; {len(group.rules())} of 1 matching rule left"
    return False, f"in {kind}: accepted, {len(reply.get('UnknownIpPermissions', []))} returned as unknown, {len(group.rules())} of 1 left"


def keeps_the_id(account: Account) -> tuple[bool, str]:
    group = account.group
    group.clear()
    group.authorize(from_host(1))
    [rule] = group.has(1)
    changed = {"IpProtocol": "tcp", "FromPort": PORT + 1, "ToPort": PORT + 1, "CidrIpv4": "192.0.2.2/32"}
    group.modify([{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": changed}])

    def modified() -> Json | None:
        found = [rule for rule in group.rules() if rule.get("CidrIpv4") == "192.0.2.2/32"]
        return found[0] if found else None

    now = account.wait("the modified rule", modified)
    same = now["SecurityGroupRuleId"] == rule["SecurityGroupRuleId"]
    return same, f"another port and source under {'the same' if same else 'another'} id"


def refuses(permission: Json, what: str):
    """A check that EC2 refuses a permission."""

    def observe(account: Account) -> tuple[bool, str]:
        group = account.group
        group.clear()
        try:
            group.authorize(permission)
        except ClientError as error:
            return True, f"{what}: {code(error)}"
        [rule] = group.has(1)
        return False, f"{what}: accepted as {rule['IpProtocol']} {rule.get('FromPort')} to {rule.get('ToPort')}"

    return observe


def lists_nothing_for_a_group_that_is_gone(account: Account) -> tuple[bool, str]:
    def gone() -> str | None:
        try:
            rules = account.group.rules()
        except ClientError as error:
            return code(error)
        return None if rules else "no rules, no error"

    seen = account.wait("the deletion", gone)
    return seen == "no rules, no error", seen


def has_the_usual_quota(account: Account) -> tuple[bool, str]:
    # Inbound or outbound rules per security group.
    quota = account.client("service-quotas").get_service_quota(ServiceCode="vpc", QuotaCode="L-0EA8095F")["Quota"]
    return quota["Value"] == QUOTA, f"{quota['Value']:.0f} rules"


def records_a_list(account: Account) -> tuple[bool, str]:
    group = account.group
    group.clear()
    group.authorize(from_host(1), from_host(2))
    rules = [
        {
            "SecurityGroupRuleId": rule["SecurityGroupRuleId"],
            "SecurityGroupRule": {
                "IpProtocol": "tcp",
                "FromPort": PORT,
                "ToPort": PORT,
                "CidrIpv4": rule["CidrIpv4"],
                "Description": "both",
            },
        }
        for rule in group.has(2)
    ]
    group.modify(rules)
    trail, seen = account.client("cloudtrail"), [{"AttributeKey": "ResourceName", "AttributeValue": group.id}]

    def event() -> Json | None:
        for found in trail.lookup_events(LookupAttributes=seen)["Events"]:
            parameters = json.loads(found["CloudTrailEvent"]).get("requestParameters") or {}
            request = parameters.get("ModifySecurityGroupRulesRequest", {})
            recorded = request.get("SecurityGroupRule")
            if found["EventName"] == "ModifySecurityGroupRules" and (not isinstance(recorded, dict) or "both" in json.dumps(recorded)):
                return request
        return None

    recorded = account.wait("the event in CloudTrail", event).get("SecurityGroupRule")
    if recorded is None:
        raise Unobserved("the event has no member SecurityGroupRule")
    return isinstance(recorded, list), f"SecurityGroupRule is {'a list' if isinstance(recorded, list) else 'one object'}"


ANY_PORT = {"FromPort": -1, "ToPort": -1}
BY_CONTENT = "revocation by content, docs/adr/0006-revoke-by-rule-id.md"

CHECKS = [
    Check(
        "revoke-many",
        f"One revoke takes the ids of {2 * QUOTA} rules",
        f"makes {QUOTA} rules for IPv4 and {QUOTA} for IPv6, and revokes all in one call",
        "size of a chunk in crates/remediation/src/rule_changes.rs",
        revokes_many_at_once,
        GROUP,
    ),
    Check(
        "revoke-atomic",
        "A revoke by ids with one unknown id revokes nothing",
        "revokes two rules together with an id that does not exist",
        "refused chunks in crates/remediation/src/rule_changes.rs",
        revokes_all_or_none,
        GROUP,
    ),
    Check(
        "revoke-permissions",
        "A revoke by IpPermissions of which one matches no rule is an error",
        "revokes one permission that exists and one that does not; in the default VPC, or the one of --vpc",
        BY_CONTENT,
        refuses_unknown_permissions,
        GROUP,
    ),
    Check(
        "modify-keeps-id",
        "ModifySecurityGroupRules changes a rule and keeps its id",
        "gives a rule another port and source",
        BY_CONTENT,
        keeps_the_id,
        GROUP,
    ),
    Check(
        "tcp-any-port",
        "EC2 refuses tcp with the ports -1 to -1",
        "tries to add such a rule",
        "how the judgement reads such a rule",
        refuses(from_host(1, **ANY_PORT), "tcp -1 to -1"),
        GROUP,
    ),
    Check(
        "protocol-06",
        "EC2 refuses the protocol 06",
        "tries to add a rule with that protocol",
        "how the judgement reads such a rule",
        refuses(from_host(1, IpProtocol="06"), "protocol 06"),
        GROUP,
    ),
    Check(
        "rules-quota",
        f"A group has at most {QUOTA} rules per direction and address family",
        "reads the quota L-0EA8095F of VPC",
        "when rules are owed, docs/remediation.md",
        has_the_usual_quota,
    ),
    Check(
        "trail-shape",
        "CloudTrail records ModifySecurityGroupRules of two rules as a list",
        "modifies two rules, and looks for the event, which takes up to 15 minutes",
        "trailListsRules; both shapes are read",
        records_a_list,
        GROUP,
        seconds=1200,
    ),
    Check(
        "vanished-group",
        "DescribeSecurityGroupRules of a group that is gone is an empty list",
        "reads the rules of the group after its deletion",
        "a closing of a deleted group is a success",
        lists_nothing_for_a_group_that_is_gone,
        GROUP,
        after_deletion=True,
    ),
]
