"""A local cloud of its own for these tests."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "local-cloud" / "python"))

from local_cloud import start, stop

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    running = start(tmp_path_factory.mktemp("local-cloud"))
    yield running
    stop(running)


@pytest.fixture
def fresh(cloud):
    """The local cloud as it was after the start."""
    cloud.control("POST", "/reset", {})
    cloud.settle()
    return cloud


@pytest.fixture(scope="session")
def loop_template() -> str:
    return (HERE / "loop.yaml").read_text()
