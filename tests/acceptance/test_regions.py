"""A region in which AWS Config has no remediation: the stack finds open groups there, and its documents close them."""

import json

import pytest
from local_cloud import start, stop
from portcullis import BUCKET, NO_EXEMPTIONS, PARAMETERS, QUICK, RULE, Portcullis, open_to, outcome

WORLD = "0.0.0.0/0"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    cloud = start(tmp_path_factory.mktemp("mexico"), "--region", "mx-central-1")
    try:
        cloud.settings(**QUICK)
        cloud.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "mx-central-1"})
        stack = Portcullis(cloud, tmp_path_factory.mktemp("stack"))
        stack.exempt(NO_EXEMPTIONS)
        yield stack
    finally:
        stop(cloud)


def test_the_stack_detects_and_closes_on_request_but_not_by_itself(elsewhere):
    parameters = {"RuleName": RULE, "SourceInputParameters": json.dumps(PARAMETERS)}
    refused = elsewhere.script_deploy(**parameters, RemediationMode="True")
    assert refused.returncode != 0
    assert "AWS Config has no remediation in this region" in refused.stderr

    done = elsewhere.script_deploy(**parameters)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "AWS Config has no remediation in mx-central-1" in done.stderr
    elsewhere.deployed()
    assert elsewhere.config.describe_remediation_configurations(ConfigRuleNames=[RULE])["RemediationConfigurations"] == []

    group = elsewhere.cloud.group("mexico", open_to(WORLD))
    elsewhere.cloud.settle()
    assert elsewhere.result(group)[0] == "NON_COMPLIANT"
    assert elsewhere.executions(group) == []

    assert outcome(elsewhere.close(group)) == "CLOSED"
    assert elsewhere.result(group)[0] == "COMPLIANT"
    # There is no remediation to hold back, and a restore works without.
    restored = elsewhere.restore(group)
    assert restored["AutomationExecutionStatus"] == "Success", restored.get("FailureMessage")
    assert elsewhere.sources(group) == {WORLD}
