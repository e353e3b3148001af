"""Stacks of earlier versions, and one of the checkout that finds what they wrote."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

# This one first: it adds the directories of the modules that other tests share.
import upgrading
from portcullis import NO_EXEMPTIONS, PARAMETERS
from versions import CURRENT


@pytest.fixture(scope="session")
def current(tmp_path_factory):
    """The stack of the checkout, which may carve."""
    parameters = {"SourceInputParameters": json.dumps(PARAMETERS), "RemediationStrategy": "Carve"}
    with upgrading.stack_of(tmp_path_factory.mktemp("current"), CURRENT / "portcullis.yaml", **parameters) as stack:
        yield stack


@pytest.fixture
def reader(current) -> upgrading.Upgrading:
    """The stack of the checkout without the groups of other tests."""
    with current.undone():
        yield current
    current.exempt(NO_EXEMPTIONS)
