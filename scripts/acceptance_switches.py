#!/usr/bin/env python3
"""Runs the acceptance and the fault tests under every reading of AWS's documentation, one after the other, and ends with a table.

Usage: acceptance_switches.py [--extreme] [ARGUMENT OF PYTEST]...

--extreme  only the combination in which every switch differs from its default, with the tests that run SSM documents. The
           default run of the acceptance tests is the other extreme.

The programs are those of `make acceptance`. Exits with 1 if a combination failed.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
# Settings of the local cloud and their values; the first is the default. docs/local-cloud.md describes them.
SWITCHES = {
    "strictPayloadTypes": [True, False],
    "listAsText": ["json", "comma"],
    "attemptsCounted": ["failures", "attempts"],
}
# Each in a pytest of its own, as in `make acceptance` and `make soak-short`.
SUITES = ["tests/acceptance", "tests/soak/test_faults.py"]


def combinations() -> list[dict[str, object]]:
    """Every combination of the switches: the defaults first, the other extreme last."""
    return [dict(zip(SWITCHES, values, strict=True)) for values in itertools.product(*SWITCHES.values())]


def run(suite: str, settings: dict[str, object], arguments: list[str]) -> tuple[bool, str, float]:
    """Runs a suite. Returns whether it passed, the last line of pytest, and the seconds it took."""
    command = [sys.executable, "-m", "pytest", "--quiet", "--timeout", "300", suite, *arguments]
    started = time.monotonic()
    environment = os.environ | {"LOCAL_CLOUD_SETTINGS": json.dumps(settings)}
    with subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True) as tests:
        last = ""
        for line in tests.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    return tests.returncode == 0, last, time.monotonic() - started


def main() -> None:
    """Runs the combinations."""
    arguments = sys.argv[1:]
    chosen = combinations()
    if "--extreme" in arguments:
        arguments = [argument for argument in arguments if argument != "--extreme"] + ["-m", "documents"]
        chosen = chosen[-1:]
    rows, passed = [], True
    for settings, suite in itertools.product(chosen, SUITES):
        print(f"=== {suite}: {json.dumps(settings)}", flush=True)
        good, last, seconds = run(suite, settings, arguments)
        passed = passed and good
        rows.append([*map(str, settings.values()), suite, "passed" if good else "FAILED", f"{seconds:.0f}", last])
    table = [[*SWITCHES, "suite", "result", "seconds", "tests"], *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
