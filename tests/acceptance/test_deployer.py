"""A user with the permissions that docs/iam.md lists for deploying, and no others, creates, updates and deletes the stack.

The local cloud enforces the user's own calls: those of CloudFormation, S3, AWS Config, STS and IAM. It creates resources without
asking for the user's permissions, which AWS does; `tests/template/test_deployer.py` compares these with CloudFormation's handlers.
"""

import json
import re
import subprocess

import pytest
from botocore.exceptions import ClientError
from local_cloud import REPOSITORY
from portcullis import ARCHITECTURE, BUCKET


def documented() -> list[str]:
    """Actions in the table of docs/iam.md. A name without a prefix has that of the name before it."""
    page = (REPOSITORY / "docs" / "iam.md").read_text(encoding="utf-8")
    section = page.split("## Who deploys\n", 1)[1].split("\n## ", 1)[0]
    found = []
    for cell in re.findall(r"^\| [^|]+ \| ([^|]+) \|$", section, re.MULTILINE):
        prefix = ""
        for name in re.findall(r"`([\w:]+)`", cell):
            before, colon, action = name.rpartition(":")
            prefix = before if colon else prefix
            found.append(f"{prefix}:{action}")
    return found


@pytest.fixture
def cloud(fresh):
    return fresh.cloud


def deploy(cloud, credentials: dict, parameters: str) -> subprocess.CompletedProcess:
    environment = cloud.environment() | {name.upper(): value for name, value in credentials.items()}
    command = ["scripts/deploy", "--bucket", BUCKET, "--region", cloud.endpoints["region"], "--arch", ARCHITECTURE]
    return subprocess.run(
        [*command, "--parameters", parameters], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )


def test_the_documented_permissions_are_enough_to_deploy_update_and_delete(cloud):
    iam = cloud.client("iam")
    iam.create_user(UserName="deployer")
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": documented(), "Resource": "*"}]}
    iam.put_user_policy(UserName="deployer", PolicyName="p", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName="deployer")["AccessKey"]
    credentials = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    mark = cloud.mark()

    created = deploy(cloud, credentials, "RuleName=deployed")
    assert created.returncode == 0, created.stdout + created.stderr
    cloud.settle()
    updated = deploy(cloud, credentials, "RemediationStrategy=Carve LogRetentionDays=30")
    assert updated.returncode == 0, updated.stdout + updated.stderr
    cloud.settle()
    cloudformation = cloud.client("cloudformation", credentials)
    cloudformation.delete_stack(StackName="portcullis")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="portcullis", WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    calls = cloud.calls(since=mark, principal="deployer")
    assert {"cloudformation:CreateChangeSet", "s3:PutObject"} <= {call["action"] for call in calls}
    assert [call for call in calls if "Denied" in (call["errorCode"] or "")] == []
    # The user may do nothing else.
    with pytest.raises(ClientError, match=r"AccessDenied|UnauthorizedOperation"):
        cloud.client("ec2", credentials).create_security_group(GroupName="g", Description="d")
