"""Another `RuleName`, or the end of the stack, while a closing runs: AWS Config then refuses to delete the rule and its remediation."""

import subprocess

import pytest
from botocore.exceptions import ClientError
from local_cloud import wait_for
from portcullis import GROUP_TYPE, RULE, Portcullis, open_to


@pytest.fixture
def stack(fresh):
    """A stack in automatic mode."""
    fresh.deploy(RuleName=RULE, FocusOnPorts="22,3389", RemediationMode="True")
    return fresh


def start_long_closing(stack: Portcullis) -> str:
    """A group is opened, and its closing takes longer than any test. Returns the group."""
    stack.cloud.fault(service="lambda", action="Invoke", principal="AutomationRole", kind="delay", seconds=600)
    group = stack.cloud.group("slow", open_to("0.0.0.0/0"))

    def closing_runs() -> bool:
        key = {"resourceType": GROUP_TYPE, "resourceId": group}
        statuses = stack.config.describe_remediation_execution_status(ConfigRuleName=RULE, ResourceKeys=[key])
        return [status["State"] for status in statuses["RemediationExecutionStatuses"]] == ["IN_PROGRESS"]

    wait_for("the closing", closing_runs)
    return group


def wait_then_end_closing(stack: Portcullis, group: str, script: subprocess.Popen) -> str:
    """Ends the closing as soon as the script says that it waits for it. Returns what the script has printed."""
    printed = ""
    for line in script.stdout:
        printed += line
        if line.startswith("waiting for the remediation of rule portcullis to end"):
            # The first: the renamed rule may have started another one.
            running = stack.executions(group)[0]["AutomationExecutionId"]
            stack.ssm.stop_automation_execution(AutomationExecutionId=running, Type="Cancel")
    assert script.wait() == 0, printed
    return printed


def test_the_old_rule_does_not_go_on_closing(stack):
    group = start_long_closing(stack)
    with stack.start_deploy(RuleName="renamed") as script:
        printed = wait_then_end_closing(stack, group, script)
    events = stack.cloud.client("cloudformation").describe_stack_events(StackName="portcullis")["StackEvents"]
    failed = {event["LogicalResourceId"] for event in events if event["ResourceStatus"] == "DELETE_FAILED"}
    assert failed == {"ConfigRule", "Remediation"}
    assert printed.count("waiting for the remediation of rule portcullis to end") == 1
    assert "deleted: the old rule portcullis" in printed
    assert [rule["ConfigRuleName"] for rule in stack.config.describe_config_rules()["ConfigRules"]] == ["renamed"]
    described = stack.config.describe_remediation_configurations(ConfigRuleNames=[RULE, "renamed"])["RemediationConfigurations"]
    assert [(one["ConfigRuleName"], one["Automatic"]) for one in described] == [("renamed", True)]


def test_the_stack_is_deleted_after_the_closing_has_ended(stack):
    group = start_long_closing(stack)
    key = {"ResourceType": GROUP_TYPE, "ResourceId": group}
    put = stack.config.put_remediation_exceptions(ConfigRuleName=RULE, ResourceKeys=[key], Message="INC-4711")
    assert put["FailedBatches"] == []
    with stack.start("undeploy", "--keep") as script:
        printed = wait_then_end_closing(stack, group, script)
    assert f"remediation exception: {group} until it is deleted: INC-4711" in printed
    assert "deleted: 1 remediation exceptions" not in printed
    assert printed.count("waiting for the remediation of rule portcullis to end") == 1
    assert stack.config.describe_config_rules()["ConfigRules"] == []
    with pytest.raises(ClientError, match="does not exist"):
        stack.cloud.client("cloudformation").describe_stacks(StackName="portcullis")
