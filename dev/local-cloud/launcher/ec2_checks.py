"""Checks of EC2 requests that moto does not make: ids, filters, sources, descriptions, tags and entries of network ACLs.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and the pages of the operations
"""

import ipaddress
import re

import moto_client


class Refused(Exception):
    """A request that EC2 refuses: code and message."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


# Error codes of ids, by their prefix: malformed.
_MALFORMED = {
    "sg": "InvalidGroupId.Malformed",
    "sgr": "InvalidSecurityGroupRuleId.Malformed",
    "acl": "InvalidNetworkAclId.Malformed",
    "pl": "InvalidPrefixListId.Malformed",
    "vpc": "InvalidVpcID.Malformed",
}
# Parameters that name a resource, with or without an index, and the prefix of its id.
_IDS = {"GroupId": "sg", "SecurityGroupRuleId": "sgr", "NetworkAclId": "acl", "PrefixListId": "pl", "VpcId": "vpc"}
_ID_PARAMETER = re.compile(rf"({'|'.join(_IDS)})(\.\d+)?")
# Filters of the operations that have few.
_FILTERS = {"DescribeSecurityGroupRules": re.compile(r"group-id|security-group-rule-id|tag-key|tag:.+")}
MOST_FILTER_VALUES = 200
# The characters are not checked, so that tests can see that no description, whatever is in it, harms a log.
LONGEST_DESCRIPTION = 255
_SOURCES = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "Groups", "UserIdGroupPairs")
# Operations whose permissions need a source, with the parameters that have one outside of IpPermissions.
_CHANGES_RULES = ("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress")
_FLAT_SOURCES = ("CidrIp", "SourceSecurityGroupName", "SecurityGroupRuleId.1")
# Operations that read prefix lists, with the highest MaxResults.
_READS_PREFIX_LISTS = {"DescribeManagedPrefixLists": 100, "GetManagedPrefixListAssociations": 255, "GetManagedPrefixListEntries": 100}


def check(form: dict) -> None:
    """Raises Refused for a request that EC2 refuses."""
    action = form.get("Action", "")
    _check_ids(form)
    _check_filters(action, form)
    if action in _CHANGES_RULES:
        _check_permissions(form)
    if action in _READS_PREFIX_LISTS:
        _check_prefix_lists(action, form)
    if action == "CreateNetworkAclEntry":
        _check_entry(form)
    _check_tags(form)


def _check_ids(form: dict) -> None:
    for name, value in form.items():
        found = _ID_PARAMETER.fullmatch(name)
        prefix = _IDS[found[1]] if found else ""
        if prefix and not re.fullmatch(f"{prefix}-[0-9a-f]{{8,17}}", value):
            raise Refused(_MALFORMED[prefix], f'Invalid id: "{value}" (expecting "{prefix}-...")')


def _check_filters(action: str, form: dict) -> None:
    values = sum(1 for name in form if re.fullmatch(r"Filter\.\d+\.Value\.\d+", name))
    if values > MOST_FILTER_VALUES:
        raise Refused("FilterLimitExceeded", f"The maximum number of filter values specified on a single call is {MOST_FILTER_VALUES}")
    known = _FILTERS.get(action)
    for name, value in form.items():
        if known and re.fullmatch(r"Filter\.\d+\.Name", name) and not known.fullmatch(value):
            raise Refused("InvalidParameterValue", f"The filter '{value}' is invalid")


def _check_permissions(form: dict) -> None:
    permissions = {found[1] for name in form if (found := re.match(r"IpPermissions\.(\d+)\.", name))}
    if not permissions and not any(name in form for name in _FLAT_SOURCES):
        raise Refused("MissingParameter", "The request must contain the parameter ipPermissions")
    for number in permissions:
        if not any(f"IpPermissions.{number}.{source}.1." in name for name in form for source in _SOURCES):
            raise Refused("MissingParameter", "Source group ID missing.")
    for name, value in form.items():
        described = re.match(r"IpPermissions\.\d+\..+\.Description$", name)
        if described and len(value) > LONGEST_DESCRIPTION:
            raise Refused("InvalidParameterValue", "Invalid rule description. Valid descriptions are strings less than 256 characters")


def _check_prefix_lists(action: str, form: dict) -> None:
    most = _READS_PREFIX_LISTS[action]
    if int(form.get("MaxResults") or 1) > most:
        raise Refused(
            "InvalidParameterValue",
            f"Value ( {form['MaxResults']} ) for parameter maxResults is invalid. Expecting a value of at most {most}.",
        )
    wanted = [value for name, value in form.items() if re.fullmatch(r"PrefixListId(\.\d+)?", name)]
    if not wanted:
        return
    known = {one["PrefixListId"] for one in moto_client.client().describe_managed_prefix_lists()["PrefixLists"]}
    for identifier in wanted:
        if identifier not in known:
            raise Refused("InvalidPrefixListID.NotFound", f"The prefix list ID '{identifier}' does not exist")


def _check_entry(form: dict) -> None:
    protocol = form.get("Protocol", "")
    if protocol != "-1" and not (re.fullmatch("0|[1-9][0-9]{0,2}", protocol) and int(protocol) <= 255):
        raise Refused("InvalidParameterValue", f"Invalid value '{protocol}' for IP protocol. Unknown protocol.")
    if form.get("RuleAction") not in ("allow", "deny"):
        raise Refused("InvalidParameterValue", f"Value ({form.get('RuleAction')}) for parameter ruleAction is invalid. Use allow or deny.")
    first, last = form.get("PortRange.From"), form.get("PortRange.To")
    if protocol in ("6", "17") and None not in (first, last) and not 0 <= int(first) <= int(last) <= 65535:
        raise Refused("InvalidParameterValue", f"Invalid TCP/UDP port range ({first}:{last})")
    for name, version in (("CidrBlock", 4), ("Ipv6CidrBlock", 6)):
        if form.get(name):
            try:
                fits = ipaddress.ip_network(form[name], strict=False).version == version and "/" in form[name]
            except ValueError:
                fits = False
            if not fits:
                raise Refused(
                    "InvalidParameterValue", f"Value ({form[name]}) for parameter {name} is invalid. This is not a valid CIDR block."
                )


def _check_tags(form: dict) -> None:
    keys: dict[str, list[str]] = {}
    for name, value in form.items():
        found = re.fullmatch(r"(TagSpecification\.\d+)\.Tag\.\d+\.(Key|Value)", name)
        if found is None:
            continue
        if len(value) > (128 if found[2] == "Key" else 256):
            raise Refused("InvalidParameterValue", f"Tag {found[2].lower()} exceeds the maximum length")
        if found[2] == "Key":
            keys.setdefault(found[1], []).append(value)
    for of_one in keys.values():
        if any(key.lower().startswith("aws:") for key in of_one):
            raise Refused("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
        if len(set(of_one)) < len(of_one):
            raise Refused("InvalidParameterValue", "Duplicate tag keys found.")
