"""scripts/run_stages.py, with stages of a Makefile made for the test: order, output, failures, interruption and the table."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MAKEFILE = """
.PHONY: prepare quick slow broken late server
prepare:
	@echo preparing
quick: prepare
	@echo quick work
slow:
	@touch slow-began; sleep 60
broken: prepare
	@echo working; exit 7
late: broken
	@echo never
server:
	@trap 'echo ended by Ctrl-C; touch ended; kill $$!; exit 0' INT; echo $$$$ >pid; sleep 60 & wait
"""
WARM = "prepare | the tools | 5 | 50 | |"


@pytest.fixture
def stages(checkout: Path, tmp_path: Path):
    """Starts the script in a checkout of its own, which has the Makefile above."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "run_stages.py").write_text((checkout / "scripts" / "run_stages.py").read_text(encoding="utf-8"))
    (tmp_path / "Makefile").write_text(MAKEFILE)
    target = tmp_path / "target"
    target.mkdir()
    (target / ".portcullis-checkout").touch()

    def start(*lines: str, at_once: int = 2) -> subprocess.Popen:
        # Not the flags of the make that runs these tests.
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        environment |= {"STAGES": "\n".join(lines), "CARGO_TARGET_DIR": str(target)}
        command = [sys.executable, str(tmp_path / "scripts" / "run_stages.py"), str(at_once)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    start.directory = tmp_path
    return start


def ended(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def row(out: str, title: str) -> list[str]:
    """The line of a stage in the table."""
    [line] = [line for line in out[out.index("\nstage") :].splitlines() if line.startswith(title)]
    return line.removeprefix(title).split()


def test_stages_run_in_order_and_a_table_names_seconds_and_budgets(stages) -> None:
    code, out, err = ended(stages(WARM, "quick | what is quick | 300 | 400 | prepare |"))
    assert (code, err) == (0, "")
    assert out.index("preparing") < out.index("==> what is quick\nquick work\n<== what is quick: ")
    assert out.count("preparing") == 1, "what a stage needs is not made again"
    seconds, *rest = row(out, "what is quick")
    assert seconds.isdecimal()
    assert rest == ["300", "0", "ok"]
    # A busy machine may take a second.
    seconds, *rest = row(out, "all of them, 2 at once")
    assert seconds.isdecimal()
    assert rest == ["1500", "0"]
    assert "warning" not in out


def test_a_cold_run_has_other_budgets(stages) -> None:
    (stages.directory / "target" / ".portcullis-checkout").unlink()
    _, out, _ = ended(stages(WARM))
    assert row(out, "the tools") == ["0", "50", "0", "ok"]
    assert row(out, "all of them, 2 at once") == ["0", "3000", "0"]


def test_a_failure_ends_the_run_and_the_table_shows_how_far_it_came(stages) -> None:
    lines = [
        WARM,
        "slow | what is slow | 9 | 9 | |",
        "broken | what is broken | 9 | 9 | prepare |",
        "late | what is late | 9 | 9 | broken |",
    ]
    code, out, _ = ended(stages(*lines))
    assert code == 1
    assert "==> what is broken\nworking\n" in out
    assert "<== what is broken: FAILED after 0 s (exit code 2)" in out
    assert [row(out, f"what is {name}")[-1] for name in ("broken", "slow", "late")] == ["failed", "stopped", "run"]
    assert "never" not in out


def test_no_two_stages_that_exclude_each_other_run_at_once(stages) -> None:
    lines = ["slow | what is slow | 9 | 9 | | compiler", "broken | what is broken | 9 | 9 | | compiler"]
    process = stages(*lines)
    wait_for(stages.directory / "slow-began")
    process.send_signal(signal.SIGINT)
    _, out, _ = ended(process)
    assert "working" not in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_every_stage_and_what_it_started(stages, number: int) -> None:
    process = stages("server | a server | 9 | 9 | |", "slow | what is slow | 9 | 9 | |")
    wait_for(stages.directory / "slow-began")
    wait_for(stages.directory / "pid")
    process.send_signal(number)
    code, out, _ = ended(process)
    assert code == 128 + number
    assert (stages.directory / "ended").exists()
    assert "ended by Ctrl-C" in out
    with pytest.raises(ProcessLookupError):
        os.kill(int((stages.directory / "pid").read_text()), 0)
    assert row(out, "what is slow")[-1] == "stopped"


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 30
    while not (file.exists() and (file.name != "pid" or file.read_text())):
        assert time.monotonic() < deadline, f"{file.name} did not appear"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("quick | what is quick | 1 | 1 | prepare |", "`quick` needs `prepare`: name a stage that stands above it"),
        ("quick | what is quick", "has 2 members: expected 6"),
    ],
)
def test_a_list_that_cannot_be_run_is_refused(stages, line: str, problem: str) -> None:
    code, out, err = ended(stages(line))
    assert (code, out) == (2, "")
    assert err.startswith("error: STAGES: ")
    assert problem in err
