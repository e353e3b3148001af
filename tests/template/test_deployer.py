"""The permissions to deploy that docs/iam.md lists are those of CloudFormation's handlers for the resource types of the stack."""

import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

# Permissions of handlers for properties that no resource of the stack has, by a pattern of the action.
NOT_OURS = {
    # A bucket without these configurations; they are read, but neither written nor deleted.
    r"s3:Put(Accelerate|Analytics|IntelligentTiering|Inventory|Metrics|Replication|ObjectLock)Configuration": "AWS::S3::Bucket",
    r"s3:PutBucket(Abac|Acl|CORS|Logging|Notification|ObjectLockConfiguration|Replication|Website)": "AWS::S3::Bucket",
    r"s3:DeleteBucket(AnalyticsConfiguration|Cors|Encryption|Lifecycle|MetricsConfiguration|Replication|Website)": "AWS::S3::Bucket",
    r"s3:(Create|Delete|Update)BucketMetadata\w+": "AWS::S3::Bucket",
    r"s3tables:\w+": "AWS::S3::Bucket",
    # The bucket is retained; a rollback deletes it empty.
    r"s3:(DeleteObject|PutObjectAcl)": "AWS::S3::Bucket",
    # Functions without file systems, code signing, reserved concurrency, aliases, capacity providers and pinned runtimes.
    r"(elasticfilesystem|s3files):\w+": "AWS::Lambda::Function",
    r"lambda:(AssociateRuntimeAlias|PassCapacityProvider)": "AWS::Lambda::Function",
    r"lambda:(Put|Delete)Function(CodeSigningConfig|Concurrency|RecursionConfig|ScalingConfig)": "AWS::Lambda::Function",
    r"lambda:PutRuntimeManagementConfig": "AWS::Lambda::Function",
    # Log groups without data protection, field indexes, resource policies, deletion protection and deliveries.
    r"logs:(Put|Delete)(DataProtectionPolicy|IndexPolicy|ResourcePolicy)": "AWS::Logs::LogGroup",
    r"logs:(CreateLogDelivery|PutBearerTokenAuthentication|PutLogGroupDeletionProtection)": "AWS::Logs::LogGroup",
    r"firehose:TagDeliveryStream|s3:REST\.PUT\.OBJECT": "AWS::Logs::LogGroup",
    # A table without replicas, streams, imports, resource policies and insights. What is in it is the function's.
    r"dynamodb:(AssociateTableReplica|CreateTableReplica|DescribeImport|ImportTable)": "AWS::DynamoDB::Table",
    r"dynamodb:(Put|Delete)ResourcePolicy": "AWS::DynamoDB::Table",
    r"dynamodb:(Enable|Disable|Update)KinesisStreamingDestination": "AWS::DynamoDB::Table",
    r"dynamodb:Update(ContinuousBackups|ContributorInsights)": "AWS::DynamoDB::Table",
    r"dynamodb:(BatchWriteItem|DeleteItem|GetItem|PutItem|Query|Scan|UpdateItem)": "AWS::DynamoDB::Table",
    r"kinesis:\w+|s3:(GetObject|GetObjectMetadata|ListBucket)|iam:CreateServiceLinkedRole": "AWS::DynamoDB::Table",
    r"logs:(CreateLogGroup|CreateLogStream|DescribeLogGroups|DescribeLogStreams|PutLogEvents|PutRetentionPolicy)": "AWS::DynamoDB::Table",
    # The key is given by its ARN.
    r"kms:(ListAliases|RevokeGrant)": "AWS::DynamoDB::Table",
    # Policies of roles only.
    r"iam:(Attach|Detach|Get|Put|Delete)(Group|User)Policy": "AWS::IAM::",
}
# Documented without being a permission of a handler: calls of scripts/deploy and of CloudFormation, and those that AWS's own guides name.
BESIDES = {
    "cloudformation:CreateChangeSet",
    "cloudformation:DescribeChangeSet",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:DescribeStacks",
    "cloudformation:DescribeStackEvents",
    "cloudformation:GetTemplateSummary",
    "cloudformation:DeleteStack",
    "config:DescribeConfigurationRecorders",
    "config:DescribeConfigurationRecorderStatus",
    "iam:SimulatePrincipalPolicy",
    "lambda:GetFunctionConfiguration",
    "lambda:ListTags",
    "s3:GetBucketLocation",
    "s3:PutObject",
}


def permissions(kind: str) -> set[str]:
    """Permissions of the handlers of a resource type. CloudFormation does not list resources to deploy."""
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema["handlers"]
    return {action for name in ("create", "read", "update", "delete") if name in handlers for action in handlers[name]["permissions"]}


def ours(kind: str, action: str) -> bool:
    """True unless an action is for a property that the stack does not have."""
    return not any(re.fullmatch(pattern, action) and kind.startswith(of) for pattern, of in NOT_OURS.items())


@pytest.fixture(scope="session")
def handlers(template: dict[str, Any]) -> set[str]:
    """Permissions of the handlers that create, read, update and delete the resources of the stack."""
    found = set()
    for kind in {resource["Type"] for resource in template["Resources"].values()}:
        found |= {action for action in permissions(kind) if ours(kind, action)}
    return found


@pytest.fixture(scope="session")
def documented(checkout: Path) -> set[str]:
    """Actions in the table of docs/iam.md. A name without a prefix has that of the name before it."""
    page = (checkout / "docs" / "iam.md").read_text(encoding="utf-8")
    section = page.split("## Who deploys\n", 1)[1].split("\n## ", 1)[0]
    found = set()
    for cell in re.findall(r"^\| [^|]+ \| ([^|]+) \|$", section, re.MULTILINE):
        prefix = ""
        for name in re.findall(r"`([\w:]+)`", cell):
            before, colon, action = name.rpartition(":")
            prefix = before if colon else prefix
            if prefix:
                found.add(f"{prefix}:{action}")
    return found


def test_what_the_handlers_need_is_documented(handlers: set[str], documented: set[str]) -> None:
    assert sorted(handlers - documented) == []


def test_nothing_else_is_documented(handlers: set[str], documented: set[str]) -> None:
    assert sorted(documented - handlers - BESIDES) == []


def test_every_exception_is_an_exception(template: dict[str, Any]) -> None:
    kinds = {resource["Type"] for resource in template["Resources"].values()}
    for pattern, of in NOT_OURS.items():
        actions = {action for kind in kinds if kind.startswith(of) for action in permissions(kind)}
        assert any(re.fullmatch(pattern, action) for action in actions), pattern
