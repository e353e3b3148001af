"""The shipped product in a local cloud: the packaged functions, deployed with the same command as to AWS."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "dev" / "local-cloud" / "python"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "dev" / "channel-servers" / "python"))

import channel_servers as channel_servers_program
from portcullis import MARKER, PARAMETERS, RULE, without_stack

# More than the tests of one stack close in an hour.
PACE = "5000"
# Parameters that tests change.
AS_DEPLOYED = {
    "ClosingsPerHour": PACE,
    "RemediationMode": "False",
    "RemediationStrategy": "Revoke",
    "ReplacementCidrs": "",
    "ExemptionTagKey": "",
    "CliRoleArn": "",
    "Approvers": "",
    "ApprovalTopicArn": "",
    "SourceInputParameters": json.dumps(PARAMETERS),
    "FocusOnPorts": "22,3389",
    "SourceScope": "World",
    "AuthorizedCidrs": "",
    "ExemptionsParameter": "",
}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory):
    with without_stack(tmp_path_factory.mktemp("stack")) as stack:
        stack.deploy(RuleName=RULE, SourceInputParameters=json.dumps(PARAMETERS), ClosingsPerHour=PACE)
        yield stack


@pytest.fixture
def fresh(tmp_path):
    """A local cloud of its own for a test that others would disturb, or the other way round. The stack is not deployed yet."""
    with without_stack(tmp_path) as stack:
        yield stack


@pytest.fixture
def portcullis(deployed):
    """The stack with its original parameters and without faults. Groups used by a network interface may remain from other tests."""
    with deployed.undone():
        yield deployed
    deployed.update(**AS_DEPLOYED)


@pytest.fixture(scope="session")
def running_channel_servers():
    with channel_servers_program.running() as servers:
        yield servers


@pytest.fixture
def channel_servers(running_channel_servers):
    """Servers that stand for Slack, Jira, PagerDuty, Teams and webhooks, without what other tests left in them."""
    with channel_servers_program.undisturbed(running_channel_servers) as servers:
        yield servers
