"""Python tools are pinned with hashes."""

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["requirements.txt", "uv.txt"])
def test_every_package_has_one_version_and_hashes(name: str) -> None:
    text = (CHECKOUT / "tools" / name).read_text(encoding="utf-8")
    packages = [entry for entry in re.split(r"\n(?=[A-Za-z0-9])", "\n" + text) if not entry.strip().startswith("#")]
    assert packages
    for package in packages:
        assert re.match(r"\n?[A-Za-z0-9._-]+(\[[\w,-]+\])?==\S+", package), package
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", package), package
    assert not re.search(r"^\s*(-e|--(extra-)?index-url|--find-links)|(https?|git\+)[a-z+]*://", text, re.MULTILINE)


def test_nothing_is_installed_without_its_hash() -> None:
    installs = []
    for path in (CHECKOUT / "scripts").iterdir():
        if path.is_file():
            installs += [line for line in path.read_text(encoding="utf-8").splitlines() if re.search(r"pip\"? install", line)]
    assert len(installs) == 2
    for line in installs:
        assert "--require-hashes" in line, line
