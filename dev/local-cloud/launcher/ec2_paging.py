"""MaxResults and NextToken for EC2, which moto accepts and ignores."""

import base64
from xml.etree import ElementTree

# Element with the results, and lowest value of MaxResults.
PAGED = {
    "DescribeSecurityGroups": ("securityGroupInfo", 5),
    "DescribeSecurityGroupRules": ("securityGroupRuleSet", 5),
    "DescribeManagedPrefixLists": ("prefixListSet", 1),
    "GetManagedPrefixListAssociations": ("prefixListAssociationSet", 5),
    "GetManagedPrefixListEntries": ("entrySet", 1),
    "DescribeNetworkAcls": ("networkAclSet", 5),
    "DescribeNetworkInterfaces": ("networkInterfaceSet", 5),
    "DescribeSubnets": ("subnetSet", 5),
    "DescribeVpcs": ("vpcSet", 5),
}
MOST = 1000


class Refused(Exception):
    """An invalid page size or token: code and message."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def _offset(token: str) -> int:
    try:
        return int(base64.urlsafe_b64decode(token).decode().removeprefix("offset:"))
    except ValueError as error:
        raise Refused("InvalidParameterValue", f"The value '{token}' for parameter NextToken is invalid") from error


def check(form: dict) -> None:
    """Raises Refused for a page size or a token that EC2 rejects."""
    paged = PAGED.get(form.get("Action", ""))
    if paged is None:
        return
    if form.get("NextToken"):
        _offset(form["NextToken"])
    if form.get("MaxResults"):
        size, least = int(form["MaxResults"]), paged[1]
        if not least <= size <= MOST:
            raise Refused(
                "InvalidParameterValue",
                f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value between {least} and {MOST}.",
            )


def page(form: dict, reply: bytes) -> bytes:
    """Returns the requested page of a reply, with the token of the next page."""
    paged = PAGED.get(form.get("Action", ""))
    if paged is None or not (form.get("MaxResults") or form.get("NextToken")):
        return reply
    root = ElementTree.fromstring(reply)
    namespace = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    results = root.find(namespace + paged[0])
    if results is None:
        return reply
    start = _offset(form["NextToken"]) if form.get("NextToken") else 0
    items = list(results)
    end = start + int(form.get("MaxResults") or MOST)
    for index, item in enumerate(items):
        if not start <= index < end:
            results.remove(item)
    for stale in root.findall(namespace + "nextToken"):
        root.remove(stale)
    if end < len(items):
        token = ElementTree.SubElement(root, namespace + "nextToken")
        token.text = base64.urlsafe_b64encode(f"offset:{end}".encode()).decode()
    ElementTree.register_namespace("", namespace.strip("{}"))
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
