"""The product as it is shipped, in a local cloud: the packaged functions, deployed with the command that AWS gets."""

import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "local-cloud" / "python"))

from local_cloud import start, stop
from portcullis import BUCKET, NO_EXEMPTIONS, PARAMETERS, RULE, Portcullis

# What tests change of the stack.
AS_DEPLOYED = {
    "RemediationMode": "False",
    "RemediationStrategy": "Revoke",
    "ReplacementCidrs": "",
    "ExemptionTagKey": "",
    "CliRoleArn": "",
    "Approvers": "",
    "ApprovalTopicArn": "",
    "SourceInputParameters": json.dumps(PARAMETERS),
}


@pytest.fixture(scope="session")
def deployed(tmp_path_factory):
    cloud = start(tmp_path_factory.mktemp("local-cloud"))
    try:
        cloud.settings(asyncRetryBaseSeconds=0.05, startEvaluationIntervalSeconds=0, remediationSnapshotSeconds=0.1)
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        stack = Portcullis(cloud, tmp_path_factory.mktemp("stack"))
        stack.exempt(NO_EXEMPTIONS)
        stack.deploy(RuleName=RULE, SourceInputParameters=json.dumps(PARAMETERS))
        yield stack
    finally:
        stop(cloud)


@pytest.fixture
def portcullis(deployed):
    """The stack with the parameters that it was deployed with, and no faults. Groups of other tests may lie around."""
    deployed.cloud.control("DELETE", "/faults")
    deployed.exempt(NO_EXEMPTIONS)
    before = deployed.cloud.control("GET", "/settings")
    yield deployed
    deployed.cloud.control("DELETE", "/faults")
    deployed.cloud.settings(**before)
    deployed.update(**AS_DEPLOYED)
