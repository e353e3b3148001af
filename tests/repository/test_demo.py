"""The demo: what its build compiles."""

import importlib.util
import json
import os
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

Unit = tuple[str, str, str, str, str, tuple[str, ...]]


@pytest.fixture(scope="module")
def demo(checkout: Path) -> ModuleType:
    """The program, without running it."""
    found = importlib.util.spec_from_file_location("demo", checkout / "dev" / "local-cloud" / "demo.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def dependencies(checkout: Path, command: list[str]) -> set[Unit]:
    """What a build compiles of other crates: package, target, mode, platform, profile and features. Nothing is compiled."""
    # The graph is an unstable option, which a stable cargo needs to be allowed.
    environment = {**os.environ, "RUSTC_BOOTSTRAP": "1"}
    graph = subprocess.run(
        [*command, "--locked", "--unit-graph", "-Zunstable-options"],
        cwd=checkout,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
    ).stdout
    return {
        (
            unit["pkg_id"],
            unit["target"]["name"],
            unit["mode"],
            str(unit["platform"]),
            json.dumps(unit["profile"], sort_keys=True),
            tuple(unit["features"]),
        )
        for unit in json.loads(graph)["units"]
        if not unit["pkg_id"].startswith("path+")
    }


def test_the_demo_compiles_no_crate_that_the_tests_do_not_need(checkout: Path, demo: ModuleType) -> None:
    """Other features of one crate would compile all that depends on it once more, such as aws-sdk-ec2: minutes, and 7 GB."""
    tests = dependencies(checkout, ["cargo", "build", "--workspace", "--all-features", "--all-targets"])
    built = dependencies(checkout, demo.BUILD_PROGRAMS)
    assert any("aws-sdk-ec2" in package for package, *_ in built)
    assert built - tests == set()


def test_the_tests_are_built_as_the_demo_expects(checkout: Path) -> None:
    makefile = (checkout / "Makefile").read_text(encoding="utf-8")
    assert "\n\tcargo build --workspace --all-features --all-targets --locked --quiet\n" in makefile
