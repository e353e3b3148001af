"""Requests and answers of EC2 in the spelling of CloudTrail.

CloudTrail has two, by the age of the operation. Of an old one, names begin with a small letter, and a list is `{"items": […]}`, or `{}`
if it is empty. Of a new one, it records the request as XML that was turned into JSON: below the name of the request, members of a list
are repeated elements with their number as `tag`, so that a list of one is an object.
"""

import re
from xml.etree import ElementTree

import settings

_NEW = re.compile("ModifySecurityGroupRules|.*ManagedPrefixList.*")
# Lists of a permission, in the event and in the request. CloudTrail writes those that are empty, too.
_SOURCES = {
    "groups": ("Groups", "UserIdGroupPairs"),
    "ipRanges": ("IpRanges",),
    "ipv6Ranges": ("Ipv6Ranges",),
    "prefixListIds": ("PrefixListIds",),
}
# Lists of text, by the name of a member.
_MEMBERS = {"SecurityGroupRuleId": ("securityGroupRuleIds", "securityGroupRuleId")}
_RENAMED = {"TagSpecification": "tagSpecificationSet", "Tag": "tags", "Protocol": "aclProtocol"}
_NUMBERS = {
    "code",
    "currentversion",
    "from",
    "fromport",
    "maxentries",
    "previousversion",
    "rulenumber",
    "to",
    "toport",
    "type",
    "version",
}
_FLAGS = {"default", "dryrun", "egress", "isegress", "return"}
_NOT_RECORDED = ("Action", "Version")


def _value(name: str, text: str) -> str | int | bool:
    name = name.lower()
    if name in _NUMBERS and re.fullmatch("-?[0-9]+", text):
        return int(text)
    return text.lower() == "true" if name in _FLAGS and text.lower() in ("true", "false") else text


def _tree(form: dict) -> dict:
    """The parameters of the query protocol as a tree. The members of a list have their numbers as keys."""
    tree: dict = {}
    for name, value in form.items():
        *path, last = name.split(".")
        if name in _NOT_RECORDED or name.startswith(("X-Amz-", "Signature", "AWSAccessKeyId")):
            continue
        node = tree
        for part in path:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                break
        else:
            node[last] = value
    return tree


def _is_list(node: dict) -> bool:
    return bool(node) and all(key.isdigit() for key in node)


def _in_order(node: dict) -> list[tuple[int, object]]:
    return [(int(number), node[number]) for number in sorted(node, key=int)]


def request(form: dict) -> dict:
    """`requestParameters` of a call of EC2."""
    action, tree = form.get("Action", ""), _tree(form)
    if _NEW.fullmatch(action):
        return {f"{action}Request": _repeated(tree)}
    found = _old(tree)
    if "SecurityGroup" in action and action.startswith(("Authorize", "Revoke")):
        found.setdefault("ipPermissions", {})
    if action in ("CreateNetworkAclEntry", "ReplaceNetworkAclEntry"):
        found = {"icmpTypeCode": {}, "portRange": {}, **found}
    return found


def _old(node: dict) -> dict:
    found: dict = {}
    for name, value in node.items():
        small = _RENAMED.get(name, name[0].lower() + name[1:])
        if not isinstance(value, dict):
            found[small] = _value(name, value)
        elif not _is_list(value):
            found[small] = _old(value)
        elif name == "IpPermissions":
            found[small] = {"items": [_permission(one) for _, one in _in_order(value)]}
        elif name in _MEMBERS:
            listed, member = _MEMBERS[name]
            found[listed] = {"items": [{member: one} for _, one in _in_order(value)]}
        else:
            items = [_old(one) if isinstance(one, dict) else one for _, one in _in_order(value)]
            found[small] = items if name == "Tag" else {"items": items}
    return found


def _permission(node: dict) -> dict:
    names = {name for names in _SOURCES.values() for name in names}
    found = _old({name: value for name, value in node.items() if name not in names})
    for listed, given in _SOURCES.items():
        items = [_old(one) for name in given for _, one in _in_order(node.get(name, {}))]
        found[listed] = {"items": items} if items else {}
    return found


def _repeated(node: dict) -> dict:
    found: dict = {}
    for name, value in node.items():
        if not isinstance(value, dict):
            found[name] = _value(name, value)
        elif not _is_list(value):
            found[name] = _repeated(value)
        else:
            members = [
                {**(_repeated(one) if isinstance(one, dict) else {"content": one}), "tag": number} for number, one in _in_order(value)
            ]
            # AWS documents no shape for several.
            listed = len(members) > 1 and settings.current().trail_lists_rules
            found[name] = members if listed else members[-1]
    return found


def answer(action: str, reply: bytes) -> dict:
    """`responseElements` of a call of EC2 that was carried out."""
    root = ElementTree.fromstring(reply)
    if _NEW.fullmatch(action):
        return {f"{action}Response": {_name(child): _new_element(child) for child in root}}
    found = {"_return" if _name(child) == "return" else _name(child): _old_element(child) for child in root}
    # An answer of EC2 says at least that the call succeeded; moto leaves that out of some.
    return found if set(found) - {"requestId"} else {**found, "_return": True}


def _name(element) -> str:
    return element.tag.rpartition("}")[2]


def _old_element(element):
    children = list(element)
    if children and all(_name(child) == "item" for child in children):
        return {"items": [_old_element(child) for child in children]}
    if children or _name(element).endswith("Set"):
        return {_name(child): _old_element(child) for child in children}
    return _value(_name(element), element.text or "")


def _new_element(element):
    children = list(element)
    if not children:
        return _value(_name(element), element.text or "")
    found: dict = {}
    for child in children:
        value = _new_element(child)
        earlier = found.get(_name(child))
        found[_name(child)] = value if earlier is None else [*earlier, value] if isinstance(earlier, list) else [earlier, value]
    return found
