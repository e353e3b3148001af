"""The benchmarks run: their endpoint still answers what the functions of the zips ask."""

import json
import os
import pathlib
import subprocess

import pytest
from portcullis import program

BENCH = pathlib.Path(os.environ["LOCAL_CLOUD_BINARY"]).with_name("bench")


@pytest.fixture(scope="module")
def functions(tmp_path_factory) -> pathlib.Path:
    """A directory with the programs of the zips."""
    directory = tmp_path_factory.mktemp("functions")
    for function in ("rule-evaluator", "remediator", "responder", "reporter"):
        program(function, directory)
    return directory


def test_each_function_is_started_and_answers(functions, tmp_path):
    figures = measure("functions", functions, tmp_path)
    calls = {of["function"]: of["calls"] for of in figures}
    assert {function: len(made) for function, made in calls.items()} == {
        "empty function": 0,
        "rule-evaluator": 1,
        "rule-evaluator, open": 2,
        "remediator": 8,
        # The stack is known by then.
        "responder": 2,
        "reporter, record": 2,
        "reporter, notify": 0,
    }
    # Only what is open, or was closed, is announced.
    assert [function for function, made in calls.items() if "PutEvents" in made] == ["rule-evaluator, open", "remediator"]


def test_a_closing_revokes_a_hundred_rules_at_a_time(functions, tmp_path):
    figures = measure("closing", functions, tmp_path)
    revocations = {of["open_rules"]: of["warm_calls"].count("RevokeSecurityGroupIngress") for of in figures}
    assert revocations == {1: 1, 10: 1, 60: 1, 200: 2, 1000: 10}


def measure(benchmark: str, functions: pathlib.Path, directory: pathlib.Path) -> list[dict]:
    options = ["--functions", functions, "--json", directory, "--rounds", "1", "--warm", "1"]
    run = subprocess.run([BENCH, benchmark, *options], check=False, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return json.loads((directory / f"{benchmark}.json").read_text())
