"""Runs the binary in an environment without the settings of the user."""

import difflib
import json
import os
import pathlib
import re
import subprocess
from dataclasses import dataclass

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
SNAPSHOTS = pathlib.Path(__file__).resolve().parent / "snapshots"

DONE, ERROR, USAGE, EXPOSED = 0, 1, 2, 3

TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z| UTC)?|\d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d UTC")
# Milliseconds since 1970, as in OCSF: thirteen digits on their own.
EPOCH = re.compile(r"(?<![\w-])1[789]\d{11}(?![\w-])")


def binary() -> pathlib.Path:
    named = os.environ.get("PORTCULLIS_BINARY")
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", CHECKOUT / "target"))
    return pathlib.Path(named) if named else target / "debug" / "portcullis"


@dataclass
class Run:
    """Output and exit code of a command."""

    code: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)

    def lines(self) -> list:
        return [json.loads(line) for line in self.out.splitlines()]

    def failed(self, code: int, *texts: str) -> "Run":
        """Asserts one line on standard error with all of these texts, and nothing on standard output."""
        assert self.code == code, self
        assert self.out == ""
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1, self.err
        for text in texts:
            assert text in self.err
        return self


class CommandLine:
    """The binary with a separate home and working directory."""

    def __init__(self, directory: pathlib.Path):
        self.home, self.directory = directory / "home", directory / "work"
        self.home.mkdir()
        self.directory.mkdir()
        # Without the metadata service of EC2, which some test machines have.
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "AWS_EC2_METADATA_DISABLED": "true"}

    def start(self, *arguments, env: dict | None = None, **options) -> subprocess.Popen:
        # The usage line contains the name by which the program was called.
        command = ["portcullis", *map(str, arguments)]
        environment = self.environment | (env or {})
        return subprocess.Popen(command, executable=binary(), cwd=self.directory, env=environment, **options)

    def __call__(self, *arguments, stdin: bytes | str = b"", env: dict | None = None, timeout: float = 120) -> Run:
        pipe = subprocess.PIPE
        with self.start(*arguments, env=env, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            given = stdin.encode() if isinstance(stdin, str) else stdin
            try:
                out, err = process.communicate(given, timeout)
            except BaseException:
                process.kill()
                raise
        return Run(process.returncode, out.decode(), err.decode())

    def write(self, name: str, content: str | bytes | dict | list) -> str:
        """Writes a file in the working directory, and returns its name."""
        if isinstance(content, dict | list):
            content = json.dumps(content, indent=1)
        (self.directory / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    def read(self, name: str) -> str:
        return (self.directory / name).read_bytes().decode()


def masked(text: str) -> str:
    """Replaces the parts that differ in each run or version."""
    # Style and script of the page have separate tests in a browser.
    text = re.sub(r"'sha256-[^']+'", "HASH", text)
    text = re.sub(r"(<(style|script)[^>]*>).*?(</\2>)", r"\1\3", text, flags=re.DOTALL)
    text = EPOCH.sub("MILLISECONDS", TIME.sub("TIME", text))
    version = re.search(r'^version = "([^"]+)"', (CHECKOUT / "Cargo.toml").read_text(), re.MULTILINE)
    return text.replace(version[1], "VERSION") if version else text


def check_snapshot(name: str, text: str) -> None:
    """Compares a text with a file in snapshots/, or writes the file if UPDATE_SNAPSHOTS is 1."""
    file, text = SNAPSHOTS / f"{name}.txt", masked(text)
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        SNAPSHOTS.mkdir(exist_ok=True)
        file.write_bytes(text.encode())
    wanted = file.read_bytes().decode() if file.exists() else ""
    difference = "".join(difflib.unified_diff(wanted.splitlines(True), text.splitlines(True), str(file), "now"))
    assert not difference, f"{difference}\nUPDATE_SNAPSHOTS=1 takes it as it is now"
