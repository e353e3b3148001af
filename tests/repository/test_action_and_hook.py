"""The GitHub Action and the pre-commit hook: their scripts are run, against a stand-in or PORTCULLIS_BINARY."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

OPEN = """\
Resources:
  Web:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: web tier
      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 22, ToPort: 22, CidrIp: 0.0.0.0/0}]
"""

# Writes down its arguments, makes the report, and ends as it is told to.
STAND_IN = """\
#!/usr/bin/env bash
printf '%s\\n' "$@" >"$ARGUMENTS"
for argument in "$@"; do
    case $argument in --output=*) echo '{"version": "2.1.0"}' >"${argument#--output=}" ;; esac
done
exit "$STAND_IN_CODE"
"""


@pytest.fixture(scope="session")
def action(checkout: Path) -> dict[str, Any]:
    return yaml.safe_load((checkout / "action.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def hook(checkout: Path) -> dict[str, Any]:
    [hook] = yaml.safe_load((checkout / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    return hook


def step(action: dict[str, Any], name: str) -> dict[str, Any]:
    return next(step for step in action["runs"]["steps"] if step["name"] == name)


def stand_in(directory: Path) -> Path:
    path = directory / "bin" / "portcullis"
    path.parent.mkdir()
    path.write_text(STAND_IN)
    path.chmod(0o755)
    return path


def run_scan_step(
    action: dict[str, Any], directory: Path, binary: Path | str, code: int = 0, **inputs: str
) -> tuple[int, dict[str, str], str]:
    """Runs the step as GitHub does; its exit code, its outputs, and what it has printed."""
    defaults = {name: str(given.get("default", "")) for name, given in action["inputs"].items()}
    values = defaults | inputs
    environment = {
        name: values[match[1]]
        for name, text in step(action, "Scan")["env"].items()
        if (match := re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", text))
    }
    outputs = directory / "github-output"
    outputs.touch()
    environment |= {
        "PORTCULLIS_BINARY": str(binary),
        "GITHUB_OUTPUT": str(outputs),
        "PATH": os.environ["PATH"],
        "ARGUMENTS": str(directory / "arguments"),
        "STAND_IN_CODE": str(code),
    }
    script = directory / "step.sh"
    script.write_text(step(action, "Scan")["run"])
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    return done.returncode, said, done.stdout + done.stderr


def arguments(directory: Path) -> list[str]:
    return (directory / "arguments").read_text().splitlines()


def test_inputs_never_become_part_of_a_script(action: dict[str, Any]) -> None:
    for each in action["runs"]["steps"]:
        assert "${{" not in each["run"], each["name"]
    used = set(re.findall(r"inputs\.([\w-]+)", json.dumps(action["runs"])))
    assert used == set(action["inputs"])


def test_outputs_are_written_by_the_scan_step(action: dict[str, Any]) -> None:
    script = step(action, "Scan")["run"]
    for name, output in action["outputs"].items():
        assert output["value"] == f"${{{{ steps.scan.outputs.{name} }}}}"
        assert f"'{name}=%s\\n'" in script


def test_every_option_exists(checkout: Path, action: dict[str, Any]) -> None:
    source = (checkout / "cli" / "src" / "args" / "mod.rs").read_text(encoding="utf-8")
    scan = source[source.index("pub(crate) struct PolicyArgs") :]
    known = {name.replace("_", "-") for name in re.findall(r"pub\(crate\) (\w+): ", scan)}
    used = set(re.findall(r"[\"( ]--([a-z][a-z-]+)", step(action, "Scan")["run"]))
    assert {"input", "ports", "scope", "exemptions", "format", "output", "quiet"} <= used
    assert used <= known


def test_the_action_scans_what_the_patterns_match(action: dict[str, Any], tmp_path: Path) -> None:
    for name in ["a.yaml", "deep/er/b c.yaml", "deep/x.json", "sp ace/d.yaml"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    code, outputs, _ = run_scan_step(
        action, tmp_path, stand_in(tmp_path), files="  a.yaml \n\ndeep/**/*.yaml\nsp ace/*.yaml", ports="22,tcp/80", scope="public"
    )
    assert code == 0
    assert outputs == {"exit-code": "0", "report": "portcullis.sarif", "sarif": "portcullis.sarif"}
    assert arguments(tmp_path) == [
        "scan",
        "--quiet",
        "--input=a.yaml",
        "--input=deep/er/b c.yaml",
        "--input=sp ace/d.yaml",
        "--ports=22,tcp/80",
        "--scope=public",
        "--format=sarif",
        "--output=portcullis.sarif",
        "--format=table",
    ]


def test_the_action_passes_on_what_is_known_of_templates(action: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.yaml").touch()
    code, _, _ = run_scan_step(
        action,
        tmp_path,
        stand_in(tmp_path),
        files="a.yaml",
        exemptions="e.json",
        parameters="live.json",
        accept="nested-stack,module",
    )
    assert code == 0
    assert not any(argument.startswith("--fail-on") for argument in arguments(tmp_path))
    assert {"--exemptions=e.json", "--parameters=live.json", "--accept-not-scanned=nested-stack,module"} <= set(arguments(tmp_path))


@pytest.mark.parametrize(("scanned", "fail", "ended"), [(0, "true", 0), (3, "true", 3), (3, "false", 0), (1, "false", 1), (2, "false", 2)])
def test_only_exposures_can_be_let_pass(action: dict[str, Any], tmp_path: Path, scanned: int, fail: str, ended: int) -> None:
    (tmp_path / "a.yaml").touch()
    code, outputs, _ = run_scan_step(action, tmp_path, stand_in(tmp_path), scanned, files="a.yaml", fail=fail, format="csv", output="x.csv")
    assert code == ended
    assert outputs == {"exit-code": str(scanned), "report": "x.csv"}


def test_the_least_severity_that_fails_is_passed_on(action: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a.yaml").touch()
    code, _, _ = run_scan_step(action, tmp_path, stand_in(tmp_path), **{"files": "a.yaml", "fail-on": "high"})
    assert code == 0
    assert "--fail-on=high" in arguments(tmp_path)


def test_a_directory_is_passed_on_whole(action: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "in fra").mkdir()
    (tmp_path / "in fra" / "a.yaml").touch()
    code, _, _ = run_scan_step(action, tmp_path, stand_in(tmp_path), files="in fra\nin*")
    assert code == 0
    assert arguments(tmp_path)[2:4] == ["--input=in fra", "--input=in fra"]


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"files": "*.yml"}, "matches no file or directory"),
        ({"files": "a.yaml\n*.yml"}, "matches no file or directory"),
        ({"files": " \n"}, "files is empty"),
        ({"files": "a.yaml", "fail": "no"}, "true or false"),
        ({"files": "a.yaml", "output": "x\nsarif=y"}, "one line"),
    ],
)
def test_the_action_refuses(action: dict[str, Any], tmp_path: Path, inputs: dict[str, str], problem: str) -> None:
    (tmp_path / "a.yaml").touch()
    code, outputs, said = run_scan_step(action, tmp_path, stand_in(tmp_path), **inputs)
    assert (code, outputs) == (2, {})
    assert problem in said
    assert not (tmp_path / "arguments").exists()


def test_inputs_are_not_run(action: dict[str, Any], tmp_path: Path) -> None:
    code, _, _ = run_scan_step(
        action, tmp_path, stand_in(tmp_path), files="$(touch run)`touch run`", ports="$(touch run)", output="a;touch run"
    )
    assert code == 0
    assert not (tmp_path / "run").exists()
    assert "--input=$(touch run)`touch run`" in arguments(tmp_path)


@pytest.mark.skipif("PORTCULLIS_BINARY" not in os.environ, reason="needs PORTCULLIS_BINARY, a built portcullis")
def test_the_action_with_the_real_binary(action: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(OPEN)
    binary = os.environ["PORTCULLIS_BINARY"]
    code, outputs, said = run_scan_step(action, tmp_path, binary, files="*.yaml")
    assert (code, outputs["exit-code"]) == (3, "3"), said
    [run] = json.loads((tmp_path / outputs["sarif"]).read_text())["runs"]
    [result] = run["results"]
    assert result["ruleId"] == "open-to-world"
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "template.yaml"
    assert "1 non-compliant" in said

    (tmp_path / "infra").mkdir()
    (tmp_path / "template.yaml").rename(tmp_path / "infra" / "template.yaml")
    (tmp_path / "infra" / "package.json").write_text("{}")
    for severity, ended in [("", 3), ("low", 3), ("high", 3), ("urgent", 2)]:
        code, outputs, said = run_scan_step(action, tmp_path, binary, **{"files": "infra", "fail-on": severity})
        assert (code, outputs["exit-code"]) == (ended, str(ended)), said
    code, _, said = run_scan_step(action, tmp_path, binary, **{"files": "infra/**", "fail-on": "high"})
    assert code == 1, "a file that is named is an error unless it is an input"
    assert "package.json" in said

    code, outputs, said = run_scan_step(action, tmp_path, binary, files="missing.yaml")
    assert code == 1
    assert "missing.yaml" in said


def test_the_hook_installs_the_wheel_and_runs_its_program(hook: dict[str, Any]) -> None:
    assert (hook["id"], hook["language"], hook["pass_filenames"]) == ("portcullis", "python", True)
    assert hook["entry"].split() == ["portcullis", "scan", "--quiet"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("template.yaml", True),
        ("infra/template.yml", True),
        ("infra/web.template", True),
        ("infra/web.template.json", True),
        ("web.cfn.yaml", True),
        ("tfplan.json", True),
        ("prod/plan.json", True),
        ("prod.tfplan.json", True),
        ("values.yaml", False),
        ("my-template.yaml", False),
        ("explan.json", False),
        ("template.yaml.bak", False),
    ],
)
def test_the_hook_is_for_templates_and_plans(hook: dict[str, Any], name: str, wanted: bool) -> None:
    assert bool(re.search(hook["files"], name)) == wanted


# As pre-commit calls it: the entry, the `args` of the user's configuration, the files.
@pytest.mark.skipif("PORTCULLIS_BINARY" not in os.environ, reason="needs PORTCULLIS_BINARY, a built portcullis")
@pytest.mark.parametrize(
    ("words", "code"), [(["--ports=22", "a.yaml", "b c.yaml"], 3), (["--ports=8080", "a.yaml"], 0), (["--", "-odd.yaml"], 3)]
)
def test_the_hook_takes_options_and_files(hook: dict[str, Any], tmp_path: Path, words: list[str], code: int) -> None:
    for name in ("a.yaml", "b c.yaml", "-odd.yaml"):
        (tmp_path / name).write_text(OPEN)
    command = [os.environ["PORTCULLIS_BINARY"], *hook["entry"].split()[1:], *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    files = len([word for word in words if word.endswith(".yaml")])
    assert f"{files} security group" in done.stdout
