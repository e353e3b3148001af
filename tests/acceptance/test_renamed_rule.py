"""Another `RuleName`, or the end of the stack, while a closing runs: AWS Config then refuses to delete the rule and its remediation."""

import pytest
from botocore.exceptions import ClientError
from local_cloud import wait_for
from portcullis import GROUP_TYPE, RULE, Portcullis, open_to


@pytest.fixture
def stack(fresh):
    """A stack in automatic mode."""
    fresh.deploy(RuleName=RULE, FocusOnPorts="22,3389", RemediationMode="True")
    return fresh


def start_long_closing(stack: Portcullis, seconds: int) -> dict:
    """A group is opened, and its closing takes long. Returns the group, as AWS Config names resources."""
    stack.cloud.fault(service="lambda", action="Invoke", principal="AutomationRole", kind="delay", seconds=seconds)
    group = stack.cloud.group("slow", open_to("0.0.0.0/0"))

    def closing_runs() -> bool:
        key = {"resourceType": GROUP_TYPE, "resourceId": group}
        statuses = stack.config.describe_remediation_execution_status(ConfigRuleName=RULE, ResourceKeys=[key])
        return [status["State"] for status in statuses["RemediationExecutionStatuses"]] == ["IN_PROGRESS"]

    wait_for("the closing", closing_runs)
    return {"ResourceType": GROUP_TYPE, "ResourceId": group}


def test_the_old_rule_does_not_go_on_closing(stack):
    # Longer than the update of the stack.
    start_long_closing(stack, 40)
    done = stack.script_deploy(RuleName="renamed")
    assert done.returncode == 0, done.stdout + done.stderr
    events = stack.cloud.client("cloudformation").describe_stack_events(StackName="portcullis")["StackEvents"]
    failed = {event["LogicalResourceId"] for event in events if event["ResourceStatus"] == "DELETE_FAILED"}
    assert failed == {"ConfigRule", "Remediation"}, "the closing was too quick for this test"
    assert "waiting for the remediation of rule portcullis to end" in done.stdout
    assert "deleted: the old rule portcullis" in done.stdout
    assert [rule["ConfigRuleName"] for rule in stack.config.describe_config_rules()["ConfigRules"]] == ["renamed"]
    described = stack.config.describe_remediation_configurations(ConfigRuleNames=[RULE, "renamed"])["RemediationConfigurations"]
    assert [(one["ConfigRuleName"], one["Automatic"]) for one in described] == [("renamed", True)]


def test_the_stack_is_deleted_after_the_closing_has_ended(stack):
    group = start_long_closing(stack, 10)
    put = stack.config.put_remediation_exceptions(ConfigRuleName=RULE, ResourceKeys=[group], Message="INC-4711")
    assert put["FailedBatches"] == []
    done = stack.script("undeploy", "--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"remediation exception: {group['ResourceId']} until it is deleted: INC-4711" in done.stdout
    assert "deleted: 1 remediation exceptions" not in done.stdout
    assert "waiting for the remediation of rule portcullis to end" in done.stdout
    assert stack.config.describe_config_rules()["ConfigRules"] == []
    with pytest.raises(ClientError, match="does not exist"):
        stack.cloud.client("cloudformation").describe_stacks(StackName="portcullis")
