"""The command line, driven as a user drives it."""

import pytest
from command_line import CommandLine, binary
from live_cloud import running


@pytest.fixture(scope="session", autouse=True)
def _built():
    assert binary().exists(), f"there is no {binary()}: run `make binaries`, or set PORTCULLIS_BINARY"


@pytest.fixture
def portcullis(tmp_path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    with running(tmp_path_factory.mktemp("local-cloud")) as cloud:
        yield cloud


@pytest.fixture
def fresh(cloud):
    cloud.reset()
    return cloud


@pytest.fixture
def live(fresh, portcullis) -> CommandLine:
    """The command line in the account of the local cloud."""
    for name, value in fresh.environment().items():
        if name.startswith("AWS_"):
            portcullis.environment[name] = value
    return portcullis
