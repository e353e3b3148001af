"""Groups of the local cloud, as the tests of live commands make and read them."""

import pathlib
import sys

import groups
from command_line import CHECKOUT, CommandLine

sys.path.insert(0, str(CHECKOUT / "dev" / "local-cloud" / "python"))

from local_cloud import running

__all__ = ["ACCOUNT", "HTTPS", "INSIDE", "PARAMETER", "SSH", "WIDE", "changes", "close", "ports", "rules", "running", "snapshots", "tcp"]

ACCOUNT = "123456789012"
PARAMETER = "/portcullis/exemptions"


def tcp(low: int, cidr: str, high: int | None = None, **more) -> dict:
    return groups.permission("tcp", low, high or low, cidr) | more


SSH, HTTPS, WIDE = tcp(22, "0.0.0.0/0"), tcp(443, "0.0.0.0/0"), tcp(20, "0.0.0.0/0", 25)
INSIDE = tcp(22, "10.0.0.0/8")


def rules(cloud, group: str) -> set[tuple]:
    """Ingress rules of a group, without their ids."""
    pages = cloud.client("ec2").get_paginator("describe_security_group_rules")
    found = [r for page in pages.paginate(Filters=[{"Name": "group-id", "Values": [group]}]) for r in page["SecurityGroupRules"]]
    keys = ("IpProtocol", "FromPort", "ToPort", "CidrIpv4", "CidrIpv6", "Description")
    return {tuple(rule.get(key) for key in keys) for rule in found if not rule["IsEgress"]}


def ports(cloud, group: str) -> set[tuple]:
    return {rule[1:3] for rule in rules(cloud, group)}


def changes(cloud, since: int) -> list[str]:
    """Calls to EC2 that change something."""
    calls = [call["action"] for call in cloud.calls(since=since) if call["service"] == "ec2"]
    return [action for action in calls if not action.startswith("ec2:Describe")]


def snapshots(live: CommandLine, directory: str = "kept") -> list[pathlib.Path]:
    return sorted(path for path in (live.directory / directory).rglob("*.json*") if path.is_file())


def close(live: CommandLine, *arguments, **options):
    return live("close", *arguments, "--snapshot-dir", "kept", **options)
