"""Events about inputs of the policy, and the schedules for ends of exemptions."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from rendering import Stack

RULES = {"ChangedParameters": "parameter", "ChangedPrefixLists": "call"}


def test_every_change_of_a_parameter_that_may_hold_the_exemptions_is_told(template: dict[str, Any]) -> None:
    pattern = Stack(template).resources["ChangedParameters"]["EventPattern"]
    assert pattern == {
        "source": ["aws.ssm"],
        "detail-type": ["Parameter Store Change"],
        "detail": {"name": [{"prefix": "/portcullis/"}], "operation": ["Create", "Update", "Delete"]},
    }
    # Both ways of naming the parameter allow only names that the pattern matches.
    for name in ("ExemptionsParameter", "SourceInputParameters"):
        assert "/portcullis/" in template["Parameters"][name]["AllowedPattern"]


def test_only_calls_that_changed_a_prefix_list_are_told(template: dict[str, Any]) -> None:
    pattern = Stack(template).resources["ChangedPrefixLists"]["EventPattern"]
    assert pattern == {
        "source": ["aws.ec2"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {
            "eventSource": ["ec2.amazonaws.com"],
            "eventName": ["ModifyManagedPrefixList", "RestoreManagedPrefixListVersion"],
            "errorCode": [{"exists": False}],
        },
    }


def test_the_function_knows_the_calls_of_the_pattern(template: dict[str, Any], checkout: Path) -> None:
    source = (checkout / "crates" / "remediation" / "src" / "inputs" / "event.rs").read_text(encoding="utf-8")
    known = re.search(r"const CALLS: \[&str; \d\] = \[(.*)\];", source)
    assert known
    told = Stack(template).resources["ChangedPrefixLists"]["EventPattern"]["detail"]["eventName"]
    assert re.findall(r'"(\w+)"', known[1]) == told


@pytest.mark.parametrize(("name", "field"), RULES.items())
def test_an_event_becomes_a_request_that_the_function_reads(template: dict[str, Any], checkout: Path, name: str, field: str) -> None:
    rule = Stack(template).resources[name]
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["RemediatorFunction", "Arn"]}
    assert target["InputTransformer"]["InputPathsMap"] == {"at": "$.time", "detail": "$.detail"}
    text = template["Resources"][name]["Properties"]["Targets"][0]["InputTransformer"]["InputTemplate"]["Fn::Sub"]
    # EventBridge puts quotes around a text, and none around an object.
    filled = text.replace("<at>", '"2026-12-01T00:00:00Z"').replace("<detail>", '{"name": "/portcullis/exemptions"}')
    request = json.loads(filled.replace("${ConfigRule}", "portcullis"))
    assert request == {
        "action": "reevaluate",
        "configRuleName": "portcullis",
        "at": "2026-12-01T00:00:00Z",
        field: {"name": "/portcullis/exemptions"},
    }
    source = (checkout / "crates" / "remediation" / "src" / "request" / "reevaluate.rs").read_text(encoding="utf-8")
    fields = re.findall(r"^    pub (\w+): ", source, re.MULTILINE)
    assert fields == ["config_rule_name", "at", *RULES.values()]


def test_schedules_may_invoke_the_remediator_and_nothing_else(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    (trust,) = resources["ScheduleRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust == {
        "Effect": "Allow",
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Action": "sts:AssumeRole",
        # Otherwise a schedule of another account could use the role.
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
    assert "Policies" not in resources["ScheduleRole"]["Properties"]
    of_the_role = [one["Properties"] for one in resources.values() if {"Ref": "ScheduleRole"} in one.get("Properties", {}).get("Roles", [])]
    (policy,) = of_the_role
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("lambda:InvokeFunction", {"Fn::GetAtt": ["RemediatorFunction", "Arn"]})


def test_only_the_remediator_makes_schedules_and_with_one_role(template: dict[str, Any], checkout: Path) -> None:
    resources = Stack(template, Context="True").resources
    found = {
        (role, action): statement
        for role, properties in resources.items()
        if role.endswith("Role")
        for policy in properties.get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if action.startswith(("scheduler:", "iam:")) and role != "FollowUpRole"
    }
    assert found.keys() == {("RemediatorRole", "scheduler:CreateSchedule"), ("RemediatorRole", "iam:PassRole")}
    schedule, passing = found["RemediatorRole", "scheduler:CreateSchedule"], found["RemediatorRole", "iam:PassRole"]
    assert schedule["Resource"] == "arn:aws:scheduler:eu-central-1:123456789012:schedule/default/portcullis-*"
    source = (checkout / "crates" / "remediation" / "src" / "inputs" / "mod.rs").read_text(encoding="utf-8")
    assert 'name: format!("portcullis-{}"' in source
    assert passing["Resource"] == {"Fn::GetAtt": ["ScheduleRole", "Arn"]}
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}


def test_only_the_remediator_knows_the_role(template: dict[str, Any]) -> None:
    resources = Stack(template, Context="True").resources
    role = {"Fn::GetAtt": ["ScheduleRole", "Arn"]}
    knowing = {
        name
        for name, properties in resources.items()
        if name.endswith("Function") and properties.get("Environment", {}).get("Variables", {}).get("SCHEDULE_ROLE") == role
    }
    assert knowing == {"RemediatorFunction"}


def test_a_sweep_comes_before_the_last_schedule_of_the_one_before(template: dict[str, Any], checkout: Path) -> None:
    source = (checkout / "crates" / "remediation" / "src" / "inputs" / "mod.rs").read_text(encoding="utf-8")
    ahead = re.search(r"const AHEAD: SignedDuration = SignedDuration::from_mins\((\d+)\);", source)
    every = re.fullmatch(r"rate\((\d+) minutes\)", Stack(template).resources["Sweep"]["ScheduleExpression"])
    assert ahead
    assert every
    assert int(ahead[1]) > int(every[1])


def test_a_request_ends_before_the_function_does(template: dict[str, Any], checkout: Path) -> None:
    source = (checkout / "crates" / "remediation" / "src" / "inputs" / "mod.rs").read_text(encoding="utf-8")
    cache = (checkout / "crates" / "judgement" / "src" / "cache.rs").read_text(encoding="utf-8")
    seconds = r"SignedDuration::from_secs\((\d+)\)"
    names = ("SETTLE", "APPLIED", "LEEWAY")
    waits = [re.search(rf"const {name}: SignedDuration = (?:\w+\.saturating_add\()?{seconds}", source) for name in names]
    copies = re.search(rf"const COPIES_LAST: SignedDuration = {seconds}", cache)
    assert copies
    assert all(waits)
    longest = int(copies[1]) + sum(int(wait[1]) for wait in waits if wait)
    assert longest + 20 <= Stack(template).resources["RemediatorFunction"]["Timeout"]
