"""Scans the templates in the source distribution of cfn-lint, and fails if one is refused that cfn-lint itself reads.

usage: check_corpus.py PORTCULLIS

PORTCULLIS is the program, from `cargo build -p portcullis --no-default-features`. Version and hashes of cfn-lint are those of
tools/requirements.txt, and the program runs in the environment of `scripts/tools` (.tools/venv/bin/python). pip downloads the
distribution from PyPI once, into ~/.cache/portcullis/corpus.

A template is refused if the scan ends without a report. A valid one is also refused if a part of it is not scanned for another
reason than that its content is elsewhere. Templates that cfn-lint does not read either, or without resources, are not counted.
"""

import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from pathlib import Path

from cfnlint.decode import decode

CHECKOUT = Path(__file__).resolve().parents[1]
REQUIREMENTS = CHECKOUT / "tools" / "requirements.txt"
TEMPLATES = "test/fixtures/templates"
SUFFIXES = {".yaml", ".yml", ".json", ".template"}


def requirement() -> str:
    """The lines of cfn-lint in tools/requirements.txt: its version and hashes."""
    found = re.search(r"^cfn-lint==.*(?:\n +--hash=.*)+", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{REQUIREMENTS} does not name cfn-lint"
    return found[0]


def distribution() -> Path:
    """The source distribution, downloaded if need be."""
    pinned = requirement()
    version = pinned.split("==")[1].split()[0]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "portcullis" / "corpus"
    file = cache / f"cfn_lint-{version}.tar.gz"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(pinned + "\n")
        requirements.flush()
        # pip checks the hash of a file that is there, too.
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:", "--require-hashes"]
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            *options,
            "--dest",
            cache,
            "--find-links",
            cache,
            "--requirement",
            requirements.name,
        ]
        subprocess.run(command, check=True)
    return file


def templates(directory: Path) -> list[Path]:
    return sorted(path for path in directory.glob(f"*/{TEMPLATES}/**/*") if path.suffix in SUFFIXES and path.is_file())


def is_read_by_cfn_lint(path: Path) -> bool:
    template, problems = decode(str(path))
    return not problems and isinstance(template, dict) and isinstance(template.get("Resources"), dict)


def refusal(program: str, path: Path) -> str | None:
    """Why the scan refuses the template; `None` if it does not."""
    command = [program, "scan", "--quiet", "--format", "json", "--", path.name]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode not in (0, 1, 3):
        return f"exit code {done.returncode}: {done.stderr}"
    try:
        parts = json.loads(done.stdout)["not_scanned"]
    except ValueError:
        return done.stderr.strip()
    # The templates in `bad` have faults of every kind, which rules of cfn-lint find after it has read them.
    faults = [part for part in parts if "--accept-not-scanned" not in part["reason"] and "bad" not in path.parts]
    return f"{faults[0]['target']}: {faults[0]['reason']}" if faults else None


def main(program: str) -> int:
    program = str(Path(program).resolve())
    tally: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as work:
        with tarfile.open(distribution()) as archive:
            archive.extractall(work, filter="data")
        for path in templates(Path(work)):
            if not is_read_by_cfn_lint(path):
                tally["not read by cfn-lint, or without resources"] += 1
            elif problem := refusal(program, path):
                tally["refused"] += 1
                print(f"error: {path.relative_to(work)}: {problem}", file=sys.stderr)
            else:
                tally["scanned"] += 1
    print(", ".join(f"{count} {what}" for what, count in sorted(tally.items())))
    return 1 if tally["refused"] or not tally["scanned"] else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1]))
