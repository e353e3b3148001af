"""`make undeploy` lists quarantines and exceptions, releases them on request, and deletes the stack."""

import pytest
from botocore.exceptions import ClientError
from portcullis import GROUP_TYPE, RULE, open_to, outcome


@pytest.fixture
def stack(fresh):
    """A stack that is deleted."""
    fresh.deploy(RuleName=RULE, FocusOnPorts="22,3389")
    return fresh


def test_what_remains_is_listed_and_released_before_the_stack_is_deleted(stack):
    group = stack.cloud.group("quarantined", open_to("0.0.0.0/0"))
    subnet = stack.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    stack.ec2.create_network_interface(SubnetId=subnet, Groups=[group])
    stack.cloud.settle()

    def entries() -> list:
        (acl,) = stack.ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["NetworkAcls"]
        return sorted((entry["RuleNumber"], entry["RuleAction"]) for entry in acl["Entries"] if not entry["Egress"])

    before = entries()
    # A quarantine that was released is not open.
    assert outcome(stack.quarantine(group)) == "QUARANTINED"
    assert outcome(stack.quarantine(group, Action="release")) == "RELEASED"
    assert outcome(stack.quarantine(group)) == "QUARANTINED"
    key = {"ResourceType": GROUP_TYPE, "ResourceId": group}
    stack.config.put_remediation_exceptions(ConfigRuleName=RULE, ResourceKeys=[key], Message="INC-4711")
    quarantined = entries()

    refused = stack.script("undeploy")
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert "open quarantine: " in refused.stdout
    assert f", of {group}" in refused.stdout
    assert f"remediation exception: {group} until it is deleted: INC-4711" in refused.stdout
    assert "RELEASE=1" in refused.stderr
    assert entries() == quarantined
    cloudformation = stack.cloud.client("cloudformation")
    assert cloudformation.describe_stacks(StackName="portcullis")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"

    done = stack.script("undeploy", "--release")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"of {group}\n" in done.stdout
    assert "released: acl-" in done.stdout
    assert "deleted: 1 remediation exceptions" in done.stdout
    assert f"s3://{stack.outputs['SnapshotBucketName']}" in done.stdout
    assert entries() == before
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName="portcullis")
    assert stack.cloud.client("s3").head_bucket(Bucket=stack.outputs["SnapshotBucketName"])

    again = stack.script("undeploy")
    assert again.returncode == 1
    assert "error: aws cloudformation describe-stacks failed: " in again.stderr
    assert "Traceback" not in again.stderr
