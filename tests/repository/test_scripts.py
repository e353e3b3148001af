"""What scripts/ decides: parameters are merged, recorders are judged, and errors say what to do."""

import importlib.util
import ipaddress
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

SECURITY_GROUP = "AWS::EC2::SecurityGroup"


def run(checkout: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=checkout, capture_output=True, text=True, check=False)


def merge(checkout: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run(checkout, sys.executable, "scripts/merge_parameters.py", "cloudformation/portcullis.yaml", *arguments)


def merged(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    assert done.returncode == 0, done.stderr
    return dict(word.split("=", 1) for word in done.stdout.split("\0") if word)


def test_parameters_come_from_files_and_words_and_the_later_wins(checkout: Path) -> None:
    done = merge(checkout, "cloudformation/parameters/detect-only.json", "RemediationMode=True Timeout=30", "Timeout=45")
    parameters = merged(done)
    assert parameters["RemediationMode"] == "True"
    assert parameters["Timeout"] == "45"
    assert parameters["FocusOnPorts"] == "22,3389"


@pytest.mark.parametrize(
    ("words", "parameters"),
    [
        (
            'SourceInputParameters={"FocusOnPorts": "22, 80"} Description=a = b',
            {"SourceInputParameters": '{"FocusOnPorts": "22, 80"}', "Description": "a = b"},
        ),
        ("Description='two words'  Timeout=30\n", {"Description": "two words", "Timeout": "30"}),
        ("AlarmTopicArn= Timeout=30", {"AlarmTopicArn": "", "Timeout": "30"}),
        ("SubnetIds=subnet-1,subnet-2", {"SubnetIds": "subnet-1,subnet-2"}),
    ],
)
def test_a_value_ends_where_the_next_one_begins(checkout: Path, words: str, parameters: dict[str, str]) -> None:
    assert merged(merge(checkout, words)) == parameters


@pytest.mark.parametrize(
    ("argument", "word"),
    [
        ("no-such-file.json", "no-such-file.json"),
        ("Cargo.toml", "malformed parameter file `Cargo.toml`"),
        ("RemedationMode=True", "no parameter `RemedationMode`: name some of AlarmTopicArn, "),
    ],
)
def test_bad_parameters_are_refused(checkout: Path, argument: str, word: str) -> None:
    done = merge(checkout, argument)
    assert done.returncode == 1
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_replacements_are_those_of_the_table(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("merge_parameters", checkout / "scripts" / "merge_parameters.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    template = (checkout / "cloudformation" / "portcullis.yaml").read_text(encoding="utf-8")
    definition = yaml.load(template, script.NamesOnly)["Parameters"]["ReplacementCidrs"]
    table = json.loads((checkout / "tests" / "replacement_cidrs.json").read_text(encoding="utf-8"))
    for text, cidrs in table["accepted"].items():
        result = script.without_host_bits(text, definition)
        assert [ipaddress.ip_network(cidr) for cidr in result.split(",") if cidr] == [ipaddress.ip_network(cidr) for cidr in cidrs], text
        has_host_bits = any(
            ipaddress.ip_interface(cidr.strip()).ip != ipaddress.ip_network(cidr.strip(), False)[0] for cidr in text.split(",") if cidr
        )
        assert ("note:" in capsys.readouterr().err) == has_host_bits, text
    for text in table["refused"]:
        with pytest.raises(SystemExit, match="ReplacementCidrs"):
            script.without_host_bits(text, definition)


def test_host_bits_are_dropped_before_anything_is_created(checkout: Path) -> None:
    done = merge(checkout, "RemediationStrategy=Replace ReplacementCidrs=10.0.0.1/8, fd00::/8")
    assert merged(done)["ReplacementCidrs"] == "10.0.0.0/8,fd00::/8"
    assert done.stderr == "note: ReplacementCidrs: 10.0.0.1/8 has host bits, and is deployed as 10.0.0.0/8, as EC2 reads it\n"
    refused = merge(checkout, "ReplacementCidrs=0.0.0.0/0")
    assert refused.returncode == 1
    assert "none of them /0" in refused.stderr
    deploy = (checkout / "scripts" / "deploy").read_text(encoding="utf-8")
    assert deploy.index("merge_parameters.py") < deploy.index("aws s3 cp"), "a refused parameter must leave nothing behind"


def test_the_switches_are_settings_of_the_local_cloud_and_begin_with_the_defaults(checkout: Path) -> None:
    spec = importlib.util.spec_from_file_location("acceptance_switches", checkout / "scripts" / "acceptance_switches.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    combinations = script.combinations()
    assert len({json.dumps(one) for one in combinations}) == 8
    page = (checkout / "docs" / "local-cloud.md").read_text(encoding="utf-8")
    for name, default in combinations[0].items():
        written = default if isinstance(default, str) else json.dumps(default)
        assert f"| `{name}` | {written} |" in page or f"| `{name}` | `{written}` |" in page
        assert combinations[-1][name] != default


def recorder(**group: Any) -> dict[str, Any]:
    return {"name": "default", "recordingGroup": group}


def judge(checkout: Path, directory: Path, recorders: list[Any], statuses: list[Any]) -> subprocess.CompletedProcess[str]:
    (directory / "recorders.json").write_text(json.dumps({"ConfigurationRecorders": recorders}))
    (directory / "status.json").write_text(json.dumps({"ConfigurationRecordersStatus": statuses}))
    return run(
        checkout, sys.executable, "scripts/check_recorder.py", directory / "recorders.json", directory / "status.json", "eu-central-1"
    )


ALL = recorder(allSupported=True, includeGlobalResourceTypes=True)
RUNNING = [{"name": "default", "recording": True}]


@pytest.mark.parametrize(
    ("recorders", "statuses", "problem"),
    [
        ([ALL], RUNNING, None),
        ([recorder(allSupported=False, resourceTypes=["AWS::EC2::VPC", SECURITY_GROUP])], RUNNING, None),
        ([recorder(recordingStrategy={"useOnly": "ALL_SUPPORTED_RESOURCE_TYPES"})], RUNNING, None),
        (
            [
                recorder(
                    recordingStrategy={"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
                    exclusionByResourceTypes={"resourceTypes": ["AWS::EC2::VPC"]},
                )
            ],
            RUNNING,
            None,
        ),
        ([], [], "no recorder in eu-central-1"),
        ([recorder(allSupported=False, resourceTypes=["AWS::EC2::VPC"])], RUNNING, "does not record"),
        (
            [
                recorder(
                    recordingStrategy={"useOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
                    exclusionByResourceTypes={"resourceTypes": [SECURITY_GROUP]},
                )
            ],
            RUNNING,
            "does not record",
        ),
        ([ALL], [{"name": "default", "recording": False}], "stopped"),
        ([ALL], [], "stopped"),
    ],
)
def test_the_recorder_is_judged(checkout: Path, tmp_path: Path, recorders: list[Any], statuses: list[Any], problem: str | None) -> None:
    done = judge(checkout, tmp_path, recorders, statuses)
    if problem is None:
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert done.returncode == 1
        assert problem in done.stderr


def mode(frequency: str, *overrides: tuple[str, list[str]]) -> dict[str, Any]:
    """A recording mode as `describe-configuration-recorders` prints it."""
    return {
        "recordingFrequency": frequency,
        "recordingModeOverrides": [{"recordingFrequency": other, "resourceTypes": types} for other, types in overrides],
    }


@pytest.mark.parametrize(
    ("recording", "warns"),
    [
        (None, False),
        ({}, False),
        ({"recordingFrequency": "CONTINUOUS"}, False),
        ({"recordingFrequency": "DAILY"}, True),
        (mode("CONTINUOUS", ("DAILY", ["AWS::EC2::VPC"])), False),
        (mode("CONTINUOUS", ("DAILY", ["AWS::EC2::VPC", SECURITY_GROUP])), True),
        (mode("DAILY", ("CONTINUOUS", [SECURITY_GROUP])), False),
        (mode("DAILY", ("CONTINUOUS", ["AWS::EC2::VPC"])), True),
    ],
)
def test_a_daily_recording_is_announced_and_does_not_stop_the_deployment(
    checkout: Path, tmp_path: Path, recording: dict[str, Any] | None, warns: bool
) -> None:
    done = judge(checkout, tmp_path, [ALL | ({} if recording is None else {"recordingMode": recording})], RUNNING)
    assert (done.returncode, done.stdout) == (0, "")
    assert ("records AWS::EC2::SecurityGroup once a day (DAILY)" in done.stderr) is warns
    assert bool(done.stderr) is warns


@pytest.mark.parametrize(
    ("region", "warns"), [("mx-central-1", True), ("ap-southeast-7", True), ("eu-central-1", False), ("eusc-de-east-1", False)]
)
def test_a_region_without_remediation_is_announced(checkout: Path, region: str, warns: bool) -> None:
    done = run(checkout, sys.executable, "scripts/check_region.py", "cloudformation/portcullis.yaml", region)
    assert (done.returncode, done.stdout) == (0, "")
    assert (f"AWS Config has no remediation in {region}" in done.stderr) is warns
    assert bool(done.stderr) is warns


ROLE = "arn:aws-cn:iam::123456789012:role/team/evaluator"
KEY = "arn:aws-cn:kms:cn-north-1:123456789012:key/1"


def simulate(
    checkout: Path, directory: Path, decision: str, key: str = "", bus: str = "", grace_days: str = ""
) -> tuple[subprocess.CompletedProcess[str], str]:
    """Runs the check of a role with an `aws` that answers like IAM's simulation, and returns the calls of that command too."""
    stub = directory / "aws"
    stub.write_text(
        f"""#!{sys.executable}
import json, sys
arguments = sys.argv[1:]
with open({str(directory / "calls")!r}, "a") as calls:
    print(*arguments, file=calls)
actions = json.loads(arguments[arguments.index("--action-names") + 1])
if {decision!r} == "refused":
    sys.exit("An error occurred (AccessDenied) when calling the SimulatePrincipalPolicy operation: not authorized")
def decide(action):
    return {decision!r} if action.startswith(("sqs:", "kms:")) else "allowed"
print(json.dumps({{"EvaluationResults": [{{"EvalActionName": a, "EvalDecision": decide(a)}} for a in actions]}}))
"""
    )
    stub.chmod(0o755)
    command = [
        sys.executable,
        "scripts/check_role.py",
        "cloudformation/portcullis.yaml",
        ROLE,
        "my-stack",
        "cn-north-1",
        key,
        bus,
        grace_days,
        stub,
    ]
    done = run(checkout, *command)
    return done, (directory / "calls").read_text()


@pytest.mark.parametrize(
    ("decision", "key", "warnings"),
    [
        ("allowed", KEY, []),
        ("implicitDeny", "", ["sqs:SendMessage on arn:aws-cn:sqs:cn-north-1:123456789012:my-stack-DeadLetterQueue-"]),
        ("explicitDeny", KEY, ["sqs:SendMessage on ", f"kms:Decrypt on {KEY}", f"kms:GenerateDataKey on {KEY}"]),
        ("refused", "", [f"the permissions of {ROLE} are not checked: An error occurred (AccessDenied)", "iam:SimulatePrincipalPolicy"]),
    ],
)
def test_a_brought_role_is_checked(checkout: Path, tmp_path: Path, decision: str, key: str, warnings: list[str]) -> None:
    done, calls = simulate(checkout, tmp_path, decision, key)
    assert (done.returncode, done.stdout) == (0, "")
    assert bool(done.stderr) is bool(warnings)
    for warning in warnings:
        assert warning in done.stderr
    assert "config:PutEvaluations" not in done.stderr
    if decision == "allowed":
        assert "arn:aws-cn:logs:cn-north-1:123456789012:log-group:/aws/lambda/my-stack-rule-evaluator:*" in calls
        assert "$" not in calls


@pytest.mark.parametrize(
    ("bus", "arn"),
    [
        ("default", "arn:aws-cn:events:cn-north-1:123456789012:event-bus/default"),
        ("arn:aws-cn:events:cn-north-1:210987654321:event-bus/x", "arn:aws-cn:events:cn-north-1:210987654321:event-bus/x"),
        ("", None),
    ],
)
def test_a_brought_role_is_checked_for_the_event_bus(checkout: Path, tmp_path: Path, bus: str, arn: str | None) -> None:
    done, calls = simulate(checkout, tmp_path, "allowed", bus=bus)
    assert (done.returncode, done.stderr) == (0, "")
    assert ("events:PutEvents" in calls) is (arn is not None)
    assert arn is None or arn in calls


@pytest.mark.parametrize(("grace_days", "reads"), [("7", True), ("0", False), ("", False)])
def test_a_brought_role_is_checked_for_the_table_with_days_of_grace(checkout: Path, tmp_path: Path, grace_days: str, reads: bool) -> None:
    done, calls = simulate(checkout, tmp_path, "allowed", grace_days=grace_days)
    assert (done.returncode, done.stderr) == (0, "")
    assert ("arn:aws-cn:dynamodb:cn-north-1:123456789012:table/my-stack-StateTable-" in calls) is reads


def aws_stub(directory: Path, version: str) -> str:
    """A PATH with an `aws` of this version, which AWS refuses. No version: without one."""
    if version:
        stub = directory / "aws"
        stub.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && echo {version} Python/3 || {{ echo "$0 $*" >> {directory}/calls; exit 255; }}\n'
        )
        stub.chmod(0o755)
    return f"{directory}:/usr/bin:/bin"


@pytest.mark.parametrize(
    ("version", "ours"),
    [("aws-cli/2.31.4", True), ("aws-cli/2.0.1", True), ("aws-cli/1.45.11", False), ("aws-cli/20.1", False), ("", False)],
)
def test_version_2_of_the_aws_cli_is_used_where_there_is_one(checkout: Path, tmp_path: Path, version: str, ours: bool) -> None:
    path = aws_stub(tmp_path, version)
    done = subprocess.run(["scripts/aws-cli"], cwd=checkout, capture_output=True, text=True, check=True, env={"PATH": path})
    assert done.stdout.strip() == str(tmp_path / "aws" if ours else checkout / ".tools" / "venv" / "bin" / "aws")


def test_a_failed_sign_in_says_which_aws_cli_was_used(checkout: Path, tmp_path: Path) -> None:
    # The same scripts and tools, and zips that need no build.
    for name in ("scripts", "tools", ".tools", "cloudformation"):
        (tmp_path / name).symlink_to(checkout / name)
    zips = tmp_path / "target" / "lambda" / "x86_64"
    zips.mkdir(parents=True)
    for function in ("rule-evaluator", "remediator", "responder", "reporter"):
        (zips / f"{function}.zip").touch()
    done = subprocess.run(
        ["scripts/deploy", "--bucket", "b", "--region", "eu-central-1", "--arch", "x86_64"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        # The tools are where the user has them.
        env=os.environ | {"PATH": aws_stub(tmp_path, "aws-cli/2.31.4"), "PYTHON": sys.executable},
    )
    assert done.returncode == 1
    assert f"AWS refused the credentials of AWS CLI aws-cli/2.31.4 ({tmp_path / 'aws'}): sign in with aws login" in done.stderr
    assert (tmp_path / "calls").read_text().startswith(f"{tmp_path / 'aws'} sts get-caller-identity")


@pytest.mark.parametrize("arguments", [[], ["--bucket", "b"], ["--bucket"], ["--region", "r"], ["--buckets", "b", "--region", "r"]])
def test_deploy_says_how_it_is_used(checkout: Path, arguments: list[str]) -> None:
    done = subprocess.run(
        ["scripts/deploy", *arguments], cwd=checkout, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 2
    assert "usage: deploy --bucket BUCKET --region REGION" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["--region"], ["--region", "r", "--force"], ["--release"], ["--region", "r", "--bucket", "b"]])
def test_undeploy_says_how_it_is_used(checkout: Path, arguments: list[str]) -> None:
    done = subprocess.run(
        ["scripts/undeploy", *arguments], cwd=checkout, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 2
    assert "usage: undeploy --region REGION" in done.stderr


def test_package_says_how_it_is_used(checkout: Path) -> None:
    done = run(checkout, "scripts/package", "--sparc")
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_an_old_python_is_refused(checkout: Path, tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1 || exit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["scripts/tools"], cwd=checkout, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "PYTHON": str(old)}
    )
    assert done.returncode == 1
    assert "Python 3.9.1, but 3.10 or newer is needed" in done.stderr


def test_checkouts_share_the_tools_and_a_failed_installation_is_repeated(checkout: Path, tmp_path: Path) -> None:
    log = tmp_path / "installed"
    # Makes an environment whose pip only notes that it ran, and fails the first time.
    python = tmp_path / "python3"
    pip = f'#!/bin/sh\\necho one >>"{log}"; [ "$(wc -l <"{log}")" -gt 1 ]\\n'
    python.write_text(
        f"""#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then mkdir -p "$3/bin" && printf '{pip}' >"$3/bin/pip" && chmod +x "$3/bin/pip"; exit; fi
exec "{sys.executable}" "$@"
"""
    )
    python.chmod(0o755)
    checkouts = [tmp_path / name for name in ("first", "second")]
    for one in checkouts:
        one.mkdir()
        for name in ("scripts", "tools"):
            shutil.copytree(checkout / name, one / name)
    # What an older version left.
    (checkouts[1] / ".tools" / "venv").mkdir(parents=True)
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": str(python), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def tools(one: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["scripts/tools"], cwd=one, capture_output=True, text=True, check=False, env=environment)

    assert tools(checkouts[0]).returncode != 0
    assert not (checkouts[0] / ".tools" / "venv").exists()
    for one in (*checkouts, *checkouts):
        assert tools(one).returncode == 0
    assert len(log.read_text().splitlines()) == 2
    first, second = (one / ".tools" / "venv" for one in checkouts)
    assert first.resolve() == second.resolve()
    assert first.is_symlink()


def test_the_pinned_aws_cli_signs_in_the_profiles_of_aws_login(checkout: Path) -> None:
    # botocore needs awscrt for them, in the version that it names.
    # Source: https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html
    assert "\nawscrt==" in (checkout / "tools" / "requirements.txt").read_text(encoding="utf-8")


def test_every_requirement_is_pinned_with_a_hash(checkout: Path) -> None:
    text = (checkout / "tools" / "requirements.txt").read_text(encoding="utf-8")
    requirements = text.replace("\\\n", " ").splitlines()
    pinned = [line for line in requirements if line and not line.lstrip().startswith("#")]
    assert len(pinned) > 30
    for line in pinned:
        assert "==" in line, line
        assert "--hash=sha256:" in line, line
    assert "http" not in text, "the file is for whatever index its reader uses"


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [((), "BUCKET REGION missing"), (("REGION=eu-central-1",), "BUCKET missing"), (("BUCKET=code",), "REGION missing")],
)
def test_a_deployment_without_its_arguments_builds_nothing(checkout: Path, arguments: tuple[str, ...], missing: str) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    command = ["make", "--dry-run", "deploy", *arguments]
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"{missing}: make deploy BUCKET=NAME REGION=REGION" in done.stderr


def test_the_region_of_a_deployment_may_be_that_of_the_environment(checkout: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "AWS_REGION": "eu-west-1"}
    command = ["make", "--dry-run", "deploy", "BUCKET=code"]
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--region 'eu-west-1'" in done.stdout
