"""cfn-lint and cfn-guard pass, and cfn-guard's rules can fail."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("stack", ["portcullis", "findings", "responder"])
def test_cfn_lint_finds_no_fault(checkout: Path, stack: str) -> None:
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    # Warnings and hints too.
    command = [cfn_lint, "--include-checks", "I", "--", f"cloudformation/{stack}.yaml"]
    run = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.fixture(scope="session")
def guard(checkout: Path) -> str:
    """Path of cfn-guard in the version of the Makefile."""
    makefile = (checkout / "Makefile").read_text(encoding="utf-8")
    version = re.search(r"^CFN_GUARD_VERSION := (\S+)$", makefile, re.MULTILINE)
    assert version
    tool = subprocess.run(
        ["scripts/cargo-tool", "cfn-guard", version[1]], cwd=checkout, capture_output=True, text=True, check=True, env=os.environ
    )
    return tool.stdout.strip()


# Faults for each rule, as replacements in the template: every rule has to find its faults.
FAULTS = {
    "roles_have_no_managed_policies_of_others": {
        "[!Ref NetworkInterfacePolicy]": "['arn:aws:iam::aws:policy/X']",
        "!If [InVpc, [!Ref NetworkInterfacePolicy], !Ref AWS::NoValue]": "['arn:aws:iam::aws:policy/X']",
        "      PermissionsBoundary: !If [HasBoundary, !Ref BoundaryPolicyArn, !Ref AWS::NoValue]\n": "",
    },
    "policies_outside_of_roles_only_deny": {
        "    Type: AWS::SQS::Queue\n": "    Type: AWS::IAM::User\n",
        '"Effect": "Deny"': '"Effect": "Allow"',
    },
    "policies_outside_of_roles_allow_a_call_of_a_function_only": {
        "    Type: AWS::SQS::QueuePolicy\n": "    Type: AWS::IAM::Policy\n",
        "            Action: lambda:InvokeFunction\n            Resource: !GetAtt RemediatorFunction.Arn\n": (
            "            Action: lambda:UpdateFunctionCode\n            Resource: !GetAtt RemediatorFunction.Arn\n"
        ),
        "            Action: lambda:InvokeFunction\n            Resource: !GetAtt RemediatorFunction.Arn": (
            "            Action: lambda:InvokeFunction\n            Resource: '*'"
        ),
    },
    "managed_policies_are_for_lambda_and_not_for_code": {
        "              - ec2:CreateNetworkInterface\n": "              - ec2:RunInstances\n",
        "lambda:SourceFunctionArn": "aws:SourceArn",
    },
    "roles_allow_no_wildcard_actions": {
        "- config:PutEvaluations\n": "- config:Put*\n",
        "Action: ec2:RevokeSecurityGroupIngress\n": "Action: '*'\n",
        "- kms:Decrypt\n": "- kms:*\n",
    },
    "roles_are_assumed_by_one_service": {
        "Principal: { Service: ssm.amazonaws.com }": "Principal: { AWS: '*' }",
        "StringEquals: { aws:SourceAccount: !Ref AWS::AccountId }": "StringEquals: { aws:x: y }",
    },
    "functions_log_where_the_stack_says": {
        "        LogGroup: !Ref RemediatorLogGroup\n": "",
    },
    "log_groups_end": {
        "      RetentionInDays: !Ref LogRetentionDays\n": "",
    },
    "queues_are_encrypted_and_tls_only": {
        "      SqsManagedSseEnabled: !If [HasKey, !Ref AWS::NoValue, true]\n": "",
        "Bool: { aws:SecureTransport: 'false' }": "Bool: { aws:SecureTransport: 'true' }",
    },
    "buckets_are_private_encrypted_and_versioned": {
        "{ Status: Enabled }": "{ Status: Suspended }",
        "              SSEAlgorithm: !If [HasKey, aws:kms, AES256]\n": "",
        "        BlockPublicPolicy: true\n": "",
        "RestrictPublicBuckets: true": "RestrictPublicBuckets: false",
        "BucketOwnerEnforced": "ObjectWriter",
    },
    "buckets_outlive_the_stack": {
        "    DeletionPolicy: RetainExceptOnCreate\n": "",
        "    UpdateReplacePolicy: Retain\n": "    UpdateReplacePolicy: Delete\n",
        "      VersioningConfiguration:": "      BucketName: portcullis\n      VersioningConfiguration:",
    },
    "objects_end": {
        "{ Id: holds, Status: Enabled,": "{ Id: holds, Status: Disabled,",
        "            NoncurrentVersionExpiration: { NoncurrentDays: !Ref SnapshotRetentionDays }\n": "",
    },
    "bucket_policies_only_deny": {
        "Deny\n            Principal: '*'\n            Action:\n": "Allow\n            Principal: '*'\n            Action:\n",
        "            Action: s3:*\n": "            Action: s3:Get*\n",
    },
    "functions_are_invoked_by_this_account_only": {
        "      SourceAccount: !Ref AWS::AccountId\n": "",
    },
    "documents_can_be_replaced": {
        "      UpdateMethod: Replace\n": "      Name: portcullis\n      UpdateMethod: Replace\n",
        "            onFailure: Abort\n": "            onFailure: Continue\n",
        "              onFailure: Abort\n": "              onFailure: Continue\n",
        "timeoutSeconds: 604800\n": "timeoutSeconds: 6048000\n",
        "timeoutSeconds: 180\n": "timeoutSeconds: 1800\n",
    },
    "remediations_give_up_in_the_end": {
        "      RetryAttemptSeconds: 600\n": "      RetryAttemptSeconds: 60\n",
    },
    "alarms_are_quiet_without_data": {
        "      TreatMissingData: notBreaching\n": "      TreatMissingData: breaching\n",
    },
}


@pytest.mark.parametrize(("rule", "old", "new"), [(rule, old, new) for rule, faults in FAULTS.items() for old, new in faults.items()])
def test_cfn_guard_finds_the_fault(checkout: Path, guard: str, tmp_path: Path, rule: str, old: str, new: str) -> None:
    text = (checkout / "cloudformation" / "portcullis.yaml").read_text(encoding="utf-8")
    assert old in text
    broken = tmp_path / "template.yaml"
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    run = subprocess.run(
        [guard, "validate", "--rules", "cloudformation/guard", "--data", broken, "--show-summary", "fail"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 19, run.stderr
    failed = re.findall(r"^portcullis\.guard/(\S+)\s+FAIL", run.stdout, re.MULTILINE)
    assert rule in failed


def test_cfn_guard_finds_no_fault(checkout: Path, guard: str) -> None:
    run = subprocess.run(
        [guard, "validate", "--rules", "cloudformation/guard", "--data", "cloudformation/portcullis.yaml"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
