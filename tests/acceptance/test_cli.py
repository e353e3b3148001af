"""The command line next to the stack: the same rule, the same verdicts, the same bucket."""

import json
import os
import pathlib
import subprocess

import pytest
from local_cloud import REPOSITORY
from portcullis import RULE, open_to, outcome

WORLD = "0.0.0.0/0"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/firefighter"
# docs/cli.md, Permissions: for scan, close and restore, with --rule and --snapshot-bucket.
ACTIONS = [
    "ec2:Describe*",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:AuthorizeSecurityGroupIngress",
    "config:DescribeConfigRules",
    "config:PutRemediationExceptions",
    "ssm:GetParameter",
    "s3:ListBucket",
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
]


def policy(effect: str, actions: list[str] | str, **more) -> str:
    statement = {"Effect": effect, "Action": actions, **(more or {"Resource": "*"})}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture(scope="module")
def firefighter(deployed) -> dict[str, str]:
    """Environment of a user who may assume the role, and do nothing else."""
    iam = deployed.cloud.client("iam")
    trust = policy("Allow", "sts:AssumeRole", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    iam.create_role(RoleName="firefighter", AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName="firefighter", PolicyName="portcullis", PolicyDocument=policy("Allow", ACTIONS))
    iam.create_user(UserName="carol")
    iam.put_user_policy(UserName="carol", PolicyName="assume", PolicyDocument=policy("Allow", "sts:AssumeRole"))
    key = iam.create_access_key(UserName="carol")["AccessKey"]
    mine = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    return deployed.cloud.environment() | mine


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess:
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    binary = os.environ.get("PORTCULLIS_BINARY", target / "debug" / "portcullis")
    command = [binary, *arguments, "--assume-role-arn", ROLE, "--rule", RULE]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_verdicts_are_those_of_the_rule(portcullis, firefighter):
    portcullis.cloud.group("cli-open", open_to(WORLD))
    portcullis.cloud.group("cli-closed", open_to("10.0.0.0/8"))
    portcullis.cloud.settle()
    scanned = run(firefighter, "scan", "--format", "json")
    assert scanned.returncode == 3, scanned.stderr
    verdicts = {group["group_id"]: group["compliance"] for group in json.loads(scanned.stdout)["results"]}
    recorded = portcullis.cloud.compliance(RULE)
    assert {group: verdicts[group] for group in recorded} == recorded


def test_each_restores_what_the_other_closed(portcullis, firefighter):
    portcullis.update(CliRoleArn=ROLE)
    group = portcullis.cloud.group("cli-stack", open_to(WORLD, description="ssh"))
    portcullis.cloud.settle()
    before = portcullis.rules(group)
    kept = ["--snapshot-bucket", portcullis.outputs["SnapshotBucketName"], "--yes", "--json"]

    closed = run(firefighter, "close", group, *kept)
    assert closed.returncode == 0, closed.stderr
    assert json.loads(closed.stdout)["status"] == "CLOSED"
    assert portcullis.rules(group) == set()
    assert outcome(portcullis.restore(group)) == "RESTORED"
    assert portcullis.rules(group) == before

    # The command line respects the hold of the stack.
    held = run(firefighter, "close", group, *kept)
    assert (held.returncode, json.loads(held.stdout)["status"]) == (3, "EXEMPT")
    assert outcome(portcullis.close(group, IgnoreHold="true")) == "CLOSED"
    restored = run(firefighter, "restore", group, *kept)
    assert restored.returncode == 0, restored.stderr
    assert portcullis.rules(group) == before
    # And vice versa.
    assert outcome(portcullis.close(group)) == "EXEMPT"


def test_only_the_role_that_the_stack_names_writes_into_its_bucket(portcullis, firefighter):
    group = portcullis.cloud.group("cli-denied", open_to(WORLD))
    portcullis.cloud.settle()
    denied = run(firefighter, "close", group, "--snapshot-bucket", portcullis.outputs["SnapshotBucketName"], "--yes")
    assert denied.returncode == 1
    assert "nothing was changed" in denied.stderr
    assert "s3:PutObject" in denied.stderr
    assert portcullis.sources(group) == {WORLD}
