"""The workflows of GitHub Actions: what they run is pinned, and may do no more than it has to. zizmor looks at more."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

WORKFLOWS = Path(__file__).parents[2] / ".github" / "workflows"
PATHS = sorted(WORKFLOWS.glob("*.yml"))
# What they may use, and what is said to be behind the hashes. Another action, or another version, is a decision.
ACTIONS = {
    "actions/attest-build-provenance": "v4.1.0",
    "actions/checkout": "v6.0.2",
    "actions/download-artifact": "v8.0.1",
    "actions/upload-artifact": "v7.0.1",
}


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def text(request: pytest.FixtureRequest) -> str:
    return request.param.read_text(encoding="utf-8")


@pytest.fixture
def workflow(text: str) -> dict[Any, Any]:
    return yaml.safe_load(text)


def jobs(workflow: dict[Any, Any]) -> dict[str, dict[str, Any]]:
    return workflow["jobs"]


def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in jobs(workflow).values() for step in job["steps"]]


def test_the_workflows_are_these() -> None:
    assert [path.name for path in PATHS] == ["audit.yml", "ci.yml", "properties.yml", "release.yml"]
    assert not list(WORKFLOWS.glob("*.yaml"))


def test_every_action_is_pinned_by_its_commit(text: str) -> None:
    used = re.findall(r"uses:(.*)", text)
    assert used
    for line in used:
        match = re.fullmatch(r" ([\w-]+/[\w-]+)@[0-9a-f]{40} # (v\d+\.\d+\.\d+)", line)
        assert match, line
        assert ACTIONS[match[1]] == match[2]


def test_one_commit_for_each_action() -> None:
    everything = "\n".join(path.read_text(encoding="utf-8") for path in PATHS)
    pins = set(re.findall(r"uses: (\S+)@(\S+)", everything))
    assert {name for name, _ in pins} == ACTIONS.keys()
    assert len(pins) == len(ACTIONS)


def test_permissions_are_given_at_the_top_and_write_nothing(workflow: dict[Any, Any]) -> None:
    assert workflow["permissions"] in ({}, {"contents": "read"})


def test_only_the_job_without_code_of_the_repository_may_write() -> None:
    for path in PATHS:
        for name, job in jobs(yaml.safe_load(path.read_text(encoding="utf-8"))).items():
            permissions = job.get("permissions", {})
            if set(permissions.values()) <= {"read"}:
                continue
            assert (path.name, name) == ("release.yml", "draft")
            assert permissions == {"contents": "write", "id-token": "write", "attestations": "write"}
            assert not [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]


def test_what_others_write_starts_nothing_with_rights(workflow: dict[Any, Any]) -> None:
    # YAML reads the key `on` as true.
    assert set(workflow[True]) <= {"push", "pull_request", "schedule", "workflow_dispatch"}


def test_nothing_from_outside_becomes_part_of_a_script(workflow: dict[Any, Any]) -> None:
    for step in steps(workflow):
        assert "${{" not in step.get("run", ""), step["name"]


def test_no_credentials_are_left_in_the_checkout(workflow: dict[Any, Any]) -> None:
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_there_are_no_secrets_and_every_job_ends(text: str, workflow: dict[Any, Any]) -> None:
    assert "secrets." not in text
    for name, job in jobs(workflow).items():
        assert job["timeout-minutes"] <= 120, name
        assert not job["runs-on"].endswith("latest"), name


def test_the_ci_runs_what_everybody_runs() -> None:
    ci = yaml.safe_load((WORKFLOWS / "ci.yml").read_text(encoding="utf-8"))
    assert ".ci/run" in [step.get("run") for step in steps(ci)]


def test_one_toolchain_that_is_new_enough(checkout: Path) -> None:
    toolchains = {found for path in PATHS for found in re.findall(r"RUSTUP_TOOLCHAIN: (\S+)", path.read_text(encoding="utf-8"))}
    [toolchain] = toolchains
    wanted = re.search(r'rust-version = "(\S+)"', (checkout / "Cargo.toml").read_text(encoding="utf-8"))
    assert wanted
    assert [int(part) for part in toolchain.split(".")] >= [int(part) for part in wanted[1].split(".")]


def test_what_the_release_runs_exists(checkout: Path) -> None:
    release = yaml.safe_load((WORKFLOWS / "release.yml").read_text(encoding="utf-8"))
    scripts = "\n".join(step.get("run", "") for step in steps(release))
    makefile = (checkout / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^ *make ([\w-]+)", scripts, re.MULTILINE))
    assert targets == {"package", "sbom", "wheel"}
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    functions = re.search(r"^functions=\((.*)\)$", (checkout / "scripts" / "package").read_text(encoding="utf-8"), re.MULTILINE)
    assert functions
    assert f"for function in {functions[1]}; do" in scripts
    assert re.search(r"^cargo-auditable ", (checkout / "tools" / "cargo-tools.txt").read_text(encoding="utf-8"), re.MULTILINE)


def test_a_release_is_built_twice_and_attested() -> None:
    release = jobs(yaml.safe_load((WORKFLOWS / "release.yml").read_text(encoding="utf-8")))
    assert release["functions"]["strategy"]["matrix"]["build"] == [1, 2]
    draft = release["draft"]["steps"]
    [compared] = [
        number for number, step in enumerate(draft) if "diff --recursive built/functions-1 built/functions-2" in step.get("run", "")
    ]
    [attested] = [number for number, step in enumerate(draft) if step.get("uses", "").startswith("actions/attest-build-provenance@")]
    [published] = [number for number, step in enumerate(draft) if "gh release create" in step.get("run", "")]
    assert compared < attested < published
    assert draft[attested]["with"]["subject-path"] == "dist/*"


def test_advisories_are_looked_for_each_week_and_when_dependencies_change() -> None:
    audit = yaml.safe_load((WORKFLOWS / "audit.yml").read_text(encoding="utf-8"))
    # YAML reads the key `on` as true.
    [schedule] = audit[True]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* \d", schedule["cron"]), "a day of each week"
    assert "Cargo.lock" in audit[True]["push"]["paths"]
    assert "make audit" in [step.get("run") for step in steps(audit)]


def test_dependabot_watches_everything_that_is_pinned(checkout: Path) -> None:
    updates = yaml.safe_load((checkout / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert {(update["package-ecosystem"], update["directory"]) for update in updates} == {
        ("cargo", "/"),
        ("github-actions", "/"),
        ("pip", "/tools"),
    }
