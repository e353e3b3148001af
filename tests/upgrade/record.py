#!/usr/bin/env python3
"""Adds a version to this directory: template, parameter files, and samples of what the stack writes into its bucket.

    .tools/venv/bin/python tests/upgrade/record.py 0.2

Template and parameter files are copied from the checkout unless the version has them already. The samples are written by the
functions in `target/lambda/`, in the local cloud, with this template: run it at the commit that becomes the version, after
`make package-host`.
"""

import json
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "dev" / "local-cloud" / "python"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "acceptance"))

from portcullis import PARAMETERS, open_to, outcome
from upgrading import Upgrading, stack_of, take_types
from versions import ACCOUNT, BUCKET, CURRENT, GROUP, HERE, NETWORK_ACL, PREFIX_LIST, REGION, VPC, Sample

WORLD = "0.0.0.0/0"
TAGS = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "team", "Value": "web"}]}]


class Recorder:
    def __init__(self, stack: Upgrading, version: str):
        self.stack, self.version = stack, version
        self.list = stack.prefix_list()

    def record(self, name: str, group: str, acl: str = "") -> None:
        """Stores all objects about a group or a network ACL."""
        account, region = self.stack.place()
        names = {group: GROUP, acl: NETWORK_ACL, self.list: PREFIX_LIST, self.stack.vpc(): VPC, account: ACCOUNT, region: REGION}
        names |= {self.stack.outputs["SnapshotBucketName"]: BUCKET}
        found = {key: text for key, text in self.stack.objects().items() if (acl or group) in key}
        assert found, f"nothing was written for {name}"
        Sample(self.version, name).store(found, names)

    def group(self, name: str) -> str:
        """A group with every kind of source, of which some expose port 22."""
        stack = self.stack
        group = stack.cloud.group(name)
        member = {"UserIdGroupPairs": [{"GroupId": group, "Description": "members"}]}
        harmless = [
            open_to("10.0.0.0/8", description="office"),
            open_to(WORLD, "::/0", ports=(443, 443)),
            open_to(self.list, ports=(5432, 5432), description="branch"),
            {"IpProtocol": "-1"} | member,
            {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [{"CidrIp": WORLD}]},
            {"IpProtocol": "47", "IpRanges": [{"CidrIp": "198.51.100.0/24"}]},
        ]
        stack.reopen(group, harmless)
        stack.reopen(group, [open_to(WORLD, ports=(20, 25), description="legacy")], TagSpecifications=TAGS)
        stack.reopen(group, [open_to("::/0", ports=(22, 22))])
        return group

    def closings(self) -> None:
        for strategy in ("Revoke", "Carve", "Replace"):
            group = self.group(f"recorded-{strategy}")
            assert outcome(self.stack.close(group, Strategy=strategy)) == "CLOSED"
            self.record(strategy.lower(), group)

    def owed(self) -> None:
        """A closing that may add nothing, and the one that pays."""
        group, cloud = self.group("recorded-owed"), self.stack.cloud
        fault = {"service": "ec2", "action": "AuthorizeSecurityGroupIngress", "principal": "RemediatorRole", "times": 1000}
        cloud.fault(**fault, code="RulesPerSecurityGroupLimitExceeded", status=400)
        assert self.stack.close(group, Strategy="Carve")["AutomationExecutionStatus"] == "Failed"
        cloud.control("DELETE", "/faults")
        self.record("owed", group)
        assert outcome(self.stack.close(group, Strategy="Carve")) == "CLOSED"
        self.record("paid", group)

    def restored(self) -> None:
        group = self.group("recorded-restored")
        assert outcome(self.stack.close(group)) == "CLOSED"
        assert outcome(self.stack.restore(group, ExceptionHours="24")) == "RESTORED"
        self.record("restored", group)

    def quarantine(self) -> None:
        acl, group = self.stack.network_acl(), self.group("recorded-quarantined")
        assert outcome(self.stack.quarantine(group, NetworkAclIds=acl)) == "QUARANTINED"
        self.record("quarantined", group, acl)
        assert outcome(self.stack.quarantine(group, NetworkAclIds=acl, Action="release")) == "RELEASED"
        # Finds the entries gone, and says so in the bucket.
        assert outcome(self.stack.quarantine(group, NetworkAclIds=acl, Action="release")) == "NOTHING_TO_DO"
        self.record("released", group, acl)


def main(version: str) -> None:
    directory = HERE / version
    if not (directory / "portcullis.yaml").exists():
        directory.mkdir(exist_ok=True)
        shutil.copy(CURRENT / "portcullis.yaml", directory)
        shutil.copytree(CURRENT / "parameters", directory / "parameters")
    shutil.rmtree(directory / "samples", ignore_errors=True)
    parameters = {"SourceInputParameters": json.dumps(PARAMETERS), "RemediationStrategy": "Carve"}
    with tempfile.TemporaryDirectory() as state, stack_of(pathlib.Path(state), directory / "portcullis.yaml", **parameters) as stack:
        take_types(stack.cloud, True)
        recorder = Recorder(stack, version)
        recorder.closings()
        recorder.owed()
        recorder.restored()
        recorder.quarantine()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
