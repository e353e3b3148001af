"""Managed prefix lists as in EC2: versions, changes that take a while, and who uses a list. They run in the process of moto.

The launcher says with each call how long a change takes, and by how much the clock was moved.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyManagedPrefixList.html and errors-overview.html there
"""

import ipaddress
import time

import private_names

REQUIRED = {
    "moto.core.responses": ("ActionResult",),
    "moto.core.utils": ("aws_api_matches",),
    "moto.ec2.exceptions": ("EC2ClientError",),
}
METHODS = {
    ("moto.ec2.models.managed_prefixes", "ManagedPrefixListBackend"): (
        "create_managed_prefix_list",
        "delete_managed_prefix_list",
        "describe_managed_prefix_lists",
    ),
    ("moto.ec2.models.security_groups", "SecurityGroup"): ("matches_filter",),
    ("moto.ec2.responses.vpcs", "VPCs"): (
        "create_managed_prefix_list",
        "delete_managed_prefix_list",
        "get_managed_prefix_list_entries",
        "modify_managed_prefix_list",
    ),
}
SECONDS_HEADER, CLOCK_HEADER = "x-local-prefix-list-seconds", "x-local-clock"
MOST_ENTRIES = 100
_PREFIX_LIST_FILTERS = {"ip-permission.prefix-list-id": "ingress_rules", "egress.ip-permission.prefix-list-id": "egress_rules"}

# By how much the clock was moved, as the launcher said last.
_clock = {"offset": 0.0}


def missing() -> list[str]:
    """Returns the names that this version of moto lacks."""
    return private_names.missing(REQUIRED, METHODS)


def _error(code: str, message: str):
    from moto.ec2.exceptions import EC2ClientError

    return EC2ClientError(code, message)


def _now() -> float:
    return time.time() + _clock["offset"]


def _heard(response) -> float:
    """Takes the clock from a call of the launcher, and returns how long a change takes."""
    _clock["offset"] = float(response.headers.get(CLOCK_HEADER) or _clock["offset"])
    return float(response.headers.get(SECONDS_HEADER) or 0)


# --- state ---


def _entries(one) -> list[dict]:
    return one.entries.get(one.version or 1) or []


def _settled(backend) -> dict:
    """Returns the prefix lists, after the changes that are due."""
    for one in backend.managed_prefix_lists.values():
        change = getattr(one, "change", None)
        if change and change["at"] <= _now():
            one.change = None
            _complete(backend, one, change)
    return backend.managed_prefix_lists


def _complete(backend, one, change: dict) -> None:
    most, entries = change["max_entries"], change["entries"]
    if most is not None:
        crowded = [group.id for group in _users(backend, one.id) if _is_crowded(backend, group, one, most)]
        if crowded:
            one.state = "modify-failed"
            one.state_message = f"The following resources do not support the new maximum size: {', '.join(crowded[:10])}"
            return
        one.max_entries = most
    if change["name"]:
        one.prefix_list_name = change["name"]
    if entries is not None:
        one.version += 1
        one.entries[one.version] = entries
    one.state, one.state_message = change["state"], None


def _users(backend, identifier: str) -> list:
    groups = [group for of_vpc in backend.groups.values() for group in of_vpc.values()]
    return [g for g in groups if any(rule.prefix_list_id == identifier for rule in (*g.ingress_rules, *g.egress_rules))]


def _is_crowded(backend, group, one, most: int) -> bool:
    import moto_patches

    grown = most - int(one.max_entries or 1)
    for rules in (group.ingress_rules, group.egress_rules):
        times = sum(rule.prefix_list_id == one.id for rule in rules)
        weights = [moto_patches._weights(backend, rule) for rule in rules]
        used = sum(weight[one.address_family == "IPv6"] for weight in weights)
        if times and used + grown * times > moto_patches.RULES_PER_GROUP:
            return True
    return False


# --- checks ---


def _known(backend, identifier: str):
    one = _settled(backend).get(identifier)
    if one is None or one.state == "delete-complete":
        raise _error("InvalidPrefixListID.NotFound", f"The prefix list ID '{identifier}' does not exist")
    return one


def _changeable(backend, identifier: str, version) -> object:
    """Returns a prefix list that a call with this version may change."""
    one = _known(backend, identifier)
    if one.owner_id != backend.account_id:
        raise _error("UnauthorizedOperation", "You are not authorized to perform this operation.")
    if one.state.endswith("-in-progress"):
        message = f"The request cannot be completed while the prefix list ({identifier}) is in the current state ({one.state})."
        raise _error("IncorrectState", message)
    if version is not None and int(version) != one.version:
        raise _error("PrefixListVersionMismatch", "The prefix list has the incorrect version number.")
    return one


def _check_entries(family: str, entries: list[dict]) -> list[dict]:
    if len(entries) > MOST_ENTRIES:
        raise _error("InvalidParameterValue", f"A request has at most {MOST_ENTRIES} entries")
    checked = []
    for entry in entries:
        cidr = entry.get("Cidr", "")
        try:
            network = ipaddress.ip_network(cidr, strict=False)
        except ValueError:
            network = None
        if network is None or "/" not in cidr or f"IPv{network.version}" != family:
            raise _error("InvalidParameterValue", f"The CIDR block {cidr} is not valid for the address family {family}")
        checked.append({**entry, "Cidr": str(network)})
    cidrs = [entry["Cidr"] for entry in checked]
    if len(set(cidrs)) < len(cidrs):
        raise _error("InvalidParameterValue", "The same CIDR block must not appear multiple times")
    return checked


def _check_size(entries: list, most: int) -> None:
    if len(entries) > most:
        raise _error("PrefixListMaxEntriesExceeded", "You've reached the maximum number of entries for the prefix list.")


def _check_name(name: str | None) -> None:
    if name and name.startswith("com.amazonaws"):
        raise _error("InvalidParameterValue", "The name of a prefix list cannot start with com.amazonaws")


# --- operations ---


def _create(create):
    def created(self):
        get = self._get_param
        family, most, name, entries = get("AddressFamily"), get("MaxEntries"), get("PrefixListName"), get("Entries", [])
        for parameter, value in (("addressFamily", family), ("maxEntries", most), ("prefixListName", name)):
            if value is None:
                raise _error("MissingParameter", f"The request must contain the parameter {parameter}")
        if family not in ("IPv4", "IPv6"):
            raise _error("InvalidParameterValue", f"Value ({family}) for parameter addressFamily is invalid. Use IPv4 or IPv6.")
        if int(most) < 1:
            raise _error("InvalidParameterValue", f"Value ({most}) for parameter maxEntries is invalid.")
        _check_name(name)
        _check_size(_check_entries(family, entries), int(most))
        self.error_on_dryrun()
        return create(self)

    return created


def _modify(self):
    seconds, get, backend = _heard(self), self._get_param, self.ec2_backend
    added, removed, most = get("AddEntries", []), get("RemoveEntries", []), get("MaxEntries")
    version, name = get("CurrentVersion"), get("PrefixListName")
    one = _changeable(backend, get("PrefixListId"), version)
    entries = None
    if (added or removed) and most is not None:
        message = "You cannot modify the entries and the maximum entries for the prefix list in the same request."
        raise _error("InvalidParameterCombination", message)
    if (added or removed) and version is None:
        raise _error("MissingParameter", "The request must contain the parameter currentVersion")
    if added or removed:
        entries = _changed(one, _check_entries(one.address_family, added), _check_entries(one.address_family, removed))
    if most is not None and int(most) < max(1, len(_entries(one))):
        raise _error("InvalidParameterValue", f"Value ({most}) for parameter maxEntries is invalid. The prefix list has more entries.")
    _check_name(name)
    self.error_on_dryrun()
    change = {"entries": entries, "max_entries": None if most is None else int(most), "name": name, "state": "modify-complete"}
    return _begin(backend, one, "modify-in-progress", change, seconds)


def _changed(one, added: list[dict], removed: list[dict]) -> list[dict]:
    before = _entries(one)
    present, leaving = {entry["Cidr"] for entry in before}, {entry["Cidr"] for entry in removed}
    if leaving - present:
        raise _error("InvalidParameterValue", f"The prefix list has no entry {min(leaving - present)}")
    twice = {entry["Cidr"] for entry in added} & present
    if twice:
        raise _error("InvalidParameterValue", f"The prefix list already has the entry {min(twice)}")
    entries = [entry for entry in before if entry["Cidr"] not in leaving] + added
    _check_size(entries, int(one.max_entries))
    return entries


def _restore(self):
    seconds, get, backend = _heard(self), self._get_param, self.ec2_backend
    for parameter in ("PreviousVersion", "CurrentVersion"):
        if get(parameter) is None:
            raise _error("MissingParameter", f"The request must contain the parameter {parameter[0].lower()}{parameter[1:]}")
    one, previous = _changeable(backend, get("PrefixListId"), get("CurrentVersion")), int(get("PreviousVersion"))
    if not 1 <= previous <= one.version:
        raise _error("PrefixListVersionNotFound", "The specified prefix list version does not exist.")
    entries = one.entries.get(previous) or []
    _check_size(entries, int(one.max_entries))
    self.error_on_dryrun()
    change = {"entries": list(entries), "max_entries": None, "name": None, "state": "restore-complete"}
    return _begin(backend, one, "restore-in-progress", change, seconds)


def _begin(backend, one, state: str, change: dict, seconds: float):
    from moto.core.responses import ActionResult

    one.state, one.change = state, {**change, "at": _now() + seconds}
    # The answer has the state and the version from before the change, however fast it is.
    answer = {
        "PrefixListId": one.id,
        "AddressFamily": one.address_family,
        "State": state,
        "PrefixListArn": one.prefix_list_arn,
        "PrefixListName": one.prefix_list_name,
        "MaxEntries": one.max_entries,
        "Version": one.version,
        "OwnerId": one.owner_id,
    }
    _settled(backend)
    return ActionResult({"PrefixList": answer})


def _get_entries(self):
    from moto.core.responses import ActionResult

    _heard(self)
    one, version = _known(self.ec2_backend, self._get_param("PrefixListId")), self._get_param("TargetVersion")
    if version is None:
        return ActionResult({"Entries": _entries(one)})
    if not 1 <= int(version) <= (one.version or 1):
        raise _error("PrefixListVersionNotFound", "The specified prefix list version does not exist.")
    return ActionResult({"Entries": one.entries.get(int(version)) or []})


def _get_associations(self):
    from moto.core.responses import ActionResult

    one = _known(self.ec2_backend, self._get_param("PrefixListId"))
    self.error_on_dryrun()
    users = [{"ResourceId": group.id, "ResourceOwner": group.owner_id} for group in _users(self.ec2_backend, one.id)]
    return ActionResult({"PrefixListAssociations": sorted(users, key=lambda user: user["ResourceId"])})


def _delete(delete):
    def deleted(self):
        one = _changeable(self.ec2_backend, self._get_param("PrefixListId"), None)
        if _users(self.ec2_backend, one.id):
            raise _error("DependencyViolation", f"The prefix list '{one.id}' has references and cannot be deleted.")
        self.error_on_dryrun()
        return delete(self)

    return deleted


def install() -> None:
    from moto.core.utils import aws_api_matches
    from moto.ec2.models.managed_prefixes import ManagedPrefixListBackend
    from moto.ec2.models.security_groups import SecurityGroup
    from moto.ec2.responses.vpcs import VPCs

    describe, matches_filter = ManagedPrefixListBackend.describe_managed_prefix_lists, SecurityGroup.matches_filter

    def describe_managed_prefix_lists(self, prefix_list_ids=None, filters=None):
        _settled(self)
        return describe(self, prefix_list_ids, filters)

    def describe_as_response(describe_response):
        def described(self):
            _heard(self)
            return describe_response(self)

        return described

    def group_matches_filter(self, key, filter_value):
        if key not in _PREFIX_LIST_FILTERS:
            return matches_filter(self, key, filter_value)
        rules = getattr(self, _PREFIX_LIST_FILTERS[key])
        return any(rule.prefix_list_id and aws_api_matches(value, rule.prefix_list_id) for rule in rules for value in filter_value)

    ManagedPrefixListBackend.describe_managed_prefix_lists = describe_managed_prefix_lists
    SecurityGroup.matches_filter = group_matches_filter
    VPCs.create_managed_prefix_list = _create(VPCs.create_managed_prefix_list)
    VPCs.delete_managed_prefix_list = _delete(VPCs.delete_managed_prefix_list)
    VPCs.describe_managed_prefix_lists = describe_as_response(VPCs.describe_managed_prefix_lists)
    VPCs.get_managed_prefix_list_associations = _get_associations
    VPCs.get_managed_prefix_list_entries = _get_entries
    VPCs.modify_managed_prefix_list = _modify
    VPCs.restore_managed_prefix_list_version = _restore
