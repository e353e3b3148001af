"""The stack itself: deployed with the same command as to AWS, with IAM enforced."""

import json
import re
import subprocess

from local_cloud import REPOSITORY
from portcullis import GROUP_TYPE, RULE, open_to

WORLD = "0.0.0.0/0"
LOCAL = re.compile(r"local.?cloud|ministack|\bmoto\b|localhost|127\.0\.0\.1", re.IGNORECASE)


def aws(portcullis, *command: str) -> dict:
    """Runs the AWS CLI against the local cloud, by environment variables."""
    done = subprocess.run(
        [REPOSITORY / ".tools/venv/bin/aws", *command, "--output", "json"],
        env=portcullis.cloud.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"aws {' '.join(command)}: {done.stderr}"
    return json.loads(done.stdout or "{}")


def test_the_aws_cli_goes_through_the_whole_loop(portcullis):
    group = aws(portcullis, "ec2", "create-security-group", "--group-name", "cli", "--description", "d")["GroupId"]
    rule = ["--group-id", group, "--protocol", "tcp", "--port", "22", "--cidr", WORLD]
    aws(portcullis, "ec2", "authorize-security-group-ingress", *rule)
    portcullis.cloud.settle()

    by_rule = aws(portcullis, "configservice", "describe-compliance-by-config-rule", "--config-rule-names", RULE)
    assert by_rule["ComplianceByConfigRules"][0]["Compliance"]["ComplianceType"] == "NON_COMPLIANT"
    details = aws(portcullis, "configservice", "get-compliance-details-by-config-rule", "--config-rule-name", RULE)
    assert group in json.dumps(details)
    aws(portcullis, "configservice", "start-config-rules-evaluation", "--config-rule-names", RULE)
    portcullis.cloud.settle()

    keys = f"ResourceType={GROUP_TYPE},ResourceId={group}"
    exception = ["--config-rule-name", RULE, "--resource-keys", keys]
    aws(portcullis, "configservice", "put-remediation-exceptions", *exception, "--message", "testing")
    aws(portcullis, "configservice", "delete-remediation-exceptions", *exception)

    button = ["--config-rule-name", RULE, "--resource-keys", f"resourceType={GROUP_TYPE},resourceId={group}"]
    aws(portcullis, "configservice", "start-remediation-execution", *button)
    portcullis.cloud.settle()
    status = aws(portcullis, "configservice", "describe-remediation-execution-status", *button)
    assert status["RemediationExecutionStatuses"][0]["State"] == "SUCCEEDED"

    execution = portcullis.executions(group)[0]["AutomationExecutionId"]
    run = aws(portcullis, "ssm", "get-automation-execution", "--automation-execution-id", execution)
    assert run["AutomationExecution"]["Outputs"]["VerifyOutcome.Status"] == ["CLOSED"]
    log = aws(portcullis, "logs", "filter-log-events", "--log-group-name", portcullis.outputs["RemediatorLogGroup"])
    assert any(execution in event["message"] for event in log["events"])


def test_deploying_again_changes_nothing(portcullis):
    done = portcullis.script_deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No changes to deploy" in done.stdout + done.stderr


def test_a_bad_parameter_is_refused_before_anything_is_changed(portcullis):
    done = portcullis.script_deploy(SourceInputParameters='{"FocusOnPorts":"ssh"}')
    assert done.returncode != 0
    assert "SourceInputParameters" in done.stderr
    assert "FocusOnPorts" in done.stderr
    status = portcullis.cloud.client("cloudformation").describe_stacks(StackName="portcullis")["Stacks"][0]["StackStatus"]
    assert status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")


def test_the_policy_is_a_form_or_json_and_not_both(portcullis):
    policy = {
        "FocusOnPorts": "1234",
        "SourceScope": "Public",
        "AuthorizedCidrs": "198.51.100.0/24",
        "ExemptionsParameter": "/portcullis/exemptions",
    }
    refused = portcullis.script_deploy(**policy)
    assert refused.returncode != 0
    assert "SourceInputParameters alone counts if it is given" in refused.stderr

    done = portcullis.script_deploy(SourceInputParameters="", **policy)
    assert done.returncode == 0, done.stdout + done.stderr
    portcullis.deployed()
    rule = portcullis.config.describe_config_rules(ConfigRuleNames=[RULE])["ConfigRules"][0]
    assert json.loads(rule["InputParameters"]) == policy
    found = portcullis.cloud.group("form-open", open_to("8.8.8.0/24", ports=(1234, 1234)))
    authorized = portcullis.cloud.group("form-authorized", open_to("198.51.100.0/24", ports=(1234, 1234)), open_to(WORLD))
    portcullis.cloud.settle()
    assert portcullis.result(found)[0] == "NON_COMPLIANT"
    assert portcullis.result(authorized)[0] == "COMPLIANT"


def test_no_function_is_denied_anything(portcullis):
    """IAM is enforced, so a permission that is missing in the template would show up here."""
    mark = portcullis.cloud.mark()
    portcullis.cloud.settings(oversizedThresholdBytes=500)
    group = portcullis.cloud.group("iam", open_to(WORLD))
    portcullis.cloud.settle()
    portcullis.remediate(group)
    portcullis.cloud.control("POST", "/schedule", {"ruleName": RULE})
    portcullis.cloud.settle()
    for role in ("EvaluatorRole", "RemediatorRole", "AutomationRole"):
        calls = portcullis.cloud.calls(since=mark, principal=role)
        assert calls, role
        assert [call for call in calls if call["errorCode"]] == []


def test_nothing_in_the_product_knows_that_it_runs_locally():
    """Only the endpoint variables of the SDK point to the local cloud."""
    # A channel of a routing document may be a receiver on the user's own machine.
    own_machine = {"crates/routing/src/url.rs", "crates/aws-adapters/src/http_client/url.rs"}
    sources = [
        REPOSITORY / path
        for crate in ("crates", "rule-evaluator", "remediator", "responder", "reporter")
        for path in (file.relative_to(REPOSITORY) for file in (REPOSITORY / crate).rglob("src/**/*.rs"))
        # Test modules and fakes may start servers.
        if not {"tests", "tests.rs", "fakes"} & set(path.parts) and path.as_posix() not in own_machine
    ]
    sources += (REPOSITORY / "cloudformation").glob("*.yaml")
    sources.append(REPOSITORY / "scripts" / "deploy")
    assert len(sources) > 10
    for source in sources:
        found = re.search(r"local.?cloud|ministack|\bmoto\b|localhost|127\.0\.0\.1", source.read_text(), re.IGNORECASE)
        assert found is None, f"{source.relative_to(REPOSITORY)}: {found}"
