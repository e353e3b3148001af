"""The AWS CLI, for scripts that use the profile, the credentials and the endpoints of the person who runs them."""

import json
import subprocess
import sys
from typing import Any, NoReturn

Json = dict[str, Any]


class Refused(Exception):
    """A call that AWS refused: the command and the message."""

    def __init__(self, command: tuple[str, ...], stderr: str):
        lines = [line.strip() for line in stderr.splitlines() if line.strip()]
        # Version 2 may add details below the error.
        self.reason = next((line for line in lines if "An error occurred" in line), lines[-1] if lines else "no reason given")
        super().__init__(f"aws {' '.join(command[:2])} failed: {self.reason}")

    def is_a(self, *codes: str) -> bool:
        """Whether the error has one of these codes."""
        return any(f"({code})" in self.reason for code in codes)


class Aws:
    """The AWS CLI."""

    def __init__(self, *program: str):
        self.program = program

    def __call__(self, *command: str, **options: Any) -> Any:
        """Answer to a command. Options are passed with hyphens, and as JSON unless they are text."""
        words = list(command)
        for name, value in options.items():
            words += ["--" + name.replace("_", "-"), value if isinstance(value, str) else json.dumps(value)]
        answer = self.text(*words, "--output", "json")
        return json.loads(answer) if answer.strip() else {}

    def text(self, *command: str) -> str:
        """Output of a command as it is."""
        done = subprocess.run([*self.program, *command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Refused(command, done.stderr)
        return done.stdout


def fail(message: str) -> NoReturn:
    sys.exit(f"error: {message}")
