"""A stack of an earlier version in the local cloud, with the functions of the checkout."""

import contextlib
import hashlib
import json
import pathlib
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "dev" / "local-cloud" / "python"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "acceptance"))

from local_cloud import Cloud, running, wait_for
from portcullis import ARCHITECTURE, BUCKET, NO_EXEMPTIONS, QUICK, RULE, ZIPS, Portcullis
from versions import CURRENT

STACK = "portcullis"
FINDINGS = f"{STACK}-findings"


class Upgrading(Portcullis):
    """A stack that begins with the template of a version, and may be updated to another one."""

    def create(self, template: pathlib.Path, **parameters: str) -> None:
        """Creates the stack. The zips are those of the checkout: those of an earlier version cannot be built here."""
        s3 = self.cloud.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        given = {"CodeBucket": BUCKET, "Architecture": ARCHITECTURE, "RuleName": RULE, **parameters}
        for function, parameter in (("rule-evaluator", "RuleEvaluatorKey"), ("remediator", "RemediatorKey")):
            file = ZIPS / f"{function}.zip"
            assert file.is_file(), f"there is no {file}: build it with scripts/package"
            code = zipfile.ZipFile(file).read("bootstrap")
            given[parameter] = f"{function}-{hashlib.sha256(code).hexdigest()[:32]}.zip"
            s3.upload_file(str(file), BUCKET, given[parameter])
        # Earlier versions do not have it. An update gives it its default.
        s3.upload_file(str(ZIPS / "reporter.zip"), BUCKET, "reporter.zip")
        self.cloud.client("cloudformation").create_stack(
            StackName=STACK,
            TemplateURL=self.upload(template),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        )
        self.finish("CREATE_COMPLETE")

    def create_findings(self, **parameters: str) -> None:
        """Creates the stack for findings of the checkout beside this one, which has uploaded the code."""
        given = {"CodeBucket": BUCKET, "Architecture": ARCHITECTURE, "RuleName": RULE, **parameters}
        self.cloud.client("cloudformation").create_stack(
            StackName=FINDINGS,
            TemplateURL=self.upload(CURRENT / "findings.yaml"),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        )
        self.finish("CREATE_COMPLETE", FINDINGS)

    def upgrade(self, template: pathlib.Path = CURRENT / "portcullis.yaml", **new: str) -> None:
        """Updates the stack in place. Every parameter keeps its value, and a new one has its default unless it is given."""
        cloudformation = self.cloud.client("cloudformation")
        cloudformation.update_stack(
            StackName=STACK,
            TemplateURL=self.upload(template),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": name, "UsePreviousValue": True} for name in self.parameters()]
            + [{"ParameterKey": name, "ParameterValue": value} for name, value in new.items()],
        )
        self.finish("UPDATE_COMPLETE")

    def upload(self, template: pathlib.Path) -> str:
        self.cloud.client("s3").upload_file(str(template), BUCKET, "template.yaml")
        return f"{self.cloud.endpoints['endpoint']}/{BUCKET}/template.yaml"

    def finish(self, expected: str, stack: str = STACK) -> None:
        cloudformation = self.cloud.client("cloudformation")

        def status() -> str | None:
            found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
            return None if found.endswith("_IN_PROGRESS") else found

        if (found := wait_for("the stack", status, 120)) != expected:
            events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
            reasons = [event.get("ResourceStatusReason") for event in events if event["ResourceStatus"].endswith("FAILED")]
            raise AssertionError(f"{found}: {reasons}")
        self.deployed()

    def parameters(self) -> dict[str, str]:
        stack = self.cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]}

    def is_automatic(self) -> bool:
        [remediation] = self.config.describe_remediation_configurations(ConfigRuleNames=[RULE])["RemediationConfigurations"]
        return remediation["Automatic"]

    def physical_ids(self, stack: str = STACK) -> dict[str, str]:
        pages = self.cloud.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"] for page in pages for resource in page["StackResourceSummaries"]
        }

    # ---- the bucket of snapshots

    def objects(self) -> dict[str, str]:
        """The objects in the bucket of the stack, by key."""
        s3, bucket = self.cloud.client("s3"), self.outputs["SnapshotBucketName"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys}

    def put_objects(self, objects: dict[str, dict]) -> None:
        """Writes documents into the bucket of the stack, as another version would have."""
        with self.writable_bucket() as (s3, bucket):
            for key, document in objects.items():
                s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(document, indent=2).encode())

    @contextlib.contextmanager
    def writable_bucket(self):
        """The bucket of the stack without its policy, which lets only the functions write."""
        s3, bucket = self.cloud.client("s3"), self.outputs["SnapshotBucketName"]
        policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
        s3.delete_bucket_policy(Bucket=bucket)
        try:
            yield s3, bucket
        finally:
            s3.put_bucket_policy(Bucket=bucket, Policy=policy)

    # ---- groups

    def reopen(self, group: str, permissions: list[dict], **options) -> None:
        if permissions:
            self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions, **options)
        self.cloud.settle()

    def names(self, **others: str) -> dict[str, str]:
        """Names in place of the placeholders of a sample."""
        account, region = self.place()
        return {"account": account, "region": region, "bucket": self.outputs["SnapshotBucketName"], "vpc": self.vpc(), **others}

    def place(self) -> tuple[str, str]:
        """Account and region."""
        return self.cloud.client("sts").get_caller_identity()["Account"], self.cloud.endpoints["region"]

    def vpc(self) -> str:
        return self.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]

    def prefix_list(self) -> str:
        """A new prefix list with private addresses."""
        entries = [{"Cidr": "10.20.0.0/16", "Description": "branch"}]
        made = self.ec2.create_managed_prefix_list(PrefixListName="branch", MaxEntries=5, AddressFamily="IPv4", Entries=entries)
        return made["PrefixList"]["PrefixListId"]

    def network_acl(self) -> str:
        """A new network ACL that allows everything."""
        made = self.ec2.create_network_acl(VpcId=self.vpc())["NetworkAcl"]["NetworkAclId"]
        entry = {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"}
        self.ec2.create_network_acl_entry(NetworkAclId=made, Egress=False, **entry)
        return made

    def ingress(self, network_acl: str) -> set[tuple]:
        """Ingress entries of a network ACL: number, action, protocol, CIDR, first port, last port."""
        [found] = self.ec2.describe_network_acls(NetworkAclIds=[network_acl])["NetworkAcls"]
        return {
            (
                entry["RuleNumber"],
                entry["RuleAction"],
                entry["Protocol"],
                entry.get("CidrBlock") or entry["Ipv6CidrBlock"],
                entry.get("PortRange", {}).get("From"),
                entry.get("PortRange", {}).get("To"),
            )
            for entry in found["Entries"]
            if not entry["Egress"]
        }


def take_types(cloud: Cloud, taken: bool) -> None:
    """Says whether steps take values that are no text, which AWS does not document. The documents of 0.1 pass such values."""
    switch = "strictPayloadTypes"
    if switch in cloud.control("GET", "/settings"):
        cloud.settings(**{switch: not taken})


@contextlib.contextmanager
def stack_of(directory: pathlib.Path, template: pathlib.Path, **parameters: str):
    """A local cloud with a stack of this template."""
    with running(directory) as cloud:
        cloud.settings(**QUICK)
        stack = Upgrading(cloud, directory)
        stack.exempt(NO_EXEMPTIONS)
        stack.create(template, **parameters)
        yield stack
