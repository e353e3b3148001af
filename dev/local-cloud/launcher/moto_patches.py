"""Corrections of EC2 in moto where it differs from AWS. They run in the process of moto, before it serves.

They replace private names of moto. If a new version lacks one of them, the error names it.
"""

import copy
import ipaddress
import logging
import re

import moto_prefix_lists
import private_names

REQUIRED = {
    "moto.backends": ("list_of_moto_modules",),
    "moto.core.responses": ("ActionResult", "EmptyResult"),
    "moto.ec2.exceptions": (
        "EC2ClientError",
        "InvalidParameterValue",
        "InvalidSecurityGroupNotFoundError",
        "NetworkAclEntryAlreadyExistsError",
        "RulesPerSecurityGroupLimitExceededError",
    ),
    "moto.ec2.models.network_acls": ("NetworkAcl", "NetworkAclBackend"),
    "moto.ec2.models.security_groups": ("SecurityGroupBackend", "SecurityGroupRule"),
    "moto.ec2.models.vpcs": ("VPCBackend",),
    "moto.ec2.responses.network_acls": ("NetworkACLs",),
    "moto.ec2.responses.security_groups": ("SecurityGroups",),
}
METHODS = {
    ("moto.ec2.models.network_acls", "NetworkAclBackend"): (
        "create_network_acl",
        "create_network_acl_entry",
        "delete_network_acl_entry",
        "describe_network_acls",
        "get_network_acl",
    ),
    ("moto.ec2.models.security_groups", "SecurityGroupBackend"): (
        "_add_source_group",
        "_iterate_security_rules",
        "describe_security_group_rules",
        "get_security_group_by_name_or_id",
    ),
    ("moto.ec2.models.vpcs", "VPCBackend"): ("associate_vpc_cidr_block",),
    ("moto.ec2.responses.network_acls", "NetworkACLs"): ("create_network_acl_entry", "delete_network_acl_entry", "error_on_dryrun"),
    ("moto.ec2.responses.security_groups", "SecurityGroups"): (
        "_process_rules_from_querystring",
        "authorize_security_group_ingress",
        "revoke_security_group_ingress",
    ),
}
RULES_PER_GROUP = 60
ENTRIES_PER_ACL = 20
# Last entries of every network ACL. They deny traffic that no other entry matches.
LAST = {False: 32767, True: 32768}
_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}


def check() -> None:
    """Raises an error if this version of moto lacks a name that is used here."""
    missing = [*private_names.missing(REQUIRED, METHODS), *moto_prefix_lists.missing()]
    if missing:
        raise RuntimeError(
            f"this version of moto no longer has {', '.join(missing)}: "
            "install the version pinned in tools/requirements.txt, or adapt dev/local-cloud/launcher/moto_patches.py"
        )


def _error(code: str, message: str):
    from moto.ec2.exceptions import EC2ClientError

    return EC2ClientError(code, message)


def _canonical(cidr: str) -> str:
    """Returns the network of a CIDR block, without host bits."""
    try:
        return str(ipaddress.ip_network(cidr, strict=False)) if "/" in cidr else cidr
    except ValueError as error:
        raise _error("InvalidParameterValue", f"CIDR block {cidr} is malformed") from error


# --- security groups ---


def _check_traffic(protocol: str, first, last) -> None:
    """Raises an error for a protocol or for ports that EC2 refuses.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html
    """
    from moto.ec2.exceptions import InvalidParameterValue

    named = protocol in ("-1", "tcp", "udp", "icmp", "icmpv6")
    if not named and not (re.fullmatch("0|[1-9][0-9]{0,2}", protocol) and int(protocol) <= 255):
        raise InvalidParameterValue(f"Invalid value '{protocol}' for IP protocol. Unknown protocol.")
    if protocol in ("tcp", "udp", "icmp") and None in (first, last):
        raise InvalidParameterValue("Invalid value for portRange. Must specify both from and to ports with TCP/UDP.")
    if None in (first, last):
        return
    first, last = int(first), int(last)
    if protocol in ("tcp", "udp") and -1 in (first, last):
        raise InvalidParameterValue("Invalid value for portRange. Must specify both from and to ports with TCP/UDP.")
    if protocol in ("tcp", "udp") and not 0 <= first <= last <= 65535:
        raise InvalidParameterValue(f"Invalid TCP/UDP port range ({first}:{last})")
    if protocol in ("icmp", "icmpv6") and (not (-1 <= first <= 255 and -1 <= last <= 255) or (first == -1 and last != -1)):
        raise InvalidParameterValue(f"ICMP type ({first}) and code ({last}) are not valid")


def _install_rule() -> None:
    from moto.ec2.models.security_groups import SecurityGroupRule

    make = SecurityGroupRule.__init__

    def __init__(self, ec2_backend, ip_protocol, group_id, from_port, to_port, *arguments, **more):
        protocol = str(ip_protocol).lower()
        protocol = _PROTOCOLS.get(protocol, protocol)
        given = (from_port, to_port)
        _check_traffic(protocol, from_port, to_port)
        if None in given and protocol == "icmpv6":
            given = (-1, -1)
        ports = given if None not in given else (0, 0)
        make(self, ec2_backend, protocol, group_id, *ports, *arguments, **more)
        if None in given:
            self.from_port = self.to_port = None
        prefix_list = more.get("prefix_list_id") or (arguments[2] if len(arguments) > 2 else None) or {}
        self.prefix_list_description = prefix_list.get("Description")

    def key(rule):
        ports = None if rule.ip_protocol == "-1" else (rule.from_port, rule.to_port)
        source = rule.source_group
        return (
            rule.ip_protocol,
            ports,
            rule.ip_range.get("CidrIp"),
            rule.ip_range.get("CidrIpv6"),
            source.get("GroupId"),
            source.get("UserId") if source else None,
            rule.prefix_list_id,
        )

    def description(self):
        return self.ip_range.get("Description") or self.source_group.get("Description") or self.prefix_list_description

    def arn(self):
        return f"arn:aws:ec2:{self.ec2_backend.region_name}:{self.ec2_backend.account_id}:security-group-rule/{self.id}"

    SecurityGroupRule.__init__ = __init__
    SecurityGroupRule.__eq__ = lambda self, other: key(self) == key(other)
    SecurityGroupRule.description = property(description)
    SecurityGroupRule.security_group_rule_arn = property(arn)
    SecurityGroupRule.group_owner_id = property(lambda self: self.ec2_backend.account_id)


def _weights(backend, rule) -> tuple[int, int]:
    """Returns how much of the quotas for IPv4 and IPv6 a rule uses."""
    if rule.ip_range.get("CidrIp"):
        return 1, 0
    if rule.ip_range.get("CidrIpv6"):
        return 0, 1
    if rule.prefix_list_id:
        found = backend.managed_prefix_lists.get(rule.prefix_list_id)
        weight = int(found.max_entries or 1) if found else 1
        return (0, weight) if found and found.address_family == "IPv6" else (weight, 0)
    return 1, 1


def _source(rule) -> str:
    return rule.ip_range.get("CidrIp") or rule.ip_range.get("CidrIpv6") or rule.source_group.get("GroupId") or rule.prefix_list_id or ""


def _planned_rules(self) -> tuple:
    """Returns the group of a call, and a rule for each source of its permissions, with the tags of new rules."""
    from moto.ec2.exceptions import InvalidSecurityGroupNotFoundError

    backend, planned, group, tags = self.ec2_backend, [], None, {}
    for given in self._process_rules_from_querystring():
        group = backend.get_security_group_by_name_or_id(given["group_name_or_id"])
        if group is None:
            raise InvalidSecurityGroupNotFoundError(given["group_name_or_id"])
        ranges = [{k: _canonical(v) if k.startswith("Cidr") else v for k, v in r.items()} for r in given["ip_ranges"]]
        for prefix_list in given["prefix_list_ids"] or []:
            if prefix_list["PrefixListId"] not in backend.managed_prefix_lists:
                raise _error("InvalidPrefixListID.NotFound", f"The prefix list ID '{prefix_list['PrefixListId']}' does not exist")
        sources = backend._add_source_group(given["source_groups"], None)
        planned += backend._iterate_security_rules(
            given["ip_protocol"],
            group.group_id,
            given["from_port"],
            given["to_port"],
            ranges,
            sources,
            given["prefix_list_ids"] or [],
            is_egress=False,
        )
        tags = given["sgrule_tags"] or {}
    return group, planned, tags


def _revoke_by_content(self):
    """Revokes the rules that match exactly. Where one matches nothing: no rule of the call, or in the default VPC the others."""
    from moto.core.responses import ActionResult

    self.error_on_dryrun()
    group, planned, _ = _planned_rules(self)
    if group is None:
        raise _error("MissingParameter", "The request must contain the parameter ipPermissions or securityGroupRuleIds")
    unknown = [rule for rule in planned if rule not in group.ingress_rules]
    is_default = str(self.ec2_backend.get_vpc(group.vpc_id).is_default).lower() == "true"
    if unknown and not is_default:
        raise _error("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
    group.ingress_rules = [rule for rule in group.ingress_rules if rule not in planned]
    return ActionResult({"Return": True, "UnknownIpPermissions": [_permission(rule) for rule in unknown]})


def _permission(rule) -> dict:
    """Returns a rule as a permission of the API."""
    permission = {"IpProtocol": rule.ip_protocol}
    if rule.ip_protocol != "-1":
        permission |= {"FromPort": rule.from_port, "ToPort": rule.to_port}
    if rule.ip_range.get("CidrIp"):
        return permission | {"IpRanges": [{"CidrIp": rule.ip_range["CidrIp"]}]}
    if rule.ip_range.get("CidrIpv6"):
        return permission | {"Ipv6Ranges": [{"CidrIpv6": rule.ip_range["CidrIpv6"]}]}
    if rule.prefix_list_id:
        return permission | {"PrefixListIds": [{"PrefixListId": rule.prefix_list_id}]}
    return permission | {"UserIdGroupPairs": [{"GroupId": rule.source_group.get("GroupId")}]}


def _authorize_ingress(self):
    """Adds all permissions of a call or none, within the quotas of AWS."""
    from moto.core.responses import ActionResult
    from moto.ec2.exceptions import InvalidParameterValue, RulesPerSecurityGroupLimitExceededError

    self.error_on_dryrun()
    backend = self.ec2_backend
    group, planned, tags = _planned_rules(self)
    for index, rule in enumerate(planned):
        if rule in planned[:index]:
            raise InvalidParameterValue("The same permission must not appear multiple times")
        if rule in group.ingress_rules:
            ports = "" if rule.from_port is None else f", from port: {rule.from_port}, to port: {rule.to_port}"
            protocol = "ALL" if rule.ip_protocol == "-1" else rule.ip_protocol.upper()
            message = f'the specified rule "peer: {_source(rule)}, {protocol}{ports}, ALLOW" already exists'
            raise _error("InvalidPermission.Duplicate", message)
    weights = [_weights(backend, rule) for rule in [*group.ingress_rules, *planned]]
    if any(sum(of_family) > RULES_PER_GROUP for of_family in zip(*weights, strict=True)):
        raise RulesPerSecurityGroupLimitExceededError
    for rule in planned:
        group.add_ingress_rule(rule)
        rule.add_tags(tags)
    return ActionResult({"Return": True, "SecurityGroupRules": planned})


def _install_groups() -> None:
    from moto.ec2.models.security_groups import SecurityGroupBackend
    from moto.ec2.responses.security_groups import SecurityGroups

    add_sources = SecurityGroupBackend._add_source_group
    revoke = SecurityGroups.revoke_security_group_ingress

    def add_source_group(self, source_groups, vpc_id):
        """Accepts groups of other accounts without a check, because they do not exist here."""
        found = []
        for source in source_groups or []:
            if source.get("GroupId") and source.get("UserId", self.account_id) != self.account_id:
                found.append({**source, "OwnerId": source["UserId"]})
            else:
                found += add_sources(self, [source], vpc_id)
        return found

    def revoke_ingress(self):
        """Revokes no rule if the call is rejected."""
        if not any(name.startswith("SecurityGroupRuleId.") for name in self.querystring):
            return _revoke_by_content(self)
        name = self._get_param("GroupId") or self._get_param("GroupName")
        group = self.ec2_backend.get_security_group_by_name_or_id(name) if name else None
        before = list(group.ingress_rules) if group else []
        try:
            return revoke(self)
        except Exception:
            if group:
                group.ingress_rules = before
            raise

    SecurityGroupBackend._add_source_group = add_source_group
    SecurityGroups.authorize_security_group_ingress = _authorize_ingress
    SecurityGroups.revoke_security_group_ingress = revoke_ingress


# --- network ACLs ---


def _add(backend, acl: str, number: int, action: str, egress: bool, ipv6: bool) -> None:
    backend.create_network_acl_entry(
        network_acl_id=acl,
        rule_number=number,
        protocol="-1",
        rule_action=action,
        egress=egress,
        cidr_block=None if ipv6 else "0.0.0.0/0",
        icmp_code=None,
        icmp_type=None,
        port_range_from=None,
        port_range_to=None,
        ipv6_cidr_block="::/0" if ipv6 else None,
    )


def _complete(backend, acl) -> None:
    """Adds the entries that AWS creates: the final denies of every network ACL, and those of the default ACL for IPv6."""
    vpc = backend.get_vpc(acl.vpc_id)
    for ipv6 in (False, True):
        if ipv6 and not vpc.get_cidr_block_association_set(ipv6=True):
            continue
        for egress in (False, True):
            present = {e.rule_number for e in acl.network_acl_entries if e.egress == egress}
            if LAST[ipv6] in present:
                continue
            _add(backend, acl.id, LAST[ipv6], "deny", egress, ipv6)
            if ipv6 and acl.default and 101 not in present:
                _add(backend, acl.id, 101, "allow", egress, ipv6)


def _create_entry(self):
    from moto.core.responses import EmptyResult
    from moto.ec2.exceptions import NetworkAclEntryAlreadyExistsError

    get = self._get_param
    acl = self.ec2_backend.get_network_acl(get("NetworkAclId"))
    number, egress, protocol = int(get("RuleNumber")), bool(get("Egress")), str(get("Protocol"))
    cidr, cidr6 = get("CidrBlock"), get("Ipv6CidrBlock")
    if not 1 <= number <= 32766:
        raise _error("InvalidParameterValue", f"Value ({number}) for parameter ruleNumber is invalid. Must be between 1 and 32766.")
    if bool(cidr) == bool(cidr6):
        raise _error("InvalidParameterCombination", "The request must contain exactly one of CidrBlock and Ipv6CidrBlock")
    if not (protocol == "-1" or (protocol.isdigit() and int(protocol) <= 255)):
        raise _error("InvalidParameterValue", f"Invalid value '{protocol}' for IP protocol. Unknown protocol.")
    first, last = get("PortRange.From"), get("PortRange.To")
    if protocol in ("6", "17") and None in (first, last):
        raise _error("MissingParameter", "The request must contain the parameter portRange")
    if protocol in ("1", "58") and get("IcmpTypeCode.Type") is None:
        raise _error("MissingParameter", "The request must contain the parameter icmpTypeCode")
    entries = [e for e in acl.network_acl_entries if bool(e.egress) == egress]
    if any(int(e.rule_number) == number for e in entries):
        raise NetworkAclEntryAlreadyExistsError(number)
    used = [e for e in entries if bool(e.ipv6_cidr_block) == bool(cidr6)]
    last_is_missing = not any(int(e.rule_number) == LAST[bool(cidr6)] for e in used)
    if len(used) + last_is_missing >= ENTRIES_PER_ACL:
        raise _error("NetworkAclEntryLimitExceeded", "The maximum number of network acl entries has been reached.")
    self.error_on_dryrun()
    with_ports, icmp = protocol in ("6", "17"), protocol in ("1", "58")
    self.ec2_backend.create_network_acl_entry(
        network_acl_id=acl.id,
        rule_number=number,
        protocol=protocol,
        rule_action=get("RuleAction"),
        egress=egress,
        cidr_block=_canonical(cidr) if cidr else None,
        icmp_code=get("IcmpTypeCode.Code") if icmp else None,
        icmp_type=get("IcmpTypeCode.Type") if icmp else None,
        port_range_from=first if with_ports else None,
        port_range_to=last if with_ports else None,
        ipv6_cidr_block=_canonical(cidr6) if cidr6 else None,
    )
    return EmptyResult()


def _delete_entry(self):
    from moto.core.responses import EmptyResult

    get = self._get_param
    acl = self.ec2_backend.get_network_acl(get("NetworkAclId"))
    number, egress = int(get("RuleNumber")), bool(get("Egress"))
    if number > 32766:
        raise _error("InvalidParameterValue", f"Value ({number}) for parameter ruleNumber is invalid. Must be between 1 and 32766.")
    if not any(bool(e.egress) == egress and int(e.rule_number) == number for e in acl.network_acl_entries):
        direction = "egress" if egress else "ingress"
        raise _error("InvalidNetworkAclEntry.NotFound", f"The {direction} network ACL entry '{number}' does not exist")
    self.error_on_dryrun()
    self.ec2_backend.delete_network_acl_entry(acl.id, number, egress)
    return EmptyResult()


def _install_acls() -> None:
    from moto.ec2.models.network_acls import NetworkAcl, NetworkAclBackend
    from moto.ec2.models.vpcs import VPCBackend
    from moto.ec2.responses.network_acls import NetworkACLs

    create, describe = NetworkAclBackend.create_network_acl, NetworkAclBackend.describe_network_acls
    associate = VPCBackend.associate_vpc_cidr_block

    def create_network_acl(self, vpc_id, tags=None, default=False):
        acl = create(self, vpc_id, tags=tags, default=default)
        _complete(self, acl)
        return acl

    def describe_network_acls(self, network_acl_ids=None, filters=None):
        for identifier in network_acl_ids or []:
            self.get_network_acl(identifier)
        return describe(self, network_acl_ids, filters)

    def associate_vpc_cidr_block(self, vpc_id, cidr_block, amazon_provided_ipv6_cidr_block):
        association = associate(self, vpc_id, cidr_block, amazon_provided_ipv6_cidr_block)
        for acl in [a for a in self.network_acls.values() if a.vpc_id == vpc_id]:
            _complete(self, acl)
        return association

    NetworkAcl.network_acl_id = property(lambda self: self.id)
    NetworkAclBackend.create_network_acl = create_network_acl
    NetworkAclBackend.describe_network_acls = describe_network_acls
    VPCBackend.associate_vpc_cidr_block = associate_vpc_cidr_block
    NetworkACLs.create_network_acl_entry = _create_entry
    NetworkACLs.delete_network_acl_entry = _delete_entry


# --- speed ---


def _install_speed() -> None:
    """Removes work that moto does for every request without need: listing its own directory, formatting a log line that
    repeats the call log, and copying the rules of all groups to find those of one."""
    from moto import backends
    from moto.ec2.models.security_groups import SecurityGroupBackend

    describe = SecurityGroupBackend.describe_security_group_rules

    def describe_security_group_rules(self, sg_rule_ids, filters):
        wanted = filters.get("group-id")
        if not wanted:
            return describe(self, sg_rule_ids, filters)
        narrow = copy.copy(self)
        narrow.groups = {vpc: {i: groups[i] for i in wanted if i in groups} for vpc, groups in self.groups.copy().items()}
        return describe(narrow, sg_rule_ids, filters)

    SecurityGroupBackend.describe_security_group_rules = describe_security_group_rules
    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    logging.getLogger("werkzeug").setLevel(logging.WARNING)


def install() -> None:
    check()
    _install_speed()
    _install_rule()
    _install_groups()
    _install_acls()
    moto_prefix_lists.install()
