"""Revocation of rules as in EC2: by rule id all or none, and the reply contains the revoked rules.

Revocation by content is in `moto_patches.py`.
"""

from xml.etree import ElementTree

import moto_client

ACTIONS = ("RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress")
# Members of a rule, with the names and in the order of the reply.
_MEMBERS = (
    ("SecurityGroupRuleId", "securityGroupRuleId"),
    ("GroupId", "groupId"),
    ("IsEgress", "isEgress"),
    ("IpProtocol", "ipProtocol"),
    ("FromPort", "fromPort"),
    ("ToPort", "toPort"),
    ("CidrIpv4", "cidrIpv4"),
    ("CidrIpv6", "cidrIpv6"),
    ("PrefixListId", "prefixListId"),
    ("Description", "description"),
)


def before(form: dict) -> dict | None:
    """Returns the rules of the group by id for a call that revokes rules, and None for any other call."""
    group = form.get("GroupId", "")
    if form.get("Action") not in ACTIONS or not group or moto_client.describe_group(group) is None:
        return None
    return moto_client.rules_of_group(group)


def unknown_rule(form: dict, rules: dict | None) -> str | None:
    """Returns the first rule id that the group does not have. For such an id moto revokes the others, and AWS rejects the call."""
    if rules is None:
        return None
    wanted = [v for k, v in sorted(form.items()) if k.startswith("SecurityGroupRuleId.")]
    return next((rule for rule in wanted if rule not in rules), None)


def reply(form: dict, rules: dict, answer: bytes) -> bytes:
    """Adds the revoked rules to the reply of moto."""
    left = moto_client.rules_of_group(form["GroupId"])
    root = ElementTree.fromstring(answer)
    namespace = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    if root.find(namespace + "revokedSecurityGroupRuleSet") is not None:
        return answer
    revoked = ElementTree.SubElement(root, namespace + "revokedSecurityGroupRuleSet")
    for identifier, rule in sorted(rules.items()):
        if identifier in left:
            continue
        item = ElementTree.SubElement(revoked, namespace + "item")
        members = [(wire, rule[name]) for name, wire in _MEMBERS if rule.get(name) is not None]
        if rule.get("ReferencedGroupInfo"):
            members.append(("referencedGroupId", rule["ReferencedGroupInfo"]["GroupId"]))
        for wire, value in members:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            ElementTree.SubElement(item, namespace + wire).text = text
    if root.find(namespace + "unknownIpPermissionSet") is None:
        ElementTree.SubElement(root, namespace + "unknownIpPermissionSet")
    ElementTree.register_namespace("", namespace.strip("{}"))
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
