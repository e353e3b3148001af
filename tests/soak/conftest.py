"""The shipped product, in local clouds for these tests only."""

import contextlib
import hashlib
import json
import os
import pathlib
import sys
import zipfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "dev" / "local-cloud" / "python"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "acceptance"))

from local_cloud import REPOSITORY, running, wait_for
from portcullis import ARCHITECTURE, BUCKET, MARKER, NO_EXEMPTIONS, PARAMETERS, QUICK, RULE, SWITCHES, ZIPS, Portcullis

LONG = os.environ.get("SOAK") == "long"
# Directory for figures.
REPORTS = pathlib.Path(os.environ.get("SOAK_REPORTS", REPOSITORY / "target" / "soak"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


def number(name: str, short: int, long: int) -> int:
    """A size: from the environment, or else that of the short or long form."""
    return int(os.environ.get(name, long if LONG else short))


def create_stack(cloud, **parameters: str) -> None:
    """Creates the stack as `scripts/deploy` does, without the AWS CLI, which takes longer to start than the stack to deploy here."""
    s3, cloudformation = cloud.client("s3"), cloud.client("cloudformation")
    s3.create_bucket(Bucket=BUCKET)
    keys = {}
    keys_of = {"rule-evaluator": "RuleEvaluatorKey", "remediator": "RemediatorKey", "reporter": "ReporterKey"}
    for function, parameter in keys_of.items():
        file = ZIPS / f"{function}.zip"
        assert file.is_file(), f"there is no {file}: build it with scripts/package"
        code = zipfile.ZipFile(file).read("bootstrap")
        keys[parameter] = f"{function}-{hashlib.sha256(code).hexdigest()[:32]}.zip"
        s3.upload_file(str(file), BUCKET, keys[parameter])
    s3.upload_file(str(REPOSITORY / "cloudformation" / "portcullis.yaml"), BUCKET, "portcullis.yaml")
    given = {"CodeBucket": BUCKET, "Architecture": ARCHITECTURE, "RuleName": RULE, **keys, **parameters}
    cloudformation.create_stack(
        StackName="portcullis",
        TemplateURL=f"{cloud.endpoints['endpoint']}/{BUCKET}/portcullis.yaml",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
    )

    def status() -> str | None:
        found = cloudformation.describe_stacks(StackName="portcullis")["Stacks"][0]["StackStatus"]
        return None if found.endswith("_IN_PROGRESS") else found

    assert wait_for("the stack", status, 120) == "CREATE_COMPLETE"


@contextlib.contextmanager
def deployed(directory: pathlib.Path, **settings):
    """A local cloud with the stack in it, until the end of the block."""
    with running(directory) as cloud:
        cloud.settings(**QUICK | SWITCHES | settings)
        stack = Portcullis(cloud, directory)
        stack.exempt(NO_EXEMPTIONS)
        create_stack(cloud, SourceInputParameters=json.dumps(PARAMETERS))
        stack.deployed()
        yield stack


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """The stack for tests of a few groups each."""
    # One process for each function, so that a test knows what it has cached.
    with deployed(tmp_path_factory.mktemp("soak"), evaluationConcurrency=1) as stack:
        yield stack


@pytest.fixture
def portcullis(small):
    """The stack without faults, and with the original settings of the local cloud."""
    with small.undone():
        yield small


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The stack for a test of very many groups, which would slow down all others."""
    with deployed(tmp_path_factory.mktemp("load")) as stack:
        yield stack


def dead_letters(stack: Portcullis) -> int:
    """Number of events in the dead-letter queue."""
    attributes = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    queue = stack.resource("DeadLetterQueue")
    found = stack.cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=attributes)["Attributes"]
    return sum(int(value) for value in found.values())
