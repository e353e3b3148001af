"""The command line, driven as a user drives it."""

import pytest
from command_line import CommandLine, binary


@pytest.fixture(scope="session", autouse=True)
def _built():
    assert binary().exists(), f"there is no {binary()}: run `make binaries`, or set PORTCULLIS_BINARY"


@pytest.fixture
def portcullis(tmp_path) -> CommandLine:
    return CommandLine(tmp_path)
