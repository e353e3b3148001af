"""Earlier versions: templates, and samples of what they wrote, with placeholders for what differs between accounts."""

import datetime
import json
import pathlib
import re
import typing

HERE = pathlib.Path(__file__).resolve().parent
CURRENT = HERE.parents[1] / "cloudformation"
VERSIONS = sorted(path.name for path in HERE.iterdir() if (path / "portcullis.yaml").is_file())

# Placeholders in stored samples. Ids of rules, executions and entries are as they were recorded.
GROUP = "sg-0123456789abcdef0"
VPC = "vpc-0123456789abcdef0"
NETWORK_ACL = "acl-0123456789abcdef0"
PREFIX_LIST = "pl-0123456789abcdef0"
ACCOUNT = "111122223333"
BUCKET = "bucket-of-the-stack"
REGION = "us-east-1"

Objects = dict[str, dict]


def replace(text: str, names: dict[str, str]) -> str:
    """The text with every name replaced, in one pass."""
    names = {old: new for old, new in names.items() if old}
    return re.sub("|".join(map(re.escape, names)), lambda match: names[match[0]], text) if names else text


class Sample(typing.NamedTuple):
    """The objects that a version wrote about one group or network ACL, by key."""

    version: str
    name: str

    @property
    def directory(self) -> pathlib.Path:
        return HERE / self.version / "samples" / self.name

    def objects(self, **names: str) -> Objects:
        """The objects with these names in place of the placeholders, which are given by the names of their constants. Times that
        decide whether an object still counts are moved to the present."""
        placeholders = {globals()[name.upper()]: value for name, value in names.items()}
        found = {}
        for file in sorted(path for path in self.directory.rglob("*") if path.is_file()):
            key = replace(str(file.relative_to(self.directory)), placeholders)
            found[key] = as_of_now(json.loads(replace(file.read_text(encoding="utf-8"), placeholders)))
        return found

    def store(self, objects: dict[str, str], names: dict[str, str]) -> None:
        """Writes objects of a bucket, with placeholders for the given names."""
        for key, text in objects.items():
            file = self.directory / replace(key, names)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(replace(text, names) + "\n", encoding="utf-8")


def samples(*names: str) -> list[Sample]:
    """The samples of every version with one of these names."""
    found = [Sample(version, name) for version in VERSIONS for name in names]
    return [sample for sample in found if sample.directory.is_dir()]


def exemptions() -> list[pathlib.Path]:
    return sorted(file for version in VERSIONS for file in (HERE / version / "exemptions").glob("*.json"))


def label(value: object) -> str:
    """The id of a parameter of a test."""
    if isinstance(value, Sample):
        return f"{value.version}-{value.name}"
    return str(value.relative_to(HERE)) if isinstance(value, pathlib.Path) else str(value)


def as_of_now(document: dict) -> dict:
    """A hold that ends in an hour, and an owed rule of this minute."""
    now = datetime.datetime.now(datetime.timezone.utc)
    moved = {"until": now + datetime.timedelta(hours=1), "since": now}
    return document | {name: time.strftime("%Y-%m-%dT%H:%M:%SZ") for name, time in moved.items() if name in document}


def snapshots(objects: Objects) -> list[dict]:
    """The snapshots of closings, oldest first."""
    return [objects[key] for key in sorted(objects) if key.startswith("security-groups/")]


def permission(rule: dict) -> dict:
    """The `IpPermission` of one rule of a snapshot."""
    described = {"Description": rule["description"]} if "description" in rule else {}
    granted: dict = {"IpProtocol": rule["ipProtocol"]}
    granted |= {"FromPort": rule["fromPort"], "ToPort": rule["toPort"]} if "fromPort" in rule else {}
    if "cidrIpv4" in rule:
        return granted | {"IpRanges": [{"CidrIp": rule["cidrIpv4"], **described}]}
    if "cidrIpv6" in rule:
        return granted | {"Ipv6Ranges": [{"CidrIpv6": rule["cidrIpv6"], **described}]}
    if "prefixListId" in rule:
        return granted | {"PrefixListIds": [{"PrefixListId": rule["prefixListId"], **described}]}
    return granted | {"UserIdGroupPairs": [{"GroupId": rule["referencedGroup"]["groupId"], **described}]}


def content(rule: dict) -> tuple:
    """A rule of a snapshot as `Portcullis.rules` gives those of a group."""
    whose = rule.get("cidrIpv4") or rule.get("cidrIpv6") or rule.get("prefixListId") or rule["referencedGroup"]["groupId"]
    tags = tuple(sorted(rule.get("tags", {}).items()))
    return (rule["ipProtocol"], rule.get("fromPort", -1), rule.get("toPort", -1), whose, rule.get("description"), tags)
