"""cfn-lint and cfn-guard pass, and cfn-guard's rules can fail."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


def test_cfn_lint_has_nothing_to_say(checkout: Path) -> None:
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    # Warnings and hints too.
    run = subprocess.run(
        [cfn_lint, "--include-checks", "I", "--", "cloudformation/portcullis.yaml"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


@pytest.fixture(scope="session")
def guard(checkout: Path) -> str:
    """Path of cfn-guard, of the version that the Makefile pins."""
    makefile = (checkout / "Makefile").read_text(encoding="utf-8")
    version = re.search(r"^CFN_GUARD_VERSION := (\S+)$", makefile, re.MULTILINE)
    assert version
    tool = subprocess.run(
        ["scripts/cargo-tool", "cfn-guard", version[1]], cwd=checkout, capture_output=True, text=True, check=True, env=os.environ
    )
    return tool.stdout.strip()


# A rule that can never fail is no check: each is given a template with the fault that it is there to find.
@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        (
            "roles_have_no_managed_policies",
            "      Policies:\n",
            "      ManagedPolicyArns: ['arn:aws:iam::aws:policy/X']\n      Policies:\n",
        ),
        ("roles_have_no_managed_policies", "      PermissionsBoundary: !If [HasBoundary, !Ref BoundaryPolicyArn, !Ref AWS::NoValue]\n", ""),
        ("no_policy_outside_of_roles", "    Type: AWS::SQS::QueuePolicy\n", "    Type: AWS::IAM::Policy\n"),
        ("roles_allow_no_wildcard_actions", "- config:PutEvaluations\n", "- config:Put*\n"),
        ("roles_allow_no_wildcard_actions", "Action: ec2:RevokeSecurityGroupIngress\n", "Action: '*'\n"),
        ("roles_allow_no_wildcard_actions", "Action: kms:Decrypt\n", "Action: kms:*\n"),
        ("roles_are_assumed_by_one_service", "Principal: { Service: ssm.amazonaws.com }", "Principal: { AWS: '*' }"),
        ("roles_are_assumed_by_one_service", "StringEquals: { aws:SourceAccount: !Ref AWS::AccountId }", "StringEquals: { aws:x: y }"),
        ("functions_log_where_the_stack_says", "        LogGroup: !Ref RemediatorLogGroup\n", ""),
        ("log_groups_end", "      RetentionInDays: !Ref LogRetentionDays\n", ""),
        ("queues_are_encrypted_and_tls_only", "      SqsManagedSseEnabled: !If [HasKey, !Ref AWS::NoValue, true]\n", ""),
        ("queues_are_encrypted_and_tls_only", "Bool: { aws:SecureTransport: 'false' }", "Bool: { aws:SecureTransport: 'true' }"),
        ("functions_are_invoked_by_this_account_only", "      SourceAccount: !Ref AWS::AccountId\n", ""),
        ("documents_can_be_replaced", "      UpdateMethod: Replace\n", "      Name: portcullis\n      UpdateMethod: Replace\n"),
        ("documents_can_be_replaced", "            onFailure: Abort\n", "            onFailure: Continue\n"),
        ("remediations_give_up_in_the_end", "      RetryAttemptSeconds: 600\n", "      RetryAttemptSeconds: 60\n"),
        ("alarms_are_quiet_without_data", "      TreatMissingData: notBreaching\n", "      TreatMissingData: breaching\n"),
    ],
)
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
