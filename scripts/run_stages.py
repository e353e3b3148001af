#!/usr/bin/env python3
"""Runs the stages of `make test`, several at once, and ends with a table of how long each took.

Usage: run_stages.py AT_ONCE, with the list of stages in the environment variable STAGES. A line of it is

    target | title | seconds when warm | seconds when cold | targets that come first | what no two stages use at once

Each stage is `make TARGET` in a process group of its own. Its output is printed whole when it ends. After a failure no
further stage starts, and those that run are interrupted. The seconds are a budget: to exceed it is a remark.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

CHECKOUT = Path(__file__).resolve().parents[1]
# Written by scripts/prepare-target. If it is missing, everything is compiled: a cold run.
STAMP = ".portcullis-checkout"
# Seconds for the whole run.
BUDGET_WARM = 25 * 60
BUDGET_COLD = 50 * 60
# Seconds that an interrupted stage has to end its servers.
GRACE = 30
POLL_SECONDS = 0.1


class StageListError(Exception):
    """The list of stages is invalid."""


@dataclass
class Stage:
    """One target of the Makefile."""

    target: str
    title: str
    # In seconds.
    budget: int
    needs: list[str]
    exclusive: set[str]
    status: str = "not run"
    begin: float = 0
    seconds: float | None = None
    # User and system time of all its processes.
    cpu_seconds: float = 0
    process: subprocess.Popen | None = None
    output: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def signal(self, number: int) -> None:
        """Sends a signal to the stage's process group."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def exit_code(self, *, wait: bool = False) -> int | None:
        """Exit code of the stage's make, or None while it runs."""
        if self.process and self.process.returncode is None:
            # Popen.poll would not report the CPU time.
            pid, status, usage = os.wait4(self.process.pid, 0 if wait else os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu_seconds = usage.ru_utime + usage.ru_stime
        return self.process.returncode if self.process else None


def parse(text: str, *, cold: bool) -> list[Stage]:
    """The stages, in the order of the list.

    Raises `StageListError` if a line is malformed, or needs a stage that does not stand above it.
    """
    stages: dict[str, Stage] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        members = [member.strip() for member in line.split("|")]
        if len(members) != 6:
            raise StageListError(f"`{line}` has {len(members)} members: expected 6, separated by `|`")
        target, title, warm, from_nothing, needs, exclusive = members
        if unknown := [need for need in needs.split() if need not in stages]:
            raise StageListError(f"`{target}` needs `{unknown[0]}`: name a stage that stands above it")
        stages[target] = Stage(target, title, int(from_nothing if cold else warm), needs.split(), set(exclusive.split()))
    return list(stages.values())


class Run:
    """Stages that run side by side."""

    def __init__(self, stages: list[Stage], at_once: int, budget: int):
        self.stages, self.at_once, self.budget = stages, at_once, budget
        self.begin = time.monotonic()
        self.received: int | None = None

    def of(self, status: str) -> list[Stage]:
        return [stage for stage in self.stages if stage.status == status]

    def receive(self, number: int, _frame: object) -> None:
        self.received = number

    def start(self, stage: Stage) -> None:
        # With `-o`, make treats a target as up to date, so that two stages do not build it at the same time.
        done = [option for other in self.of("ok") for option in ("-o", other.target)]
        command = [os.environ.get("MAKE", "make"), "--no-print-directory", *done, stage.target]
        environment = {name: value for name, value in os.environ.items() if name != "STAGES"}
        print(f"--> {stage.title}", flush=True)
        stage.begin = time.monotonic()
        stage.status = "running"
        stage.process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stage.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def start_what_can(self) -> None:
        """Starts stages in the order of the list, as far as their needs and the number at once allow."""
        finished = {stage.target for stage in self.of("ok")}
        for stage in self.of("not run"):
            running = self.of("running")
            if len(running) >= self.at_once:
                return
            used = set().union(*(other.exclusive for other in running))
            if finished.issuperset(stage.needs) and not used & stage.exclusive:
                self.start(stage)

    def finish(self, stage: Stage, status: str) -> None:
        """Prints the output of a stage that has ended."""
        stage.seconds = time.monotonic() - stage.begin
        stage.status = status
        print(f"\n==> {stage.title}", flush=True)
        stage.output.seek(0)
        while chunk := stage.output.read(65536):
            sys.stdout.buffer.write(chunk)
        sys.stdout.flush()
        end = f"{stage.seconds:.0f} s"
        if status != "ok":
            end = f"{status.upper()} after {end} (exit code {stage.exit_code()})"
        print(f"<== {stage.title}: {end}", flush=True)

    def collect(self) -> bool:
        """Collects the stages that have ended. Returns false if one has failed."""
        good = True
        for stage in self.of("running"):
            code = stage.exit_code()
            if code is not None:
                self.finish(stage, "ok" if code == 0 else "failed")
                good = good and code == 0
        return good

    def interrupt(self) -> None:
        """Ends the running stages: with SIGINT, and after a while with SIGKILL."""
        for stage in self.of("running"):
            stage.signal(signal.SIGINT)
        deadline = time.monotonic() + GRACE
        while running := self.of("running"):
            for stage in running:
                if stage.exit_code() is not None or time.monotonic() > deadline:
                    # The whole group, including processes that outlived make.
                    stage.signal(signal.SIGKILL)
                    stage.exit_code(wait=True)
                    self.finish(stage, "stopped")
            time.sleep(POLL_SECONDS)

    def run(self) -> int:
        """Runs all stages and returns the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.receive)
        try:
            while self.of("running") or self.of("not run"):
                if not self.collect():
                    return 1
                if self.received:
                    return 128 + self.received
                self.start_what_can()
                time.sleep(POLL_SECONDS)
            return 0
        finally:
            self.interrupt()
            self.table()

    def table(self) -> None:
        """Prints a line for each stage, and a warning if the run took longer than its budget."""
        total = time.monotonic() - self.begin
        width = max(len(stage.title) for stage in self.stages)
        print(f"\n{'stage':<{width}}  seconds  budget      CPU  status")
        for stage in self.stages:
            seconds = "" if stage.seconds is None else f"{stage.seconds:.0f}"
            used = "" if stage.seconds is None else f"{stage.cpu_seconds:.0f}"
            late = ", over budget" if (stage.seconds or 0) > stage.budget else ""
            print(f"{stage.title:<{width}}  {seconds:>7}  {stage.budget:>6}  {used:>7}  {stage.status}{late}")
        cpu = sum(stage.cpu_seconds for stage in self.stages)
        print(f"{f'all of them, {self.at_once} at once':<{width}}  {total:>7.0f}  {self.budget:>6}  {cpu:>7.0f}")
        if total > self.budget:
            print(f"warning: the run took {total:.0f} s, and its budget is {self.budget} s: docs/testing.md")
        sys.stdout.flush()


def main() -> int:
    target_directory = Path(os.environ.get("CARGO_TARGET_DIR", CHECKOUT / "target"))
    cold = not (target_directory / STAMP).exists()
    try:
        at_once = int(sys.argv[1])
        stages = parse(os.environ["STAGES"], cold=cold)
    except (IndexError, KeyError, ValueError):
        print("usage: run_stages.py AT_ONCE, with a list in STAGES", file=sys.stderr)
        return 2
    except StageListError as error:
        print(f"error: STAGES: {error}", file=sys.stderr)
        return 2
    return Run(stages, at_once, BUDGET_COLD if cold else BUDGET_WARM).run()


if __name__ == "__main__":
    sys.exit(main())
