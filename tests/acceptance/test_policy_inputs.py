"""Inputs of the policy that AWS Config does not notice: the deployed stack has the rule evaluated again by itself.

Nobody presses Re-evaluate here, and no group changes: only the events, the schedules and the sweep of the stack act.
"""

import datetime
import json

import pytest
from local_cloud import wait_for
from portcullis import NO_EXEMPTIONS, PARAMETERS, RULE, open_to

WORLD = "0.0.0.0/0"
TAG = "portcullis-exempt"
# Seconds within which an input is followed: "a minute or two".
SOON = 120


@pytest.fixture
def stack(fresh):
    """A stack whose rule has not been evaluated on demand yet, so that no limit delays the first evaluation."""
    fresh.deploy(RuleName=RULE, SourceInputParameters=json.dumps(PARAMETERS | {"ExemptionTagKey": TAG}))
    # The stack has a parameter of its own, whose creation is an event, too.
    fresh.earlier = len(done(fresh))
    return fresh


def exempting(group: str, expires: str = "2099-12-31") -> dict:
    return {"version": 1, "exemptions": [{"securityGroupId": group, "expires": expires, "reason": "bastion"}]}


def becomes(stack, group: str, compliance: str) -> None:
    """Waits until AWS Config has this result for a group."""

    def is_so() -> bool:
        result = stack.result(group)
        return result is not None and result[0] == compliance

    wait_for(f"{group} to be {compliance}", is_so, SOON)


def evaluations(stack, mark: int) -> list[str]:
    """Who had the rule evaluated on demand."""
    return [call["principal"] for call in stack.cloud.calls(since=mark, action="config:StartConfigRulesEvaluation")]


def done(stack) -> list[dict]:
    """Lines of the log of the remediator about inputs, since the stack was deployed."""
    lines = [line for line in stack.log("RemediatorLogGroup") if line["message"].startswith("reevaluate ")]
    return lines[getattr(stack, "earlier", 0) :]


def told(stack, count: int) -> list[dict]:
    """Waits for so many lines."""
    return wait_for(f"{count} events to be handled", lambda: (lines := done(stack)) and len(lines) >= count and lines, SOON)


def in_seconds(seconds: int) -> str:
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_an_edit_of_the_exemptions_is_followed(stack):
    group = stack.cloud.group("edited", open_to(WORLD))
    stack.cloud.settle()
    assert stack.result(group)[0] == "NON_COMPLIANT"
    mark = stack.cloud.mark()
    # A parameter that is none of the rule's, and a document that is none, cost no evaluation.
    stack.ssm.put_parameter(Name="/portcullis/another", Type="String", Value="x")
    (line,) = told(stack, 1)
    assert line["ignored"] == "the exemptions of the rule are not in this parameter"
    stack.exempt("{")
    # The first attempt and the two retries of Lambda.
    failed = told(stack, 4)[1:]
    assert {line["message"] for line in failed} == {"reevaluate failed"}
    assert "exemptions document is malformed" in failed[0]["error"]
    assert evaluations(stack, mark) == []
    stack.exempt(exempting(group))
    becomes(stack, group, "COMPLIANT")
    assert stack.result(group)[1].startswith("exempt until 2099-12-31: bastion")
    (who,) = evaluations(stack, mark)
    assert "RemediatorRole" in who
    assert told(stack, 5)[-1]["evaluated"]
    # The second edit is within the interval: it is remembered, and the group keeps its result.
    stack.exempt(NO_EXEMPTIONS)
    second = told(stack, 6)[-1]
    assert not second["evaluated"]
    assert second["next"] > in_seconds(0)
    assert len(evaluations(stack, mark)) == 1


def test_a_lost_event_is_found_by_the_sweep(stack):
    group = stack.cloud.group("lost", open_to(WORLD))
    stack.cloud.settle()
    # The first sweep gets to know the exemptions.
    stack.invoke("RemediatorFunctionName", action="sweep", configRuleName=RULE)
    stack.cloud.client("events").disable_rule(Name=stack.resource("ChangedParameters"))
    stack.exempt(exempting(group))
    stack.cloud.settle()
    assert stack.result(group)[0] == "NON_COMPLIANT"
    stack.invoke("RemediatorFunctionName", action="sweep", configRuleName=RULE)
    becomes(stack, group, "COMPLIANT")


def test_the_end_of_an_exemption_is_followed_by_a_schedule(stack):
    # The tag is a change of the group, so nothing but its end has the rule evaluated on demand.
    group = stack.cloud.group("ending", open_to(WORLD), tags={TAG: f"{in_seconds(40)} moving"})
    stack.cloud.settle()
    assert stack.result(group)[0] == "COMPLIANT"
    mark = stack.cloud.mark()
    stack.invoke("RemediatorFunctionName", action="sweep", configRuleName=RULE)
    (call,) = stack.cloud.calls(since=mark, action="scheduler:CreateSchedule")
    assert "RemediatorRole" in call["principal"]
    becomes(stack, group, "NON_COMPLIANT")
    assert len(evaluations(stack, mark)) == 1
    # Scheduler deletes the schedule after its time.
    scheduler = stack.cloud.client("scheduler")
    wait_for("the schedule to be deleted", lambda: not scheduler.list_schedules(NamePrefix="portcullis-")["Schedules"], SOON)


def test_an_end_without_a_schedule_is_followed_by_the_sweep(stack):
    # No sweep runs before the end, so nothing has scheduled it.
    end = in_seconds(20)
    group = stack.cloud.group("forgotten", open_to(WORLD), tags={TAG: f"{end} moving"})
    stack.cloud.settle()
    assert stack.result(group)[0] == "COMPLIANT"
    wait_for("the end", lambda: in_seconds(-2) > end, SOON)
    assert stack.invoke("RemediatorFunctionName", action="sweep", configRuleName=RULE)["evaluated"]
    becomes(stack, group, "NON_COMPLIANT")
    assert not stack.invoke("RemediatorFunctionName", action="sweep", configRuleName=RULE)["evaluated"]


def test_an_edit_of_a_prefix_list_that_is_used_is_followed(stack):
    ec2 = stack.ec2
    used, unused = (
        ec2.create_managed_prefix_list(PrefixListName=name, AddressFamily="IPv4", MaxEntries=5, Entries=[{"Cidr": "10.0.0.0/8"}])[
            "PrefixList"
        ]
        for name in ("used", "unused")
    )

    def is_ready() -> bool:
        lists = ec2.describe_managed_prefix_lists(PrefixListIds=[used["PrefixListId"], unused["PrefixListId"]])["PrefixLists"]
        return all(one["State"].endswith("-complete") for one in lists)

    wait_for("the lists", is_ready)
    group = stack.cloud.group("listed", open_to(used["PrefixListId"]))
    stack.cloud.settle()
    assert stack.result(group)[0] == "COMPLIANT"
    mark = stack.cloud.mark()
    for one in (unused, used):
        ec2.modify_managed_prefix_list(PrefixListId=one["PrefixListId"], CurrentVersion=one["Version"], AddEntries=[{"Cidr": "0.0.0.0/1"}])
    becomes(stack, group, "NON_COMPLIANT")
    assert len(evaluations(stack, mark)) == 1
    lines = told(stack, 2)
    assert sorted(line.get("ignored", "") for line in lines) == ["", "no security group of this account admits the prefix list"]
