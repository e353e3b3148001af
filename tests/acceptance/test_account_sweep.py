"""The sweep of the account in the deployed stacks: what AWS Config has, repeated as events."""

import contextlib
import datetime
import json

import pytest
from local_cloud import wait_for
from portcullis import GROUP_TYPE, PARAMETERS, RULE, finished, open_to, without_stack
from test_findings import WORLD, Findings


class Swept(Findings):
    """Both stacks, and the reconciler."""

    def sweep(self) -> dict:
        """Runs the reconciler as its schedule does, and returns the outcome."""
        return self.stack.invoke("ReconcilerFunctionName")

    def resource(self, stack: str, name: str) -> str:
        """Physical id of a resource."""
        found = self.cloud.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
        (resource,) = [one["PhysicalResourceId"] for one in found if one["LogicalResourceId"] == name]
        return resource

    @contextlib.contextmanager
    def lost(self, *rules: str):
        """Loses the events of these rules: they have no target."""
        events, removed = self.cloud.client("events"), []
        for rule in rules:
            # A rule of a custom bus has the name of the bus before its own.
            name = self.resource("portcullis-findings", rule).rpartition("|")[2]
            removed.append((name, events.list_targets_by_rule(Rule=name)["Targets"]))
            events.remove_targets(Rule=name, Ids=[target["Id"] for target in removed[-1][1]])
        try:
            yield
        finally:
            for name, targets in removed:
                events.put_targets(Rule=name, Targets=targets)

    def known(self) -> dict[str, dict]:
        """Items of the state table by group."""
        table = self.resource("portcullis", "StateTable")
        found = self.dynamodb.query(
            TableName=table,
            KeyConditionExpression="#pk = :pk",
            ExpressionAttributeNames={"#pk": "pk"},
            ExpressionAttributeValues={":pk": {"S": f"compliance/{RULE}"}},
        )["Items"]
        return {item["sk"]["S"]: item for item in found}


@pytest.fixture(scope="module")
def deployed_sweep(tmp_path_factory):
    with without_stack(tmp_path_factory.mktemp("sweep")) as stack:
        parameters = {"RuleName": RULE, "SourceInputParameters": json.dumps(PARAMETERS), "Context": "False"}
        done = finished(stack.start_deploy("--findings", **parameters))
        assert done.returncode == 0, done.stdout + done.stderr
        stack.deployed()
        yield Swept(stack)


@pytest.fixture
def swept(deployed_sweep):
    with deployed_sweep.stack.undone():
        yield deployed_sweep
    wait_for("the queue to be empty", lambda: deployed_sweep.waiting() == 0)


def test_a_lost_event_of_an_opening_and_of_a_closing_is_made_good_by_a_sweep(swept):
    with swept.lost("PortcullisEvents", "ComplianceChanges"):
        group = swept.cloud.group("unheard", open_to(WORLD))
        swept.cloud.settle()
        assert swept.stack.result(group)[0] == "NON_COMPLIANT"
    assert swept.finding(group) == {}
    outcome = swept.sweep()
    assert outcome["complete"]
    assert outcome["announced"] >= 1
    finding = swept.wait(group, "open")
    # The exposures come with the next assessment.
    assert (finding["severity"], finding["revision"]) == ("high", 1)
    first_seen = finding["first_seen"]

    with swept.lost("PortcullisEvents", "ComplianceChanges"):
        swept.stack.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[open_to(WORLD)])
        swept.cloud.settle()
        assert swept.stack.result(group)[0] == "COMPLIANT"
    assert swept.finding(group)["state"] == "open"
    swept.sweep()
    finding = swept.wait(group, "closed")
    assert (finding["first_seen"], finding["revision"]) == (first_seen, 2)

    # It is repeated for a day, and nothing is news.
    assert swept.sweep()["announced"] >= 1
    wait_for("the queue to be empty", lambda: swept.waiting() == 0)
    assert swept.finding(group)["revision"] == 2


def test_a_lost_deletion_is_not_concluded_from_one_read(swept):
    """One read does not tell a deletion from a page that lacks the group. The second one has to be half an hour later."""
    kept = swept.cloud.group("kept", open_to(WORLD))
    group = swept.cloud.group("deleted", open_to(WORLD))
    swept.cloud.settle()
    swept.wait(group, "open")
    swept.sweep()
    with swept.lost("PortcullisEvents", "ComplianceChanges"):
        swept.stack.ec2.delete_security_group(GroupId=group)
        swept.cloud.settle()
    is_gone = swept.stack.result(group) is None
    swept.sweep()
    if is_gone:
        wait_for("the queue to be empty", lambda: swept.waiting() == 0)
        assert swept.finding(group)["state"] == "open"
        assert swept.known()[group]["missing_since"]["S"]
    else:
        assert swept.wait(group, "closed")["closed"]["by"] == "not_applicable"
    assert swept.finding(kept)["state"] == "open"


def test_an_exception_by_others_parks_the_finding_until_it_ends(swept):
    group = swept.cloud.group("parked", open_to(WORLD))
    swept.cloud.settle()
    swept.wait(group, "open")
    key = {"ResourceType": GROUP_TYPE, "ResourceId": group}
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    reply = swept.stack.config.put_remediation_exceptions(
        ConfigRuleName=RULE, ResourceKeys=[key], Message="until the VPN is up", ExpirationTime=end
    )
    assert not reply.get("FailedBatches"), reply
    assert swept.sweep()["parked"] == 1
    wait_for("the finding to be parked", lambda: swept.finding(group).get("parked"))
    (line,) = [line for line in swept.stack.log("ReconcilerLogGroup") if line["message"] == "security group parked"]
    assert (line["level"], line["security_group.id"], line["exception"]) == ("ERROR", group, "until the VPN is up")

    swept.stack.config.delete_remediation_exceptions(ConfigRuleName=RULE, ResourceKeys=[key])
    assert swept.sweep()["parked"] == 0
    finding = wait_for("the finding to be parked no longer", lambda: (f := swept.finding(group)) and not f.get("parked") and f)
    assert finding["state"] == "open"


def test_results_that_cannot_be_read_close_nothing(swept):
    group = swept.cloud.group("unread", open_to(WORLD))
    swept.cloud.settle()
    swept.wait(group, "open")
    swept.sweep()
    before = swept.known()
    swept.cloud.fault(service="config", action="GetComplianceDetailsByConfigRule", code="AccessDeniedException", status=400, times=1)
    outcome = swept.sweep()
    assert (outcome["complete"], outcome["announced"]) == (False, 0)
    assert swept.known() == before
    assert swept.finding(group)["state"] == "open"
    assert any(line["message"] == "account sweep incomplete" for line in swept.stack.log("ReconcilerLogGroup"))
    assert swept.sweep()["complete"]


def test_the_reconciler_makes_no_call_that_it_may_not_make(swept):
    swept.cloud.group("permitted", open_to(WORLD))
    swept.cloud.settle()
    mark = swept.cloud.mark()
    assert swept.sweep()["complete"]
    calls = swept.stack.calls("ReconcilerRole", mark)
    assert {call["action"].split(":")[0] for call in calls} >= {"config", "dynamodb", "events"}
    assert [call for call in calls if call["errorCode"]] == []
