"""Very many groups changed at once, and automatic mode switched on over those that are open, while EC2 throttles."""

import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import LONG, REPORTS, dead_letters, number
from portcullis import RULE, open_to

GROUPS = number("SOAK_GROUPS", 300, 5000)
OPEN = number("SOAK_OPEN", 60, 1000)
CLIENTS = number("SOAK_CLIENTS", 8, 8)
# Time to change all groups, if the local cloud keeps up.
SECONDS = number("SOAK_SECONDS", 0, 60)
# The limits of EC2, for the functions: the changes of the groups stand for those of many accounts' users, and come faster
# than EC2 lets one account make them. The short form has few groups, so its bucket is smaller, and fills more slowly.
BUCKET_SIZE = number("SOAK_BUCKET", 10, 50)
REFILL = number("SOAK_REFILL", 2, 5)
# Calls that are throttled regardless of the bucket, which never runs empty on a slow machine.
THROTTLED = 3
# Time until nothing is pending.
PATIENCE = number("SOAK_PATIENCE", 240, 3600)

INNOCENT = (open_to("10.0.0.0/8", description="offices"), open_to("0.0.0.0/0", ports=(443, 443)))
OFFENDING = (open_to("0.0.0.0/0"), open_to("::/0", ports=(3389, 3389)))


def settle(stack) -> float:
    """Waits until nothing is pending. Returns the time of that."""
    deadline = time.monotonic() + PATIENCE
    while not stack.cloud.control("GET", "/idle")["idle"]:
        assert time.monotonic() < deadline, f"not idle after {PATIENCE} s"
        # Each check is work for the local cloud.
        time.sleep(0.5)
    return time.monotonic()


def change_all(stack, groups: list[str]) -> float:
    """Changes every group once, at an even pace. Returns the duration."""
    begin = time.monotonic()

    def change(numbered: tuple[int, str]) -> None:
        place, group = numbered
        time.sleep(max(0.0, begin + SECONDS * place / len(groups) - time.monotonic()))
        permissions = INNOCENT + OFFENDING if place < OPEN else INNOCENT
        stack.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=list(permissions))

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(change, enumerate(groups)))
    return time.monotonic() - begin


def live_rules(stack, groups: list[str]) -> dict[str, set[tuple]]:
    """Ingress rules of these groups, requested by id, because moto builds the whole reply for each page."""
    found: dict[str, set[tuple]] = {}
    for start in range(0, len(groups), 200):
        for group in stack.ec2.describe_security_groups(GroupIds=groups[start : start + 200])["SecurityGroups"]:
            found[group["GroupId"]] = {
                (permission["FromPort"], source.get("CidrIp") or source["CidrIpv6"], source.get("Description"))
                for permission in group["IpPermissions"]
                for source in permission["IpRanges"] + permission["Ipv6Ranges"]
            }
    return found


def switch_on(stack) -> None:
    """Enables automatic mode by a stack update. Unlike `Portcullis.update`, it does not wait for the remediations."""
    cloudformation = stack.cloud.client("cloudformation")
    now = cloudformation.describe_stacks(StackName="portcullis")["Stacks"][0]["Parameters"]
    values = {p["ParameterKey"]: p["ParameterValue"] for p in now} | {"RemediationMode": "True"}
    cloudformation.update_stack(
        StackName="portcullis",
        UsePreviousTemplate=True,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
    )
    cloudformation.get_waiter("stack_update_complete").wait(StackName="portcullis", WaiterConfig={"Delay": 1, "MaxAttempts": 300})


def tell(figures: dict, capsys) -> None:
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / ("load.json" if LONG else "load-short.json")).write_text(json.dumps(figures, indent=2) + "\n")
    with capsys.disabled():
        print()
        for name, value in figures.items():
            print(f"  {name:<42} {value:>10}")


@pytest.mark.timeout(2 * PATIENCE + 900)
def test_everything_ends_closed_and_nothing_is_done_twice(large, capsys):
    stack, cloud = large, large.cloud
    with ThreadPoolExecutor(CLIENTS) as pool:
        groups = list(pool.map(lambda place: cloud.group(f"load-{place:05}"), range(GROUPS)))
    settle(stack)
    cloud.control("DELETE", "/calls")
    cloud.settings(
        ec2BucketSize=BUCKET_SIZE, ec2RefillPerSecond=REFILL, ec2ThrottledPrincipal="assumed-role/", remediationSnapshotSeconds=1
    )
    cloud.fault(service="ec2", action="RevokeSecurityGroupIngress", principal="RemediatorRole", times=THROTTLED)

    begin = time.monotonic()
    changing = change_all(stack, groups)
    evaluating = settle(stack) - begin
    open_groups = set(groups[:OPEN])
    verdicts = cloud.compliance(RULE)
    assert {group for group, verdict in verdicts.items() if verdict == "NON_COMPLIANT"} == open_groups
    assert set(groups) <= set(verdicts)
    evaluations = [call for call in cloud.calls(action="config:PutEvaluations") if call["status"] == 200]
    assert len(evaluations) == GROUPS, "each change is evaluated, once"

    begin = time.monotonic()
    switch_on(stack)
    remediating = settle(stack) - begin

    # Exactly the offending rules are gone.
    expected = {(22, "10.0.0.0/8", "offices"), (443, "0.0.0.0/0", None)}
    rules = live_rules(stack, groups)
    assert {group: rules.get(group) for group in groups if rules.get(group) != expected} == {}
    verdicts = cloud.compliance(RULE)
    assert {group: verdicts.get(group) for group in groups if verdicts.get(group) != "COMPLIANT"} == {}

    # Nothing was done twice, and nothing to the groups that were not open.
    calls = cloud.calls()
    revokes = [call for call in calls if call["action"] == "ec2:RevokeSecurityGroupIngress"]
    closed = Counter(call["resource"].rsplit("/", 1)[-1] for call in revokes if call["errorCode"] is None)
    assert {group: times for group, times in closed.items() if times != 1 or group not in open_groups} == {}
    assert set(closed) == open_groups

    # No execution runs any more, and the last one of every group was a success.
    pages = stack.ssm.get_paginator("describe_automation_executions").paginate()
    executions = [execution for page in pages for execution in page["AutomationExecutionMetadataList"]]
    states = Counter(execution["AutomationExecutionStatus"] for execution in executions)
    assert set(states) <= {"Success", "Failed"}
    keys = [{"resourceType": "AWS::EC2::SecurityGroup", "resourceId": group} for group in sorted(open_groups)]
    last = [
        status["State"]
        for start in range(0, len(keys), 100)
        for status in stack.config.describe_remediation_execution_status(
            ConfigRuleName=RULE, ResourceKeys=keys[start : start + 100], Limit=100
        )["RemediationExecutionStatuses"]
    ]
    assert Counter(last) == {"SUCCEEDED": OPEN}
    assert stack.config.describe_remediation_exceptions(ConfigRuleName=RULE)["RemediationExceptions"] == []
    assert dead_letters(stack) == 0

    by_functions = [call for call in calls if call["service"] == "ec2" and "assumed-role/" in call["principal"]]
    throttled = sum(call["errorCode"] == "RequestLimitExceeded" for call in by_functions)
    assert throttled >= THROTTLED, "EC2 has throttled"
    tell(
        {
            "groups changed": GROUPS,
            "changes per second": round(GROUPS / changing, 1),
            "seconds until all are evaluated": round(evaluating, 1),
            "evaluations per second": round(GROUPS / evaluating, 1),
            "groups closed": OPEN,
            "seconds until all are closed": round(remediating, 1),
            "closings per second": round(OPEN / remediating, 1),
            "automation executions": len(executions),
            "executions that failed and were repeated": states["Failed"],
            "EC2 calls of the functions": len(by_functions),
            "EC2 calls throttled": throttled,
            "EC2 calls per closing, not throttled": round((len(by_functions) - throttled) / OPEN, 1),
            "bucket / refill per second": f"{BUCKET_SIZE} / {REFILL}",
            "cores": os.cpu_count(),
        },
        capsys,
    )
