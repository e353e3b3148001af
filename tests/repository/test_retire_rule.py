"""What `scripts/deploy` does about a rule that CloudFormation left behind, with an `aws` that answers from a list."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REMEDIATION = {"ConfigRuleName": "old", "TargetId": "doc", "Automatic": True, "Arn": "arn:…", "CreatedByService": "x"}
# A refusal is a text, an answer a document.
GONE = "NoSuchConfigRuleException"


def retire(checkout: Path, directory: Path, **answers: list[object]) -> tuple[subprocess.CompletedProcess[str], list[list[str]]]:
    """Runs the script with these answers to each command, in order; further calls succeed. Returns the calls as well."""
    stub = directory / "aws"
    stub.write_text(
        f"""#!{sys.executable}
import json, pathlib, sys
directory, command = pathlib.Path({str(directory)!r}), sys.argv[2]
with open(directory / "calls", "a") as calls:
    print(json.dumps(sys.argv[2:]), file=calls)
file = directory / command
answers = json.loads(file.read_text()) if file.exists() else []
answer = answers.pop(0) if answers else {{}}
file.write_text(json.dumps(answers))
if isinstance(answer, str):
    sys.exit(f"aws: [ERROR]: An error occurred ({{answer}}) when calling the operation: why\\n\\nAdditional error details:\\nx")
print(json.dumps(answer))
"""
    )
    stub.chmod(0o755)
    for command, given in answers.items():
        (directory / command.replace("_", "-")).write_text(json.dumps(given))
    command = [sys.executable, "scripts/retire_rule.py", str(stub), "old"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    return done, [json.loads(line) for line in (directory / "calls").read_text().splitlines()]


def test_a_rule_that_cloudformation_deleted_needs_nothing(checkout: Path, tmp_path: Path) -> None:
    done, calls = retire(checkout, tmp_path, describe_config_rules=[GONE])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [call[0] for call in calls] == ["describe-config-rules"]


def test_nothing_is_started_any_more_and_what_runs_ends_first(checkout: Path, tmp_path: Path) -> None:
    done, calls = retire(
        checkout,
        tmp_path,
        describe_remediation_configurations=[{"RemediationConfigurations": [REMEDIATION]}],
        delete_remediation_configuration=["RemediationInProgressException"],
        delete_config_rule=["ResourceInUseException"],
    )
    assert done.returncode == 0, done.stderr
    assert [call[0] for call in calls[2:]] == [
        "put-remediation-configurations",
        "delete-remediation-configuration",
        "delete-remediation-configuration",
        "delete-config-rule",
        "delete-config-rule",
    ]
    put = json.loads(calls[2][2])
    assert put == [{"ConfigRuleName": "old", "TargetId": "doc", "Automatic": False}]
    assert done.stdout.splitlines() == [
        "waiting for the remediation of rule old to end",
        "waiting for the evaluation of rule old to end",
        "deleted: the old rule old, which CloudFormation left behind",
    ]


def test_a_manual_remediation_is_not_changed(checkout: Path, tmp_path: Path) -> None:
    manual = {**REMEDIATION, "Automatic": False}
    done, calls = retire(checkout, tmp_path, describe_remediation_configurations=[{"RemediationConfigurations": [manual]}])
    assert done.returncode == 0, done.stderr
    assert [call[0] for call in calls[2:]] == ["delete-remediation-configuration", "delete-config-rule"]


def test_what_is_gone_meanwhile_is_no_error(checkout: Path, tmp_path: Path) -> None:
    done, _ = retire(
        checkout,
        tmp_path,
        describe_remediation_configurations=[{"RemediationConfigurations": [REMEDIATION]}],
        delete_remediation_configuration=["NoSuchRemediationConfigurationException"],
        delete_config_rule=[GONE],
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "describe_config_rules",
            "error: whether the old rule old still exists is not known: aws configservice describe-config-rules failed",
        ),
        ("describe_remediation_configurations", "error: the old rule old is left behind, with its remediation: delete both in AWS Config."),
        ("delete_config_rule", "error: the old rule old is left behind, with its remediation: delete both in AWS Config."),
    ],
)
def test_a_refusal_says_what_is_left(checkout: Path, tmp_path: Path, command: str, message: str) -> None:
    answers = {"describe_remediation_configurations": [{"RemediationConfigurations": [REMEDIATION]}], command: ["AccessDenied"]}
    done, _ = retire(checkout, tmp_path, **answers)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert "(AccessDenied) when calling the operation: why" in done.stderr
    assert "Traceback" not in done.stderr
