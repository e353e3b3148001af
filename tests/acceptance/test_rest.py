"""Automatic mode comes to rest for a group that a closing leaves as it is, although AWS Config notices no change of it."""

import json

import pytest
from local_cloud import wait_for
from portcullis import PARAMETERS, RULE, open_to, outcome

pytestmark = pytest.mark.documents

WORLD = "0.0.0.0/0"
# Each closing of the group finds out, and one of them has the rule evaluated.
FEW = 5


@pytest.fixture
def stack(fresh):
    """A stack without a schedule, whose events about inputs of the policy are lost, so that nothing else has the groups evaluated
    again."""
    fresh.deploy(RuleName=RULE, SourceInputParameters=json.dumps(PARAMETERS), SourcePeriodic="NONE")
    for rule in ("ChangedParameters", "ChangedPrefixLists"):
        fresh.cloud.client("events").disable_rule(Name=fresh.resource(rule))
    return fresh


def test_after_an_exemption_and_a_change_of_a_prefix_list(stack):
    made = stack.ec2.create_managed_prefix_list(
        PrefixListName="branches", AddressFamily="IPv4", MaxEntries=5, Entries=[{"Cidr": "0.0.0.0/1"}, {"Cidr": "128.0.0.0/1"}]
    )["PrefixList"]
    exempt, listed, held = (
        stack.cloud.group(name, open_to(source)) for name, source in (("exempt", WORLD), ("listed", made["PrefixListId"]), ("held", WORLD))
    )
    stack.cloud.settle()
    assert {stack.result(group)[0] for group in (exempt, listed, held)} == {"NON_COMPLIANT"}

    # While they are open: an exemption, a list that no longer reaches the internet, and a closing that is undone.
    stack.exempt({"version": 1, "exemptions": [{"securityGroupId": exempt, "expires": "2099-12-31", "reason": "bastion"}]})
    stack.ec2.modify_managed_prefix_list(
        PrefixListId=made["PrefixListId"],
        CurrentVersion=made["Version"],
        RemoveEntries=[{"Cidr": "0.0.0.0/1"}, {"Cidr": "128.0.0.0/1"}],
        AddEntries=[{"Cidr": "198.51.100.0/24"}],
    )
    assert outcome(stack.close(held)) == "CLOSED"
    assert outcome(stack.restore(held)) == "RESTORED"
    earlier, mark = len(stack.executions(held)), stack.cloud.mark()
    stack.update(RemediationMode="True")

    def are_judged() -> bool:
        return all(stack.result(group)[0] == "COMPLIANT" for group in (exempt, listed))

    wait_for("the groups that are not exposed to be compliant", are_judged, 60)
    stack.cloud.settle()
    assert stack.sources(exempt) == stack.sources(held) == {WORLD}
    assert stack.sources(listed) == {made["PrefixListId"]}
    assert 1 <= len(stack.executions(exempt)) <= FEW
    assert 1 <= len(stack.executions(listed)) <= FEW
    assert stack.result(held)[0] == "NON_COMPLIANT", "a hold is no exemption"
    assert 1 <= len(stack.executions(held)) - earlier <= FEW
    assert len(stack.cloud.calls(since=mark, action="config:StartConfigRulesEvaluation")) == 1, "one is for all groups"
