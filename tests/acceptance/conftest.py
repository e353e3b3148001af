"""The shipped product in a local cloud: the packaged functions, deployed with the same command as to AWS."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "dev" / "local-cloud" / "python"))

from local_cloud import running
from portcullis import BUCKET, MARKER, NO_EXEMPTIONS, PARAMETERS, QUICK, RULE, SWITCHES, Portcullis

# Parameters that tests change.
AS_DEPLOYED = {
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
    with running(tmp_path_factory.mktemp("local-cloud")) as cloud:
        cloud.settings(**QUICK | SWITCHES)
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        stack = Portcullis(cloud, tmp_path_factory.mktemp("stack"))
        stack.exempt(NO_EXEMPTIONS)
        stack.deploy(RuleName=RULE, SourceInputParameters=json.dumps(PARAMETERS))
        yield stack


@pytest.fixture
def portcullis(deployed):
    """The stack with its original parameters and without faults. Groups used by a network interface may remain from other tests."""
    with deployed.undone():
        yield deployed
    deployed.update(**AS_DEPLOYED)
